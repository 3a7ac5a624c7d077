"""Grey pictures with more than 8 bits: which of their values are black and white.

16-bit files use 0 to 65535 unless it is said otherwise. Whole numbers of 32 bits and floats have no
such convention, and their range is guessed: by all pictures of a data set, so that neighbours are
read alike, and with tolerance, so that one odd pixel changes nothing.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from core.errors import InputError

Range = tuple[float, float]  # the values of black and white
SIXTEEN, BYTES, UNIT, SIGNED = (0.0, 65535.0), (0.0, 255.0), (0.0, 1.0), (-1.0, 1.0)
KINDS = {"sixteen": "16-bit", "whole": "32-bit", "float": "float"}  # of values: name for messages
ODD = 0.01  # share of a data set's pixels that may lie outside of a guessed range
NARROW = 0.3  # share of the range below which pictures are said to use a part of it alone
LOOKED_AT = 200  # files of a data set that the guess looks at, evenly spaced by name,
LIKELY = (".tif", ".tiff", ".pfm")  # and as many of these, which alone may need one
SAMPLE = 2**14  # pixels of a file that the guess looks at, evenly spaced
BLOCK = 2**22  # pixels that are converted at once, in float64


class Values(NamedTuple):
    """What a file with more than 8 bits holds: the kind, extremes, and some of its values."""

    kind: str
    low: float
    high: float
    sample: np.ndarray


Ranges = Mapping[str, Range]  # by kind of values
FindRanges = Callable[[], Ranges]
USUAL = (SIXTEEN, BYTES, UNIT)  # read alike since there are runs


def kind_of(image: Image.Image) -> str | None:
    """Returns the kind of an image's values, a key of `KINDS`; None for 8 bits a channel."""
    if image.mode[0] == "F":
        return "float"
    if image.mode[0] != "I":
        return None
    whole = image.mode == "I" and image.format not in ("PNG", "PPM")  # these have 16 bits at most
    return "whole" if whole else "sixteen"


