"""Finds picture files, and reads them with Pillow.

This is the one place that decides which files are pictures, which pixels one has, and its shape.
"""

import importlib
import io
import os
import re
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageOps

from core.errors import InputError
from core.files import open_regular
from experiments.data import junk, ranges
from experiments.data.channels import in_channels
from experiments.data.colour_profiles import to_srgb
from experiments.data.picture_bytes import PNG, SlowFileError, check_scans, checked_png
from experiments.data.ranges import FindRanges, SetRanges, Values

MAX_PIXELS = 2**28  # a lower `PIL.Image.MAX_IMAGE_PIXELS` takes precedence
SLOW_PIXELS = 2**22  # of a PPM or PGM that Pillow decodes in Python, a microsecond each
_PILLOWS_OWN = 2**30 // 4 // 3  # what that is if nobody set it
if Image.MAX_IMAGE_PIXELS == _PILLOWS_OWN:
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS


def _optional():
    """Returns the suffixes of formats that not every installation of Pillow reads, by format."""
    found: dict[str, tuple[str, ...]] = {}
    with suppress(ImportError):
        if importlib.import_module("PIL.AvifImagePlugin").SUPPORTED:
            found["AVIF"] = (".avif",)
    with suppress(ImportError):
        importlib.import_module("pillow_heif").register_heif_opener()
        found["HEIF"] = (".heic", ".heif")
    return found


