"""core.nvidia_file against pickles of the official code (tests/golden) and hostile ones."""

import io
import json
import os
import pickle
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from core import nvidia_file
from core.errors import InputError

GOLDEN = Path(__file__).parents[1] / "golden"
FILES = pytest.mark.parametrize("name", ["stylegan2", "stylegan3_t"])
SETTINGS = {"z_dim": 4, "nested": {"gain": 0.5}}


def golden(name):
    return GOLDEN / f"nvidia_pickle_{name}.pkl"


@FILES
@pytest.mark.parametrize("which", ["G_ema", "D"])
def test_state_is_what_pytorch_had(name, which):
    oracle = np.load(golden(name).with_suffix(".npz"))
    start = f"state/{which}."
    expected = {key.removeprefix(start): oracle[key] for key in oracle if key.startswith(start)}
    state, settings = nvidia_file.read(golden(name), which)
    assert list(state) == list(expected)
    for key, value in expected.items():
        assert state[key].dtype == value.dtype and state[key].flags.writeable
        np.testing.assert_array_equal(state[key], value, err_msg=key)
    class_name = "Discriminator" if which == "D" else "Generator"
    kwargs = json.loads(str(oracle[f"{which[0]}_init_kwargs"]))
    assert settings == kwargs | {"class_name": class_name}


def test_generator_differs_from_its_average():
    content = golden("stylegan2").read_bytes()
    g, average = (nvidia_file.read(content, which)[0] for which in ("G", "G_ema"))
    assert list(g) == list(average)
    assert not np.array_equal(g["mapping.fc0.weight"], average["mapping.fc0.weight"])


# --- pickles of our own, from stand-ins of the official classes


class FloatStorage:
    """What a persistent id names."""


class Pickler(pickle.Pickler):
    def persistent_id(self, value):
        return value.pid if isinstance(value, Storage) else None


class Storage:
    def __init__(self, values):
        self.values = np.asarray(values, "<f4").ravel()
        self.pid = ("storage", FloatStorage, "0", "cuda:0", len(self.values), None)

    def stream(self):
        """torch.save of it in the old format."""
        file = io.BytesIO()
        for part in (0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}, self, ["0"]):
            Pickler(file, 2).dump(part)
        return file.getvalue() + len(self.values).to_bytes(8, "little") + self.values.tobytes()

    def __reduce__(self):
        return _load_from_bytes, (self.stream(),)


