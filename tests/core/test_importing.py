"""core.importing: what kinds are given of a file."""

from pathlib import Path

import numpy as np
import pytest

from core import importing
from core.errors import InputError
from core.named_state import NamedState

PICKLE = Path(__file__).parents[1] / "golden" / "nvidia_pickle_stylegan2.pkl"


def state_of(kind, state):
    """What the kind's function gets."""
    given = []

    def plan(state):
        given.append(state)
        return importing.Plan(build=dict, config={})

    importing.guess_config({kind: plan}, kind, state)
    return given[0]


@pytest.mark.parametrize(
    ("kind", "class_name", "name"),
    [
        ("stylegan2/generator", "Generator", "mapping.w_avg"),
        ("stylegan2/discriminator", "Discriminator", "b16.skip.weight"),
    ],
)
def test_kinds_get_the_settings_of_a_torch_pickle(kind, class_name, name):
    state = state_of(kind, PICKLE)
    assert name in state
    assert state.settings["class_name"] == class_name
    assert state.settings["img_resolution"] == 16


def test_kinds_get_the_settings_of_arrays_given():
    given = NamedState({"module.a": np.zeros(2)}, {"z_dim": 4})
    state = state_of("generator", given)
    assert list(state) == ["a"] and state.settings == {"z_dim": 4}
    assert state_of("generator", {"a": np.zeros(2)}).settings == {}
    assert state_of("generator", PICKLE.with_name("latest_net_G_A.pth")).settings == {}


@pytest.mark.parametrize("content", [b"", b"text", b"\x80\x04}\x94.", b"\x80\x04)."])
def test_pickles_of_neither_kind_are_refused(tmp_path, content):
    path = tmp_path / "network.pkl"
    path.write_bytes(content)
    with pytest.raises(InputError, match="network.pkl"):
        state_of("generator", path)
