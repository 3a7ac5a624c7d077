"""Arrays of `.npz` and HDF5 files: names, shapes and types first, values when they are asked for.

A few bytes of such a file can stand for gigabytes, and an HDF5 file can hand out what is in other
files. So a reader compares shapes before it reads, nothing is read that lies elsewhere, and all
that is read of a file is at most four times as large as the file.
"""

import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from core.errors import InputError
from core.files import open_regular
from core.names import reason, short

_SLACK = 1 << 20  # bytes that a file of any size may unpack to
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class Stored(NamedTuple):
    """An array in a file.

    Attributes:
        shape: its shape.
        dtype: its type.
        read: reads it.
    """

    shape: tuple[int, ...]
    dtype: np.dtype
    read: Callable[[], np.ndarray]


class _Limit:
    """How many bytes may still be read of a file."""

    def __init__(self, size: int):
        self.left = 4 * size + _SLACK

    def take(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        """Counts an array; InputError where there are too many or too large ones."""
        self.left -= math.prod(shape) * dtype.itemsize
        if self.left < 0:
            raise InputError(
                f"unpacks to more than four times its size at {short(name)} of shape {shape}, "
                "expected weights as they are usually written"
            )


@contextmanager
def _refusing_damage() -> Iterator[None]:
    """Turns what zipfile, NumPy and h5py raise for a damaged file into an InputError."""
    try:
        yield
    except (InputError, MemoryError):
        raise
    except Exception as error:
        raise InputError(f"cannot be read ({reason(error)}): it is damaged") from error


@contextmanager
def open_npz(path: str | Path) -> Iterator[Mapping[str, Stored]]:
    """The arrays of an `.npz` file by name.

    Raises:
        OSError: the file cannot be opened.
        InputError: the file or an array in it, when that is looked at, is damaged, of Python
            objects, or larger than it may be. The caller puts the file's name before the message.
    """
    with open_regular(path) as file:
        yield _Archive(file)


class _Archive(Mapping[str, Stored]):
    def __init__(self, file: BinaryIO):
        if file.read(6) == np.lib.format.MAGIC_PREFIX:
            raise InputError("holds one array, expected an .npz of several")
        with _refusing_damage():
            self.archive = zipfile.ZipFile(file)
        names = self.archive.namelist()
        self.members = {name.removesuffix(".npy"): name for name in names}
        if len(self.members) < len(names):
            raise InputError("has two arrays of one name: it is damaged")
        self.limit = _Limit(file.seek(0, 2))

    def __iter__(self) -> Iterator[str]:
        return iter(self.members)

    def __len__(self) -> int:
        return len(self.members)

    def __getitem__(self, name: str) -> Stored:
        info = self.archive.getinfo(self.members[name])
        with _refusing_damage(), self.archive.open(info) as member:
            version = np.lib.format.read_magic(member)
            shape, _, dtype = _HEADERS[version](member)
            if dtype.hasobject:
                raise ValueError("Object arrays cannot be loaded: that executes code")
            expected = member.tell() + math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or info.file_size != expected:
            raise InputError(
                f"has {short(name)} of {info.file_size} bytes, expected {expected}: it is damaged"
            )
        return Stored(shape, dtype, lambda: self._read(name, shape, dtype))

    def _read(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        self.limit.take(name, shape, dtype)
        with _refusing_damage(), self.archive.open(self.members[name]) as member:
            return np.lib.format.read_array(member, allow_pickle=False)


@contextmanager
def open_hdf5(path: str | Path) -> Iterator[dict[str, Stored]]:
    """The arrays of an HDF5 file by path.

    Raises:
        OSError: the file cannot be opened.
        InputError: the file, or an array when it is read, is damaged or larger than it may be; an
            array lies in another file, is made of others, or was never written; a link to another
            file.
    """
    import h5py  # takes a moment, and most runs do without

    with open_regular(path) as opened:
        limit = _Limit(opened.seek(0, 2))
    found: dict[str, Stored] = {}

    def visit(name: str, item: Any) -> None:
        """Is called for all that is in this file itself."""
        if isinstance(item, h5py.Dataset):
            found[name] = _dataset(name, item, limit)
            return
        for child in item:
            if isinstance(item.get(child, getlink=True), h5py.ExternalLink):
                raise InputError(f"has {short(child)} in another file, expected all in this one")

    with _refusing_damage():
        file = h5py.File(path, "r")
    with file:
        with _refusing_damage():
            visit("/", file)
            file.visititems(visit)
        yield found


def _dataset(name: str, dataset: Any, limit: _Limit) -> Stored:
    if dataset.external or getattr(dataset, "is_virtual", False):
        raise InputError(f"has {short(name)} in another file, expected all in this one")
    shape, dtype = dataset.shape or (), dataset.dtype

    def read() -> np.ndarray:
        if dataset.shape is None or dtype.hasobject:
            raise InputError(f"has {short(name)} of another kind, expected arrays of numbers")
        limit.take(name, shape, dtype)
        with _refusing_damage():
            if 0 not in shape and not dataset.id.get_storage_size():
                raise InputError(f"has no values of {short(name)}, only its shape {shape}")
            return np.asarray(dataset[()])

    return Stored(shape, dtype, read)
