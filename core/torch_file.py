"""Reads the tensors of a PyTorch `.pth`/`.pt` file without PyTorch, executing nothing in it.

Both formats of torch/serialization.py (https://github.com/pytorch/pytorch, functions `_save` and
`_legacy_save`) hold a pickle in which a tensor is a call, `_rebuild_tensor_v2(storage, offset,
size, stride, ...)`, and a storage a persistent id, `("storage", type, key, device, count)`:

- zip (torch >= 1.6): `<prefix>/data.pkl`, the raw storages `<prefix>/data/<key>` (never compressed)
  and perhaps `<prefix>/byteorder`;
- stream (before, or on request): the pickles of a magic number, a protocol number, the machine, the
  object and the storage keys, then for each key a little-endian int64 count and the raw elements.

Of the globals, only those of `GLOBALS` are accepted (`core.safe_pickle`).
"""

import io
import math
import struct
import zipfile
from collections import namedtuple
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from core import safe_pickle
from core.errors import InputError
from core.files import open_regular
from core.names import reason, short
from core.safe_pickle import Call, dictionary

_MAGIC = 0x1950A86A20F9469CFC6C
_WRAPPERS = ("state_dict", "model", "params", "model_state_dict")
_SLACK = 1 << 20  # bytes of tensors that a file of any size may share
_ADVICE = "Save the weights with torch.save(model.state_dict(), path) and give that file"
_KINDS = (
    "DoubleStorage:f8 FloatStorage:f4 HalfStorage:f2 BFloat16Storage:u2 LongStorage:i8 "
    "IntStorage:i4 ShortStorage:i2 CharStorage:i1 ByteStorage:u1 BoolStorage:u1"
)
_DTYPES = {kind: np.dtype(code) for kind, code in (pair.split(":") for pair in _KINDS.split())}

_Storage = namedtuple("_Storage", "kind key count")  # the kind is a key of _DTYPES


class NestedStorage(NamedTuple):
    """A storage pickled outside of torch.save: a stream file of nothing else (`read_storage`)."""

    content: bytes


class Tensor(NamedTuple):
    """A tensor without its values; offset, size and strides are counted in elements."""

    storage: Any
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _rebuild(storage, offset, size, stride, _grad=False, _hooks=None, metadata=None) -> Tensor:
    numbers = type(size) is tuple and type(stride) is tuple and (offset, *size, *stride)
    if type(storage) not in (_Storage, NestedStorage) or not _all_int(numbers):
        raise InputError("has a damaged tensor, expected a storage and whole numbers")
    if metadata:
        raise InputError("has a lazily negated or conjugated tensor, expected plain")
    return Tensor(storage, offset, size, stride)


def _all_int(numbers: Any) -> bool:
    return type(numbers) is tuple and all(type(number) is int for number in numbers)


def _size(numbers: Any = ()) -> tuple:
    if not _all_int(numbers):
        raise InputError("has a damaged size, expected whole numbers")
    return numbers


GLOBALS: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): Call(dictionary),
    ("torch", "Size"): Call(_size),
    ("torch._utils", "_rebuild_tensor"): Call(_rebuild),
    ("torch._utils", "_rebuild_tensor_v2"): Call(_rebuild),
    ("torch._utils", "_rebuild_parameter"): Call(lambda data, *_: data),
    **{(module, kind): kind for module in ("torch", "torch.cuda") for kind in _DTYPES},
}


def _load(stream: BinaryIO) -> tuple[Any, dict[str, _Storage]]:
    """The object of the pickle at the stream's position, and the storages it names, by key."""
    storages: dict[str, _Storage] = {}

    def persistent_load(pid: tuple) -> _Storage:
        _, kind, key, _device, count, *view = pid
        storage = _Storage(kind, key, count)
        if (
            [type(part) for part in storage] != [str, str, int]
            or (kind not in _DTYPES or any(view))
            or storages.setdefault(key, storage) != storage
        ):
            raise InputError("has a storage of an unsupported kind, expected plain")
        return storage

    return safe_pickle.load(stream, GLOBALS, _ADVICE, persistent_load), storages


def _decode(raw: bytes, storage: _Storage, order: Any) -> np.ndarray:
    """The elements of a storage, 1-D, in the machine's byte order."""
    dtype = _DTYPES[storage.kind]
    if len(raw) != storage.count * dtype.itemsize:
        raise InputError(
            f"is truncated or damaged: {len(raw)} bytes of storage {short(storage.key, 40)}, "
            f"expected {short(storage.count)} x {dtype.itemsize}. Download or copy it again"
        )
    values = np.frombuffer(raw, dtype.newbyteorder(order)).astype(dtype, copy=False)
    if storage.kind == "BFloat16Storage":
        return (values.astype(np.uint32) << 16).view(np.float32)
    return values != 0 if storage.kind == "BoolStorage" else values


