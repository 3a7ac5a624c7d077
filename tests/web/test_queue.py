"""The queue, and what happens when processes die."""

import os
import time

import pytest
from django.test import Client
from fake_site import make_site
from orders import ask, made, order
from patience import wait_until

from web import service
from web.jobs import Store
from web.rate import Rate, address
from web.refused import Refused


def waiting(store, limit=10, **record):
    with store.draft() as folder:
        return store.enqueue(folder, {"kind": "any", "model": "any", **record}, limit)


def test_jobs_are_taken_in_order_and_know_their_place(tmp_path):
    store = Store(tmp_path)
    jobs = [waiting(store, number=i) for i in range(3)]
    assert [store.place(job.id) for job in jobs] == [0, 1, 2]
    taken = store.take()
    assert (taken.id, taken.state, taken.record["number"]) == (jobs[0].id, "running", 0)
    assert store.place(jobs[1].id) == 1
    assert store.take().id == jobs[1].id


def test_the_queue_is_bounded(client, tmp_path):
    site = make_site(tmp_path / "short", rate=0, max_queue=2)
    service.use(site)
    assert [order(client).status_code for _ in range(3)] == [202, 202, 503]
    assert "Too many pictures are in line" in order(client).json()["error"]
    site.worker.turn()
    assert order(client).status_code == 202


def test_names_of_jobs_cannot_be_guessed(tmp_path):
    store = Store(tmp_path)
    names = {waiting(store, limit=100).id[16:] for _ in range(50)}
    assert len(names) == 50
    assert {len(name) for name in names} == {32}


def test_what_a_killed_worker_left_is_tried_once_more(client, site):
    job = order(client).json()["job"]
    site.store.take()
    site.store.recover()  # as at the next start
    assert ask(client, job)["state"] == "waiting"
    site.store.take()
    site.store.recover()
    state = ask(client, job)
    assert state["state"] == "failed"
    assert "stopped twice" in state["error"]


def test_a_result_that_was_complete_when_the_worker_died_is_kept(client, site):
    job = order(client).json()["job"]
    taken = site.store.take()
    for name in ("result.png", "small.jpg"):
        (taken.folder / name).write_bytes(b"made")
    site.store.recover()
    assert ask(client, job)["state"] == "done"


def test_results_are_deleted_after_their_time(client, site):
    made(client, site)
    (folder,) = (site.store.root / "finished").iterdir()
    site.store.expire(hours=24, most=10)
    assert folder.exists()
    old = f"{time.time_ns() - 25 * 3600 * 10**9:016x}{folder.name[16:]}"
    folder.rename(folder.with_name(old))
    assert ask(client, old)["state"] == "done"
    site.store.expire(hours=24, most=10)
    assert client.get(f"/api/jobs/{old}").status_code == 404
    assert not any(site.store.root.rglob("*.png"))


def test_only_so_many_results_are_kept(client, site):
    for _ in range(3):
        made(client, site)
    names = sorted(path.name for path in (site.store.root / "finished").iterdir())
    site.store.expire(hours=24, most=2)
    assert sorted(path.name for path in (site.store.root / "finished").iterdir()) == names[1:]


def test_uploads_of_killed_processes_are_deleted(tmp_path):
    store = Store(tmp_path)
    left = tmp_path / "drafts" / "left"
    left.mkdir()
    store.expire(24, 10)
    assert left.exists()
    os.utime(left, (0, 0))
    store.expire(24, 10)
    assert not left.exists()


def test_of_two_processes_one_works_and_the_other_takes_over(tmp_path):
    first, second = (make_site(tmp_path / "state", rate=0) for _ in range(2))
    first.worker.start()
    wait_until(lambda: first.worker._lock.is_locked)
    second.worker.start()
    service.use(second)
    client = Client(SERVER_NAME="localhost")
    try:
        _wait_for(client, order(client).json()["job"])
        assert (first.opened, second.opened) == (["any"], [])
        first.worker.stop()
        _wait_for(client, order(client).json()["job"])
        assert second.opened == ["any"]
    finally:
        first.worker.stop()
        second.worker.stop()
        service.use(None)


def _wait_for(client, job):
    wait_until(lambda: ask(client, job)["state"] == "done")


def test_the_worker_survives_what_cannot_be_written(site, monkeypatch, capfd):
    def full(*args):
        raise OSError("No space left on device")

    monkeypatch.setattr(site.store, "take", full)
    site.worker._attempt(site.worker.turn)
    assert "No space left" in capfd.readouterr().err


def test_previews_of_learned_styles_are_made_while_nobody_waits(client, site):
    assert client.get("/previews/learned/0.jpg").status_code == 204
    site.worker.turn()
    assert site.opened == []  # nobody has looked at the page
    client.get("/m/learned")
    for _ in range(3):
        site.worker.turn()
    for number in range(3):
        assert client.get(f"/previews/learned/{number}.jpg")["Content-Type"] == "image/jpeg"
    assert client.get("/previews/learned/3.jpg").status_code == 404
    assert site.opened == ["learned"]


# --- how much one address may order


def test_the_rate_of_an_address_is_limited():
    now = [0.0]
    rate = Rate(60, clock=lambda: now[0])
    assert [rate.wait("a") for _ in range(61)] == [0] * 60 + [1]
    assert rate.wait("b") == 0
    now[0] = 2.0
    assert [rate.wait("a") for _ in range(3)] == [0, 0, 1]


def test_a_client_that_orders_too_much_is_told_when_to_come_back(client, tmp_path):
    service.use(make_site(tmp_path / "rare", rate=2))
    answers = [order(client) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert 1 <= int(answers[2].headers["Retry-After"]) <= 30
    assert "Too many requests from your address" in answers[2].json()["error"]
    other = Client(SERVER_NAME="localhost", REMOTE_ADDR="10.0.0.2")
    assert order(other).status_code == 202
    forged = client.post("/api/stylize", {}, headers={"X-Forwarded-For": "10.9.9.9"})
    assert forged.status_code == 429


@pytest.mark.parametrize(
    ("forwarded", "proxies", "expected"),
    [
        ("", 0, "127.0.0.1"),
        ("10.9.9.9", 0, "127.0.0.1"),
        ("10.9.9.9, 198.51.100.7", 1, "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", 1, "2001:db8:1:2::/64"),
        ("nonsense", 1, "nonsense"),
        ("", 1, "127.0.0.1"),
    ],
)
def test_the_address_behind_a_server_in_front(rf, forwarded, proxies, expected):
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert address(rf.get("/", headers=headers), proxies) == expected


@pytest.fixture
def rf():
    from django.test import RequestFactory

    return RequestFactory()


def test_a_full_store_refuses_at_the_last_moment_too(tmp_path):
    store = Store(tmp_path)
    waiting(store, limit=1)
    with pytest.raises(Refused):
        waiting(store, limit=1)
    assert not list((tmp_path / "drafts").iterdir())
