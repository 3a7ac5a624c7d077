"""Writing files whole or not at all; opening regular files; reading JSON, whole or line by line."""

import hashlib
import json
import os
import stat
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from core.errors import InputError
from core.names import reason, short


def open_regular(path: str | Path, mode: str = "rb", **how: Any) -> Any:
    """Opens a file for reading as `open` does, if it is a regular file.

    A pipe would be waited for without end, and some devices never end. Links are followed.

    Args:
        path: of the file.
        mode, how: the other arguments of `open`.

    Raises:
        InputError: it is a pipe, a device or a socket.
        OSError: it cannot be opened.
    """
    return open(path, mode, opener=_open_regular, **how)  # noqa: SIM115 the caller closes it


def _open_regular(path, flags):
    _check_regular(path, os.stat(path))  # before it is opened: opening alone may do something
    opened = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # and it may have changed since
    try:
        _check_regular(path, os.fstat(opened))
    except BaseException:
        os.close(opened)
        raise
    return opened


def check_regular(path: str | Path) -> None:
    """Refuses what `open_regular` refuses, for a library that opens a file by its name.

    Raises:
        InputError: it is a pipe, a device or a socket.
        OSError: the system cannot look at it.
    """
    _check_regular(path, os.stat(path))


def _check_regular(path, status):
    if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
        kind = "a pipe" if stat.S_ISFIFO(status.st_mode) else "a device or a socket"
        raise InputError(f"{path}: {kind}, expected a regular file. Save its contents to a file.")


def read_regular(path: str | Path) -> bytes:
    """The contents of a file that `open_regular`, which says what it raises, opens."""
    with open_regular(path) as file:
        return file.read()


def append_text(path: str | Path, text: str) -> None:
    """Adds text, as UTF-8, to a regular file, which is made if it does not exist.

    Raises:
        InputError: it is a pipe, a device or a socket.
        OSError: it cannot be written.
    """
    with suppress(FileNotFoundError):
        check_regular(path)
    with open(path, "a", encoding="utf-8") as file:
        file.write(text)


def file_id(path: Path) -> tuple[int, int] | None:
    """Returns an id that all paths of one file share, whatever links or case they use.

    It is None for a file that does not exist.
    """
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


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
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
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


def parse_json(text: str | bytes) -> Any:
    """The value of JSON text, whose whole numbers have at most 64 bits.

    Raises:
        ValueError: it is not JSON in UTF-8, nested too deeply, or has a larger number.
    """
    try:
        return json.loads(text.decode() if isinstance(text, bytes) else text, parse_int=_integer)
    except RecursionError:
        raise ValueError("is nested too deeply") from None


def _integer(digits: str) -> int:
    if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
        raise ValueError(f"has the number {short(digits, 24)}, too large")
    return int(digits)


def read_json(path: str | Path) -> Any:
    """The content of a JSON file.

    Raises:
        InputError: the file cannot be read or is not JSON.
    """
    try:
        with open_regular(path) as file:
            return parse_json(file.read())
    except (OSError, ValueError) as error:
        raise InputError(f"'{path}' cannot be read ({reason(error)}), expected JSON.") from error


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
    with open_regular(path) as file:
        lines = list(file)
    values = []
    for number, line in enumerate(lines, 1):
        try:
            value = parse_json(line)
            check(value)
        except (KeyError, TypeError, ValueError) as error:
            if skip_damaged or (torn_end and not line.endswith(b"\n")):
                continue
            raise InputError(
                f"{path}, line {number}: not a line of a record ({reason(error)}). Remove it."
            ) from error
        values.append(value)
    return values


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file in hexadecimal."""
    digest = hashlib.sha256()
    with open_regular(path) as opened:
        while block := opened.read(2**20):
            digest.update(block)
    return digest.hexdigest()
