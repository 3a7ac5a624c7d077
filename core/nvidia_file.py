"""Reads NVIDIA's PyTorch network pickles (`.pkl`), and those of code derived from theirs, without
PyTorch, executing nothing in them.

Such a file is a plain pickle of a dict with the networks `G`, `D` and `G_ema`, the moving average
of G, or some of them. Each network and each of its layers is a call of
`_reconstruct_persistent_obj` with a dict: `class_name`, `module_src`, the source code that made it,
which is ignored here, and `state`, the attributes of the module, among them `_parameters`,
`_buffers`, `_modules` and `_init_kwargs`. In R3GAN's pickles, networks and layers may also be
ordinary objects of their classes, which do not say how they were made. The elements of a tensor are
a torch file inside the pickle.

Sources: what the pickles of NVlabs/stylegan2-ada-pytorch @ d72cc7d and NVlabs/stylegan3 @ c233a91
hold (torch_utils/persistence.py; training/training_loop.py says what is saved).
"""

import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core import numpy_records, safe_pickle
from core.errors import InputError
from core.files import open_regular
from core.names import reason, short
from core.safe_pickle import Call, Record
from core.torch_file import GLOBALS, NestedStorage, Tensor, cut, read_storage

_LARGEST = 4 << 30  # bytes; a StyleGAN2 of 1024 pixels has 360 MB, an R3GAN with its Adams 3 GB
_ADVICE = "Give a network .pkl of stylegan2-ada-pytorch, stylegan3 or R3GAN"
_CLASSES = ("R3GAN", "training.networks", "torch.nn.modules")  # where ordinary objects are from


class _Module(Record):
    """Stands for a network or a layer; `args` are (dict of class_name, state, ...)."""


class _Ordinary(_Module):
    """Stands for one that is an ordinary object: `state` are its attributes."""


class _Globals(dict[tuple[str, str], Any]):
    """What stands for each global; all of the modules in `_CLASSES` are `_Ordinary`."""

    def __contains__(self, key: Any) -> bool:
        return super().__contains__(key) or f"{key[0]}.".startswith(
            tuple(f"{module}." for module in _CLASSES)
        )

    def __missing__(self, key: tuple[str, str]) -> Any:
        return Call(_Ordinary)


def _nested(content: Any) -> NestedStorage:
    if type(content) is not bytes:
        raise InputError("has a storage that is not bytes")
    return NestedStorage(content)


def _set(members: Any = ()) -> set:
    safe_pickle.check_keys(members)
    return set(members)


_KNOWN = {
    **GLOBALS,
    **numpy_records.GLOBALS,
    ("torch_utils.persistence", "_reconstruct_persistent_obj"): Call(_Module),
    ("torch.storage", "_load_from_bytes"): Call(_nested),
    ("torch._utils", "_rebuild_parameter_with_state"): Call(lambda data, *_: data),
    ("torch", "device"): Call(lambda *_: "device"),
    **{("torch", name): f"torch.{name}" for name in ("float16", "float32", "float64", "bfloat16")},
    ("dnnlib.util", "EasyDict"): Call(safe_pickle.dictionary),
    ("dnnlib", "EasyDict"): Call(safe_pickle.dictionary),
    ("builtins", "set"): Call(_set),
    ("__builtin__", "set"): Call(_set),
}
_GLOBALS = _Globals(_KNOWN)


def is_torch_pickle(path: str | Path) -> bool:
    """Whether a `.pkl` is of PyTorch: a dict, where TensorFlow's are tuples.

    False where it cannot be read.
    """
    try:
        with open_regular(path) as file:
            return safe_pickle.first_opcode(file) == "EMPTY_DICT"
    except Exception:  # no such file, or not a pickle
        return False


