"""Pictures that a program gives: files, arrays of several types, pictures of Pillow.

What has one meaning is taken; the rest is refused, as a guess would be a wrong picture in silence.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from PIL import Image

from core.errors import InputError
from core.paths import user_path
from experiments.data import pictures
from experiments.data.ranges import FindRanges
from experiments.data.styles import EMBEDDED, read, read_mask

PILLOW = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # modes of 8 bits without further meanings
ROUNDING = 1e-6  # by which floats may leave [0, 1]


def picture(
    given: Any, name: str, channels: int = 3, find_ranges: FindRanges | None = None
) -> np.ndarray:
    """A picture as uint8 `[H, W, channels]`.

    Args:
        given: a file or "photos:NAME"; a picture of Pillow with 8 bits; or an array `[H, W]` or
            `[H, W, C]` with 1 (grey), 3 (RGB) or 4 (RGB and opacity) channels: whole numbers of any
            type from 0 to 255, or floats from 0 to 1. What is see-through shows white where there
            is no opacity.
        name: what it is, such as "content", for messages.
        channels: of the result: 1, 3 or 4.
        find_ranges: of a file, see `experiments.data.pictures.read`.

    Raises:
        InputError: it is something else; the message says what came.
    """
    if isinstance(given, (str, os.PathLike)):
        return _file(str(given), channels, find_ranges)
    array = _pillow(given, name) if isinstance(given, Image.Image) else _array(given, name)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] not in pictures.CHANNELS or not array.size:
        raise InputError(
            f"{name}: an array of shape {list(np.shape(given))}, expected [height, width, channels]"
            " with 1, 3 or 4 channels."
        )
    return pictures.in_channels(levels(array, name), channels)


def _file(name, channels, find_ranges):
    if name.startswith(EMBEDDED):
        return pictures.in_channels(read(name), channels)
    return pictures.read(user_path(name), channels, find_ranges)


def _array(given, name):
    try:
        array = np.asarray(given)
    except (TypeError, ValueError) as error:  # rows of several lengths, tensors of no values
        raise InputError(f"{name}: cannot be read as an array ({error}).") from error
    if array.dtype.kind not in "uif":
        raise InputError(
            f"{name}: {type(given).__name__} of type {array.dtype} came, expected a file, or an "
            "array with whole numbers from 0 to 255 or floats from 0 to 1."
        )
    return array


def _pillow(image, name):
    if image.mode not in PILLOW:
        raise InputError(
            f"{name}: a picture of mode {image.mode}, expected one of {', '.join(PILLOW)}. "
            "Convert it, such as by .convert('RGB')."
        )
    clear = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    return np.asarray(image.convert("RGBA" if clear else "RGB"))


def levels(array: np.ndarray, name: str) -> np.ndarray:
    """The values of a picture as uint8: whole numbers from 0 to 255, or floats from 0 to 1.

    Raises:
        InputError: some are outside, or no numbers.
    """
    if array.dtype == np.uint8:
        return array
    low, high = array.min(), array.max()
    if array.dtype.kind == "f" and low >= -ROUNDING and high <= 1 + ROUNDING:  # false for NaN
        return np.uint8(np.rint(255 * np.clip(array, 0, 1)))
    if array.dtype.kind != "f" and low >= 0 and high <= 255:
        return array.astype(np.uint8)
    expected = "0 to 1 (divide by 255?)" if array.dtype.kind == "f" else "0 to 255"
    raise InputError(f"{name}: {array.dtype} from {low:g} to {high:g}, expected {expected}.")


def pictures_of(given: Any, name: str) -> list:
    """The pictures of a list as they are; a single one as a list of one.

    Raises:
        InputError: it is neither.
    """
    single = isinstance(given, (str, os.PathLike, Image.Image))
    if single or (hasattr(given, "shape") and len(given.shape) < 4):
        return [given]
    if isinstance(given, Iterable):
        return list(given)
    raise InputError(f"{name}={given!r}: expected a list of pictures.")


def frames_of(given: Any) -> Iterator[np.ndarray]:
    """Yields the frames of a clip as `picture` gives them.

    Raises:
        InputError: it has none, or one is no picture.
    """
    single = isinstance(given, (str, os.PathLike, Image.Image))
    if single or not isinstance(given, Iterable) or len(getattr(given, "shape", [0] * 4)) != 4:
        raise InputError("frames: expected one picture after another, [height, width, 3] each.")
    for number, frame in enumerate(given, 1):
        yield picture(frame, f"frame {number}")


def mask(given: Any, name: str, shape: tuple[int, int]) -> np.ndarray:
    """A mask `[H, W]` in [0, 1].

    Args:
        given: a file, which is resized; or an array of this shape: floats from 0 to 1, truth
            values, or whole numbers from 0 to 255.
        name: such as "mask 1", for messages.
        shape: the height and width of the content.

    Raises:
        InputError: it is something else, or has another size.
    """
    if isinstance(given, (str, os.PathLike)):
        return read_mask(given, shape)
    array = np.asarray(given)
    array = array.astype(float) if array.dtype == bool else _array(given, name)
    array = array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array
    if array.shape != shape:
        raise InputError(
            f"{name}: of shape {list(array.shape)}, expected the content's height and width, "
            f"{list(shape)}."
        )
    if array.dtype.kind == "f":
        if not (array.min() >= 0 and array.max() <= 1):  # true for NaN
            raise InputError(f"{name}: {array.min():g} to {array.max():g}, expected 0 to 1.")
        return array
    if array.max() == 1:
        raise InputError(f"{name}: whole numbers 0 and 1, where white is 255. Give floats or bool.")
    return levels(array, name) / np.float32(255)
