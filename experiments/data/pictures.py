"""Reads, fits and writes pictures with Pillow; does not import Keras.

A *picture* is a uint8 array [H, W, C]: RGB where C is 3, grey where it is 1, RGB and opacity (RGBA)
where it is 4. *Images* are floats in [-1, 1], as networks take them.

Files are read in `experiments.data.picture_files` and contact sheets are made in
`experiments.data.sheets`; what others call of them is here, too.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from core.errors import InputError
from core.files import write_whole
from core.names import closest
from experiments.data.channels import CHANNELS, in_channels, to_array, to_image, to_rgb
from experiments.data.picture_files import (
    EXTENSIONS,
    FORMATS,
    MAX_PIXELS,
    decode,
    decode_shape,
    deep_values,
    find,
    passed_over,
    ranges_of,
    read,
    said_passed_over,
    shape,
)
from experiments.data.sheets import enlargement, sheet

__all__ = [
    "CHANNELS",
    "EXTENSIONS",
    "FORMATS",
    "MAX_ENLARGED",
    "MAX_PIXELS",
    "MODES",
    "check_over",
    "decode",
    "decode_shape",
    "deep_values",
    "enlargement",
    "find",
    "fit",
    "fit_over",
    "fit_side",
    "from_signed",
    "from_unit",
    "in_channels",
    "passed_over",
    "ranges_of",
    "read",
    "said_passed_over",
    "shape",
    "sheet",
    "to_rgb",
    "to_signed",
    "to_unit",
    "write_png",
]

MODES = ("stretch", "crop", "pad")
MAX_ENLARGED = 2**27  # pixels of a picture that keeps its aspect ratio and becomes larger
BICUBIC = Image.Resampling.BICUBIC


def fit(
    picture: np.ndarray, size: int | tuple[int, int], mode: str, resample: int = BICUBIC
) -> np.ndarray:
    """Returns a picture resized with antialiasing, uint8 `[height, width, C]`.

    Args:
        picture: uint8 `[H, W, C]`. (Colours count by their opacity, if they have one.)
        size: one length for both sides, or (height, width), pixels.
        mode: "stretch" changes the aspect ratio (CycleGAN's `resize_and_crop`). "crop" keeps it and
            cuts off what is too long. "pad" keeps it and fills up by reflection (the edge pixel is
            not repeated). Both are centred; if the padding is odd, there is more below or at the
            right.
        resample: a Pillow filter.

    Raises:
        InputError: the mode is unknown, the size is impossible or has more than `MAX_PIXELS`, or it
            is not a picture.
    """
    given: Any = size
    pair = (given, given) if np.ndim(given) == 0 else tuple(given)
    if len(pair) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in pair):
        raise InputError(f"A picture size is a positive integer or (height, width), got {size!r}.")
    if pair[0] * pair[1] > MAX_PIXELS:
        raise InputError(
            f"A picture of {pair[1]}x{pair[0]} pixels would have more than {MAX_PIXELS:,}. Give a "
            "smaller size."
        )
    if mode not in MODES:
        near = closest(str(mode).lower(), MODES, cutoff=0)
        raise InputError(f"Unknown fit mode {mode!r}; did you mean {near!r}? Modes: {MODES}.")
    if mode == "pad":
        return _pad(to_image(picture), *pair, resample)
    resize = Image.Image.resize if mode == "stretch" else ImageOps.fit
    return to_array(resize(to_image(picture), pair[::-1], resample))


def fit_side(picture: np.ndarray, size: int, side: Callable = min) -> np.ndarray:
    """Returns a picture resized with its aspect ratio kept, uint8 `[h, w, C]`.

    Args:
        picture: uint8 `[H, W, C]`.
        size: the new length of a side, pixels.
        side: which side that is: `min` for the shorter one, `max` for the longer one.

    Raises:
        InputError: it would have more than `MAX_ENLARGED` pixels, and more than it has.
    """
    return _scaled(picture, size / side(picture.shape[:2]))


def fit_over(picture: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Returns a picture resized with its aspect ratio kept, uint8 `[h, w, C]`, as small as covers
    `sides`, (height, width) in pixels; raises what `fit_side` raises."""
    return _scaled(picture, _covering(picture, sides))


def check_over(picture: np.ndarray, sides: tuple[int, int]) -> None:
    """Raises InputError for a picture that `fit_over` would refuse."""
    _scaled_shape(picture, _covering(picture, sides))


def _covering(picture, sides):
    return max(side / n for side, n in zip(sides, picture.shape[:2], strict=True))


def _scaled(picture, scale):
    return fit(picture, _scaled_shape(picture, scale), "stretch")


def _scaled_shape(picture, scale):
    """Returns height and width of a picture that keeps its aspect ratio; refuses far too many."""
    height, width = picture.shape[:2]
    tall, wide = max(1, round(height * scale)), max(1, round(width * scale))
    if tall * wide > max(MAX_ENLARGED, height * width):
        raise InputError(
            f"A picture of {width}x{height} pixels would become {wide}x{tall}, more than "
            f"{MAX_ENLARGED:,} pixels. Give a smaller size, or crop the picture."
        )
    return tall, wide


def write_png(path: str | os.PathLike, picture: np.ndarray) -> None:
    """Writes a picture `[H, W, C]`, uint8 or float in [0, 1], as PNG: completely or not at all.

    Missing folders are made; an existing file is replaced.

    Raises:
        InputError: the file cannot be written, or `picture` has another shape, type or range.
    """
    path, picture = Path(path), np.asarray(picture)
    if picture.dtype.kind == "f":
        if not ((picture >= -1e-3) & (picture <= 1 + 1e-3)).all():  # allows rounding, not NaN
            raise InputError(
                "Float pictures must lie in [0, 1]; convert [-1, 1] with `from_signed`."
            )
        picture = np.rint(picture.astype(np.float32) * 255).astype(np.uint8)
    image = to_image(picture)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, lambda file: image.save(file, "PNG"), durable=False)
    except (OSError, ValueError) as error:
        raise InputError(f"Cannot write {path}: {error}. Choose another place.") from error


