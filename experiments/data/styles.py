"""Reads single pictures by name, as style transfer needs them: contents, styles and masks."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.bounds import Side
from core.errors import InputError
from core.given_numbers import whole_number
from core.paths import user_path
from experiments.data import files, photos, pictures, ranges
from experiments.data.ranges import FindRanges
from nst.controls import check_colours, style_shares

EMBEDDED = "photos:"  # followed by a name of `experiments.data.photos`


@dataclass(frozen=True)
class PictureConfig:
    """The pictures that a model needs which optimises a picture.

    Each is the path of a file, or "photos:NAME" for a picture that comes with scikit-image.
    """

    content: str = "photos:chelsea"  # empty for texture synthesis, which has none
    style: tuple[str, ...] = ("photos:immunohistochemistry",)
    style_weights: tuple[float, ...] = ()  # a share for each style; empty for equal shares
    mask: tuple[str, ...] = ()  # white where each style goes; empty to mix them everywhere
    size: Side = 512  # longer side of the result, pixels; 0 for that of the content
    style_scale: float = 1.0  # longer side of the styles relative to that of the result
    colours: str = "style"  # see nst.controls
    range: tuple[float, ...] = ()  # see experiments.data.config

    def __post_init__(self):
        ranges.check(self.range)
        if not self.style:
            raise ValueError("style: expected at least one picture")
        if self.size and self.size < 8:
            raise ValueError(f"size={self.size}: expected 8 or more, or 0 for the content's own")
        if not self.size and not self.content:
            raise ValueError("size=0 is the content's own size, and there is no content")
        if not 0 < self.style_scale <= 16:
            raise ValueError(f"style_scale={self.style_scale}: expected above 0, to 16")
        if self.mask and len(self.mask) != len(self.style):
            raise ValueError(
                f"{len(self.mask)} masks for {len(self.style)} styles: expected one for each style"
            )
        style_shares(len(self.style), self.style_weights)
        check_colours(self.colours)

    @property
    def names(self) -> list[str]:
        """Returns the names of all pictures: content, styles and masks."""
        return [name for name in (self.content, *self.style, *self.mask) if name]

    @property
    def label(self) -> str:
        """Returns the names of content and styles as text for the name of the run's directory."""
        return "-".join(stem(name) for name in (self.content, *self.style) if name)


def stem(name: str | Path) -> str:
    """Returns a picture's name without folder and suffix."""
    return Path(str(name).removeprefix(EMBEDDED)).stem


def listed(
    flag: str, values: Sequence[str], say: Callable[[str], None] | None = None
) -> list[str | Path]:
    """Returns the files that a flag's pictures and folders name; "photos:NAME" as it is.

    Args:
        flag, say: see `experiments.data.files.inputs`.
        values: of the flag.

    Raises:
        InputError: see `experiments.data.files.inputs`.
    """
    found: list[str | Path] = []
    for value in values:
        found += [value] if value.startswith(EMBEDDED) else files.inputs(flag, value, say)[0]
    return found


def read(name: str | os.PathLike, find_ranges: FindRanges | None = None) -> np.ndarray:
    """Returns a picture, uint8 `[H, W, 3]`.

    Args:
        name: the path of a file, or "photos:NAME".
        find_ranges: see `experiments.data.pictures.read`.

    Raises:
        InputError: the picture cannot be read.
    """
    name = str(name)
    if not name.startswith(EMBEDDED):
        return pictures.read(user_path(name), find_ranges=find_ranges)
    known = (*photos.CONTENT, *photos.STYLE)
    if name.removeprefix(EMBEDDED) not in known:
        raise InputError(
            f"'{name}': no such picture. Expected photos: and one of {', '.join(known)}, or a file."
        )
    return photos.read(name.removeprefix(EMBEDDED))


def read_mask(name: str | os.PathLike, shape: tuple[int, int]) -> np.ndarray:
    """Returns a mask, float32 `[H, W]` from 0 (black) to 1 (white), resized to `shape`."""
    return pictures.to_unit(pictures.fit(read(name), shape, "stretch")).mean(2)


def sized(name: str | Path, size: int, find_ranges: FindRanges | None = None) -> np.ndarray:
    """Returns a picture, uint8 `[H, W, 3]`, its shorter side `size` pixels; 0 keeps its size."""
    picture = read(name, find_ranges)
    return pictures.fit_side(picture, size) if size else picture


def digest_pixels(picture: np.ndarray) -> str:
    """Returns a digest of a picture's pixels, 16 hexadecimal digits, to recognise it by."""
    return hashlib.sha256(picture.tobytes()).hexdigest()[:16]


def style_number(style: int | str, names: Sequence[str]) -> int:
    """Returns the number of a style that a network has learned.

    Args:
        style: a number from 0 on, or text with a name or such a number.
        names: the names of the styles, by number.

    Raises:
        InputError: there is no such style; the message lists those that there are.
    """
    if isinstance(style, str) and style in names:
        return list(names).index(style)
    number = whole_number(str(style))
    if number is not None and number < len(names):
        return number
    listed = ", ".join(f"{i} ({name})" for i, name in enumerate(names))
    shown = style if isinstance(style, (int, str)) else type(style).__name__
    raise InputError(f"style {shown}: this network has learned {listed}. Give a number or a name.")