def _read_entry(archive: zipfile.ZipFile, name: str) -> bytes:
    info = archive.getinfo(name)
    if info.compress_type != zipfile.ZIP_STORED or info.file_size > archive.start_dir:
        raise InputError(f"has the compressed or damaged entry {short(name)}. {_ADVICE}")
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
        # names of one entry's bytes can be many
        if sum(info.file_size for info in archive.infolist()) > archive.start_dir:
            raise InputError(f"has entries larger than itself: damaged. {_ADVICE}")
        return saved, {
            key: _decode(_read_entry(archive, f"{prefix}data/{key}"), storage, order)
            for key, storage in storages.items()
        }


def _read_stream(stream: BinaryIO) -> tuple[Any, dict[str, np.ndarray]]:
    if _load(stream)[0] != _MAGIC or _load(stream)[0] != 1001:
        raise InputError(f"is a pickle, but none that torch.save writes. {_ADVICE}")
    _load(stream)  # facts about the machine; the elements are little-endian on any
    saved, storages = _load(stream)
    keys, values = _load(stream)[0], {}
    safe_pickle.check_keys(keys)
    for key in keys:
        (count,) = struct.unpack("<Q", stream.read(8))
        size = _DTYPES[storages[key].kind].itemsize * (count == storages[key].count)
        values[key] = _decode(stream.read(count * size), storages[key], "little")
    return saved, values


def read_storage(nested: NestedStorage) -> np.ndarray:
    """The elements of a storage that is a stream file of its own, 1-D.

    Raises:
        InputError: a file of something else.
        Exception: nearly any, for a damaged one.
    """
    saved, values = _read_stream(io.BytesIO(nested.content))
    if type(saved) is not _Storage:
        raise InputError("has a storage that is none, expected the elements of tensors")
    return values[saved.key]


def cut(
    tensors: Mapping[str, Tensor], values: Callable[[Any], np.ndarray], file_size: int
) -> dict[str, np.ndarray]:
    """The arrays of tensors, each the caller's own.

    Args:
        tensors: by name.
        values: gives the elements of a tensor's storage.
        file_size: of the file, in bytes. Tensors may share a storage, but not so many that they
            become several times as large as the file (bfloat16 becomes twice as large).

    Raises:
        InputError: a tensor outside its storage, or too many of the same.
    """
    arrays, total = {}, 0
    for name, tensor in tensors.items():
        arrays[name] = _array(tensor, values(tensor.storage))
        total += arrays[name].nbytes
        if total > 4 * file_size + _SLACK:
            raise InputError(f"repeats its tensors: they are larger than the file. {_ADVICE}")
    return arrays


def _array(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """The tensor as an array of its own, cut out of the values of its storage."""
    offset, size, stride = tensor[1:]
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    inside = 0 in size or (last < len(values) and math.prod(size) <= len(values))
    if min(offset, *size, *stride, 0) < 0 or not inside:
        raise InputError(
            f"has a tensor of size {short(list(size))} and strides {short(list(stride))}, "
            f"expected it inside its {len(values)} elements. {_ADVICE}"
        )
    strides = [step * values.itemsize for step in stride]
    return np.array(np.lib.stride_tricks.as_strided(values[offset:], size, strides), order="C")


def _find_state_dict(saved: Any) -> dict[str, Tensor]:
    """The state dict in the object saved, without DataParallel's prefix."""
    mapping = saved if isinstance(saved, dict) else {}
    for candidate in (mapping, *(mapping.get(key) for key in _WRAPPERS)):
        entries = dict(candidate) if isinstance(candidate, dict) else {}
        if entries and all(isinstance(k, str) and type(v) is Tensor for k, v in entries.items()):
            wrapped = all(name.startswith("module.") for name in entries)
            return {name[7 * wrapped :]: tensor for name, tensor in entries.items()}
    keys = [short(key, 40) for key in list(mapping)[:5]]
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
    with open_regular(path) as file:
        start = file.read(256)
    _check_start(start)
    if start.startswith(b"PK"):
        saved, values = _read_zip(path)
    else:
        saved, values = _read_stream(io.BytesIO(path.read_bytes()))
    tensors = _find_state_dict(saved)
    return cut(tensors, lambda storage: values[storage.key], path.stat().st_size)


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
            f"{path} cannot be read ({reason(error)}), expected a "
            f"PyTorch file: check the path, or copy a truncated or damaged file again."
        ) from error
