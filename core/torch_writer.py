"""Writes arrays as a PyTorch `.pth` of tensors by name, without PyTorch.

The file is what `torch.save(state_dict, path)` writes: a zip with a pickle `data.pkl`, in which a
tensor is a call of `_rebuild_tensor_v2`, and the elements of each tensor beside it. It contains
nothing but tensors, so that `torch.load(path, weights_only=True)` reads it.

Source: torch/serialization.py, `_save`, of https://github.com/pytorch/pytorch.
"""

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from core.files import write_whole

_PREFIX = "archive"


def write_state_dict(path: str | Path, state: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name, as float32; the file is whole or not there.

    Args:
        path: of the file, in a folder that exists; a file that is there is replaced.
        state: arrays of any shape.

    Raises:
        OSError: the file cannot be written.
    """
    arrays = {name: np.asarray(value, "<f4", order="C") for name, value in state.items()}
    write_whole(path, lambda file: _write(file, arrays))


def _write(file: Any, arrays: dict[str, np.ndarray]) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(f"{_PREFIX}/data.pkl", _pickled(arrays))
        archive.writestr(f"{_PREFIX}/byteorder", "little")
        for key, array in enumerate(arrays.values()):
            archive.writestr(f"{_PREFIX}/data/{key}", array.tobytes())
        archive.writestr(f"{_PREFIX}/version", "3\n")


def _pickled(arrays: dict[str, np.ndarray]) -> bytes:
    """A dict of tensors, in protocol 2, the only one that PyTorch reads as weights alone."""
    items = (
        _opcodes(name) + _tensor(str(key), array)
        for key, (name, array) in enumerate(arrays.items())
    )
    return pickle.PROTO + b"\x02}(" + b"".join(items) + pickle.SETITEMS + pickle.STOP


def _tensor(key: str, array: np.ndarray) -> bytes:
    """`_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`."""
    storage = b"(" + _opcodes("storage") + b"ctorch\nFloatStorage\n"
    storage += _opcodes(key) + _opcodes("cpu") + _opcodes(array.size) + b"tQ"
    strides = tuple(step // array.itemsize for step in array.strides)
    place = _opcodes(0) + _opcodes(array.shape) + _opcodes(strides)
    hooks = _opcodes(False) + b"ccollections\nOrderedDict\n)R"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + place + hooks + b"tR"


def _opcodes(value: Any) -> bytes:
    """The part of a pickle that puts a plain value on the stack."""
    return pickle.dumps(value, 2)[2:-1]  # between the protocol and STOP