def to_signed(picture: np.ndarray) -> np.ndarray:
    """Returns uint8 values of any shape as float32 in [-1, 1], the range of GANs.

    Raises:
        InputError: the values have another type.
    """
    picture = np.asarray(picture)
    if picture.dtype != np.uint8:
        raise InputError(f"to_signed got {picture.dtype} values; give it uint8 pictures.")
    return picture / np.float32(127.5) - np.float32(1)


def from_signed(images: np.ndarray) -> np.ndarray:
    """Returns floats in [-1, 1] of any shape as uint8, clipped and rounded.

    Raises:
        InputError: the values are integers (already converted?) or NaN (did training diverge?).
    """
    scaled = np.asarray(np.clip(_floats(images, "from_signed", "[-1, 1]"), -1, 1))
    scaled += 1  # in place: pictures can be large
    scaled *= 127.5
    return np.rint(scaled, out=scaled).astype(np.uint8)


def to_unit(picture: np.ndarray) -> np.ndarray:
    """Returns uint8 values of any shape as float32 in [0, 1], the range of style transfer."""
    unit = picture.astype(np.float32)
    unit /= 255
    return unit


def from_unit(images: np.ndarray) -> np.ndarray:
    """Returns floats in [0, 1] of any shape as uint8, clipped and rounded.

    Raises:
        InputError: the values are integers (already converted?) or NaN.
    """
    scaled = np.asarray(np.clip(_floats(images, "from_unit", "[0, 1]"), 0, 1))
    scaled *= 255  # in place: pictures can be large
    return np.rint(scaled, out=scaled).astype(np.uint8)


def _floats(images, function, interval):
    images = np.asarray(images)
    whole = images.dtype.kind in "biu"
    floats = images if whole else images.astype(np.float32, copy=False)
    if whole or np.isnan(floats).any():
        received = f"{images.dtype} values" if whole else "NaN"
        raise InputError(f"{function} got {received}; give it floats in {interval}.")
    return floats


def _pad(image, height, width, resample):
    scale = min(height / image.height, width / image.width)
    inner = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    widths = [(gap // 2, gap - gap // 2) for gap in (height - inner[0], width - inner[1])]
    return np.pad(to_array(image.resize(inner[::-1], resample)), [*widths, (0, 0)], mode="reflect")
