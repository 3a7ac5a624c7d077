"""Numbers that a person wrote, or that a program gave in one of many types."""

import math
import numbers
from typing import Any

from core.errors import InputError

DIGITS = 18  # of a number as text at most: it fits into 64 bits


def whole_number(text: str) -> int | None:
    """The whole number from 0 up that a text is, or None where it is none or absurdly large."""
    return int(text) if text.isdecimal() and len(text) <= DIGITS else None


def as_whole(name: str, value: Any) -> int:
    """A whole number of any type, such as NumPy's, as int.

    Raises:
        InputError: it is something else; says `name`.
    """
    if isinstance(value, numbers.Integral) and not isinstance(value, bool):
        return int(value)
    raise InputError(f"{name}={value!r}: expected a whole number.")


def as_number(name: str, value: Any) -> float:
    """A finite number of any type, such as NumPy's, as float.

    Raises:
        InputError: it is something else; says `name`.
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    if real and math.isfinite(value):
        return float(value)
    raise InputError(f"{name}={value!r}: expected a number.")
