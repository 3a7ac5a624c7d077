"""The layers of R3GAN: residual blocks of grouped convolutions, and the ends of both networks.

There is no normalisation, no bias at a convolution, and no scale at run time: weights start at
N(0, gain^2 / fan_in). Kernels of 1x1 pixels are matrices `[in, out]`.

Source: Huang et al. 2024 (https://arxiv.org/abs/2501.05441);
brownvc/R3GAN @ 19a7ddf, R3GAN/Networks.py (what it computes).
"""

from typing import Any

import keras
from keras import ops

from core import engine
from core.flops import layer_flops
from core.tensors import Shape, Tensor

TAPS = (1, 3, 3, 1)  # of all resampling
SLOPE = 0.2  # of the leaky ReLU below 0
BLOCK_CHANNELS = 32  # that CPUs compute well together
_package = keras.saving.register_keras_serializable("r3gan")


def scaled_normal(gain: float, fan_in: int) -> keras.initializers.Initializer:
    """The initialiser N(0, gain^2 / fan_in)."""
    return keras.initializers.RandomNormal(0.0, gain / fan_in**0.5)


def pointwise(x: Tensor, kernel: Tensor) -> Tensor:
    """A convolution of 1x1 pixels: `[N, H, W, in]` by `[in, out]`."""
    _, height, width, channels = x.shape
    flat = ops.matmul(ops.reshape(x, (-1, channels)), kernel)
    return ops.reshape(flat, (-1, height, width, kernel.shape[1]))


def grouped_conv(x: Tensor, kernel: Tensor, groups: int) -> Tensor:
    """A convolution in groups of channels, zeros beyond the border, at the same size.

    On a CPU, TensorFlow has no gradient of it and XLA computes it slowly; there it is
    `conv_in_blocks` (docs/benchmarks.md).

    Args:
        x: `[N, H, W, C]`.
        kernel: `[k, k, C / groups, out]`, k odd.
        groups: how many there are.
    """
    if groups == 1 or not engine.on_cpu():
        return ops.conv(x, kernel, 1, "same")
    return conv_in_blocks(x, kernel, groups)


def conv_in_blocks(x: Tensor, kernel: Tensor, groups: int) -> Tensor:
    """`grouped_conv` as ordinary convolutions, each of a few groups together.

    The kernel of such a block is 0 between its groups. It multiplies more than a grouped
    convolution does, but works on as many channels at once as a CPU is fast with.
    """
    together = groups_together(groups, kernel.shape[2])
    count = groups // together
    kernels = block_diagonal(kernel, groups, together)
    parts = ops.split(x, count, axis=-1)
    made = [ops.conv(part, kernels[i], 1, "same") for i, part in enumerate(parts)]
    return made[0] if count == 1 else ops.concatenate(made, axis=-1)


