"""Pickles as NVIDIA's TensorFlow 1 code wrote them, from stand-ins of its classes."""

import os
import pickle
import sys
import types

import numpy as np
import pytest

from core.errors import InputError
from core.tf1_file import read_networks


class EasyDict(dict):
    pass


class Network:
    def __init__(self, name, variables, components=()):
        self.name, self.variables, self.components = name, variables, components

    def __getstate__(self):
        parts = {component.name: component for component in self.components}
        return {"version": 4, "name": self.name, "static_kwargs": EasyDict(a=EasyDict()),
                "components": parts, "build_module_src": "raise SystemExit",
                "variables": self.variables}  # fmt: skip


@pytest.fixture
def modules(monkeypatch):
    """The class under the names that the official code has."""
    for name in ("dnnlib", "dnnlib.util", "dnnlib.tflib", "dnnlib.tflib.network"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(Network, "__module__", "dnnlib.tflib.network")
    monkeypatch.setattr(EasyDict, "__module__", "dnnlib.util")
    sys.modules["dnnlib.util"].EasyDict = EasyDict
    sys.modules["dnnlib.tflib.network"].Network = Network


def write(path, saved, protocol=4):
    path.write_bytes(pickle.dumps(saved, protocol))
    return path


def networks():
    rng = np.random.default_rng(0)
    mapping = Network("G_mapping", [("Dense0/weight", rng.normal(size=(2, 3)).astype("float32"))])
    big_endian = np.arange(6, dtype=">f8").reshape(2, 3)
    g = Network("G", [("lod", np.float32(0)), ("dlatent_avg", np.zeros(3, "float32"))], [mapping])
    columns = np.asfortranarray(np.arange(6, dtype="float32").reshape(2, 3))
    d = Network("D", [("4x4/Dense1/weight", columns), ("other", big_endian)])
    return g, d, g


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_variables_by_name(modules, tmp_path, protocol):
    g, d, gs = networks()
    found = read_networks(write(tmp_path / "a.pkl", (g, d, gs), protocol))
    assert list(found) == ["G", "D", "Gs"]
    assert set(found["Gs"]) == {"dlatent_avg", "G_mapping/Dense0/weight"}
    weight = g.components[0].variables[0][1]
    np.testing.assert_array_equal(found["G"]["G_mapping/Dense0/weight"], weight)
    for name, value in d.variables:
        np.testing.assert_array_equal(found["D"][name], value)
        assert found["D"][name].dtype.isnative


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


def test_nothing_is_executed(modules, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path / "a.pkl", (Network("G", [("x", Harm())]),) * 3)
    with pytest.raises(InputError, match=r"refers to (posix|nt)\.system.*Nothing in it was"):
        read_networks(path)
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize(
    ("saved", "message"),
    [
        ({"G": 1}, "holds a dict, expected \\(G, D, Gs\\)"),
        ((1, 2, 3), "holds a tuple, expected"),
        ((Network("G", [("x", np.array(["text"]))]),) * 3, "expected numbers"),
        ((Network("G", []),), "cannot be read"),
    ],
    ids=["dict", "numbers", "text", "one"],
)
def test_other_pickles_are_refused(modules, tmp_path, saved, message):
    with pytest.raises(InputError, match=message):
        read_networks(write(tmp_path / "a.pkl", saved))


def test_damaged_and_missing_files(modules, tmp_path):
    path = write(tmp_path / "a.pkl", networks())
    path.write_bytes(path.read_bytes()[:-40])
    for bad in (path, tmp_path / "none.pkl"):
        with pytest.raises(InputError, match="cannot be read"):
            read_networks(bad)


def test_settings_are_static_kwargs(modules, tmp_path):
    found = read_networks(write(tmp_path / "a.pkl", networks()))
    assert found["Gs"].settings == {"a": {}, "version": 4}
    assert "components" not in found["Gs"].settings


@pytest.mark.parametrize("name", [("x",) * 50, 3, None])
def test_variables_need_names_and_arrays(modules, tmp_path, name):
    for variable in ((name, np.zeros(2)), ("x", 1.0), ("x", EasyDict())):
        path = write(tmp_path / "a.pkl", (Network("G", [variable]),) * 3)
        with pytest.raises(InputError, match="without a name or array"):
            read_networks(path)


def test_one_array_under_many_names_is_refused(modules, tmp_path):
    array = np.zeros(1 << 16, "float32")
    path = write(tmp_path / "a.pkl", (Network("G", [(f"x{i}", array) for i in range(100)]),) * 3)
    with pytest.raises(InputError, match="repeats its arrays"):
        read_networks(path)


def test_components_that_share_components_are_refused(modules, tmp_path):
    """2 ** 20 paths to one network."""
    network = Network("a0", [])
    for i in range(1, 20):
        network = Network(f"a{i}", [], [Network(f"b{i}", [], [network]), network])
    with pytest.raises(InputError, match="repeats its objects"):
        read_networks(write(tmp_path / "a.pkl", (network,) * 3))
