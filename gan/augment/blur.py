"""A blur of what the discriminator sees, which fades at the beginning of a training.

Details are then learned after shapes, and noise inputs cannot take their place.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), appendix C, "configuration R";
NVlabs/stylegan3 @ c233a91, training/loss.py.
"""

import numpy as np
from keras import ops

from core.tensors import Tensor


def blurred(x: Tensor, sigma: Tensor) -> Tensor:
    """Pictures blurred along both axes, with zeros beyond their borders.

    Args:
        x: `[N, H, W, C]`.
        sigma: scalar, from 0 (nothing is blurred) to 170 pixels.
    """
    n, height, width, channels = x.shape
    rows, columns = (ops.cast(blur_matrix(side, sigma), x.dtype) for side in (height, width))
    x = ops.matmul(rows, ops.reshape(x, (-1, height, width * channels)))
    x = ops.matmul(columns, ops.reshape(x, (-1, width, channels)))
    return ops.reshape(x, (-1 if n is None else n, height, width, channels))


def blur_matrix(size: int, sigma: Tensor) -> Tensor:
    """The matrix that blurs a row of pixels, with zeros beyond its ends, float32 `[size, size]`.

    Taps are `2**-(i / sigma)**2` for |i| up to 3 sigma, and sum to 1.

    Args:
        size: how many pixels a row has.
        sigma: see `blurred`.
    """
    reach = ops.floor(3 * sigma)

    def taps(distance):
        weights = ops.power(2.0, -ops.square(distance / ops.maximum(sigma, 1e-3)))
        return ops.where(distance <= reach, weights, ops.zeros_like(weights))

    places = np.arange(size, dtype="float32")
    total = ops.sum(taps(ops.convert_to_tensor(np.abs(np.arange(-512.0, 513.0, dtype="float32")))))
    return taps(ops.convert_to_tensor(np.abs(places[:, None] - places))) / total
