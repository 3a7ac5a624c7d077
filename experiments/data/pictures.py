"""Finds, reads, fits and writes picture files with Pillow; does not import Keras.

A *picture* is a uint8 array [H, W, C]: RGB where C is 3, grey where it is 1, RGB and opacity (RGBA)
where it is 4. *Images* are floats in [-1, 1], as networks take them.
"""

import io
import os
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageDraw, ImageFont, ImageOps

from core.errors import InputError
from core.files import write_whole
from core.names import closest

EXTENSIONS = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF")  # EPS would run Ghostscript
MAX_PIXELS = 2**28  # a lower `PIL.Image.MAX_IMAGE_PIXELS` takes precedence
MODES = ("stretch", "crop", "pad")
CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # how many a picture may have: Pillow's name for it
BICUBIC = Image.Resampling.BICUBIC
TITLE_SIZE = 14
_ADVICE = {  # the first that fits
    FileNotFoundError: "Check the path",
    IsADirectoryError: "Give a file; `find` lists the pictures of a folder",
    PermissionError: "Make it readable for this user",
    Image.DecompressionBombError: "Resize the picture first",
    Image.UnidentifiedImageError: f"Not one of {', '.join(FORMATS)}, or damaged: convert it",
    Exception: "Truncated or corrupted? Restore the file or leave it out",
}
# What Pillow warns about in damaged files is either an error below or harmless. The warnings are
# turned off for the whole process, because `catch_warnings` is not safe in a pipeline's threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


def find(folder: str | os.PathLike) -> list[Path]:
    """Returns all picture files below `folder` (maybe none), sorted by their relative POSIX path.

    Only the suffix decides, in upper or lower case. Hidden files and folders, `._*` and `__MACOSX`
    are skipped. Linked folders are not entered. Linked files count, even broken links, which `read`
    reports.

    Raises:
        InputError: `folder`, or a folder below it, cannot be listed.
    """
    folder = Path(folder)
    paths: list[Path] = []
    errors: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = [name for name in folders if name[0] != "." and name != "__MACOSX"]
        paths += [Path(place, name) for name in files if name[0] != "."]
    if errors:
        raise InputError(f"Cannot list pictures: {errors[0]}. Give a folder that can be read.")
    paths = [path for path in paths if path.suffix.lower() in EXTENSIONS]
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def read(path: str | os.PathLike, channels: int = 3) -> np.ndarray:
    """Reads a picture file as uint8 `[H, W, channels]`, whatever its suffix.

    It reads the first frame or page, and turns it as its EXIF orientation says. With 4 channels
    opacity is kept, otherwise transparent pixels are put on white. 16-bit grey is scaled by 1/257.
    Float files in [0, 1] are scaled by 255, other float files clipped to [0, 255]. Colour profiles
    are not applied.

    Args:
        path: the file.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and opacity).

    Raises:
        InputError: the file is missing, unreadable, empty, not a regular file, not a picture,
            truncated or corrupted, or has more than `MAX_PIXELS` (or Pillow's own limit). JPEG has
            no checksum, so flipped bits in its pixel data may go unnoticed.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:  # also avoids waiting for a pipe
            raise EOFError("an empty file, 0 bytes")
        with path.open("rb") as file:
            return _decode(_open(file), channels)
    except Exception as error:  # Pillow's decoders raise many kinds of exceptions
        raise _cannot_read(f"the picture {path}", error) from error


def shape(path: str | os.PathLike) -> tuple[int, int]:
    """Returns height and width of what `read` would return, from the header alone.

    Raises:
        InputError: see `read`. Damaged pixels are not noticed.
    """
    path = Path(path)
    try:
        if path.stat().st_size == 0:
            raise EOFError("an empty file, 0 bytes")
        with path.open("rb") as file:
            image, turned = _open(file), False
            with suppress(Exception):  # see `_decode`
                turned = image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
            return (image.width, image.height) if turned else (image.height, image.width)
    except Exception as error:  # as in `read`
        raise _cannot_read(f"the picture {path}", error) from error


def decode(data: bytes, name: str, channels: int = 3) -> np.ndarray:
    """Returns the picture in the bytes of a file, like `read`; `name` is for messages."""
    try:
        return _decode(_open(io.BytesIO(data)), channels)
    except Exception as error:  # see `read`
        raise _cannot_read(name, error) from error


def _cannot_read(name, error):
    advice = next(text for kind, text in _ADVICE.items() if isinstance(error, kind))
    reason = str(error) or type(error).__name__
    return InputError(f"Cannot read {name}: {reason}. {advice}.")


def in_channels(picture: np.ndarray, channels: int) -> np.ndarray:
    """Returns a picture with another number of channels, uint8 `[H, W, channels]`.

    Grey is the luma of RGB (ITU-R BT.601), or is repeated for RGB; an opacity that is new is 255,
    and one that goes shows white behind it.

    Args:
        picture: uint8 `[H, W, C]`.
        channels: a key of `CHANNELS`.
    """
    if picture.shape[2] == channels:
        return picture
    return _array(_image(to_rgb(picture)).convert(CHANNELS[channels]))


def to_rgb(images: np.ndarray) -> np.ndarray:
    """Returns pictures of any channels as RGB, uint8 `[..., 3]`: grey repeated, RGBA on white."""
    if images.shape[-1] == 3:
        return images
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    opacity = np.float32(images[..., 3:]) / 255
    return np.rint(255 + (np.float32(images[..., :3]) - 255) * opacity).astype(np.uint8)


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
        InputError: the mode is unknown, the size is impossible, or it is not a picture.
    """
    given: Any = size
    pair = (given, given) if np.ndim(given) == 0 else tuple(given)
    if len(pair) != 2 or not all(isinstance(n, (int, np.integer)) and n > 0 for n in pair):
        raise InputError(f"A picture size is a positive integer or (height, width), got {size!r}.")
    if mode not in MODES:
        near = closest(str(mode).lower(), MODES, cutoff=0)
        raise InputError(f"Unknown fit mode {mode!r}; did you mean {near!r}? Modes: {MODES}.")
    if mode == "pad":
        return _pad(_image(picture), *pair, resample)
    resize = Image.Image.resize if mode == "stretch" else ImageOps.fit
    return _array(resize(_image(picture), pair[::-1], resample))


