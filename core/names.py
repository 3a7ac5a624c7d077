"""Names in messages and on disk: the nearest valid one, one line of any text, and plain names."""

import difflib
import hashlib
import os
import unicodedata
from collections.abc import Iterable

LONGEST = 255  # bytes of a file's name, on all usual file systems


def closest(name: str, choices: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Returns the choice that is spelled most like `name`, or None where none is near.

    Args:
        cutoff: least similarity, from 0 (any will do) to 1 (the same).
    """
    return next(iter(difflib.get_close_matches(name, list(choices), 1, cutoff)), None)


def hint(name: str, choices: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the nearest of `choices`, or "" where none is near."""
    near = closest(name, choices)
    return f" Did you mean '{near}'?" if near else ""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Returns "Did you mean 'x'?" for the nearest of `choices`, or all of them where none is."""
    choices = list(choices)
    return hint(name, choices).strip() or f"Known: {', '.join(choices)}."


def short(text: object, most: int = 60) -> str:
    """Returns text of a file, or of an error about it, as one line of at most `most` characters.

    What does not print, such as a line end, becomes a space; what is cut off becomes "…".
    """
    line = "".join(c if c.isprintable() else " " for c in str(text)[: most + 1])
    return line if len(line) <= most else line[: most - 1] + "…"


def reason(error: BaseException) -> str:
    """Returns an error that a library raised, as part of a message: its kind, and what it says."""
    return short(f"{type(error).__name__}: {error}", 200)


def shown(name: str | os.PathLike) -> str:
    """Returns a name as text of one line that can be written anywhere as UTF-8.

    A byte that is not UTF-8 becomes `\\xbb`, a line end `\\n`, another control character `\\x1b`.
    Names without these stay as they are.
    """
    return "".join(map(_shown, os.fspath(name)))


def short_name(name: str, suffix: str = "") -> str:
    """Returns `name + suffix`, or where that is longer than `LONGEST` bytes a shorter one.

    A digest of the name is in the shorter one, so that two names do not become one.
    """
    room = LONGEST - len(suffix.encode())
    if _length(name) > room:
        mark = "-" + _digest(name)
        while _length(name) > room - len(mark):
            name = name[:-1]
        name += mark
    return name + suffix


def plain_name(name: str) -> str:
    """Returns a name for a file that every program takes: of UTF-8, short, without line ends.

    Other names stay as they are; a digest of the name is in one that changed.
    """
    if any(map(_is_odd, name)):
        name = "".join("-" if _is_odd(c) else c for c in name) + "-" + _digest(name)
    return short_name(name)


def _is_odd(character):
    """Returns whether a character is a surrogate, a control character or a separator of lines.

    Surrogates stand for the bytes of names that are not UTF-8.
    """
    return unicodedata.category(character) in ("Cs", "Cc", "Zl", "Zp")


def _shown(character):
    if not _is_odd(character):
        return character
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()


def _length(name):
    """Returns the bytes of a name on disk; a surrogate stands for one that is not UTF-8."""
    return sum(1 if _is_odd(c) else len(c.encode()) for c in name)


def _digest(name):
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
