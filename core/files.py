"""Writing files whole or not at all, and reading records of one JSON object a line."""

import hashlib
import json
import os
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from core.errors import InputError


def write_whole(
    path: str | Path, write: Callable[[IO[bytes]], object], *, durable: bool = True
) -> None:
    """Writes a file under another name and renames it, so that `path` is never half a file.

    Args:
        path: of the file, in a folder that exists; a file that is there is replaced.
        write: gets the open file, in which it may seek.
        durable: wait until the file is on the disk, so that a power cut cannot damage it either.

    Raises:
        OSError: the file cannot be written; what was at `path` before is untouched.
    """
    path = Path(path)
    temporary = path.with_name(f".{uuid.uuid4().hex}.tmp")
    try:
        with open(temporary, "wb") as file:
            write(file)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink()
    if durable:
        _sync_folder(path.parent)


def write_text_whole(path: str | Path, text: str) -> None:
    """Writes text as UTF-8 with `write_whole`, which says what it raises."""
    write_whole(path, lambda file: file.write(text.encode()))


def write_json_whole(path: str | Path, content: Any) -> None:
    """Writes JSON that people can read with `write_whole`, which says what it raises."""
    write_text_whole(path, json.dumps(content, indent=2) + "\n")


def _sync_folder(path: Path) -> None:
    """Makes a rename survive a power cut, where the system can open folders (not on Windows)."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(path, os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read_json_lines(
    path: str | Path,
    *,
    check: Callable[[Any], object] = lambda value: None,
    torn_end: bool = False,
    skip_damaged: bool = False,
) -> list[Any]:
    """The values of a file with one JSON value a line.

    Args:
        check: raises KeyError, TypeError or ValueError for a value that is none of this record.
        torn_end: leave out a damaged last line without a line end, which a process that was killed
            leaves behind.
        skip_damaged: leave out all damaged lines.

    Raises:
        InputError: a damaged line; names the file and the line.
        OSError: the file cannot be read.
    """
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = list(file)
    values = []
    for number, line in enumerate(lines, 1):
        try:
            value = json.loads(line)
            check(value)
        except (KeyError, TypeError, ValueError) as error:
            if skip_damaged or (torn_end and not line.endswith("\n")):
                continue
            raise InputError(
                f"{path}, line {number}: not a line of a record ({error!r}). Remove it."
            ) from error
        values.append(value)
    return values


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as opened:
        while block := opened.read(2**20):
            digest.update(block)
    return digest.hexdigest()
