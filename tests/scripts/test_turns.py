"""Programs that are timed take turns."""

import time

import pytest

from scripts.turns import Child, queued

PROGRAM = """
import json, sys
from scripts.turns import wait_turn

wait_turn()
if "broken" in sys.argv:
    sys.exit("no such thing")
print(json.dumps({"ms": 3}))
"""


@pytest.fixture
def child(tmp_path, monkeypatch):
    """A function that starts the program above, with arguments."""
    (tmp_path / "program.py").write_text(PROGRAM, encoding="utf-8")
    return lambda *arguments: Child(("program", *arguments), {"PYTHONPATH": str(tmp_path)})


def soon():
    return time.monotonic() + 60


def test_a_program_waits_for_its_turn_and_gives_its_result(child):
    programs = [child(), child()]
    for program in programs:
        program.wait_ready(soon())
    assert not any(program.ended for program in programs)
    assert [program.measure(soon()) for program in programs] == [({"ms": 3}, "")] * 2


def test_a_program_that_fails_says_why(child):
    program = child("broken")
    program.wait_ready(soon())
    assert program.measure(soon()) == ({}, "no such thing")


def test_a_program_that_is_not_ready_is_left_out(child):
    assert child().measure(time.monotonic()) == ({}, "not ready in time")


def test_all_that_was_queued_is_waited_for_once_a_round():
    seen = []
    means = queued(lambda i: seen.append(i) or i, lambda i: seen.append(f"wait {i}"), 2, 2)
    assert seen == [0, 1, "wait 1"] * 2
    assert len(means) == 2
