"""Random changes of style pictures, so that few of them teach more.

Source: magenta/magenta @ 526d3eb, image_stylization/image_utils.py:234-235 and 320-366. There,
pictures are resized to 258 to 455 pixels before a crop of 256, and each batch once more to 128 to
300 pixels. Every size of a batch would be compiled anew here: instead a part of each picture is
enlarged by up to 455 / 256, and the size stays.
"""

import keras
import numpy as np
from keras import ops, random

from core.tensors import Tensor

BRIGHTNESS, HUE = 0.8, 0.2  # at most added and taken away; hue in turns of the colour circle
SATURATION = (0.5, 1.5)  # factor
ZOOM = 455 / 256  # at most
GREY = np.array((0.299, 0.587, 0.114), np.float32)


def augment(styles: Tensor, seed: keras.random.SeedGenerator) -> Tensor:
    """Styles with other colours, mirrored, and enlarged in part: RGB in [0, 1], `[N, H, W, 3]`.

    Args:
        styles: RGB in [0, 1], `[N, H, W, 3]`.
        seed: makes the random numbers.
    """
    count = styles.shape[0]

    def draw(low: float, high: float, *shape: int) -> Tensor:
        return random.uniform((count, *(shape or (1, 1, 1))), low, high, seed=seed)

    x = _zoomed(styles, draw(1 / ZOOM, 1), draw(0, 1, 2))
    for axis in (1, 2):
        x = ops.where(draw(0, 1) < 0.5, ops.flip(x, axis), x)
    x = x + draw(-BRIGHTNESS, BRIGHTNESS)
    grey = ops.sum(x * GREY, axis=-1, keepdims=True)
    x = grey + (x - grey) * draw(*SATURATION)
    return ops.clip(_turned(x, draw(-HUE, HUE)), 0, 1)


def _zoomed(x, share, place):
    """The part of each picture that has `share` of its sides, at full size, bilinear."""
    height, width = x.shape[1:3]
    for axis, length in ((1, height), (2, width)):
        start = place[:, axis - 1 : axis] * (1 - share[:, 0, 0]) * (length - 1)
        at = start + ops.arange(length, dtype="float32") * share[:, 0, 0]
        low = ops.clip(ops.floor(at), 0, length - 2)
        part = ops.expand_dims(at - low, (3 - axis, 3))
        index = ops.expand_dims(ops.cast(low, "int32"), (3 - axis, 3))
        below = ops.take_along_axis(x, index, axis)
        above = ops.take_along_axis(x, index + 1, axis)
        x = below + (above - below) * part
    return x


def _turned(x, turns):
    """Hue moved by a share of the colour circle: a rotation about the grey axis in YIQ."""
    angle = 2 * np.pi * turns
    cosine, sine = ops.cos(angle), ops.sin(angle)
    y, i, q = (ops.sum(x * row, axis=-1, keepdims=True) for row in TO_YIQ)
    turned = ops.concatenate([y, i * cosine - q * sine, i * sine + q * cosine], axis=-1)
    return ops.concatenate(
        [ops.sum(turned * row, axis=-1, keepdims=True) for row in FROM_YIQ], axis=-1
    )


TO_YIQ = np.array(
    ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)), np.float32
)
FROM_YIQ = np.linalg.inv(TO_YIQ)
