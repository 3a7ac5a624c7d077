"""Multi-scale structural similarity, as ProGAN computes it."""

import numpy as np
from scipy.ndimage import correlate1d

from core.errors import InputError
from experiments.metrics.checks import check_pictures

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # weight of each scale, full size first
MULTIPLE = 2 ** (len(WEIGHTS) - 1)
WINDOW, SIGMA = 11, 1.5
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def ms_ssim(images_a: np.ndarray, images_b: np.ndarray) -> float:
    """Returns MS-SSIM, the product of the similarities at five scales, mean over pairs.

    Equal pictures have 1. Between generated pictures it measures variety: the lower, the more.

    Args:
        images_a: the first picture of each pair, uint8 `[N, H, W, 3]`.
        images_b: the second one, likewise.

    Raises:
        InputError: there are no pairs, they have another type or different shapes, or their size
            cannot be halved four times.

    Source: Wang et al. 2003, "Multi-scale structural similarity for image quality assessment";
    tkarras/progressive_growing_of_gans @ 2504c3f, metrics/ms_ssim.py (a window that does not fit
    shrinks to the picture).
    """
    a, b = check_pictures(images_a, "MS-SSIM"), check_pictures(images_b, "MS-SSIM")
    _check_shapes(a, b)
    return float(np.mean([_similarity(*pair) for pair in zip(a, b, strict=True)]))


def _check_shapes(a, b):
    if a.shape != b.shape:
        raise InputError(
            f"MS-SSIM: got pictures of shapes {a.shape} and {b.shape}, expected pairs of one size."
        )
    height, width = a.shape[1:3]
    if height % MULTIPLE or width % MULTIPLE:
        raise InputError(
            f"MS-SSIM: got pictures of {width}x{height} pixels, expected multiples of "
            f"{MULTIPLE}, which can be halved four times."
        )


def _similarity(a, b):
    """Returns the MS-SSIM of two pictures `[H, W, 3]`."""
    a, b, product = a.astype(np.float64), b.astype(np.float64), 1.0
    for scale, weight in enumerate(WEIGHTS):
        last = scale == len(WEIGHTS) - 1
        product *= max(_at_one_scale(a, b, last), 0.0) ** weight
        a, b = (a, b) if last else (_halved(a), _halved(b))
    return product


def _at_one_scale(a, b, with_luminance):
    size = min(WINDOW, *a.shape[:2])
    window = np.exp(
        -np.square(np.arange(size) - (size - 1) / 2) / (2 * (SIGMA * size / WINDOW) ** 2)
    )
    window /= window.sum()
    maps = (_blurred(x, window) for x in (a, b, a * a, b * b, a * b))
    mean_a, mean_b, square_a, square_b, both = maps
    variances = square_a - mean_a**2 + square_b - mean_b**2
    similarity = (2 * (both - mean_a * mean_b) + C2) / (variances + C2)
    if with_luminance:
        similarity = similarity * (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    return similarity.mean()


def _blurred(x, window):
    """Returns the picture blurred, at the positions where the window lies inside it."""
    size = len(window)
    for axis in (0, 1):
        count = x.shape[axis] - size + 1
        x = correlate1d(x, window, axis, mode="constant")
        x = x.take(range(size // 2, size // 2 + count), axis)
    return x


def _halved(x):
    """Returns the picture at half its size; every pixel is the mean of four."""
    height, width, channels = x.shape
    return x.reshape(height // 2, 2, width // 2, 2, channels).mean((1, 3))
