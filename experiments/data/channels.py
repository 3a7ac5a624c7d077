"""Changes the number of channels of pictures, and turns them into Pillow's images and back."""

import numpy as np
from PIL import Image

from core.errors import InputError

CHANNELS = {1: "L", 3: "RGB", 4: "RGBA"}  # how many a picture may have: Pillow's name for it


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
    if channels == 3:
        return to_rgb(picture)
    return to_array(to_image(to_rgb(picture)).convert(CHANNELS[channels]))


def to_rgb(images: np.ndarray) -> np.ndarray:
    """Returns pictures of any channels as RGB, uint8 `[..., 3]`: grey repeated, RGBA on white."""
    if images.shape[-1] == 3:
        return images
    if images.shape[-1] == 1:
        return np.repeat(images, 3, axis=-1)
    opacity = np.float32(images[..., 3:]) / 255
    return np.rint(255 + (np.float32(images[..., :3]) - 255) * opacity).astype(np.uint8)


def to_image(picture: np.ndarray) -> Image.Image:
    """Returns the Pillow image of a picture, uint8 `[H, W, C]`.

    Raises:
        InputError: it is not a picture.
    """
    picture = np.asarray(picture)
    right = picture.ndim == 3 and picture.shape[2] in CHANNELS and picture.dtype == np.uint8
    if not right or not picture.size:
        raise InputError(
            f"A picture is uint8 [H, W, 3], or has 1 or 4 channels, got {picture.dtype} "
            f"{picture.shape}."
        )
    return Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)


def to_array(image: Image.Image) -> np.ndarray:
    """Returns the pixels of a Pillow image, uint8 `[H, W, C]`."""
    pixels = np.array(image)
    return pixels[..., None] if pixels.ndim == 2 else pixels
