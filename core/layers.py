"""Layers that more than one family is made of."""

from typing import Any

import keras
from keras import ops

from core import engine
from core.tensors import Shape, Tensor

# N(0, 0.02): DCGAN (Radford et al. 2015, section 4), and pix2pix and CycleGAN after it.
NORMAL_INIT = {"class_name": "RandomNormal", "config": {"mean": 0.0, "stddev": 0.02}}


@keras.saving.register_keras_serializable("core")
class PaddedConv2D(keras.layers.Conv2D):
    """Convolution with `pad` pixels put on every side first, as PyTorch's `padding=pad` does.

    Keras' `padding="same"` pads a strided or an even kernel unevenly and so shifts the picture:
    3x3 stride 2 gets 0 before and 1 after, 4x4 stride 1 gets 1 before and 2 after.

    Args:
        filters, kernel_size, kwargs: see `keras.layers.Conv2D`.
        pad: how many pixels are put on each side.
        pad_mode: "constant" (zeros), "reflect" (mirrored without the border pixel) or "symmetric"
            (mirrored with it).
    """

    def __init__(self, filters, kernel_size, pad=0, pad_mode="constant", **kwargs):
        kwargs = {"kernel_initializer": NORMAL_INIT} | kwargs
        super().__init__(filters, kernel_size, padding="valid", **kwargs)
        self.pad = pad
        self.pad_mode = pad_mode

    def call(self, inputs: Tensor) -> Tensor:
        if self.pad:
            sides = (self.pad, self.pad)
            inputs = ops.pad(inputs, ((0, 0), sides, sides, (0, 0)), mode=self.pad_mode)
        return super().call(inputs)

    def convolution_op(self, inputs: Tensor, kernel: Tensor) -> Tensor:
        once = self.groups == 1 and set(self.strides + self.dilation_rate) == {1}
        few = self.filters <= 4 and self.kernel_size[1] > 1 and self.compute_dtype == "float32"
        if once and few and self.data_format == "channels_last" and engine.on_cpu():
            return conv_to_few(inputs, kernel)
        return super().convolution_op(inputs, kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, h, w, c = input_shape
        grow = 2 * self.pad
        padded = (n, None if h is None else h + grow, None if w is None else w + grow, c)
        return super().compute_output_shape(padded)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("padding")
        return config | {"pad": self.pad, "pad_mode": self.pad_mode}


def conv_to_few(x: Tensor, kernel: Tensor) -> Tensor:
    """A convolution to few channels, such as the colours of a picture, as it is fast on a CPU.

    CPUs compute eight channels or more at a time; with three of them the usual convolution and its
    gradients take two to six times as long (docs/benchmarks.md). So the columns of the kernel
    become channels: one column to `kw * K` channels, each K of which are then moved to their place
    and added.

    Args:
        x: `[N, H, W, C]`.
        kernel: `[kh, kw, C, K]`.

    Returns:
        `[N, H - kh + 1, W - kw + 1, K]`, as `keras.ops.conv(x, kernel)` without padding.
    """
    kh, kw, channels, few = kernel.shape
    column = ops.reshape(ops.transpose(kernel, (0, 2, 1, 3)), (kh, 1, channels, kw * few))
    parts = ops.split(ops.conv(x, column, 1, "valid"), kw, axis=-1)
    first, *others = [part[:, :, i : i - kw + 1 or None] for i, part in enumerate(parts)]
    return sum(others, start=first)


@keras.saving.register_keras_serializable("core")
class InstanceNorm(keras.layers.Layer):
    """Instance normalisation of `[N, H, W, C]` without learned scale and offset.

    Args:
        epsilon: added to the variance before the root. 1e-5 is PyTorch's; Keras' normalisation
            layers default to 1e-3.
    """

    def __init__(self, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.epsilon = epsilon

    def call(self, x: Tensor) -> Tensor:
        return engine.instance_norm(x, self.epsilon)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"epsilon": self.epsilon}