_READ = {  # EPS would run Ghostscript
    "JPEG": (".jpg", ".jpeg", ".jfif"),
    "PNG": (".png",),
    "WEBP": (".webp",),
    "BMP": (".bmp",),
    "GIF": (".gif",),
    "TIFF": (".tif", ".tiff"),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm"),
} | _optional()
FORMATS = tuple(_READ)
EXTENSIONS = frozenset(suffix for suffixes in _READ.values() for suffix in suffixes)
_OTHERS = (  # of pictures that are not read
    *(".avif", ".heic", ".heif", ".hif", ".jxl", ".jp2", ".j2k", ".jpe", ".apng", ".pfm", ".tga"),
    *(".psd", ".xcf", ".svg", ".eps", ".exr", ".hdr", ".ico", ".pcx", ".dds", ".dcm", ".fits"),
    *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf"),
)
_BEGINNING = re.compile(  # of a picture
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8[79]a|RIFF....WEBP|II\*\0|MM\0\*|P[1-6]\s+[0-9#]|"
    rb"....ftyp(avif|heic|heix|mif1)",
    re.DOTALL,
)
LOOKED_INTO = 1000  # files of other suffixes, at most
_ADVICE = {  # the first that fits
    FileNotFoundError: "Check the path",
    IsADirectoryError: "Give a file; `find` lists the pictures of a folder",
    PermissionError: "Make it readable for this user",
    Image.DecompressionBombError: "Resize the picture first",
    SlowFileError: "Save it again with usual settings, or as PNG",
    Image.UnidentifiedImageError: f"Not one of {', '.join(FORMATS)}, or damaged: convert it",
    Exception: "Truncated or corrupted? Restore the file or leave it out",
}
# What Pillow warns about in damaged files is either an error below or harmless. The warnings are
# turned off for the whole process, because `catch_warnings` is not safe in a pipeline's threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


def find(folder: str | os.PathLike) -> list[Path]:
    """Returns all picture files below `folder` (maybe none), sorted by their relative POSIX path.

    Only the suffix decides, in upper or lower case. What `experiments.data.junk` names is skipped.
    Linked folders are not entered. Linked files count, even broken links, which `read` reports.

    Raises:
        InputError: `folder`, or a folder below it, cannot be listed.
    """
    folder = Path(folder)
    paths = [path for path in _files(folder) if path.suffix.lower() in EXTENSIONS]
    return sorted(paths, key=lambda path: path.relative_to(folder).as_posix())


def _files(folder):
    """Returns all files below a folder that may be data."""
    paths: list[Path] = []
    errors: list[OSError] = []
    for place, folders, files in os.walk(folder, onerror=errors.append):
        if place != str(folder) and junk.is_own(folders, files):
            folders.clear()
            continue
        folders[:] = [name for name in folders if not junk.is_junk(name)]
        paths += [Path(place, name) for name in files if not junk.is_junk(name)]
    if errors:
        raise InputError(f"Cannot list pictures: {errors[0]}. Give a folder that can be read.")
    return paths


def passed_over(folder: Path) -> str:
    """Returns a sentence on the files below a folder that look like pictures and are none of
    `find`; empty if there are none."""
    names = [path.relative_to(folder) for path in _files(folder)]
    return said_passed_over(str(folder), names, partial(_beginning, folder))


def said_passed_over(
    place: str, names: Sequence[PurePath], beginning: Callable[[PurePath], bytes]
) -> str:
    """Returns a sentence on files that look like pictures and are not read; empty without any.

    Args:
        place: where they are, for the sentence.
        names: the names of all files.
        beginning: a function from a name to the first 16 bytes of the file.
    """
    others = sorted(name for name in names if name.suffix.lower() not in EXTENSIONS)
    found = {name for name in others if name.suffix.lower() in _OTHERS}
    unknown = [name for name in others if name not in found][:LOOKED_INTO]
    found |= {name for name in unknown if _BEGINNING.match(beginning(name))}
    if not found:
        return ""
    shown = ", ".join(name.as_posix() for name in sorted(found)[:3])
    shown += ", …" if len(found) > 3 else ""
    what = f"{len(found)} files look like pictures and are"
    return (
        f"{place}: {what if len(found) > 1 else '1 file looks like a picture and is'} passed over: "
        f"{shown}. Rename or convert what you need; read are {', '.join(sorted(EXTENSIONS))}."
    )


def _beginning(folder, name):
    """Returns the first bytes of a regular file; none of what cannot be read."""
    with suppress(OSError, InputError), open_regular(folder / name) as file:
        return file.read(16)
    return b""


def read(
    path: str | os.PathLike, channels: int = 3, find_ranges: FindRanges | None = None
) -> np.ndarray:
    """Reads a picture file as uint8 `[H, W, channels]`, whatever its suffix.

    It reads the first frame or page, and turns it as its EXIF orientation says. Colours are
    converted to sRGB where there is a profile. With 4 channels opacity is kept, otherwise
    transparent pixels are put on white. Grey of more than 8 bits is scaled, see
    `experiments.data.ranges`; colours of 16 bits lose their lower 8.

    Args:
        path: the file.
        channels: 1 (grey), 3 (RGB) or 4 (RGB and opacity).
        find_ranges: returns the values of black and white in grey of more than 8 bits, by kind of
            values. None: they are guessed from this file.

    Raises:
        InputError: the file is missing, unreadable, empty, not a regular file, not a picture,
            truncated or corrupted, or has more than `MAX_PIXELS` (or Pillow's own limit). JPEG has
            no checksum, so flipped bits in its pixel data may go unnoticed.
    """
    with _opened(Path(path)) as image:
        return _decode(image, channels, find_ranges)


def shape(path: str | os.PathLike) -> tuple[int, int]:
    """Returns height and width of what `read` would return, from the header alone.

    It raises what `read` raises, but does not notice damaged pixels.
    """
    with _opened(Path(path), pixels=False) as image:
        return _shape(image)


def decode(
    data: bytes, name: str, channels: int = 3, find_ranges: FindRanges | None = None
) -> np.ndarray:
    """Returns the picture in the bytes of a file like `read`; `name` is for messages."""
    with _opened(data, name) as image:
        return _decode(image, channels, find_ranges)


def decode_shape(data: bytes, name: str) -> tuple[int, int]:
    """Returns height and width of what `decode` would return, like `shape`."""
    with _opened(data, name, pixels=False) as image:
        return _shape(image)


def deep_values(source: str | os.PathLike | bytes, name: str = "") -> Values | None:
    """Returns what a picture of more than 8 bits holds; None for one of 8 bits, by its header.

    Args:
        source: the file, or its bytes.
        name: for messages, with bytes.

    Raises:
        InputError: see `read`.
    """
    with _opened(source if isinstance(source, bytes) else Path(source), name) as image:
        kind = ranges.kind_of(image)
        if kind is None:
            return None
        image.load()
        return ranges.values_of(np.asarray(image), kind)


def ranges_of(
    title: str,
    paths: Sequence[Path],
    report: Callable[[str], None],
    known: ranges.Ranges | None = None,
) -> FindRanges:
    """Returns the ranges that some files have in common, for `read`.

    Args:
        title: names the files in messages.
        paths: the files.
        report: called with a line that says what was guessed.
        known: ranges that are not guessed.
    """
    return SetRanges(title, lambda: sorted(paths), deep_values, report, known)


@contextmanager
def _opened(source, name="", pixels=True):
    """Opens the image in a file, or in its bytes; errors, of any kind in Pillow, name it.

    Without `pixels` they are not checked.
    """
    try:
        if isinstance(source, Path) and source.stat().st_size == 0:  # also: do not wait for a pipe
            raise EOFError("an empty file, 0 bytes")
        with source.open("rb") if isinstance(source, Path) else io.BytesIO(source) as file:
            yield _open(file, pixels)
    except Exception as error:
        raise _cannot_read(name or f"the picture {source}", error) from error


def _cannot_read(name, error):
    advice = next(text for kind, text in _ADVICE.items() if isinstance(error, kind))
    reason = str(error) or type(error).__name__
    return InputError(f"Cannot read {name}: {reason}. {advice}.")


def _open(file, pixels):
    """Opens an image: reads only the header and checks the size that it claims."""
    limit = min(MAX_PIXELS, Image.MAX_IMAGE_PIXELS or MAX_PIXELS)
    if file.read(len(PNG)) == PNG:
        file = checked_png(file, pixels)
    file.seek(0)
    image = Image.open(file, formats=FORMATS)
    if not 0 < image.width * image.height <= limit:
        raise Image.DecompressionBombError(f"{image.size} pixels, allowed are 1 to {limit}")
    return image


def _shape(image):
    width, height = image.size
    if image.format == "TIFF":  # some versions of Pillow have already turned its `size`
        width, height = (image.tag_v2[tag] for tag in (256, 257))
    return (width, height) if _orientation(image) in (5, 6, 7, 8) else (height, width)


def _orientation(image):
    """Returns how the picture is stored, by EXIF; 1, upright, if that is damaged, as in viewers."""
    with suppress(Exception):
        # of the base class: a PNG would be decoded, for what `checked_png` has put in front
        return Image.Image.getexif(image).get(ExifTags.Base.Orientation, 1)
    return 1


def _decode(image, channels, find_ranges):
    _check_time(image)
    kind = ranges.kind_of(image)
    image.load()  # turns a TIFF
    if _orientation(image) != 1:  # it would be copied
        with suppress(Exception):
            image = ImageOps.exif_transpose(image)
    if kind:
        return _grey(image, kind, channels, find_ranges)
    if image.has_transparency_data:
        image = to_srgb(image).convert("RGBA")
        if channels == 4:
            return np.array(image)
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    else:
        image = to_srgb(image)
    return in_channels(np.array(image if image.mode == "RGB" else image.convert("RGB")), channels)


def _check_time(image):
    """Refuses pixels that would take minutes to decode, in a file that may be small."""
    pixels = image.width * image.height
    if image.format in ("JPEG", "MPO"):
        check_scans(image.fp, pixels)
    slow = any(tile[0] in ("ppm", "ppm_plain") for tile in image.tile)
    if slow and pixels > SLOW_PIXELS:
        raise SlowFileError(
            f"{pixels} pixels as text, or with another highest value than 255 or 65535, which are "
            f"slow to read: at most {SLOW_PIXELS} may be"
        )


def _grey(image, kind, channels, find_ranges):
    """Returns a picture of more than 8 bits; the transparent value is white, or has opacity 0."""
    values, transparent = np.asarray(image), image.info.get("transparency")
    own: Any = None if find_ranges is None else find_ranges().get(kind)
    if own is None:
        held = ranges.values_of(values, kind) if kind != "sixteen" else None
        own = ranges.guess([held] if held else []).get(kind, ranges.UNIT)
    grey = ranges.levels(values, own)
    clear = None if transparent is None else values == transparent
    if clear is not None:
        grey[clear] = 255
    picture = in_channels(grey[..., None], channels)
    if channels == 4 and clear is not None:
        picture[clear, 3] = 0
    return picture
