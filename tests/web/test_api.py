"""The API as a program uses it."""

import threading

import numpy as np
import pytest
from django.test import Client
from fake_site import BROKEN, UNFORESEEN
from orders import ask, file, made, order, picture

from core.memory import peak_memory


def test_a_picture_is_ordered_made_and_fetched(client, site):
    answer = order(client)
    assert answer.status_code == 202
    job = answer.json()["job"]
    assert ask(client, job)["state"] == "waiting"
    site.worker.turn()
    state = ask(client, job)
    assert (state["state"], state["error"]) == ("done", None)
    result = client.get(state["result"])
    assert result.headers["Content-Type"] == "image/png"
    assert "private" in result.headers["Cache-Control"]
    assert picture(result.content).shape == (24, 40, 3)
    assert client.get(state["content"]).status_code == 200
    small = client.get(f"/api/jobs/{job}/small.jpg")
    assert small.headers["Content-Type"] == "image/jpeg"


def test_content_is_the_content_and_style_the_style(client, site):
    """Existing demos pass them the other way round."""
    result = made(
        client, site, content=file((90, 60, 30), (40, 24)), style=file((30, 0, 0), (16, 16))
    )
    assert result.shape == (24, 40, 3)
    assert result[0, 0].tolist() == [100, 60, 30]


def test_controls_reach_the_model(client, site):
    half = made(client, site, alpha="0.5")
    assert half[0, 0].tolist() == [95, 60, 30]
    styles = [file((30, 0, 0), (16, 16)), file((0, 60, 0), (16, 16))]
    mixed = made(client, site, style=styles, style_weights="1,3")
    assert mixed[0, 0].tolist() == [92, 75, 30]
    assert made(client, site, size="64", content=file(size=(200, 100))).shape == (32, 64, 3)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"alpha": "2"}, "alpha: expected a number from 0 to 1"),
        ({"alpha": "nan"}, "alpha: expected a number"),
        ({"alpha": "strong"}, "alpha: expected a number"),
        ({"alhpa": "1"}, "Did you mean 'alpha'?"),
        ({"colours": "green"}, "colours: expected one of style, luminance"),
        ({"size": "100000"}, "size: expected a whole number from 64 to 2048"),
        ({"size": "1e3"}, "size: expected a whole number"),
        ({"size": "9" * 5000}, "size: expected a whole number"),
        ({"style_weights": "1,2"}, "style_weights: expected a number"),
        ({"style_weights": "0"}, "not all 0"),
        ({"style": None}, "style: the picture whose style is wanted is missing"),
        ({"content": None}, "content: expected one photograph, got 0"),
        ({"style": [file() for _ in range(5)]}, "at most 4 can be mixed"),
        ({"content": "photo.jpg"}, "content: there is no such field here"),
    ],
)
def test_a_wrong_field_is_refused_in_a_sentence(client, site, fields, words):
    answer = order(client, **fields)
    assert answer.status_code == 400
    assert words in answer.json()["error"]
    assert site.store.waiting() == 0
    assert not list((site.store.root / "drafts").iterdir())


def test_the_model_is_chosen_by_name_and_loaded_once(client, site):
    """Existing demos load it for each request."""
    for _ in range(3):
        made(client, site)
    made(client, site, model="other")
    made(client, site)
    assert site.opened == ["any", "other"]
    wrong = order(client, model="../../etc/passwd")
    assert wrong.status_code == 404
    assert "no “../../etc/passwd”" in wrong.json()["error"]
    assert order(client, model="seasons").status_code == 404  # of another kind


def test_learned_styles_by_number_and_name(client, site):
    common = {"style": None, "model": "learned"}
    assert made(client, site, **common, styles="1")[0, 0].tolist() == [110, 80, 50]
    assert made(client, site, **common, styles="세번째")[0, 0].tolist() == [130, 100, 70]
    mixed = made(client, site, **common, styles=["0", "2"], style_weights="3,1")
    assert mixed[0, 0].tolist() == [100, 70, 40]
    assert "0 (first)" in order(client, **common, styles="fourth").json()["error"]


