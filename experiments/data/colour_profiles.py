"""Converts pictures with a colour profile (ICC) to sRGB, the colours that networks know."""

import io
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageCms

MAX_BYTES = 2**24  # of a profile; longer ones are ignored
SPACES = {"RGB": "RGB", "L": "GRAY", "CMYK": "CMYK"}  # Pillow's mode: the name of its colour space
CLOSE = 3  # levels between sRGB profiles of different makers


def to_srgb(image: Image.Image) -> Image.Image:
    """Returns an image in sRGB if it has a profile of other colours, and otherwise itself.

    A profile that is broken, or of another colour space than the image, is ignored; one of sRGB
    changes nothing. Opacity stays. The rendering intent is perceptual, the default of ICC.

    Args:
        image: 8 bits a channel, with the profile in `info["icc_profile"]`.

    Returns:
        An image of mode RGB or RGBA, or `image`.
    """
    profile = image.info.get("icc_profile")
    mode = _colour_mode(image)
    if not profile or len(profile) > MAX_BYTES or mode is None:
        return image
    transform = _transform(profile, mode)
    if transform is None:
        return image
    opacity = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    made: Any = ImageCms.applyTransform(image.convert(mode), transform)
    if opacity is not None:
        made.putalpha(opacity)
    return made


def _colour_mode(image):
    """Returns the mode of `SPACES` that an image's colours have; None if it is another one."""
    if image.mode in ("1", "L", "LA", "La"):
        return "L"
    if image.mode in ("RGB", "RGBA", "RGBa", "RGBX", "P", "PA", "YCbCr"):
        return "RGB"
    return "CMYK" if image.mode == "CMYK" else None


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Returns the transform from a profile to sRGB; None if it is broken, does not fit, or is sRGB.

    It may be used by several threads.
    """
    try:
        opened: Any = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != SPACES[mode]:
            return None
        srgb: Any = ImageCms.createProfile("sRGB")
        flags = ImageCms.Flags.NOOPTIMIZE if mode == "L" else ImageCms.Flags.NONE  # it is coarse
        made = ImageCms.buildTransform(opened, srgb, mode, "RGB", flags=flags)
        return None if mode != "CMYK" and _changes_nothing(made, mode) else made
    except Exception:  # of many kinds; viewers ignore a broken profile, too
        return None


def _changes_nothing(transform, mode):
    """Returns whether a transform leaves sample colours as they are, up to rounding."""
    ramp = np.arange(256, dtype=np.uint8)
    if mode == "RGB":
        steps = np.append(ramp[::32], np.uint8(255))
        lattice = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(-1, 3)
        before = np.concatenate([lattice, np.repeat(ramp[:, None], 3, 1)])
    else:
        before = ramp[:, None]
    samples = Image.fromarray(before[None] if mode == "RGB" else before.T)
    after: Any = ImageCms.applyTransform(samples, transform)
    return np.abs(np.asarray(after)[0].astype(int) - before).max() <= CLOSE
