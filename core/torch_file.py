"""Reads the tensors of a PyTorch `.pth`/`.pt` file without PyTorch, executing nothing in it.

Both formats of torch/serialization.py (https://github.com/pytorch/pytorch, functions `_save` and
`_legacy_save`) hold a pickle in which a tensor is a call, `_rebuild_tensor_v2(storage, offset,
size, stride, ...)`, and a storage a persistent id, `("storage", type, key, device, count)`:

- zip (torch >= 1.6): `<prefix>/data.pkl`, the raw storages `<prefix>/data/<key>` (never compressed)
  and perhaps `<prefix>/byteorder`;
- stream (before, or on request): the pickles of a magic number, a protocol number, the machine, the
  object and the storage keys, then for each key a little-endian int64 count and the raw elements.

Of the globals, only those of `_GLOBALS` are accepted (`core.safe_pickle`).
"""

import io
import math
import struct
import zipfile
from collections import OrderedDict, namedtuple
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from core import safe_pickle
from core.errors import InputError
from core.safe_pickle import Call

_MAGIC = 0x1950A86A20F9469CFC6C
_WRAPPERS = ("state_dict", "model", "params", "model_state_dict")
_ADVICE = "Save the weights with torch.save(model.state_dict(), path) and give that file"
_KINDS = (
    "DoubleStorage:f8 FloatStorage:f4 HalfStorage:f2 BFloat16Storage:u2 LongStorage:i8 "
    "IntStorage:i4 ShortStorage:i2 CharStorage:i1 ByteStorage:u1 BoolStorage:u1"
)
_DTYPES = {kind: np.dtype(code) for kind, code in (pair.split(":") for pair in _KINDS.split())}

_Storage = namedtuple("_Storage", "kind key count")  # the kind is a key of _DTYPES
_Tensor = namedtuple("_Tensor", "storage offset size stride")  # counted in elements


class _Dict(OrderedDict):
    def __setstate__(self, state: Any) -> None:
        """Ignores the attributes of a state dict (`_metadata`), which BUILD would set."""


def _rebuild(storage, offset, size, stride, _grad=False, _hooks=None, metadata=None) -> _Tensor:
    if metadata:
        raise InputError(f"has a lazily negated or conjugated tensor, expected plain. {_ADVICE}")
    return _Tensor(storage, offset, size, stride)


_GLOBALS = {
    ("collections", "OrderedDict"): Call(_Dict),
    ("torch", "Size"): Call(tuple),
    ("torch._utils", "_rebuild_tensor"): Call(_rebuild),
    ("torch._utils", "_rebuild_tensor_v2"): Call(_rebuild),
    ("torch._utils", "_rebuild_parameter"): Call(lambda data, _grad, _hooks: data),
    **{(module, kind): kind for module in ("torch", "torch.cuda") for kind in _DTYPES},
}


def _load(stream: BinaryIO) -> tuple[Any, dict[str, _Storage]]:
    """The object of the pickle at the stream's position, and the storages it names, by key."""
    storages: dict[str, _Storage] = {}

    def persistent_load(pid: tuple) -> _Storage:
        _, kind, key, _device, count, *view = pid
        storage = _Storage(kind, key, count)
        if kind not in _DTYPES or any(view) or storages.setdefault(key, storage) != storage:
            raise InputError(f"has a storage of an unsupported kind, expected plain. {_ADVICE}")
        return storage

    return safe_pickle.load(stream, _GLOBALS, _ADVICE, persistent_load), storages


def _decode(raw: bytes, storage: _Storage, order: Any) -> np.ndarray:
    """The elements of a storage, 1-D, in the machine's byte order."""
    dtype = _DTYPES[storage.kind]
    if len(raw) != storage.count * dtype.itemsize:
        raise InputError(
            f"is truncated or damaged: {len(raw)} bytes of storage {storage.key[:40]}, expected "
            f"{storage.count} x {dtype.itemsize}. Download or copy it again"
        )
    values = np.frombuffer(raw, dtype.newbyteorder(order)).astype(dtype, copy=False)
    if storage.kind == "BFloat16Storage":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values != 0 if storage.kind == "BoolStorage" else values


def _read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > archive.start_dir:
        raise InputError(f"has the compressed or damaged entry {name[:80]}. {_ADVICE}")
    return archive.read(info)


def _zip_prefix(names: list[str]) -> str:
    prefixes = [name.removesuffix("data.pkl") for name in names if name.endswith("/data.pkl")]
    if len(prefixes) != 1 or f"{prefixes[0]}constants.pkl" in names:
        raise InputError(f"is a TorchScript or foreign zip, expected a state dict. {_ADVICE}")
    return prefixes[0]


