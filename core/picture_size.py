"""Sizes of pictures: one number for squares, or the pair (height, width).

As text a pair is "256x512": 256 pixels high and 512 wide, the order of an array's axes.
"""

from collections.abc import Sequence
from typing import Any

Size = int | tuple[int, int]


def sides(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width in pixels."""
    height, width = (size, size) if isinstance(size, int) else size
    return int(height), int(width)


def parse(value: Any) -> Size:
    """The size that is given as text ("256", "256x512"), as a number or as a pair.

    A pair of equal sides becomes one number.

    Raises:
        ValueError: it is none of these.
    """
    parts = value.lower().split("x") if isinstance(value, str) else value
    parts = [parts] if isinstance(parts, int) else parts
    if not isinstance(parts, (list, tuple)) or not 1 <= len(parts) <= 2:
        raise ValueError
    if not all(isinstance(part, (int, str)) and not isinstance(part, bool) for part in parts):
        raise ValueError
    height, width = int(parts[0]), int(parts[-1])
    return height if height == width else (height, width)


def as_text(size: int | Sequence[int]) -> str:
    """The size as `parse` reads it: "256", or "256x512" (height x width)."""
    height, width = sides(size)
    return f"{height}" if height == width else f"{height}x{width}"


def in_words(size: int | Sequence[int]) -> str:
    """The size for a sentence: "256 pixels", or "256 pixels high and 512 wide"."""
    height, width = sides(size)
    return f"{height} pixels" if height == width else f"{height} pixels high and {width} wide"