def test_translations_and_samples(client, site):
    job = client.post("/api/translate", {"content": file(), "direction": "AtoB"}).json()["job"]
    site.worker.turn()
    result = client.get(ask(client, job)["result"])
    assert picture(result.content)[0, 0].tolist() == [165, 195, 225]
    wrong = client.post("/api/translate", {"content": file(), "direction": "up"})
    assert "direction: expected one of AtoB, BtoA" in wrong.json()["error"]

    job = client.post("/api/sample", {"seed": "7", "count": "4"}).json()["job"]
    site.worker.turn()
    sheet = picture(client.get(ask(client, job)["result"]).content)
    assert set(np.unique(sheet)) == {7, 8, 9, 10, 255}
    refused = client.post("/api/sample", {"way": "mix"})
    assert "no styles that could be mixed" in refused.json()["error"]


def test_a_failure_says_why(client, site, capfd):
    job = order(client, content=file(BROKEN)).json()["job"]
    other = order(client, content=file(UNFORESEEN)).json()["job"]
    site.worker.turn()
    site.worker.turn()
    assert ask(client, job)["error"] == "content: 16 pixels are too few for this network."
    state = ask(client, other)
    assert state["state"] == "failed"
    assert state["error"].startswith("Something went wrong that we did not foresee")
    assert "RuntimeError" in capfd.readouterr().err


def test_two_clients_get_two_results(client, site):
    """Existing demos write everybody's result into one file."""
    first = order(client, content=file((10, 10, 10))).json()["job"]
    second = order(Client(SERVER_NAME="localhost"), content=file((20, 20, 20))).json()["job"]
    assert first != second
    site.worker.turn()
    site.worker.turn()
    colours = [
        picture(client.get(ask(client, job)["result"]).content)[0, 0, 2] for job in (first, second)
    ]
    assert colours == [10, 20]


def test_a_job_that_is_unknown_or_deleted(client, site):
    for name in ("0" * 48, "x", "..", "%2e%2e%2fsecret_key", "a" * 5000):
        assert client.get(f"/api/jobs/{name}").status_code == 404
    job = order(client).json()["job"]
    for name in ("job.json", "style0.png", "../../secret_key", "result.png"):
        answer = client.get(f"/api/jobs/{job}/{name}")
        assert answer.status_code == 404
        assert "error" in answer.json()
    assert client.delete(f"/api/jobs/{job}").status_code == 204
    assert ask(client, job)["error"].startswith("There is no such job")
    site.worker.turn()
    assert site.opened == []


def test_a_running_job_is_not_deleted_and_shows_its_progress(client, site):
    job = order(client).json()["job"]
    taken = site.store.take()
    site.store.tell(taken, 0.5)
    assert ask(client, job)["progress"] == 0.5
    assert client.delete(f"/api/jobs/{job}").status_code == 409


def test_addresses_and_methods_that_do_not_exist(client, site):
    assert client.get("/api/stylize").status_code == 405
    assert "does not take GET" in client.get("/api/stylize").json()["error"]
    assert client.get("/api/nothing").json()["error"].startswith("There is no such address")
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}
    listed = client.get("/api/models").json()["models"]
    assert [model["kind"] for model in listed] == ["any", "any", "learned", "translate", "sample"]


def test_fifty_uploads_at_once_are_neither_lost_nor_mixed_up(client, site):
    site.worker.start()
    shades, results, errors = list(range(50)), {}, []

    def orders(mine):
        own = Client(SERVER_NAME="localhost")
        try:
            for shade in mine:
                sent = order(own, content=file((shade, 2 * shade, 200)), size="64")
                results[shade] = sent.json()["job"]
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=orders, args=(shades[i::8],)) for i in range(8)]
    before = peak_memory()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(set(results.values())) == 50
    done = threading.Event()
    for _ in range(600):
        if not site.store.waiting() and not site.store.place("g"):
            break
        done.wait(0.05)
    for shade, job in results.items():
        result = picture(client.get(ask(client, job)["result"]).content)
        assert result[0, 0].tolist() == [shade + 10, 2 * shade, 200]
    assert peak_memory() - before < 100e6
    assert site.opened == ["any"]