def values_of(values: np.ndarray, kind: str) -> Values | None:
    """Returns what the guess needs of a picture's values `[H, W]`; None if none is finite."""
    low, high, flat = values.min(), values.max(), values.reshape(-1)
    if not (np.isfinite(low) and np.isfinite(high)):
        flat = flat[np.isfinite(flat)]
        if not flat.size:
            return None
        low, high = flat.min(), flat.max()
    sample = flat[:: -(-flat.size // SAMPLE)].astype(np.float32)
    return Values(kind, float(low), float(high), sample)


def guess(found: Sequence[Values]) -> dict[str, Range]:
    """Returns the range of each kind of values, from what some pictures hold of them.

    Whole numbers are in [0, 255] or [0, 65535] if they lie there. Floats are in [0, 1], [-1, 1] or
    [0, 255] if all but one in a hundred lie there or a quarter of the width beside. Other values
    are taken from the lowest to the highest, without the outermost ones if these lie far off.
    """
    ranges = {"sixteen": SIXTEEN}
    for kind, choose in (("whole", _whole), ("float", _float)):
        own = [values for values in found if values.kind == kind]
        if own:
            low, high = min(v.low for v in own), max(v.high for v in own)
            ranges[kind] = choose(low, high, np.concatenate([v.sample for v in own]))
    return ranges


def given(limits: Sequence[float]) -> dict[str, Range]:
    """Returns the same range, (value of black, value of white), for every kind of values.

    Without limits there are no ranges: they are guessed.
    """
    return dict.fromkeys(KINDS, (float(limits[0]), float(limits[1]))) if limits else {}


def check(limits: Sequence[float]) -> None:
    """Raises ValueError for what is no range: two finite numbers, and no numbers for a guess."""
    if limits and (len(limits) != 2 or not limits[0] < limits[1] or np.isinf(limits).any()):
        raise ValueError(
            f"range={','.join(f'{x:g}' for x in limits)}: expected the values of black and white, "
            "the lower one first, such as 0,4095; or nothing, to have it guessed"
        )


def levels(values: np.ndarray, limits: Range) -> np.ndarray:
    """Returns values of any shape as uint8: 0 for black and below, 255 for white and above.

    NaN is black.

    Args:
        values: integers or floats.
        limits: the values of black and white.
    """
    if values.dtype.kind == "u" and values.dtype.itemsize == 2:
        return _levels(np.arange(2**16), limits)[values]
    flat = values.reshape(-1)
    made = np.empty(flat.size, np.uint8)
    for start in range(0, flat.size, BLOCK):
        made[start : start + BLOCK] = _levels(flat[start : start + BLOCK], limits)
    return made.reshape(values.shape)


def _levels(values, limits):
    low, high = limits
    scaled = (values.astype(np.float64) - low) * (255 / (high - low))
    return np.rint(np.clip(np.nan_to_num(scaled, nan=0, posinf=255, neginf=0), 0, 255)).astype(
        np.uint8
    )


def _whole(low, high, sample):
    if BYTES[0] <= low and high <= BYTES[1]:
        return BYTES
    outside = (sample < SIXTEEN[0]) | (sample > SIXTEEN[1])
    return SIXTEEN if outside.mean() <= ODD else _span(low, high, sample)


def _float(low, high, sample):
    if _is_unit(sample):
        return UNIT
    for limits in (SIGNED, BYTES):
        if _outside(sample, limits).mean() <= ODD:
            return limits
    return _span(low, high, sample)


def _outside(sample, limits):
    """Returns which values lie outside of a range and of a quarter of its width beside it."""
    margin = (limits[1] - limits[0]) / 4
    return (sample < limits[0] - margin) | (sample > limits[1] + margin)


def _is_unit(sample):
    """Returns whether values are in [0, 1]; a few marks on black in [0, 255] are not."""
    odd = np.count_nonzero(_outside(sample, UNIT))
    within = np.count_nonzero((sample > 0.02) & (sample < 0.98))
    return odd == 0 or odd <= ODD * sample.size and odd < within


def _span(low, high, sample):
    """Returns lowest and highest value, without the outermost 1 % if they take half of it."""
    inner = np.percentile(sample, [50 * ODD, 100 - 50 * ODD])
    if 0 < inner[1] - inner[0] < (high - low) / 2:
        low, high = map(float, inner)
    return low, high if high > low else low + 1


class SetRanges:
    """The ranges of all pictures of a data set or a folder, found when one of them is needed.

    Sets of 8-bit pictures are never looked through. A call returns the ranges by kind; several
    threads may call.
    """

    def __init__(
        self,
        title: str,
        names: Callable[[], Sequence[Any]],
        look: Callable[[Any], Values | str | None],
        report: Callable[[str], None],
        known: Ranges | None = None,
    ):
        """Args:
        title: names the set in messages.
        names: a function that returns the names of all pictures, sorted.
        look: a function from a name to what the file holds; None for 8 bits a channel. It raises
            InputError for a damaged file.
        report: called with a line that says what was guessed.
        known: ranges that are not guessed.
        """
        self.title, self.names, self.look, self.report = title, names, look, report
        self.known, self._lock = known or {}, threading.Lock()
        self._ranges: Ranges | None = None if KINDS.keys() - self.known.keys() else self.known

    def __call__(self) -> Ranges:
        with self._lock:
            if self._ranges is None:
                found = self._look_through()
                self._ranges = {**guess([values for _, values in found]), **self.known}
                self._say(found)
            return self._ranges

    def found(self) -> Ranges:
        """Returns the ranges if they were needed, and no range otherwise."""
        return self._ranges or {}

    def identity(self) -> str:
        """Returns text that tells ranges apart; empty for ranges that files usually have."""
        unusual = sorted((k, r) for k, r in self().items() if r not in USUAL)
        return "".join(f"\0{kind} {low:g} {high:g}" for kind, (low, high) in unusual)

    def _look_through(self):
        """Returns (name, values) of files with more than 8 bits."""
        names = self.names()
        likely = [name for name in names if str(name).lower().endswith(LIKELY)]
        found = []
        for name in dict.fromkeys([*_spread(names), *_spread(likely)]):
            try:
                values: Any = self.look(name)
            except InputError:
                continue  # it is reported when it is read
            if values is not None:
                found.append((name, values))
        return found

    def _say(self, found):
        for kind, title in KINDS.items():
            own = [(name, values) for name, values in found if values.kind == kind]
            if not own or kind in self.known:
                continue
            low, high = (self._ranges or {})[kind]
            if kind != "sixteen":
                self.report(
                    f"{self.title}: {title} pictures: values from {low:g} to {high:g} become black "
                    f"to white, guessed from {len(own)}. --set data.range=LOW,HIGH says another "
                    "range."
                )
            self._say_narrow(own, title, high - low)

    def _say_narrow(self, own, title, width):
        narrow = [(n, v) for n, v in own if 0 < v.high - v.low < NARROW * width]
        if narrow:
            low, high = min(v.low for _, v in narrow), max(v.high for _, v in narrow)
            share = max(v.high - v.low for _, v in narrow) / width
            self.report(
                f"{self.title}: {len(narrow)} of {len(own)} {title} pictures, such as "
                f"{narrow[0][0]}, use {share:.1%} of their range, {low:g} to {high:g}, and have "
                f"little contrast. --set data.range={_nice(low, high)} would use all of it."
            )


def _spread(names):
    """Returns about `LOOKED_AT` names, evenly spaced."""
    return names[:: max(1, len(names) // LOOKED_AT)]


def _nice(low, high):
    """Returns a range as text: up to the bits that whole numbers need, or the extremes."""
    if low >= 0 and high == int(high) and high > 1:
        return f"0,{2 ** int(high).bit_length() - 1}"
    return f"{low:g},{high:g}"