def fit_side(picture: np.ndarray, size: int, side: Callable = min) -> np.ndarray:
    """Returns a picture resized with its aspect ratio kept, uint8 `[h, w, C]`.

    Args:
        picture: uint8 `[H, W, C]`.
        size: the new length of a side, pixels.
        side: which side that is: `min` for the shorter one, `max` for the longer one.
    """
    scale = size / side(picture.shape[:2])
    shape = tuple(max(1, round(n * scale)) for n in picture.shape[:2])
    return fit(picture, shape, "stretch")


def fit_over(picture: np.ndarray, sides: tuple[int, int]) -> np.ndarray:
    """Returns a picture resized with its aspect ratio kept, uint8 `[h, w, C]`, as small as covers
    `sides`, (height, width) in pixels."""
    scale = max(side / n for side, n in zip(sides, picture.shape[:2], strict=True))
    return fit(picture, tuple(max(1, round(n * scale)) for n in picture.shape[:2]), "stretch")


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
    image = _image(picture)
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
    images = _floats(images, "from_signed", "[-1, 1]")
    return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def to_unit(picture: np.ndarray) -> np.ndarray:
    """Returns uint8 values of any shape as float32 in [0, 1], the range of style transfer."""
    return picture.astype(np.float32) / 255


def from_unit(images: np.ndarray) -> np.ndarray:
    """Returns floats in [0, 1] of any shape as uint8, clipped and rounded.

    Raises:
        InputError: the values are integers (already converted?) or NaN.
    """
    return np.rint(np.clip(_floats(images, "from_unit", "[0, 1]"), 0, 1) * 255).astype(np.uint8)


def _floats(images, function, interval):
    images = np.asarray(images)
    if images.dtype.kind in "biu" or np.isnan(images.astype(np.float32)).any():
        received = "NaN" if images.dtype.kind not in "biu" else f"{images.dtype} values"
        raise InputError(f"{function} got {received}; give it floats in {interval}.")
    return images.astype(np.float32)


