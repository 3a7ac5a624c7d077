"""Small pictures with known values, and files of them."""

import numpy as np
from PIL import Image

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def gradient(height=6, width=9):
    """[H, W, 3]: red grows by 20 per column, green by 30 per row, blue is 7."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 20, y * 30, 0 * x + 7], -1).astype(np.uint8)


def plain(height, width, colour=RED):
    return np.broadcast_to(np.uint8(colour), (height, width, 3)).copy()


def save(path, picture, mode=None, **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def told(path, name):
    with Image.open(path) as image:
        return getattr(image, name)