def read(
    path_or_bytes: str | Path | bytes, which: str = "G_ema"
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The parameters and buffers of a network, and the settings it was made with.

    Args:
        path_or_bytes: the file, or what is in it.
        which: "G_ema", "G" or "D".

    Returns:
        Arrays under the names and in the layout of PyTorch's `state_dict()`
        (`synthesis.b4.conv1.weight`, `[O, I, h, w]`), the caller's own; and the arguments of the
        network's class as plain Python values (`z_dim`, `img_resolution`, `synthesis_kwargs`, ...)
        with the name of the class under `class_name`; {} where the network is an ordinary object.
        The file does not name the class's module.

    Raises:
        InputError: no such file, damaged, without this network, or something else.
    """
    name = "The pickle" if isinstance(path_or_bytes, bytes) else str(path_or_bytes)
    try:
        if isinstance(path_or_bytes, bytes):
            return _read(io.BytesIO(path_or_bytes), which)
        with open_regular(path_or_bytes) as file:
            return _read(file, which)
    except InputError as error:
        raise InputError(f"{name} {error}.") from error
    except Exception as error:  # no such file, or whatever damage makes the reader raise
        raise InputError(
            f"{name} cannot be read ({reason(error)}), expected a "
            "network .pkl of PyTorch: check the path, or copy a truncated or damaged file again."
        ) from error


def _read(file: BinaryIO, which: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if size > _LARGEST:
        raise InputError(f"has {size} bytes, expected at most {_LARGEST}. {_ADVICE}")
    network = _find(safe_pickle.load(file, _GLOBALS, _ADVICE), which)
    tensors = dict(_tensors(network, "", set()))
    return cut(tensors, _Storages().values, size), _settings(network)


def _find(saved: Any, which: str) -> _Module:
    """The network of that name in the object saved."""
    if type(saved) is not dict:
        raise InputError(f"holds a {type(saved).__name__}, expected networks by name. {_ADVICE}")
    networks = {short(k, 40): v for k, v in saved.items() if isinstance(v, _Module)}
    if which not in networks:
        raise InputError(
            f"has no network {which}; it has {', '.join(list(networks)[:8]) or 'none'}. {_ADVICE}"
        )
    return networks[which]


def _attributes(module: Any) -> dict[str, Any]:
    if isinstance(module, _Ordinary):
        meta: Any = {"state": module.state}
    else:
        meta = module.args[0] if isinstance(module, _Module) and len(module.args) == 1 else {}
    if type(meta) is not dict or type(meta.get("state")) is not dict:
        raise InputError(f"has a module without state, expected layers of a network. {_ADVICE}")
    return meta["state"]


def _tensors(module: Any, prefix: str, seen: set[int]) -> Iterator[tuple[str, Tensor]]:
    """Names and tensors: its parameters, its buffers, then those of the modules in it."""
    state = _attributes(module)
    if id(module) in seen:
        raise InputError(f"has one module in two places, expected a tree of modules. {_ADVICE}")
    seen.add(id(module))
    unsaved = state.get("_non_persistent_buffers_set") or ()
    for key in ("_parameters", "_buffers"):
        for name, tensor in state[key].items():
            if tensor is None or (key == "_buffers" and name in unsaved):
                continue
            if type(name) is not str or type(tensor) is not Tensor:
                raise InputError(f"has something other than tensors under {key}. {_ADVICE}")
            yield prefix + name, tensor
    for name, child in state["_modules"].items():
        if type(name) is not str or "." in name:
            raise InputError(f"has a module without a proper name, expected letters. {_ADVICE}")
        if child is not None:
            yield from _tensors(child, f"{prefix}{name}.", seen)


class _Storages:
    """Reads each storage once, when it is asked for."""

    def __init__(self) -> None:
        self.read: dict[int, np.ndarray] = {}

    def values(self, storage: Any) -> np.ndarray:
        if type(storage) is not NestedStorage:
            raise InputError(f"has a storage outside of the file, expected it inside. {_ADVICE}")
        if id(storage) not in self.read:
            self.read[id(storage)] = read_storage(storage)
        return self.read[id(storage)]


def _settings(network: _Module) -> dict[str, Any]:
    if isinstance(network, _Ordinary):
        return {}
    state, class_name = _attributes(network), network.args[0].get("class_name")
    given, unnamed = state.get("_init_kwargs"), state.get("_init_args")
    if type(given) is not dict or type(class_name) is not str or unnamed:
        raise InputError(f"does not name the settings of the network, expected it to. {_ADVICE}")
    return {**safe_pickle.plain(given), "class_name": short(class_name, 80)}
