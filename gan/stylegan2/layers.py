"""Layers of StyleGAN2: modulated convolutions, and convolutions that resample with a filter.

Kernels start at N(0, 1) and are scaled where they are used, see `gan.layers`. The filter of all
resampling is (1, 3, 3, 1) in both directions. "Clamped" activations are kept within `clamp` times
the gain, which half precision needs.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), section 2 and appendix B;
NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/networks.py.
"""

from typing import Any

import keras
from keras import ops

from core.flops import layer_flops
from core.resample import downsample, upfirdn2d, upsample
from core.tensors import Shape, Tensor
from gan.layers import GAIN, Dense

TAPS = (1, 3, 3, 1)
_package = keras.saving.register_keras_serializable("stylegan2")


def activate(x: Tensor, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """The leaky ReLU of slope 0.2 times `sqrt(2) * gain`, within `clamp * gain` of 0."""
    return clamped(ops.leaky_relu(x, 0.2) * (GAIN * gain), gain, clamp)


def clamped(x: Tensor, gain: float = 1.0, clamp: float | None = None) -> Tensor:
    """x within `clamp * gain` of 0; x itself without a clamp."""
    return x if clamp is None else ops.clip(x, -clamp * gain, clamp * gain)


def modulated_conv(
    x: Tensor, kernel: Tensor, styles: Tensor, *, up: bool = False, demodulate: bool = True
) -> Tensor:
    """A convolution whose kernel is scaled for each picture by its styles.

    Features are scaled before the convolution, and after it to the variance that they would have
    with kernels of norm 1. The numbers are those of a grouped convolution with a kernel for each
    picture, which TensorFlow cannot compute on a CPU, and which costs more elsewhere in training.

    Args:
        x: `[N, H, W, in]`.
        kernel: `[k, k, in, out]`, k 1 or 3, float32.
        styles: a factor for each input feature, `[N, in]`, float32.
        up: whether the size doubles.
        demodulate: whether results are scaled to kernels of norm 1.

    Returns:
        `[N, H, W, out]`, or `[N, 2H, 2W, out]`, of the type of x.

    Source: Karras et al. 2020, equations 1 and 3.
    """
    if demodulate and x.dtype == "float16":  # largest values 1, so that sums stay in its range
        kernel = kernel / ops.max(ops.abs(kernel), axis=(0, 1, 2), keepdims=True)
        kernel = kernel / (kernel.shape[0] * kernel.shape[1] * kernel.shape[2]) ** 0.5
        styles = styles / ops.max(ops.abs(styles), axis=1, keepdims=True)
    y = x * ops.cast(styles, x.dtype)[:, None, None, :]
    y = _up(y, ops.cast(kernel, x.dtype)) if up else _conv(y, ops.cast(kernel, x.dtype))
    if not demodulate:
        return y
    squares = ops.sum(ops.square(kernel), axis=(0, 1))
    scale = ops.rsqrt(ops.matmul(ops.square(styles), squares) + 1e-8)
    return y * ops.cast(scale, x.dtype)[:, None, None, :]


def _conv(x, kernel):
    return ops.conv(x, kernel, 1, "same")


def _up(x, kernel):
    """Zeros between the pixels, the convolution, and the filter: `[N, 2H, 2W, out]`."""
    turned = ops.transpose(ops.flip(kernel, axis=(0, 1)), (0, 1, 3, 2))
    return upfirdn2d(ops.conv_transpose(x, turned, 2, "valid"), TAPS, padding=(1, 1), gain=4)


@_package
class ModulatedConv(keras.layers.Layer):
    """A `modulated_conv` with the linear layer that makes its styles of a w.

    Args:
        units: how many features come out.
        kernel_size: 1 or 3 pixels.
        up: whether the size doubles.
        demodulate: see `modulated_conv`; without it the kernel is scaled by `1 / sqrt(fan_in)`.
    """

    def __init__(self, units, kernel_size=3, up=False, demodulate=True, **kwargs):
        super().__init__(autocast=False, **kwargs)  # w stays in float32
        self.units, self.kernel_size, self.up, self.demodulate = units, kernel_size, up, demodulate
        self.affine = Dense(0, gain=1.0, bias_start=1.0, dtype="float32", name="affine")

    def build(self, x_shape: Shape, w_shape: Shape) -> None:
        """Makes the kernel `[k, k, in, out]` and the affine layer."""
        channels, size = x_shape[-1], self.kernel_size
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, channels, self.units),
            initializer=keras.initializers.RandomNormal(0.0, 1.0),
            dtype="float32",
        )
        self.affine.units = channels
        self.affine.build(w_shape)

    def call(self, x: Tensor, w: Tensor) -> Tensor:
        """Features of the type of x, `[N, H, W, units]` or with `up` twice as large.

        Args:
            x: `[N, H, W, in]`.
            w: `[N, w_dim]`.
        """
        styles = self.affine(w)
        if not self.demodulate:
            size, _, channels, _ = self.kernel.shape
            styles = styles / (size * size * channels) ** 0.5
        options = {"up": self.up, "demodulate": self.demodulate}
        return modulated_conv(x, ops.convert_to_tensor(self.kernel), styles, **options)

    def compute_output_shape(self, x_shape: Shape, w_shape: Shape) -> Shape:
        """The shape of the features."""
        n, h, w, _ = x_shape
        return (n, *(None if s is None else s * (1 + self.up) for s in (h, w)), self.units)

    def flops(self, input_shape: tuple[int, ...]) -> float:
        """Floating-point operations of one pass forward, two per multiply-add."""
        n, h, w, channels = input_shape
        return 2.0 * n * h * w * self.kernel_size**2 * channels * self.units

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        names = ("units", "kernel_size", "up", "demodulate")
        return super().get_config() | {name: getattr(self, name) for name in names}


