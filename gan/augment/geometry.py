"""Random geometry: one affine map of each picture's plane, and resampling by it.

The map goes from places in the result to places in the picture, in pixels, x before y, with the
origin in the picture's middle. The picture is repeated beyond its borders by reflection.
"""

import functools
import math

import numpy as np
from keras import ops

from core.tensors import Tensor
from gan.augment import wavelets
from gan.augment.draws import Draws, amount, choice
from gan.augment.strengths import Strengths

MARGIN = 3  # pixels around the result that its low-pass filter reads


def inverse_map(
    names: tuple[str, ...],
    draws: Draws,
    p: Tensor,
    strengths: Strengths,
    size: tuple[int, int],
) -> tuple[Tensor, Tensor]:
    """The product of the transforms' inverses, the first one leftmost.

    Args:
        names, draws, p, strengths: see `gan.augment.apply`.
        size: height and width of the pictures.

    Returns:
        `(matrix [N, 2, 2], offset [N, 2])`: the place `x` comes from `matrix x + offset`.
    """
    height, width = size
    side = np.array((width, height), np.float32)
    still = ops.zeros_like(draws["xflip"])
    one = still + 1
    matrix, offset = _matrix(one, still, still, one), ops.stack([still, still], axis=1)

    def drawn(name, value, probability=p):
        return amount(draws, name, probability, value)

    def moved(by):
        return offset - ops.einsum("nij,nj->ni", matrix, by)

    if "xflip" in names:
        flip = 1 - 2 * drawn("xflip", choice(draws["xflip"], 2))
        matrix = ops.matmul(matrix, _matrix(flip, still, still, one))
    if "rotate90" in names:
        turns = drawn("rotate90", choice(draws["rotate90"], 4))
        matrix = ops.matmul(matrix, _rotation(math.pi / 2 * turns))
    if "xint" in names:
        share = drawn("xint", strengths.xint * (2 * draws["xint"] - 1))
        offset = moved(ops.round(share * side))
    if "scale" in names:
        inverse = 2.0 ** -drawn("scale", strengths.scale * draws["scale"])
        matrix = matrix * inverse[:, None, None]
    angles = math.pi * strengths.rotate
    # of the two rotations, at least one acts with probability p
    either = 1 - ops.sqrt(ops.clip(1 - p, 0.0, 1.0))
    if "rotate" in names:
        angle = drawn("rotate_pre", angles * (2 * draws["rotate_pre"] - 1), either)
        matrix = ops.matmul(matrix, _rotation(angle))
    if "aniso" in names:
        stretch = 2.0 ** drawn("aniso", strengths.aniso * draws["aniso"])
        matrix = ops.matmul(matrix, _matrix(1 / stretch, still, still, stretch))
    if "rotate" in names:
        angle = drawn("rotate_post", angles * (2 * draws["rotate_post"] - 1), either)
        matrix = ops.matmul(matrix, _rotation(angle))
    if "xfrac" in names:
        offset = moved(drawn("xfrac", strengths.xfrac * draws["xfrac"]) * side)
    return matrix, offset


def warp(images: Tensor, matrix: Tensor, offset: Tensor) -> Tensor:
    """The pictures resampled by an affine map, of the same size.

    They are reflected at their borders, once (beyond that is 0), upsampled twice, read between
    pixels (bilinear), and downsampled twice. Both filters are sym6. The reflected picture is
    periodic, so one period of it is upsampled, and places are taken modulo the period.

    The official code pads by what the batch is estimated to need. That is a few pixels too little
    where pictures shrink to about half: their rim then differs (at 24 pixels by up to 0.006).

    Args:
        images: `[N, H, W, C]`, float32, sides of 2 or more.
        matrix, offset: see `inverse_map`.
    """
    _, height, width, _ = images.shape
    x = _places(matrix[:, 0], offset[:, 0], height, width, width)
    y = _places(matrix[:, 1], offset[:, 1], height, width, height)
    # large arrays are not transposed, which TensorFlow does slowly
    up = _rows(_upsampling(width), _swapped(images))
    up = _rows(_upsampling(height), _swapped(up))
    down = _rows(_downsampling(height), _bilinear(up, x, y, (height, width)))
    return _swapped(_rows(_downsampling(width), _swapped(down)))


def _rows(matrix, x):
    """Every column of `[N, H, W, C]` multiplied by a matrix."""
    n, height, width, channels = x.shape
    x = ops.matmul(matrix, ops.reshape(x, (n, height, width * channels)))
    return ops.reshape(x, (n, len(matrix), width, channels))


def _swapped(x):
    """Rows and columns exchanged."""
    return ops.transpose(x, (0, 2, 1, 3))


def _matrix(a, b, c, d):
    return ops.reshape(ops.stack([a, b, c, d], axis=1), (-1, 2, 2))


def _rotation(angle):
    cosine, sine = ops.cos(angle), ops.sin(angle)
    return _matrix(cosine, -sine, sine, cosine)


def _places(row, offset, height, width, size):
    """One coordinate of where the wide result comes from, in upsampled pixels.

    `row` is one of the matrix, `[N, 2]`. Pixel 0 of the picture is at 0, pixel 1 at 2. Returns
    `[N, rows, columns]`.
    """
    x, y = (np.arange(1, 2 * (s + 2 * MARGIN) + 1) - s - 2 * MARGIN for s in (width, height))
    along = row[:, :1] * x.astype("float32") + 2 * offset[:, None] + size - 1
    return along[:, None, :] + (row[:, 1:] * y.astype("float32"))[:, :, None]


def _bilinear(up, x, y, size):
    """What lies at `x`, `y` of the periodic `up [N, rows, columns, C]`: `[N, *, *, C]`."""
    n, rows, columns, channels = up.shape
    start = (np.arange(n, dtype="int32") * rows * columns)[:, None, None]
    corners = [
        (start + row * columns + column, row_weight * column_weight)
        for row, row_weight in _neighbours(y, rows, size[0])
        for column, column_weight in _neighbours(x, columns, size[1])
    ]
    indices, weights = (ops.stack(parts, axis=-1) for parts in zip(*corners, strict=True))
    found = ops.take(ops.reshape(up, (-1, channels)), indices, axis=0)  # [N, *, *, 4, C]
    return ops.sum(found * weights[..., None], axis=-2)


def _neighbours(place, period, size):
    """The whole numbers below and above `place`, each modulo `period` with its weight.

    The weight is 0 further out than one reflection of `size` pixels reaches.
    """
    below = ops.floor(place)
    part = place - below
    result = []
    for whole, weight in ((below, 1 - part), (below + 1, part)):
        inside = ops.logical_and(whole >= 2 - 2 * size, whole <= 4 * size - 3)
        index = ops.mod(ops.cast(whole, "int32"), period)
        result.append((index, ops.where(inside, weight, 0.0)))
    return result


@functools.cache
def _upsampling(size):
    """One period of the picture with its reflection at twice the size: `[4 size - 4, size]`."""
    taps, period = 2 * wavelets.low_pass(), 2 * size - 2
    matrix = np.zeros((2 * period, size), np.float32)
    for row in range(2 * period):
        for tap in range((row + 1) % 2, 12, 2):
            pixel = (row + 5 - tap) // 2 % period
            matrix[row, min(pixel, period - pixel)] += taps[tap]
    return matrix


@functools.cache
def _downsampling(size):
    """Every second pixel filtered, without the margin: `[size, 2 size + 12]`."""
    matrix = np.zeros((size, 2 * size + 4 * MARGIN), np.float32)
    for row in range(size):
        matrix[row, 2 * row + 1 : 2 * row + 13] = wavelets.low_pass()
    return matrix
