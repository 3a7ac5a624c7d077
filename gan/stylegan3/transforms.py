"""Transforms of pictures as StyleGAN3's Fourier features take them.

Source: NVlabs/stylegan3 @ c233a91, gen_images.py (directions and units).
"""

from collections.abc import Sequence

import numpy as np


def inverse_transform(translate: Sequence[float] = (0.0, 0.0), degrees: float = 0.0) -> np.ndarray:
    """The matrix that makes the synthesis turn pictures, and then move them; float32 `[3, 3]`.

    Args:
        translate: how far to the right and down, in sides of the picture.
        degrees: the angle, counter-clockwise.
    """
    angle = np.deg2rad(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = [[cos, sin, translate[0]], [-sin, cos, translate[1]], [0.0, 0.0, 1.0]]
    return np.linalg.inv(np.array(matrix)).astype("float32")
