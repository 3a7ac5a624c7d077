"""The secret key of the site, which signs its CSRF tokens: made once, kept outside the code."""

import os
import secrets
from pathlib import Path

from filelock import FileLock

from core.errors import InputError


def folder(path: Path) -> Path:
    """Returns a folder that only this user can enter, after making it.

    Raises:
        InputError: it cannot be made or written to.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--state={path}: {error}. Give a folder that can be written.") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise InputError(f"--state={path}: not writable. Give a folder that can be written.")
    return path


def key(state: Path) -> str:
    """Returns the key in the folder `state`; the first call makes it."""
    path = folder(state) / "secret_key"
    with FileLock(path.with_suffix(".lock")):
        if not path.exists() or not path.read_text(encoding="utf-8").strip():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(secrets.token_urlsafe(50))
        return path.read_text(encoding="utf-8").strip()
