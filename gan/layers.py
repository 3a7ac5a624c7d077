"""Layers of the progressive and style-based GANs.

Equalised learning rate (Karras et al. 2018, section 4.1): weights start at N(0, 1) and are scaled
where they are used, by He's constant `gain / sqrt(fan_in)` and by `lrmul`, the learning rate of the
layer relative to the others.
"""

import math
from typing import Any

import keras
from keras import ops

from core.flops import layer_flops
from core.resample import blur
from core.stats import adain
from core.tensors import Shape, Tensor

GAIN = 2**0.5  # He's, for ReLUs
_package = keras.saving.register_keras_serializable("gan")


def pixel_norm(x: Tensor, epsilon: float = 1e-8) -> Tensor:
    """Scales the features of every position to mean square 1; the type is kept.

    Source: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), equation 2.
    """
    wide = ops.cast(x, "float32")
    scale = ops.rsqrt(ops.mean(ops.square(wide), axis=-1, keepdims=True) + epsilon)
    return ops.cast(wide * scale, x.dtype)


def minibatch_stddev(x: Tensor, group_size: int = 4) -> Tensor:
    """Appends a feature that says how much the images of a group differ, one number per group.

    The group of image i is i, i + N / group_size, ... It has fewer images than `group_size` where
    that does not divide N: as many as divide it.

    Args:
        x: `[N, H, W, C]`, N known.
        group_size: how many images a group has, at most.

    Returns:
        `[N, H, W, C + 1]`, type kept.

    Source: Karras et al. 2018, section 3; tkarras/progressive_growing_of_gans @ 2504c3f,
    networks.py `minibatch_stddev_layer`.
    """
    n, h, w, c = x.shape
    if n is None:
        raise ValueError("minibatch_stddev: the number of images must be known, not None")
    group = next(g for g in range(min(group_size, n), 0, -1) if n % g == 0)
    y = ops.reshape(ops.cast(x, "float32"), (group, n // group, h, w, c))
    y = ops.mean(ops.square(y - ops.mean(y, axis=0, keepdims=True)), axis=0)
    y = ops.mean(ops.sqrt(y + 1e-8), axis=(1, 2, 3), keepdims=True)  # [N / group, 1, 1, 1]
    y = ops.broadcast_to(ops.tile(y, (group, 1, 1, 1)), (n, h, w, 1))
    return ops.concatenate([x, ops.cast(y, x.dtype)], axis=-1)


class _Equalised(keras.layers.Layer):
    """A kernel and a bias that are scaled where they are used."""

    def __init__(self, units, gain=GAIN, lrmul=1.0, use_bias=True, bias_start=0.0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.gain, self.lrmul, self.use_bias = units, gain, lrmul, use_bias
        self.bias_start = bias_start

    def _add(self, shape, fan_in):
        init = keras.initializers.RandomNormal(0.0, 1.0 / self.lrmul)
        # scaled in float32, and only then cast
        options = {"autocast": False, "dtype": "float32"}
        self.kernel = self.add_weight(name="kernel", shape=shape, initializer=init, **options)
        self.scale = self.gain / fan_in**0.5 * self.lrmul
        if self.use_bias:
            start = keras.initializers.Constant(self.bias_start / self.lrmul)
            self.bias = self.add_weight(
                name="bias", shape=(self.units,), initializer=start, **options
            )

    def _biased(self, x):
        return x + ops.cast(self.bias * self.lrmul, x.dtype) if self.use_bias else x

    def get_config(self):
        names = ("units", "gain", "lrmul", "use_bias", "bias_start")
        return super().get_config() | {name: getattr(self, name) for name in names}


@_package
class Dense(_Equalised):
    """A fully connected layer, `[N, in] -> [N, units]`.

    Args:
        units: how many features come out.
        gain: factor of He's constant, see above.
        lrmul: learning rate relative to other layers.
        use_bias: add a learned bias to each feature.
        bias_start: what the biases are at first, where they are added.
    """

    def build(self, input_shape: Shape) -> None:
        self._add((input_shape[-1], self.units), input_shape[-1])

    def call(self, x: Tensor) -> Tensor:
        kernel = ops.cast(self.kernel * self.scale, self.compute_dtype)
        return self._biased(ops.matmul(x, kernel))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return (*input_shape[:-1], self.units)


@_package
class Conv(_Equalised):
    """Convolution with zeros beyond the border, at the same, twice or half the size.

    "up" is a nearest-neighbour upsampling before a 3x3 convolution, "down" a 2x2 average after it,
    each as one strided 4x4 convolution of the same result: 4/9 of the arithmetic. (The official
    code does so from 128 px on, "fused_scale"; its upsampling then has the kernel turned round.)

    Args:
        units: how many features come out.
        kernel_size: 1 or 3 pixels.
        resample: None, "up" or "down".
        gain, lrmul, use_bias, bias_start: see `Dense`.

    Source: tkarras/progressive_growing_of_gans @ 2504c3f, networks.py.
    """

    def __init__(self, units, kernel_size=3, resample=None, **kwargs):
        super().__init__(units, **kwargs)
        self.kernel_size, self.resample = kernel_size, resample

    def build(self, input_shape: Shape) -> None:
        channels, size = input_shape[-1], self.kernel_size
        self._add((size, size, channels, self.units), size * size * channels)

    def call(self, x: Tensor) -> Tensor:
        kernel = self.kernel * self.scale
        if self.resample == "up":
            kernel = _widen(ops.flip(kernel, axis=(0, 1)))
            kernel = ops.cast(ops.transpose(kernel, (0, 1, 3, 2)), x.dtype)
            return self._biased(ops.conv_transpose(x, kernel, 2, "same"))
        if self.resample == "down":
            kernel = ops.cast(_widen(kernel) / 4, x.dtype)
            return self._biased(ops.conv(x, kernel, 2, "same"))
        return self._biased(ops.conv(x, ops.cast(kernel, x.dtype), 1, "same"))

    def flops(self, input_shape: tuple[int, ...]) -> int:
        """Floating-point operations of one pass forward, two per multiply-add."""
        n, h, w, channels = input_shape
        if self.resample is None:
            return 2 * n * h * w * self.kernel_size**2 * channels * self.units
        # 16 products per pixel of the smaller picture
        smaller = h * w if self.resample == "up" else h * w // 4
        return 2 * n * smaller * 16 * channels * self.units

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, h, w, _ = input_shape
        factor = {"up": 2, "down": 0.5, None: 1}[self.resample]
        return (n, *(None if s is None else int(s * factor) for s in (h, w)), self.units)

    def get_config(self) -> dict[str, Any]:
        own = {"kernel_size": self.kernel_size, "resample": self.resample}
        return super().get_config() | own


def _widen(kernel):
    """A 3x3 kernel and its copies shifted by one row, one column and both, summed: 4x4."""
    rows = ops.pad(kernel, ((0, 1), (0, 0), (0, 0), (0, 0)))
    rows = rows + ops.pad(kernel, ((1, 0), (0, 0), (0, 0), (0, 0)))
    return ops.pad(rows, ((0, 0), (0, 1), (0, 0), (0, 0))) + ops.pad(
        rows, ((0, 0), (1, 0), (0, 0), (0, 0))
    )


@_package
class Blur(keras.layers.Layer):
    """The filter (1, 2, 1) in both directions, zeros beyond the border."""

    def call(self, x: Tensor) -> Tensor:
        return blur(x)


@_package
class LeakyReLU(keras.layers.Layer):
    """The leaky rectifier with slope 0.2 below 0."""

    def call(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, 0.2)


@_package
class MinibatchStddev(keras.layers.Layer):
    """`minibatch_stddev` as a layer, in float32."""

    def __init__(self, group_size=4, **kwargs):
        super().__init__(**kwargs)
        self.group_size = group_size

    def call(self, x: Tensor) -> Tensor:
        return minibatch_stddev(x, self.group_size)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"group_size": self.group_size}


@_package
class Epilogue(keras.layers.Layer):
    """The layers after a convolution of a generator: noise, bias, leaky ReLU, norm, style.

    With `w_dim` the normalisation is AdaIN with a style from w; without, it is pixel norm.

    Args:
        w_dim: how many features w has, 0 for a generator without styles.
        use_noise: whether to add noise, scaled by a learned weight per channel that starts at 0.

    Source: NVlabs/stylegan @ 1e0d5c7, training/networks_stylegan.py:490-501 (`layer_epilogue`).
    """

    def __init__(self, w_dim=0, use_noise=False, **kwargs):
        # w stays in float32, and so does the style, which scales everything
        super().__init__(autocast=False, **kwargs)
        self.w_dim, self.use_noise = w_dim, use_noise
        self.style = Dense(0, gain=1.0, dtype="float32", name="style") if w_dim else None

    def build(self, input_shape: tuple[int, ...]) -> None:
        _, h, w, c = input_shape
        options = {"dtype": "float32", "autocast": False}
        if self.use_noise:
            self.noise_weight = self.add_weight(
                name="noise_weight", shape=(c,), initializer="zeros", **options
            )
            self.noise = self.add_weight(
                name="noise",
                shape=(1, h, w, 1),
                initializer=keras.initializers.RandomNormal(0, 1),
                trainable=False,
                **options,
            )
        self.bias = self.add_weight(name="bias", shape=(c,), initializer="zeros", **options)
        if self.style is not None:
            self.style.units = 2 * c
            self.style.build((None, self.w_dim))

    def call(
        self,
        x: Tensor,
        w: Tensor | None = None,
        noise: str = "const",
        seed: keras.random.SeedGenerator | None = None,
    ) -> Tensor:
        """Features `[N, H, W, C]`, of the type of x.

        Args:
            x: `[N, H, W, C]`.
            w: `[N, w_dim]`, for styles.
            noise: "const" (the layer's own, the same for every image), "random" or "none".
            seed: what draws random noise; None: Keras' global generator.
        """
        if self.use_noise and noise != "none":
            x = x + ops.cast(self._noise(x, noise, seed) * self.noise_weight, x.dtype)
        x = ops.leaky_relu(x + ops.cast(self.bias, x.dtype), 0.2)
        if self.style is None:
            return pixel_norm(x)
        scale, offset = ops.split(self.style(w)[:, None, None, :], 2, axis=-1)
        return adain(x, offset, scale + 1.0, 1e-8)

    def _noise(self, x, noise, seed):
        if noise == "const":
            return self.noise
        return keras.random.normal((ops.shape(x)[0], *x.shape[1:3], 1), seed=seed, dtype="float32")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"w_dim": self.w_dim, "use_noise": self.use_noise}


@layer_flops.register
def _(layer: Conv) -> float:
    return float(layer.flops(layer.input.shape))


@layer_flops.register
def _(layer: Dense) -> float:
    return 2.0 * layer.input.shape[0] * math.prod(layer.kernel.shape)
