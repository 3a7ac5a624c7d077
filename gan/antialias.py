"""Layers that halve and double features without aliasing, for any height and width.

Source: Zhang 2019 (https://arxiv.org/abs/1904.11486) as taesungp/contrastive-unpaired-translation
@ b3ac297, models/networks.py, uses it (what `Downsample` and `Upsample` compute).
"""

import keras
from keras import ops

from core.tensors import Shape, Tensor


@keras.saving.register_keras_serializable("gan")
class BlurDown(keras.layers.Layer):
    """Blurs by (1, 2, 1), mirrored at the border, and keeps every second row and column.

    `[N, H, W, C]` becomes `[N, ceil(H / 2), ceil(W / 2), C]`; H and W are 2 or more. The filter is
    (1, 1) twice, which the means of squares compute five times as fast on a CPU as shifted copies.
    """

    def call(self, x: Tensor) -> Tensor:
        x = ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
        return ops.average_pool(ops.average_pool(x, 2, 1), 2, 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, h, w, c = input_shape
        return (n, h and (h + 1) // 2, w and (w + 1) // 2, c)


@keras.saving.register_keras_serializable("gan")
class BlurUp(keras.layers.Layer):
    """Doubles the height and width by the filter (1, 3, 3, 1), the border repeated: linear
    interpolation between the centres of pixels."""

    def call(self, x: Tensor) -> Tensor:
        _, height, width, _ = x.shape
        if isinstance(height, int) and isinstance(width, int):  # several times as fast
            return ops.image.resize(x, (2 * height, 2 * width), interpolation="bilinear")
        return _doubled(_doubled(x, 1), 2)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, h, w, c = input_shape
        return (n, h and 2 * h, w and 2 * w, c)


def _doubled(x, axis):
    """Twice as long along an axis, also where its length is not known yet."""
    pads, shape = [(1, 1) if i == axis else (0, 0) for i in range(4)], list(ops.shape(x))
    wide = ops.pad(x, pads, mode="symmetric")
    sides = (wide[:, :-2], wide[:, 2:]) if axis == 1 else (wide[:, :, :-2], wide[:, :, 2:])
    pairs = ops.stack([0.75 * x + 0.25 * side for side in sides], axis=axis + 1)
    shape[axis] *= 2
    return ops.reshape(pairs, shape)
