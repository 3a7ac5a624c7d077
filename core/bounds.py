"""How large a setting may be: said beside it by its type, and checked in one place.

    ngf: Channels = 64

What is larger is a slip of the finger: it would take all memory, or build without end. A bound
alone does not promise that a network fits; `core.memory` and `core.weight_limit` count what it
takes.
"""

import dataclasses
import typing
from dataclasses import dataclass
from typing import Annotated, Any

from core.picture_size import Size


@dataclass(frozen=True)
class AtMost:
    """The largest value of a setting, of each of its numbers where it has several."""

    most: float


Channels = Annotated[int, AtMost(4096)]  # features of a layer, numbers in a z or w
ManyChannels = Annotated[tuple[int, ...], AtMost(4096)]
Layers = Annotated[int, AtMost(256)]  # how many are built, one after another
ManyLayers = Annotated[tuple[int, ...], AtMost(256)]
Levels = Annotated[int, AtMost(12)]  # halvings and doublings of a size or of channels
Side = Annotated[int, AtMost(2**15)]  # pixels
PictureSize = Annotated[Size, AtMost(2**15)]
Sides = Annotated[tuple[int, ...], AtMost(2**15)]
Positions = Annotated[int, AtMost(64)]  # height and width of a patch of features
Blur = Annotated[float, AtMost(1000.0)]  # standard deviation, pixels
Classes = Annotated[int, AtMost(100_000)]
Batch = Annotated[int, AtMost(2**16)]  # pictures that are in memory together
Kept = Annotated[int, AtMost(100_000)]
Threads = Annotated[int, AtMost(1024)]
Count = Annotated[int, AtMost(2**31 - 1)]  # images, steps and intervals, which take no memory
Epochs = Annotated[float, AtMost(1e9)]
Counts = Annotated[tuple[int, ...], AtMost(2**31 - 1)]


def check_bounds(config: Any, prefix: str = "") -> None:
    """Raises ValueError for a field of a dataclass, or of one in it, that is above its bound."""
    for name, most in _bounds(type(config)).items():
        value = getattr(config, name)
        if dataclasses.is_dataclass(value):
            check_bounds(value, f"{prefix}{name}.")
        elif most is not None:
            numbers = value if isinstance(value, tuple) else (value,)
            if any(number > most for number in numbers):
                raise ValueError(f"{prefix}{name}={value}: expected {most:,} or less")


def _bounds(kind: Any) -> dict[str, float | None]:
    """The bound of each field of a dataclass, None where it has none."""
    hints = typing.get_type_hints(kind, include_extras=True)
    marks = {f.name: getattr(hints[f.name], "__metadata__", ()) for f in dataclasses.fields(kind)}
    return {
        name: next((mark.most for mark in found if isinstance(mark, AtMost)), None)
        for name, found in marks.items()
    }
