"""Paths that a person gave: checked before anything is read or written there."""

import os
from pathlib import Path

from core.errors import InputError

LONGEST_NAME, LONGEST_PATH = 255, 4095  # bytes, of Linux; other systems are near


def user_path(given: str | os.PathLike, flag: str = "", *, written: bool = False) -> Path:
    """The path that a person gave, with `~` and `~user` filled in.

    Args:
        given: the text.
        flag: the flag or setting that it is the value of, such as "--output", for the message.
        written: whether it is a place for results, whose name has to be UTF-8.

    Raises:
        InputError: there is no such user, a name is too long or is no text, or the system does not
            let this process look there. A path where nothing is yet can be used.
    """
    shown = f"{flag}={given}" if flag else f"'{given}'"
    if "\0" in str(given):
        raise InputError(f"{shown}: holds a zero byte, which no path can have.")
    try:
        path = _expanded(Path(given), shown)
    except TypeError as error:
        raise InputError(f"{shown}: expected the path of a file or folder.") from error
    _check_length(path, shown)
    if written and os.fsencode(path).decode("utf-8", "replace") != str(path):
        raise InputError(f"{shown}: this name is not UTF-8. Give another one.")
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass  # it may be made, or its reader says what is missing
    except OSError as error:
        raise InputError(f"{shown}: {error.strerror}. Give another path.") from error
    return path


def _expanded(path, shown):
    if os.path.lexists(path):  # a name may begin with ~
        return path
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise InputError(
            f"{shown}: there is no user {path.parts[0][1:]} here. Give the whole path."
        ) from error


def _check_length(path, shown):
    if long := [part for part in path.parts if len(os.fsencode(part)) > LONGEST_NAME]:
        size = len(os.fsencode(long[0]))
        raise InputError(f"{shown}: a name of {size} bytes, expected {LONGEST_NAME} or fewer.")
    if (size := len(os.fsencode(path))) > LONGEST_PATH:
        raise InputError(f"{shown}: a path of {size} bytes, expected {LONGEST_PATH} or fewer.")


def keras_folder() -> Path:
    """Keras' folder of settings and downloads, as keras/src/backend/config.py finds it."""
    if given := os.environ.get("KERAS_HOME"):
        return Path(given)
    home = os.path.expanduser("~")
    return Path(home if os.access(home, os.W_OK) else "/tmp", ".keras")  # noqa: S108