def sheet(
    rows: Sequence[Sequence[np.ndarray]],
    column_titles: Sequence[str] | None = None,
    row_titles: Sequence[str] | None = None,
    gap: int = 2,
    scale: int = 1,
) -> np.ndarray:
    """Returns a contact sheet: rows of pictures on white, uint8 `[height, width, C]`.

    Args:
        rows: pictures, uint8 `[H, W, C]` of one size. A short row ends in white.
        column_titles: titles on top, ASCII, since Pillow's font has little else. A title that is
            wider than the pictures widens its column.
        row_titles: titles at the left.
        gap: pixels of white between and around the pictures.
        scale: a whole number by which pictures are enlarged.

    Raises:
        InputError: there are no pictures, they have several sizes, or the number of titles is
            wrong.
    """
    shapes = sorted({np.shape(picture) for row in rows for picture in row})
    counts = (row_titles, len(rows)), (column_titles, max(map(len, rows), default=0))
    unequal = any(titles is not None and len(titles) != count for titles, count in counts)
    if len(shapes) != 1 or gap < 0 or scale < 1 or unequal:
        given = f"sizes {shapes}, {gap=}, {scale=} and titles for rows and columns {counts}"
        raise InputError(f"A sheet needs pictures of one size and a title each; got {given}.")
    grid = [[ImageOps.scale(_image(picture), scale, 0) for picture in row] for row in rows]
    mode = CHANNELS[shapes[0][2]]
    if row_titles is not None:
        grid = [[_text(title, mode), *row] for title, row in zip(row_titles, grid, strict=True)]
    if column_titles is not None:
        corner = [] if row_titles is None else [_text("", mode)]
        grid.insert(0, corner + [_text(title, mode) for title in column_titles])
    return _arrange(grid, gap, mode)


def enlargement(picture: np.ndarray) -> int:
    """Returns the whole number by which a sheet enlarges small pictures, to 128 pixels at most."""
    return max(1, 128 // max(picture.shape[:2]))


def _open(file):
    """Opens an image: reads only the header and checks the size that it claims."""
    limit = min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)
    image = Image.open(file, formats=FORMATS)
    if not 0 < image.width * image.height <= limit:
        raise Image.DecompressionBombError(f"{image.size} pixels, allowed are 1 to {limit}")
    return image


def _decode(image, channels):
    image.load()
    with suppress(Exception):  # damaged EXIF: the picture is not turned, as in viewers
        image = ImageOps.exif_transpose(image)
    if image.mode[0] in "FI":
        values, transparent = np.asarray(image), image.info.get("transparency")
        picture = in_channels(_grey(values, transparent)[..., None], channels)
        if channels == 4:
            picture[values == transparent, 3] = 0
        return picture
    if image.has_transparency_data:
        image = image.convert("RGBA")
        if channels == 4:
            return np.array(image)
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return in_channels(np.array(image.convert("RGB")), channels)


def _grey(values, transparent):
    """Returns integers in [0, 65535] or floats `[H, W]` as uint8, the transparent value white."""
    grey = np.nan_to_num(values / np.float64(257 if values.dtype.kind != "f" else 1))
    if values.dtype.kind == "f" and grey.min() >= 0 and grey.max() <= 1:
        grey *= 255
    grey = np.rint(np.clip(grey, 0, 255)).astype(np.uint8)
    return np.where(values == transparent, np.uint8(255), grey)


def _image(picture):
    """Returns the Pillow image of a uint8 `[H, W, C]` array."""
    picture = np.asarray(picture)
    right = picture.ndim == 3 and picture.shape[2] in CHANNELS and picture.dtype == np.uint8
    if not right or not picture.size:
        raise InputError(
            f"A picture is uint8 [H, W, 3], or has 1 or 4 channels, got {picture.dtype} "
            f"{picture.shape}."
        )
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def _array(image):
    """Returns the pixels of a Pillow image, uint8 `[H, W, C]`."""
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels


def _pad(image, height, width, resample):
    scale = min(height / image.height, width / image.width)
    inner = max(1, round(image.height * scale)), max(1, round(image.width * scale))
    widths = [(gap // 2, gap - gap // 2) for gap in (height - inner[0], width - inner[1])]
    return np.pad(_array(image.resize(inner[::-1], resample)), [*widths, (0, 0)], mode="reflect")


def _text(title, mode):
    font: Any = ImageFont.load_default(TITLE_SIZE)
    title = " ".join(str(title).split())
    size = max(1, round(font.getbbox(title)[2])), sum(font.getmetrics())
    image = Image.new(mode, size, "white")
    ImageDraw.Draw(image).text((0, 0), title, font=font, fill="black")
    return image


def _arrange(grid, gap, mode):
    """Returns a picture of a grid of tiles; the largest tile sets the size of a row or column."""
    columns = range(max(map(len, grid)))
    widths = [max(row[c].width for row in grid if c < len(row)) for c in columns]
    heights = [max((tile.height for tile in row), default=0) for row in grid]
    lefts, tops = (np.cumsum([gap, *(n + gap for n in edges)]) for edges in (widths, heights))
    ground = Image.new(mode, (int(lefts[-1]), int(tops[-1])), "white")
    for top, height, row in zip(tops, heights, grid, strict=False):
        for left, width, tile in zip(lefts, widths, row, strict=False):
            x, y = left + (width - tile.width) // 2, top + (height - tile.height) // 2
            ground.paste(tile, (int(x), int(y)))
    return _array(ground)
