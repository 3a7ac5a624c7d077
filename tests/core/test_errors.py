"""Errors with fields, and the nearest name."""

import pickle

import pytest

from core.errors import LONGEST, InputError, SettingError, one_line
from core.names import hint, nearest


def test_a_setting_speaks_of_itself_and_has_fields():
    error = SettingError("size", 30, "a multiple of 4", "Give 28 or 32.")
    assert isinstance(error, InputError) and isinstance(error, ValueError)
    assert str(error) == "size=30: expected a multiple of 4. Give 28 or 32."
    assert (error.setting, error.received) == ("size", 30)
    assert (error.expected, error.remedy) == ("a multiple of 4", "Give 28 or 32.")
    assert str(SettingError("size", 30, "a multiple of 4")) == "size=30: expected a multiple of 4."


def test_it_passes_between_processes():
    error = pickle.loads(pickle.dumps(SettingError("size", 30, "a multiple of 4", "Give 28.")))
    assert str(error) == "size=30: expected a multiple of 4. Give 28."


def test_a_message_is_one_line_whatever_names_are_in_it():
    error = InputError("--input=a\nb\r\x1b[2J\x85\u2028\udce9é 가: does not exist.")
    shown = r"--input=a\nb\r\x1b[2J\x85\u2028\xe9é 가: does not exist."
    assert str(error) == one_line(shown) == shown
    assert str(SettingError("size", "3\n0", "4")) == r"size=3\n0: expected 4."


def test_a_message_that_lists_more():
    error = InputError("two differ:", lines=["a: 1 -> 2", "b\nc: 3 -> 4"])
    for same in (error, pickle.loads(pickle.dumps(error))):
        assert str(same) == "two differ:\n  a: 1 -> 2\n  b\\nc: 3 -> 4"


def test_a_long_line_keeps_its_ends():
    line = one_line("first " + "x" * 10**6 + " last")
    assert len(line) == LONGEST + 3 and line.startswith("first x") and line.endswith("x last")


@pytest.mark.parametrize(("name", "near"), [("cyclegam", "cyclegan"), ("dcgn", "dcgan")])
def test_the_nearest_name(name, near):
    models = ("cyclegan", "dcgan", "gatys")
    assert hint(name, models) == f" Did you mean '{near}'?"
    assert nearest(name, models) == f"Did you mean '{near}'?"


def test_all_names_where_none_is_near():
    assert hint("xyz", ("cyclegan", "dcgan")) == ""
    assert nearest("xyz", iter(("cyclegan", "dcgan"))) == "Known: cyclegan, dcgan."
