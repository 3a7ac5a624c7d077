"""What the statistics refuse, in one place: features, pictures and counts of other forms."""

import numbers
from collections.abc import Iterator

import numpy as np

from core.errors import InputError
from experiments.metrics.polling import poll

ROWS = 1000  # that are looked at together
LARGEST = float(np.finfo(np.float32).max)  # with larger ones the statistics overflow
_FEATURES = "[N, D] of real numbers"
_PICTURES = "uint8 [N, H, W, 3], one picture or more"


def blocks(rows: np.ndarray, size: int, dtype=np.float64) -> Iterator[np.ndarray]:
    """Some rows at a time, of another type: all that memory holds of features in a file."""
    for start in range(0, len(rows), size):
        poll()
        yield np.asarray(rows[start : start + size], dtype)


def check_features(features, name: str, least: int) -> np.ndarray:
    """Features `[N, D]` as they are, which may be in a file: memory holds a block.

    Args:
        name: for messages.
        least: the lowest N.

    Raises:
        InputError: another form, fewer than `least`, or NaN, infinity or numbers beyond `LARGEST`.
    """
    features = _array(features, name, _FEATURES)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "biuf":
        raise _refused(features, name, _FEATURES)
    if len(features) < least:
        raise InputError(f"{name}: got {len(features)} images, this needs {least} or more.")
    if not all(np.abs(block).max() <= LARGEST for block in blocks(features, ROWS)):
        raise InputError(f"{name}: has NaN, infinity or numbers beyond {LARGEST:.1e}, expected "
                         "finite features.")  # fmt: skip
    return features


def check_pictures(images, name: str) -> np.ndarray:
    """Pictures, uint8 `[N, H, W, 3]`.

    Raises:
        InputError: another form or type, or none.
    """
    images = _array(images, name, _PICTURES)
    right = images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] == 3
    if not right or not images.size:
        raise _refused(images, name, _PICTURES)
    return images


def check_whole(least: int, **counts) -> None:
    """Whole numbers by name.

    Raises:
        InputError: one of them is another number, or outside `least` to 2^32 - 1.
    """
    for name, value in counts.items():
        if not isinstance(value, numbers.Integral) or not least <= value < 2**32:
            raise InputError(f"{name}={value}: expected a whole number, {least} or more (below "
                             "2^32).")  # fmt: skip


def _array(values, name, expected):
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}: got rows of several lengths, expected {expected}.") from error


def _refused(array, name, expected):
    return InputError(f"{name}: got an array of shape {array.shape} and type {array.dtype}, "
                      f"expected {expected}.")  # fmt: skip
