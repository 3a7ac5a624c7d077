"""Checks the features, pictures and counts that the statistics are given."""

import numbers
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from core.errors import InputError
from experiments.metrics.polling import poll

ROWS = 1000  # rows that are checked at a time
LARGEST = float(np.finfo(np.float32).max)  # with larger ones the statistics overflow
_FEATURES = "[N, D] of real numbers"
_PICTURES = "uint8 [N, H, W, 3], one picture or more"


def blocks(rows: np.ndarray, size: int, dtype: DTypeLike = np.float64) -> Iterator[np.ndarray]:
    """Yields `size` rows at a time as `dtype`, so that memory holds only these of a file."""
    for start in range(0, len(rows), size):
        poll()
        yield np.asarray(rows[start : start + size], dtype)


def check_features(features: ArrayLike, name: str, least: int) -> np.ndarray:
    """Returns the features `[N, D]` unchanged, after checking them.

    They may be in a file: memory holds one block of rows at a time.

    Args:
        features: the features.
        name: what to call them in messages.
        least: the lowest N that is allowed.

    Raises:
        InputError: they have another form, there are fewer than `least`, or they hold NaN, infinity
            or numbers beyond `LARGEST`.
    """
    features = _array(features, name, _FEATURES)
    if features.ndim != 2 or not features.shape[1] or features.dtype.kind not in "biuf":
        raise _refused(features, name, _FEATURES)
    if len(features) < least:
        raise InputError(f"{name}: got {len(features)} images, this needs {least} or more.")
    if not all(np.abs(block).max() <= LARGEST for block in blocks(features, ROWS)):
        raise InputError(
            f"{name}: has NaN, infinity or numbers beyond {LARGEST:.1e}, expected finite features."
        )
    return features


def check_pictures(images: ArrayLike, name: str) -> np.ndarray:
    """Returns the pictures, uint8 `[N, H, W, 3]`, after checking their form and type.

    Raises:
        InputError: they have another form or type, or there are none.
    """
    images = _array(images, name, _PICTURES)
    right = images.dtype == np.uint8 and images.ndim == 4 and images.shape[3] == 3
    if not right or not images.size:
        raise _refused(images, name, _PICTURES)
    return images


def check_whole(least: int, **counts: int) -> None:
    """Refuses counts that are not whole numbers in range.

    Args:
        least: the lowest that is allowed.
        counts: the numbers by name.

    Raises:
        InputError: one of them is not a whole number from `least` to 2^32 - 1.
    """
    for name, value in counts.items():
        if not isinstance(value, numbers.Integral) or not least <= value < 2**32:
            raise InputError(
                f"{name}={value}: expected a whole number, {least} or more (below 2^32)."
            )


def _array(values, name, expected) -> np.ndarray:
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InputError(f"{name}: got rows of several lengths, expected {expected}.") from error


def _refused(array, name, expected):
    return InputError(
        f"{name}: got an array of shape {array.shape} and type {array.dtype}, expected {expected}."
    )