class Tensor:
    def __init__(self, values, size=None, stride=None, offset=0, storage=None):
        values = np.asarray(values, "float32")
        self.storage = storage or Storage(values)
        self.size = values.shape if size is None else size
        self.stride = tuple(s // 4 for s in values.strides) if stride is None else stride
        self.offset = offset

    def __reduce__(self):
        return _rebuild_tensor_v2, (self.storage, self.offset, self.size, self.stride, False, {})


class Module:
    def __init__(self, parameters=(), modules=(), source="", **state):
        self.meta = {
            "type": "class", "version": 6, "class_name": "Generator", "module_src": source,
            "state": {"_parameters": dict(parameters), "_buffers": {}, "_modules": dict(modules),
                      "_init_args": (), "_init_kwargs": SETTINGS, **state},
        }  # fmt: skip

    def __reduce__(self):
        return _reconstruct_persistent_obj, (self.meta,)


def _reconstruct_persistent_obj(meta): ...
def _load_from_bytes(content): ...
def _rebuild_tensor_v2(*args): ...


@pytest.fixture
def write(monkeypatch, tmp_path):
    """Writes networks under the names that the official code and PyTorch have."""
    places = {"torch_utils.persistence": _reconstruct_persistent_obj, "torch": FloatStorage,
              "torch.storage": _load_from_bytes, "torch._utils": _rebuild_tensor_v2}  # fmt: skip
    for name in ("torch_utils", *places):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    for name, stand_in in places.items():
        monkeypatch.setattr(stand_in, "__module__", name)
        setattr(sys.modules[name], stand_in.__name__, stand_in)

    def write(saved, protocol=4):
        path = tmp_path / "network.pkl"
        path.write_bytes(pickle.dumps(saved, protocol))
        return path

    return write


def refusal(path, which="G_ema"):
    with pytest.raises(InputError) as caught:
        nvidia_file.read(path, which)
    assert str(path) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_reads_what_the_stand_ins_write(write, protocol):
    """Also tensors that are views of one storage."""
    shared = Storage(np.arange(6))
    columns = Tensor([], (3, 2), (1, 3), 0, shared)
    layer = Module({"weight": Tensor([[1, 2]]), "bias": None})
    buffers = {"kept": Tensor([], (2,), (1,), 4, shared), "not_kept": Tensor([0])}
    network = Module({"a": columns}, {"fc0": layer, "none": None}, _buffers=buffers,
                     _non_persistent_buffers_set={"not_kept"})  # fmt: skip
    state, settings = nvidia_file.read(write({"G_ema": network, "G": None}, protocol))
    assert list(state) == ["a", "kept", "fc0.weight"]
    np.testing.assert_array_equal(state["a"], [[0, 3], [1, 4], [2, 5]])
    np.testing.assert_array_equal(state["kept"], [4, 5])
    np.testing.assert_array_equal(state["fc0.weight"], [[1, 2]])
    assert settings == SETTINGS | {"class_name": "Generator"}


def test_source_is_not_executed(write, tmp_path):
    harmed = tmp_path / "harmed"
    source = f"open({str(harmed)!r}, 'w')"
    nvidia_file.read(write({"G_ema": Module(source=source)}))
    assert not harmed.exists()


class Harm:
    def __reduce__(self):
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_other_globals_are_refused(write, tmp_path, monkeypatch, protocol):
    monkeypatch.chdir(tmp_path)
    message = refusal(write({"G_ema": Module(extra=Harm())}, protocol))
    assert f"{os.system.__module__}.system" in message
    assert "Nothing in it was executed" in message
    assert not (tmp_path / "harmed").exists()


def test_pickles_of_other_things_are_refused(write, tmp_path):
    assert "has no network G_ema; it has D, G" in refusal(write({"D": Module(), "G": Module()}))
    assert "has no network G_ema; it has none" in refusal(write({"G_ema": 1}))
    assert "holds a list" in refusal(write([Module()]))
    assert "No such file" in refusal(tmp_path / "none.pkl")


def test_modules_have_to_be_a_tree(write):
    layer = Module({"weight": Tensor([1])})
    assert "two places" in refusal(write({"G_ema": Module(modules={"a": layer, "b": layer})}))
    deep = Module()
    for _ in range(40):
        deep = Module(modules={"a": deep})
    assert "deeper" in refusal(write({"G_ema": deep}))
    cyclic = Module()
    cyclic.meta["state"]["_modules"]["a"] = cyclic
    assert "holds itself" in refusal(write({"G_ema": cyclic}))


@pytest.mark.parametrize(
    "options",
    [
        {"offset": 1},
        {"offset": -1},
        {"stride": (4, 1)},
        {"stride": (-3, 1)},
        {"size": (3, 3)},
        {"size": (2**62, 1), "stride": (0, 0)},
        {"size": (2, True)},
        {"size": [2, 3]},
        {"storage": FloatStorage},
    ],
)
def test_tensors_outside_their_storage_are_refused(write, options):
    tensor = Tensor(np.zeros((2, 3)), **options)
    message = refusal(write({"G_ema": Module({"a": tensor})}))
    assert "expected it inside its 6 elements" in message or "damaged tensor" in message


def test_one_storage_under_many_names_is_refused(write):
    storage = Storage(np.zeros(1 << 16))
    names = {f"a{i}": Tensor([], (1 << 16,), (1,), 0, storage) for i in range(400)}
    assert "repeats its tensors" in refusal(write({"G_ema": Module(names)}))


def test_storages_of_another_kind_are_refused(write, monkeypatch):
    for other in (b"PK\x03\x04", pickle.dumps(1), b"", Storage([1, 2]).stream()[:-1]):
        monkeypatch.setattr(Storage, "stream", lambda self, other=other: other)
        refusal(write({"G_ema": Module({"a": Tensor([1, 2])})}))


def test_settings_are_plain(write):
    assert "under settings.a" in refusal(write({"G_ema": Module(_init_kwargs={"a": Module()})}))
    assert "does not name the settings" in refusal(write({"G_ema": Module(_init_args=(512,))}))
    assert "without state" in refusal(write({"G_ema": Module(modules={"a": 1})}))


@FILES
def test_truncated_files_are_refused(tmp_path, name):
    content = golden(name).read_bytes()
    path = tmp_path / "network.pkl"
    for part in (0, 0.001, 0.3, 0.9, 1 - 1 / len(content)):
        path.write_bytes(content[: int(len(content) * part)])
        assert "cannot be read" in refusal(path)


def test_largest_file_is_bounded(monkeypatch):
    monkeypatch.setattr(nvidia_file, "_LARGEST", 1000)
    assert "expected at most 1000" in refusal(golden("stylegan2"))


class Generator:
    """A network that is an ordinary object of its class, as R3GAN's may be."""

    def __init__(self, **state):
        self.__dict__.update(state)


@pytest.mark.parametrize("protocol", [2, 3, 4])
@pytest.mark.parametrize("module", ["R3GAN.Networks", "training.networks", "torch.nn.modules.conv"])
def test_networks_that_are_ordinary_objects(write, monkeypatch, protocol, module):
    for name in {module.partition(".")[0], module.rpartition(".")[0], module}:
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setattr(Generator, "__module__", module)
    sys.modules[module].Generator = Generator
    sys.modules["torch"].FloatStorage = FloatStorage
    inner = Generator(_parameters={"weight": Tensor([[1, 2]])}, _buffers={}, _modules={})
    network = Generator(_parameters={}, _buffers={}, _modules={"Model": inner}, c_dim=0)
    saved = {"G_ema": network, "cur_nimg": 5, "G_opt_state": {"state": {0: {"step": Tensor(1)}}}}
    state, settings = nvidia_file.read(write(saved, protocol))
    assert list(state) == ["Model.weight"] and settings == {}
    np.testing.assert_array_equal(state["Model.weight"], [[1, 2]])
    without = Generator(_parameters={"weight": 1}, _buffers={}, _modules={})
    assert "other than tensors" in refusal(write({"G_ema": without}, protocol))