@_package
class StyledConv(keras.layers.Layer):
    """A modulated convolution, noise, a bias, and the leaky ReLU.

    Args:
        units, up: see `ModulatedConv`.
        gain: of the activation, beside `sqrt(2)`.
        clamp: see `activate`.
        use_noise: whether to add noise, scaled by a learned number that starts at 0.
    """

    def __init__(self, units, up=False, gain=1.0, clamp=None, use_noise=True, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.units, self.up, self.gain, self.clamp = units, up, gain, clamp
        self.use_noise = use_noise
        self.conv = ModulatedConv(units, 3, up, dtype=self.dtype_policy, name="conv")

    def build(self, x_shape: Shape, w_shape: Shape) -> None:
        """Makes the convolution, the bias, and the noise with its strength."""
        self.conv.build(x_shape, w_shape)
        options = {"dtype": "float32", "initializer": "zeros"}
        self.bias = self.add_weight(name="bias", shape=(self.units,), **options)
        if self.use_noise:
            _, height, width, _ = self.conv.compute_output_shape(x_shape, w_shape)
            self.noise_strength = self.add_weight(name="noise_strength", shape=(), **options)
            self.noise = self.add_weight(
                name="noise",
                shape=(height, width),
                initializer=keras.initializers.RandomNormal(0.0, 1.0),
                trainable=False,
                dtype="float32",
            )

    def call(self, x: Tensor, w: Tensor, noise: Tensor | None = None) -> Tensor:
        """Features of the type of x, `[N, H, W, units]` or with `up` twice as large.

        Args:
            x: `[N, H, W, in]`.
            w: `[N, w_dim]`.
            noise: `[N, H, W, 1]` of the features' size, or one for all; None: nothing is added.
        """
        y = self.conv(x, w)
        if noise is not None:
            y = y + ops.cast(noise * self.noise_strength, y.dtype)
        return activate(y + ops.cast(self.bias, y.dtype), self.gain, self.clamp)

    def compute_output_shape(self, x_shape: Shape, w_shape: Shape) -> Shape:
        """The shape of the features."""
        return self.conv.compute_output_shape(x_shape, w_shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        names = ("units", "up", "gain", "clamp", "use_noise")
        return super().get_config() | {name: getattr(self, name) for name in names}


@_package
class ToRGB(keras.layers.Layer):
    """Features to a picture: a modulated 1x1 convolution without demodulation, and a bias.

    Args:
        units: channels of the picture.
        clamp: see `activate`.
    """

    def __init__(self, units=3, clamp=None, **kwargs):
        super().__init__(autocast=False, **kwargs)
        self.units, self.clamp = units, clamp
        policy = self.dtype_policy
        self.conv = ModulatedConv(units, 1, demodulate=False, dtype=policy, name="conv")

    def build(self, x_shape: Shape, w_shape: Shape) -> None:
        """Makes the convolution and the bias."""
        self.conv.build(x_shape, w_shape)
        options = {"dtype": "float32", "initializer": "zeros"}
        self.bias = self.add_weight(name="bias", shape=(self.units,), **options)

    def call(self, x: Tensor, w: Tensor) -> Tensor:
        """A picture, float32 `[N, H, W, units]`, of features `[N, H, W, in]` and w `[N, w_dim]`."""
        y = self.conv(x, w)
        return ops.cast(clamped(y + ops.cast(self.bias, y.dtype), 1.0, self.clamp), "float32")

    def compute_output_shape(self, x_shape: Shape, w_shape: Shape) -> Shape:
        """The shape of the picture."""
        return (*x_shape[:-1], self.units)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"units": self.units, "clamp": self.clamp}


@_package
class FilteredConv(keras.layers.Layer):
    """A convolution that may double or halve the size with the filter, a bias, and a leaky ReLU.

    Args:
        units: how many features come out.
        kernel_size: 1 or 3 pixels.
        resample: None, "up" (1x1 only) or "down".
        gain: of the activation beside `sqrt(2)`, or of a linear layer.
        clamp: see `activate`.
        linear: leave out the bias and the activation.
    """

    def __init__(
        self, units, kernel_size=3, resample=None, gain=1.0, clamp=None, linear=False, **kwargs
    ):
        super().__init__(**kwargs)
        self.units, self.kernel_size, self.resample = units, kernel_size, resample
        self.gain, self.clamp, self.linear = gain, clamp, linear

    def build(self, input_shape: Shape) -> None:
        """Makes the kernel `[k, k, in, out]` and the bias."""
        channels, size = input_shape[-1], self.kernel_size
        options = {"dtype": "float32", "autocast": False}
        self.kernel = self.add_weight(
            name="kernel",
            shape=(size, size, channels, self.units),
            initializer=keras.initializers.RandomNormal(0.0, 1.0),
            **options,
        )
        if not self.linear:
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer="zeros", **options
            )

    def call(self, x: Tensor) -> Tensor:
        """Features of the layer's type, `[N, H, W, units]` or of twice or half the size."""
        size, _, channels, _ = self.kernel.shape
        kernel = ops.cast(self.kernel / (size * size * channels) ** 0.5, x.dtype)
        y = self._convolved(x, kernel)
        if self.linear:
            return clamped(y * self.gain, self.gain, self.clamp)
        return activate(y + ops.cast(self.bias, y.dtype), self.gain, self.clamp)

    def _convolved(self, x, kernel):
        if self.resample == "up":
            return upsample(_conv(x, kernel), TAPS)
        if self.resample == "down" and self.kernel_size == 1:
            return _conv(downsample(x, TAPS), kernel)
        if self.resample == "down":
            return ops.conv(upfirdn2d(x, TAPS, padding=(2, 2)), kernel, 2, "valid")
        return _conv(x, kernel)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the features."""
        n, h, w, _ = input_shape
        factor = {"up": 2, "down": 0.5, None: 1}[self.resample]
        return (n, *(None if s is None else int(s * factor) for s in (h, w)), self.units)

    def flops(self, input_shape: tuple[int, ...]) -> float:
        """Floating-point operations of one pass forward, two per multiply-add."""
        n, h, w, channels = input_shape
        pixels = h * w // 4 if self.resample == "down" else h * w
        return 2.0 * n * pixels * self.kernel_size**2 * channels * self.units

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        names = ("units", "kernel_size", "resample", "gain", "clamp", "linear")
        return super().get_config() | {name: getattr(self, name) for name in names}


@layer_flops.register
def _(layer: ModulatedConv) -> float:
    return layer.flops(layer.input[0].shape)


@layer_flops.register
def _(layer: StyledConv) -> float:
    return layer.conv.flops(layer.input[0].shape)


@layer_flops.register
def _(layer: ToRGB) -> float:
    return layer.conv.flops(layer.input[0].shape)


@layer_flops.register
def _(layer: FilteredConv) -> float:
    return layer.flops(layer.input.shape)
