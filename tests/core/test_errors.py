"""Errors with fields, and the nearest name."""

import pickle

import pytest

from core.errors import InputError, SettingError
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


@pytest.mark.parametrize(("name", "near"), [("cyclegam", "cyclegan"), ("dcgn", "dcgan")])
def test_the_nearest_name(name, near):
    models = ("cyclegan", "dcgan", "gatys")
    assert hint(name, models) == f" Did you mean '{near}'?"
    assert nearest(name, models) == f"Did you mean '{near}'?"


def test_all_names_where_none_is_near():
    assert hint("xyz", ("cyclegan", "dcgan")) == ""
    assert nearest("xyz", iter(("cyclegan", "dcgan"))) == "Known: cyclegan, dcgan."
