"""Processes that meet over sockets: here all of them are threads of this process."""

import json
import queue
import re
import socket
import threading

import pytest

from core.engine import meeting as rooms
from core.engine.meeting import BEAT, Meeting, split_address
from core.errors import SettingError

SOON = 60.0  # seconds in which everything here has happened, on a busy machine too


@pytest.fixture
def address():
    with socket.create_server(("", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"


def join(address, count, number, **options):
    """Joins in a thread. Returns a queue with the meeting, or the error, and one of its losses."""
    result, losses = queue.Queue(), queue.Queue()

    def work():
        try:
            options.setdefault("patience", SOON)
            result.put(Meeting(address, count, number, lost=losses.put, **options))
        except SettingError as error:
            result.put(error)

    threading.Thread(target=work, daemon=True).start()
    return result, losses


def either(one, other):
    """What comes first from two queues."""
    for _ in range(int(SOON / 0.02)):
        for result in (one, other):
            if result.qsize():
                return result.get()
        threading.Event().wait(0.02)
    raise AssertionError("nothing came")


def everyone(address, count, **options):
    """All meetings by number, and the queues of their losses."""
    joined = [join(address, count, number, **options) for number in range(count)]
    return [result.get(timeout=SOON) for result, _ in joined], [losses for _, losses in joined]


def in_turn(meetings, call):
    """What `call(meeting)` returns for each meeting, all called at the same time."""
    results = [queue.Queue() for _ in meetings]
    for meeting, result in zip(meetings, results, strict=True):
        threading.Thread(target=lambda m=meeting, r=result: r.put(call(m)), daemon=True).start()
    return [result.get(timeout=SOON) for result in results]


def test_all_hear_all_in_order(address):
    meetings, _ = everyone(address, 3)
    assert (
        in_turn(meetings, lambda m: m.gather({"mine": m.number}))
        == [[{"mine": 0}, {"mine": 1}, {"mine": 2}]] * 3
    )
    assert in_turn(meetings, lambda m: m.gather(m.number**2)) == [[0, 1, 4]] * 3
    in_turn(meetings, lambda m: m.leave())


def test_leaving_is_no_loss(address):
    meetings, losses = everyone(address, 2)
    meetings[1].leave()
    meetings[0].leave()
    assert all(lost.empty() for lost in losses)


def test_a_connection_that_closes_is_a_loss(address):
    """As the system closes it at the death of a process."""
    meetings, losses = everyone(address, 3)
    meetings[2]._line.close()
    for lost in losses[:2]:
        said = lost.get(timeout=SOON)
        assert said.startswith("process 2 of 3 is gone: its connection from ")
        assert said.endswith("the same commands go on from the last checkpoint.")


def test_the_first_process_is_lost(address):
    meetings, losses = everyone(address, 2)
    for line in meetings[0]._server._lines.values():
        line.close()
    said = losses[1].get(timeout=SOON)  # as it saw it, or as the first process still told it
    assert re.match(rf"process 0 of 2(, at {re.escape(address)},)? is gone: ", said)


def test_an_error_reaches_all(address):
    meetings, losses = everyone(address, 3)
    meetings[1].leave("--dataset=x: cannot be read.")
    for lost in (losses[0], losses[2]):
        assert lost.get(timeout=SOON) == "process 1 stopped: --dataset=x: cannot be read."


def test_silence_is_a_loss(address):
    silence = 4 * BEAT  # process 0, which gives signs, may be late
    first, losses = join(address, 2, 0, silence=silence)
    host, port = split_address(address)
    for _ in range(int(SOON / 0.05)):
        try:
            silent = socket.create_connection((host, port))
            break
        except OSError:
            threading.Event().wait(0.05)
    silent.sendall(json.dumps({"process": 1, "processes": 2}).encode() + b"\n")
    silent.sendall(json.dumps({"turn": 1, "value": None}).encode() + b"\n")
    first.get(timeout=SOON)
    said = losses.get(timeout=SOON)
    assert said.startswith(f"process 1 of 2 gave no sign of life for {silence:g} s")
    silent.close()


def test_a_number_twice(address):
    first, _ = join(address, 3, 0)
    results = [join(address, 3, 1)[0] for _ in range(2)]  # one is refused, one waits for process 2
    error = either(*results)
    assert isinstance(error, SettingError) and error.setting == "process"
    assert "127.0.0.1 has process 1" in str(error)
    third, _ = join(address, 3, 2)
    assert isinstance(third.get(timeout=SOON), Meeting)
    assert isinstance(first.get(timeout=SOON), Meeting)


def test_another_count(address):
    join(address, 3, 0)
    error = join(address, 2, 1)[0].get(timeout=SOON)
    assert "processes=2: expected 3, as process 0 has it" in str(error)


def test_nobody_answers(address):
    error = join(address, 2, 1, patience=0.3)[0].get(timeout=SOON)
    assert error.setting == "coordinator" and "did not answer in 0.3 s (" in str(error)
    assert "attempts, the last one: " in str(error) and "refused" in str(error)


def test_two_do_not_come(address, monkeypatch):
    expect = rooms._Server._expect

    def expect_late(server):
        """Begins to wait once processes 0 and 2 are there, however long they take."""
        while len(server._lines) < 2:
            threading.Event().wait(0.02)
        expect(server)

    monkeypatch.setattr(rooms._Server, "_expect", expect_late)
    _, losses = join(address, 4, 0, patience=0.5)
    join(address, 4, 2)
    assert "processes 1, 3 of 4 did not come within 0.5 s" in losses.get(timeout=SOON)


def test_the_port_is_taken(address):
    with socket.create_server(("", split_address(address)[1])):
        error = join(address, 2, 0)[0].get(timeout=SOON)
    assert "expected a port that process 0 can open on its machine" in str(error)


def test_all_stop_after_the_same_step(address):
    meetings, _ = everyone(address, 3)
    steps = {0: 7, 1: 9, 2: 8}
    for meeting in meetings:
        assert meeting.stops(steps[meeting.number]) == 0
    meetings[1].signal(15)

    def stopped_at(meeting):
        while not meeting.asked:
            threading.Event().wait(0.01)
        step = steps[meeting.number] + 1
        while not meeting.stops(step):
            step += 1
        return step

    assert in_turn(meetings, stopped_at) == [10, 10, 10]
    assert [meeting.asked for meeting in meetings] == [15, 15, 15]
    in_turn(meetings, lambda m: m.leave())


@pytest.mark.parametrize("text", ["host", "host:", ":80", "host:port", "host:0", "host:70000"])
def test_no_address(text):
    with pytest.raises(SettingError, match="expected HOST:PORT"):
        split_address(text)


def test_addresses():
    assert split_address("node-1:8476") == ("node-1", 8476)
    assert split_address("[fe80::1]:8476") == ("fe80::1", 8476)