def _read_zip(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    with zipfile.ZipFile(path) as archive:
        prefix = _zip_prefix(archive.namelist())
        saved, storages = _load(io.BytesIO(_read_entry(archive, f"{prefix}data.pkl")))
        marked = f"{prefix}byteorder" in archive.namelist()
        order = _read_entry(archive, f"{prefix}byteorder").decode() if marked else "little"
        return saved, {
            key: _decode(_read_entry(archive, f"{prefix}data/{key}"), storage, order)
            for key, storage in storages.items()
        }


def _read_stream(path: Path) -> tuple[Any, dict[str, np.ndarray]]:
    stream = io.BytesIO(path.read_bytes())
    if _load(stream)[0] != _MAGIC or _load(stream)[0] != 1001:
        raise InputError(f"is a pickle, but none that torch.save writes. {_ADVICE}")
    _load(stream)  # facts about the machine; the elements are little-endian on any
    saved, storages = _load(stream)
    values = {}
    for key in _load(stream)[0]:
        (count,) = struct.unpack("<Q", stream.read(8))
        size = _DTYPES[storages[key].kind].itemsize * (count == storages[key].count)
        values[key] = _decode(stream.read(count * size), storages[key], "little")
    return saved, values


def _array(tensor: _Tensor, values: np.ndarray) -> np.ndarray:
    """The tensor as an array of its own, cut out of the values of its storage."""
    offset, size, stride = tensor[1:]
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    inside = 0 in size or (last < len(values) and math.prod(size) <= len(values))
    if min(offset, *size, *stride, 0) < 0 or not inside:
        raise InputError(
            f"has a tensor of size {list(size[:8])} and strides {list(stride[:8])}, "
            f"expected it inside its {len(values)} elements. {_ADVICE}"
        )
    strides = [step * values.itemsize for step in stride]
    return np.array(np.lib.stride_tricks.as_strided(values[offset:], size, strides), order="C")


def _find_state_dict(saved: Any) -> dict[str, _Tensor]:
    """The state dict in the object saved, without DataParallel's prefix."""
    mapping = saved if isinstance(saved, dict) else {}
    for candidate in (mapping, *(mapping.get(key) for key in _WRAPPERS)):
        entries = dict(candidate) if isinstance(candidate, dict) else {}
        if entries and all(isinstance(k, str) and type(v) is _Tensor for k, v in entries.items()):
            wrapped = all(name.startswith("module.") for name in entries)
            return {name[7 * wrapped :]: tensor for name, tensor in entries.items()}
    keys = [str(key)[:40] for key in list(mapping)[:5]]
    raise InputError(
        f"holds a {type(saved).__name__.strip('_').lower()} (keys {keys}), expected tensors by "
        f"name, perhaps under one of the keys {', '.join(_WRAPPERS)}. {_ADVICE}"
    )


def _check_start(start: bytes) -> None:
    """Refuses, by its first bytes, what is often saved by accident under the name of weights."""
    if start.startswith(b"version https://git-lfs"):
        raise InputError("is a git-lfs pointer, expected the weights: run `git lfs pull`")
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        raise InputError("looks like a web page, expected the weights: download the file itself")
    if start[8:9] == b"{":
        raise InputError(f"looks like a safetensors file, expected a PyTorch one. {_ADVICE}")
    if not start.startswith((b"PK", b"\x80")):
        raise InputError(f"is {'not a PyTorch' if start else 'an empty'} file. {_ADVICE}")


def _read(path: Path) -> dict[str, np.ndarray]:
    with path.open("rb") as file:
        start = file.read(256)
    _check_start(start)
    saved, values = _read_zip(path) if start.startswith(b"PK") else _read_stream(path)
    tensors = _find_state_dict(saved)
    return {name: _array(tensor, values[tensor.storage.key]) for name, tensor in tensors.items()}


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """The tensors of a PyTorch state dict by name, in their own layout and dtype.

    A state dict under one of the keys of `_WRAPPERS` is unwrapped, and the prefix `module.` of
    DataParallel dropped where all names have it.

    Args:
        path: a file of torch.save, of torch >= 0.1.10.

    Returns:
        Arrays of any shape and of dtype float64, float32, float16, int64, int32, int16, int8, uint8
        or bool (bfloat16 becomes float32), contiguous and the caller's own, in the file's order.

    Raises:
        InputError: no such file, not a PyTorch file, damaged, or something other than a state dict.
    """
    try:
        return _read(Path(path))
    except InputError as error:
        raise InputError(f"{path} {error}.") from error
    except Exception as error:  # no such file, or whatever damage makes pickle and zipfile raise
        raise InputError(
            f"{path} cannot be read ({type(error).__name__}: {str(error)[:200]}), expected a "
            f"PyTorch file: check the path, or copy a truncated or damaged file again."
        ) from error
