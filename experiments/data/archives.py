"""Reads pictures out of zip archives, without unpacking them."""

import re
import threading
import zipfile
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath, PurePosixPath
from typing import Any

import numpy as np

from core.errors import InputError
from core.paths import user_path
from experiments.data import layout, pictures, tool_labels
from experiments.data.junk import is_junk
from experiments.data.ranges import FindRanges, Values
from experiments.data.tool_labels import LABELS, Labels

MAX_BYTES = 2**28  # of one file when it is unpacked
LAST = chr(0x10FFFF)


@dataclass(frozen=True, eq=False)
class Archive:
    """An open zip archive. Several threads may read from it.

    Attributes:
        path: the file.
        names: the names of its pictures, sorted.
    """

    path: Path
    opened: zipfile.ZipFile
    entries: Mapping[str, zipfile.ZipInfo]
    names: Sequence[str]
    lock: Any = field(default_factory=threading.Lock)

    def read(self, name: str) -> bytes:
        """Returns the bytes of a file.

        Raises:
            InputError: they are damaged.
        """
        try:
            with self.lock:  # two threads would move the place in the file for each other
                return self.opened.read(self.entries[name])
        except Exception as error:  # zipfile raises exceptions of many kinds
            reason = str(error) or type(error).__name__
            raise InputError(
                f"Cannot read {self.path}/{name}: {reason}. Make the archive again."
            ) from error


@dataclass(frozen=True)
class ZipFolder:
    """A folder in an archive, see `experiments.data.folders.Folder`; `inner` ends with a slash."""

    archive: Archive
    inner: str = ""
    classes: Labels | None = None

    def __str__(self):
        return f"{self.archive.path}/{self.inner}".rstrip("/")

    def __truediv__(self, name: str) -> "ZipFolder":
        below = self.classes and self.classes.below(name)
        return ZipFolder(self.archive, f"{self.inner}{name}/", below)

    def is_dir(self) -> bool:
        return not self.inner or bool(self._names())

    def folders(self) -> list[str]:
        rests = (name[len(self.inner) :].partition("/") for name in self._names())
        return sorted({first for first, slash, _ in rests if slash})

    def find(self) -> list[PurePath]:
        return [PurePosixPath(name[len(self.inner) :]) for name in self._names()]

    def passed_over(self) -> str:
        inside = [entry for entry in self.archive.entries if entry.startswith(self.inner)]
        names = [PurePosixPath(entry[len(self.inner) :]) for entry in inside]
        seen = [n for n in names if not _hidden(n) and not self._entry(n).is_dir()]
        return pictures.said_passed_over(str(self), seen, self._beginning)

    def read(self, name: PurePath, channels: int, find_ranges: FindRanges) -> np.ndarray:
        return pictures.decode(self._bytes(name), self._title(name), channels, find_ranges)

    def values(self, name: PurePath) -> Values | None:
        return pictures.deep_values(self._bytes(name), self._title(name))

    def shape(self, name: PurePath) -> tuple[int, int]:
        return pictures.decode_shape(self._bytes(name), self._title(name))

    def raw(self, name: PurePath) -> bytes:
        try:
            return self._bytes(name)
        except InputError:  # reported when it is read as a picture
            return b""

    def state(self, names: Sequence[PurePath]) -> str:
        """Returns text with the place, and the size and the times of the archive."""
        place = f"{self.archive.path.resolve()}/{self.inner}"
        try:
            stat = self.archive.path.stat()
        except OSError:  # moved since it was opened, and still readable
            return place
        return f"{place}\0{stat.st_size} {stat.st_mtime_ns} {stat.st_ctime_ns}"

    def labels(self, names: Sequence[PurePath]) -> tuple[list[int], tuple[str, ...]] | None:
        return self.classes and self.classes.of(names)

    def _names(self):
        """Returns the names of the pictures below this folder, from the archive's top."""
        names = self.archive.names
        return names[bisect_left(names, self.inner) : bisect_left(names, self.inner + LAST)]

    def _entry(self, name):
        return self.archive.entries[self.inner + name.as_posix()]

    def _beginning(self, name):
        try:
            with self.archive.lock, self.archive.opened.open(self._entry(name)) as file:
                return file.read(16)
        except Exception:  # see `Archive.read`
            return b""

    def _bytes(self, name):
        return self.archive.read(self.inner + name.as_posix())

    def _title(self, name):
        return f"the picture {self.archive.path}/{self.inner}{name.as_posix()}"


def open_archive(name: str, report: Callable[[str], None]) -> ZipFolder:
    """Opens "zip:PATH". A folder that holds everything else in the archive is entered.

    Args:
        name: the name given to `--dataset`.
        report: called with a line about labels, see `experiments.data.tool_labels`.

    Raises:
        InputError: the file is missing or no zip archive, has entries that are encrypted, too large
            or lie outside, or its `dataset.json` does not fit.
    """
    path = user_path(name.removeprefix("zip:"))
    if not path.is_file():
        advice = "A folder is folder:PATH." if path.is_dir() else "Give an existing zip archive."
        raise InputError(f"--dataset={name}: no file '{path}' ({path.absolute()}). {advice}")
    opened, entries = _open(name, path)
    names = sorted(filter(_is_picture, entries))
    archive = Archive(path, opened, entries, names)
    root = ZipFolder(archive, _inner(archive))
    if root.inner + LABELS not in entries:
        return root
    classes = tool_labels.read(name, archive.read(root.inner + LABELS), root.find(), report)
    return replace(root, classes=classes)


def _open(name, path):
    """Returns the open archive, and its entries by name."""
    try:
        opened = zipfile.ZipFile(path)
    except Exception as error:  # see `Archive.read`
        raise InputError(
            f"--dataset={name}: cannot be read as a zip archive ({error or type(error).__name__}). "
            "Truncated or damaged? Copy or make it again."
        ) from error
    entries = {}
    for entry in opened.infolist():
        entries[PurePosixPath(_checked(name, entry)).as_posix()] = entry
    return opened, entries


def _checked(name, entry):
    """Returns the name of an entry with slashes; refuses an entry that no honest archive has."""
    inner = entry.filename.replace("\\", "/")
    wrong = None
    if inner.startswith("/") or re.match("[A-Za-z]:", inner) or ".." in inner.split("/"):
        wrong = "names a file outside the archive"
    elif entry.flag_bits & 1:
        wrong = "is encrypted"
    elif entry.file_size > MAX_BYTES:
        wrong = f"takes {entry.file_size:,} bytes unpacked, more than {MAX_BYTES >> 20} MiB"
    if wrong:
        raise InputError(
            f"--dataset={name}: its entry '{entry.filename}' {wrong}. Make the archive again, with "
            "pictures alone."
        )
    return inner


def _is_picture(name):
    """Returns whether a name counts, as in `pictures.find`."""
    path = PurePosixPath(name)
    return path.suffix.lower() in pictures.EXTENSIONS and not _hidden(path)


def _hidden(path):
    return any(map(is_junk, path.parts))


def _inner(archive):
    """Returns the one folder that holds all pictures, with a slash; "" if it is part of a layout.

    An archive of a folder often has the folder itself in it.
    """
    tops = {name.partition("/")[0] for name in archive.names}
    top = next(iter(tops), "")
    alone = len(tops) == 1 and top not in archive.entries and LABELS not in archive.entries
    return f"{top}/" if alone and not layout.part(top) else ""