def groups_together(groups: int, channels: int) -> int:
    """How many groups of so many channels a block has: the largest divisor of their number that
    makes `BLOCK_CHANNELS` channels or fewer, 1 at least."""
    fitting = max(1, BLOCK_CHANNELS // channels)
    return next(n for n in range(min(fitting, groups), 0, -1) if groups % n == 0)


def block_diagonal(kernel: Tensor, groups: int, together: int) -> Tensor:
    """The kernels of blocks of groups, with 0 between the groups.

    Args:
        kernel: `[k, k, in, groups * out]`.
        groups: how many groups there are.
        together: how many of them a block has.

    Returns:
        `[groups / together, k, k, together * in, together * out]`.
    """
    height, width, channels, units = kernel.shape
    out = units // groups
    split = ops.reshape(kernel, (height, width, channels, groups // together, together, out))
    same = ops.eye(together, dtype=kernel.dtype)
    wide = ops.einsum("hwinbo,cb->nhwcibo", split, same)
    return ops.reshape(wide, (-1, height, width, together * channels, together * out))


class _Weighted(keras.layers.Layer):
    """A layer whose weights are float32, cast where they are used."""

    def _weight(self, name: str, shape: Shape, initializer: Any) -> keras.Variable:
        options = {"autocast": False, "dtype": "float32"}
        return self.add_weight(name=name, shape=shape, initializer=initializer, **options)

    def _cast(self, weight: keras.Variable) -> Tensor:
        return ops.cast(weight, self.compute_dtype)


@_package
class Linear(_Weighted):
    """A product with a matrix, without a bias: `[N, in]` to `[N, units]`, or at every pixel.

    Args:
        units: how many features come out.
        gain: of the initial weights.
    """

    def __init__(self, units: int, gain: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.units, self.gain = units, gain

    def build(self, input_shape: Shape) -> None:
        width = input_shape[-1] or 1
        self.kernel = self._weight("kernel", (width, self.units), scaled_normal(self.gain, width))

    def call(self, x: Tensor) -> Tensor:
        kernel = self._cast(self.kernel)
        return ops.matmul(x, kernel) if len(x.shape) == 2 else pointwise(x, kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "gain": self.gain}


@_package
class Residual(_Weighted):
    """A block `x + f(x)`: 1x1 to more channels, 3x3 in groups, 1x1 back, leaky ReLUs between.

    The last kernel starts at 0, so that the block starts as the identity.

    Args:
        groups: of the 3x3 convolution, which divide `expansion` times the channels.
        expansion: how many times wider the block is inside.
        gain: of the initial weights of the first two convolutions.
    """

    def __init__(self, groups: int, expansion: int = 2, gain: float = 1.0, **kwargs: Any):
        super().__init__(**kwargs)
        self.groups, self.expansion, self.gain = groups, expansion, gain

    def build(self, input_shape: Shape) -> None:
        width = input_shape[-1] or 1
        inner = width * self.expansion
        shape = (3, 3, inner // self.groups, inner)
        self.widen = self._weight("widen", (width, inner), scaled_normal(self.gain, width))
        self.widen_bias = self._weight("widen_bias", (inner,), "zeros")
        start = scaled_normal(self.gain, 9 * shape[2])
        self.grouped = self._weight("grouped", shape, start)
        self.grouped_bias = self._weight("grouped_bias", (inner,), "zeros")
        self.narrow = self._weight("narrow", (inner, width), "zeros")

    def call(self, x: Tensor) -> Tensor:
        y = self._activated(pointwise(x, self._cast(self.widen)), self.widen_bias)
        y = grouped_conv(y, self._cast(self.grouped), self.groups)
        y = self._activated(y, self.grouped_bias)
        return x + pointwise(y, self._cast(self.narrow))

    def _activated(self, x, bias):
        return ops.leaky_relu(x + self._cast(bias), SLOPE)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        own = {"groups": self.groups, "expansion": self.expansion, "gain": self.gain}
        return super().get_config() | own


@_package
class Basis(_Weighted):
    """From `[N, C]` to `[N, 4, 4, C]`: each feature times a learned picture of 4x4 pixels."""

    def build(self, input_shape: Shape) -> None:
        start = keras.initializers.RandomNormal(0.0, 1.0)
        self.basis = self._weight("basis", (4, 4, input_shape[-1]), start)

    def call(self, x: Tensor) -> Tensor:
        return x[:, None, None, :] * self._cast(self.basis)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], 4, 4, input_shape[-1])


@_package
class Projection(_Weighted):
    """From `[N, 4, 4, C]` to `[N, C]`: the sum of each feature times a learned kernel of it."""

    def build(self, input_shape: Shape) -> None:
        self.kernel = self._weight("kernel", (4, 4, input_shape[-1]), scaled_normal(1.0, 16))

    def call(self, x: Tensor) -> Tensor:
        return ops.sum(x * self._cast(self.kernel), axis=(1, 2))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (input_shape[0], input_shape[-1])


@layer_flops.register
def _(layer: Linear) -> float:
    pixels = layer.input.shape[1] * layer.input.shape[2] if len(layer.input.shape) == 4 else 1
    return 2.0 * layer.input.shape[0] * pixels * layer.kernel.shape[0] * layer.units


@layer_flops.register
def _(layer: Residual) -> float:
    n, height, width, channels = layer.input.shape
    inner = channels * layer.expansion
    return 2.0 * n * height * width * inner * (2 * channels + 9 * inner // layer.groups)
