"""Layers of StyleGAN3: Fourier features, and modulated convolutions with a filtered leaky ReLU.

Kernels start at N(0, 1) and are scaled where they are used, see `gan.layers`.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3 and appendix C;
NVlabs/stylegan3 @ c233a91, training/networks_stylegan3.py.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from core.flops import layer_flops
from core.resample import upfirdn2d
from core.tensors import Shape, Tensor
from gan.layers import GAIN, Dense
from gan.stylegan2.layers import clamped
from gan.stylegan3.filters import lowpass, radial_lowpass
from gan.stylegan3.schedule import LayerPlan, Schedule

_package = keras.saving.register_keras_serializable("stylegan3")


def filtered_leaky_relu(
    x: Tensor,
    bias: Tensor,
    up_filter: np.ndarray | None,
    down_filter: np.ndarray | None,
    *,
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] = (0, 0),
    slope: float = 0.2,
    gain: float = GAIN,
    clamp: float | None = None,
) -> Tensor:
    """A leaky ReLU at a higher sampling rate, so that it adds no detail that its rate cannot hold.

    Args:
        x: `[N, H, W, C]`.
        bias: `[C]`, added first.
        up_filter: `[taps]`, applied after zeros were put between pixels; None: there is none.
        down_filter: `[taps]` or symmetric `[taps, taps]`, applied before pixels are left out.
        up, down: the factors of both.
        padding: zeros before and after the upsampled features on both axes; negative: cut off.
        slope: of the leaky ReLU below 0.
        gain: what it is multiplied by.
        clamp: the largest magnitude after it; None: any.

    Returns:
        `[N, (H * up + padding - filters + 2) / down, likewise, C]`, type kept.

    Source: Karras et al. 2021, section 3.1 and equation 4.
    """
    x = x + ops.cast(bias, x.dtype)
    taps = (1.0,) if up_filter is None else up_filter
    x = upfirdn2d(x, taps, up=up, padding=padding, gain=up**2)
    x = clamped(ops.leaky_relu(x, slope) * gain, 1.0, clamp)
    return x if down_filter is None else upfirdn2d(x, down_filter, down=down)


def modulated_conv(
    x: Tensor, kernel: Tensor, styles: Tensor, input_gain: Tensor, *, demodulate: bool = True
) -> Tensor:
    """A convolution whose kernel is scaled for each picture by its styles, with a wide border.

    As in `gan.stylegan2.layers`, features are scaled in place of kernels.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, in, out]`, float32.
        styles: a factor for each input feature, `[N, in]`, float32.
        input_gain: scalar, brings x to magnitude 1.
        demodulate: whether kernels and styles are scaled to magnitude 1, so that results have it.

    Returns:
        `[N, H + k - 1, W + k - 1, out]`, of the type of x.

    Source: Karras et al. 2021, appendix C.2; networks_stylegan3.py (scaling before half precision).
    """
    size, _, channels, _ = kernel.shape
    if demodulate:
        fan_in = size * size * channels
        kernel = kernel * ops.rsqrt(ops.mean(ops.square(kernel), axis=(0, 1, 2), keepdims=True))
        kernel = kernel / fan_in**0.5  # of norm 1: sums stay in the range of half precision
        styles = styles * ops.rsqrt(ops.mean(ops.square(styles)))
    y = x * ops.cast(styles * input_gain, x.dtype)[:, None, None, :]
    if size > 1:
        y = ops.pad(y, ((0, 0), (size - 1,) * 2, (size - 1,) * 2, (0, 0)))
    y = ops.conv(y, ops.cast(kernel, x.dtype), 1, "valid")
    if not demodulate:
        return y
    squares = ops.sum(ops.square(kernel), axis=(0, 1))
    scale = ops.rsqrt(ops.matmul(ops.square(styles), squares) + 1e-8 / fan_in)
    return y * ops.cast(scale, x.dtype)[:, None, None, :]


@_package
class FourierFeatures(keras.layers.Layer):
    """Waves of fixed random frequencies, which a transform learned from w moves and turns.

    Args:
        schedule: of the network.
        w_dim: features of a w.

    Source: Karras et al. 2021, section 3.2 and appendix C.3.
    """

    def __init__(self, schedule: Schedule, w_dim: int, **kwargs: Any):
        super().__init__(dtype="float32", **kwargs)
        self.schedule, self.w_dim = schedule, w_dim
        count = schedule.channels(0)
        normal = keras.initializers.RandomNormal(0.0, 1.0)
        self.kernel = self.add_weight(name="kernel", shape=(count, count), initializer=normal)
        self.affine = Dense(4, gain=1.0, dtype="float32", name="affine")
        self.affine.build((None, w_dim))
        self.affine.kernel.assign(np.zeros((w_dim, 4), "float32"))
        self.affine.bias.assign(np.array([1, 0, 0, 0], "float32"))
        fixed = {"trainable": False, "initializer": "zeros"}
        self.freqs = self.add_weight(name="freqs", shape=(count, 2), **fixed)
        self.phases = self.add_weight(name="phases", shape=(count,), **fixed)
        self.transform = self.add_weight(name="transform", shape=(3, 3), **fixed)
        self.transform.assign(np.eye(3, dtype="float32"))
        self._draw(count)
        self.built = True

    def _draw(self, count):
        """Frequencies whose magnitudes fill the disc up to the first cutoff, and phases."""
        waves = ops.convert_to_numpy(keras.random.normal((count, 2)))
        radii = np.sqrt(np.square(waves).sum(1, keepdims=True))
        waves = waves / (radii * np.exp(np.square(radii)) ** 0.25) * self.schedule.first_cutoff
        self.freqs.assign(waves)
        self.phases.assign(ops.convert_to_numpy(keras.random.uniform((count,), -0.5, 0.5)))

    def call(self, w: Tensor, transform: Tensor | None = None) -> Tensor:
        """Features `[N, size, size, C]`, float32, of `w [N, w_dim]`.

        Args:
            w: the first w of each picture.
            transform: the inverse of the transform of the picture, `[3, 3]` or `[N, 3, 3]`, whose
                translation is in sides of the picture; None: the layer's own.
        """
        given = self.transform if transform is None else transform
        matrix = ops.matmul(self._learned(w), ops.cast(given, "float32"))  # [N, 3, 3]
        rate, cutoff = self.schedule.input_rate, self.schedule.first_cutoff
        phases = self.phases + ops.matmul(matrix[:, None, :2, 2], ops.transpose(self.freqs))[:, 0]
        freqs = ops.matmul(self.freqs, matrix[:, :2, :2])  # [N, C, 2]
        norm = ops.sqrt(ops.sum(ops.square(freqs), axis=2) + 1e-24)
        amplitude = ops.clip(1 - (norm - cutoff) / (rate / 2 - cutoff), 0, 1)
        angles = ops.matmul(self._grid(), ops.swapaxes(freqs, 1, 2))  # [N, size * size, C]
        waves = ops.sin(2 * math.pi * (angles + phases[:, None])) * amplitude[:, None]
        size, count = self.schedule.input_size, self.kernel.shape[0]
        features = ops.matmul(waves, self.kernel / count**0.5)
        return ops.reshape(features, (-1, size, size, count))

    def _learned(self, w):
        """The inverses of the rotation and the translation that w asks for, `[N, 3, 3]`."""
        t = self.affine(w)
        t = t / ops.sqrt(ops.sum(ops.square(t[:, :2]), axis=1, keepdims=True))
        cos, sin, x, y = (t[:, i] for i in range(4))
        zero, one = ops.zeros_like(cos), ops.ones_like(cos)
        rows = [cos, -sin, zero, sin, cos, zero, zero, zero, one]
        rotation = ops.reshape(ops.stack(rows, axis=1), (-1, 3, 3))
        rows = [one, zero, -x, zero, one, -y, zero, zero, one]
        return ops.matmul(rotation, ops.reshape(ops.stack(rows, axis=1), (-1, 3, 3)))

    def _grid(self):
        """The places of the pixels, x and y from the middle in sides of the picture."""
        size, rate = self.schedule.input_size, self.schedule.input_rate
        places = ((np.arange(size) + 0.5) / size - 0.5) * size / rate
        return np.stack(np.meshgrid(places, places), axis=2).reshape(-1, 2).astype("float32")

    def compute_output_shape(self, w_shape: Shape) -> Shape:
        """The shape of the features."""
        size = self.schedule.input_size
        return (w_shape[0], size, size, self.kernel.shape[0])


@_package
class FilteredLayer(keras.layers.Layer):
    """A modulated convolution and a filtered leaky ReLU; the last layer has neither filters nor
    leaky ReLU.

    Args:
        plan: what it works at.
        w_dim: features of a w.
        clamp: the largest magnitude of features; None: any.
        magnitude_beta: how much of the moving mean square of its input stays at a step.
    """

    def __init__(
        self,
        plan: LayerPlan,
        w_dim: int,
        clamp: float | None = 256.0,
        magnitude_beta: float = 0.999,
        **kwargs: Any,
    ):
        super().__init__(autocast=False, **kwargs)  # w stays in float32
        self.plan, self.w_dim, self.clamp = plan, w_dim, clamp
        self.magnitude_beta = magnitude_beta
        self.up_filter, self.down_filter = filters(plan)
        shape = (plan.kernel_size,) * 2 + (plan.in_channels, plan.out_channels)
        normal = keras.initializers.RandomNormal(0.0, 1.0)
        options = {"dtype": "float32", "autocast": False}
        self.affine = Dense(plan.in_channels, 1.0, bias_start=1.0, name="affine", dtype="float32")
        self.affine.build((None, w_dim))
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=normal, **options)
        self.bias = self.add_weight(
            name="bias", shape=(plan.out_channels,), initializer="zeros", **options
        )
        self.magnitude = self.add_weight(
            name="magnitude", shape=(), initializer="ones", trainable=False, **options
        )
        self.built = True

    def call(self, x: Tensor, w: Tensor, update: bool = False) -> Tensor:
        """Features `[N, out_size, out_size, out_channels]`; of layers to RGB float32.

        Args:
            x: `[N, in_size, in_size, in_channels]`.
            w: `[N, w_dim]`.
            update: move the moving mean square of x first.
        """
        plan = self.plan
        if update:
            self._update_magnitude(x)
        gain, styles = ops.rsqrt(self.magnitude + 0.0), self.affine(w)
        if plan.to_rgb:
            styles = styles / (plan.in_channels * plan.kernel_size**2) ** 0.5
        x = ops.cast(x, self.compute_dtype)
        kernel = ops.convert_to_tensor(self.kernel)
        y = modulated_conv(x, kernel, styles, gain, demodulate=not plan.to_rgb)
        if plan.to_rgb:
            y = ops.cast(y, "float32") + self.bias
            return clamped(y, 1.0, self.clamp)
        return filtered_leaky_relu(
            y,
            self.bias,
            self.up_filter,
            self.down_filter,
            up=plan.up,
            down=plan.down,
            padding=plan.padding,
            clamp=self.clamp,
        )

    def _update_magnitude(self, x):
        mean = ops.mean(ops.square(ops.cast(ops.stop_gradient(x), "float32")))
        self.magnitude.assign(mean + (self.magnitude - mean) * self.magnitude_beta)

    def compute_output_shape(self, x_shape: Shape, w_shape: Shape) -> Shape:
        """The shape of the features."""
        return (x_shape[0], self.plan.out_size, self.plan.out_size, self.plan.out_channels)

    def flops(self, count: int) -> float:
        """Floating-point operations of the convolution for so many pictures, two per
        multiply-add."""
        side = self.plan.in_size + self.plan.kernel_size - 1
        return 2.0 * count * side * side * math.prod(self.kernel.shape)


def filters(plan: LayerPlan) -> Sequence[np.ndarray | None]:
    """The filters of a layer, before and after its leaky ReLU; None where there is none."""
    before = lowpass(plan.up_taps, plan.in_cutoff, plan.in_half_width, plan.inner_rate)
    design = radial_lowpass if plan.radial and plan.down_taps > 1 else lowpass
    return before, design(plan.down_taps, plan.out_cutoff, plan.out_half_width, plan.inner_rate)


@layer_flops.register
def _(layer: FilteredLayer) -> float:
    return layer.flops(layer.input[0].shape[0])
