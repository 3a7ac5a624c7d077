"""The image transformation network of Johnson et al. 2016, with its normalisation layers.

https://arxiv.org/abs/1603.08155, supplement, table 1: a 9x9 convolution, two strided 3x3 ones, five
residual blocks, two upsamplings, and a 9x9 convolution. The published codes differ in padding,
upsampling and output.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import layers, ops

from core import engine
from core.batch_norm import BatchNorm
from core.layers import PaddedConv2D
from core.tensors import Shape, Tensor

CHANNELS = (32, 64, 128)
MULTIPLE = 4  # heights and widths that are multiples of it come out as they went in
START = 40  # pixels reflected around the picture with padding="start"
MEAN = (123.68, 116.779, 103.939)  # mean colour of ImageNet, RGB levels
TANH = 150  # an output of "tanh" reaches this many levels from the mean
PADDINGS = ("reflect", "start")
UPSAMPLINGS = ("nearest", "transposed")
OUTPUTS = ("linear", "tanh", "sigmoid")
NORMS = ("instance", "batch")
# U(-1/sqrt(fan_in), 1/sqrt(fan_in)), the default of Torch and PyTorch
TORCH_INIT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"},
}


@keras.saving.register_keras_serializable("nst")
class StyleNorm(keras.layers.Layer):
    """Instance normalisation with a scale gamma and an offset beta for each style.

    `norm(x, style_weights)` takes x `[N, H, W, C]` and the share of each style in each picture,
    `[N, styles + added]`. Each picture gets the mean of the rows of gamma and beta, weighted by its
    shares; a one-hot row chooses a single style. Without style weights there must be one style.

    Source: Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629), equation 5; magenta/magenta @
    526d3eb, image_stylization/ops.py:98-109 (epsilon 1e-5). With one style: Ulyanov et al. 2016
    (https://arxiv.org/abs/1607.08022), equation 2.

    Args:
        styles: how many styles there are.
        added: how many further styles have variables of their own, `new_gamma` and `new_beta`,
            which can be trained while the others stay as they are.
        gamma_initializer: "ones", or "uniform" on [0, 1] (jcjohnson/fast-neural-style @ 813c834,
            InstanceNormalization.lua:21-27).
        epsilon: added to the variances.
        rate: how many times faster than other weights gamma and beta learn. The variables hold them
            divided by it.
    """

    def __init__(
        self,
        styles: int = 1,
        added: int = 0,
        gamma_initializer: str = "ones",
        epsilon: float = 1e-5,
        rate: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.styles, self.added, self.epsilon, self.rate = styles, added, epsilon, rate
        self.gamma_initializer = gamma_initializer

    def build(self, shape: Shape, *_: object) -> None:
        """Makes gamma and beta, `[styles, C]`, and those of the added styles."""
        gamma = gamma_initializer(self.gamma_initializer, self.rate)
        size = (self.styles, shape[-1])
        self.gamma = self.add_weight(name="gamma", shape=size, initializer=gamma)
        self.beta = self.add_weight(name="beta", shape=size, initializer="zeros")
        if self.added:
            size = (self.added, shape[-1])
            self.new_gamma = self.add_weight(name="new_gamma", shape=size, initializer=gamma)
            self.new_beta = self.add_weight(name="new_beta", shape=size, initializer="zeros")
        self.built = True

    def call(self, x: Tensor, style_weights: Tensor | None = None) -> Tensor:
        """The normalised, scaled and shifted features, of the shape and type of x."""
        gamma, beta = (self._rows(name, style_weights) for name in ("gamma", "beta"))
        normalised = ops.cast(engine.instance_norm(x, self.epsilon), "float32")
        return ops.cast(normalised * gamma + beta, x.dtype)

    def _rows(self, name, style_weights):
        """Gamma or beta of each picture, `[N, 1, 1, C]`; `[1, 1, 1, C]` without style weights."""
        table = ops.cast(getattr(self, name), "float32")
        if self.added:
            table = ops.concatenate([table, ops.cast(getattr(self, f"new_{name}"), "float32")])
        if style_weights is not None:
            table = ops.matmul(ops.cast(style_weights, "float32"), table)
        return self.rate * table[:, None, None, :]

    def compute_output_shape(self, shape: Shape, *_: object) -> Shape:
        """The shape of the input."""
        return shape

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        names = ("styles", "added", "gamma_initializer", "epsilon", "rate")
        return super().get_config() | {name: getattr(self, name) for name in names}


def transformer(
    *,
    norm: str = "instance",
    styles: int = 1,
    added: int = 0,
    conditional: bool = False,
    padding: str = "reflect",
    upsampling: str = "nearest",
    output: str = "linear",
    width: float = 1.0,
    channels: Sequence[int] = CHANNELS,
    blocks: int = 5,
    expand: Sequence[int] | None = None,
    gamma: str = "ones",
    rate: float = 1.0,
    kernel_stddev: float | None = None,
    name: str = "transformer",
) -> keras.Model:
    """The network that turns a content into a stylised picture.

    Three codes, and the arguments that give their networks:

    - pytorch/examples @ 77f55b9, fast_neural_style/transformer_net.py:4-99: the defaults;
    - jcjohnson/fast-neural-style @ 813c834, train.lua:20, models.lua:10-139: padding="start",
      upsampling="transposed", output="tanh", gamma="uniform";
    - magenta/magenta @ 526d3eb, image_stylization/model.py:44-65, for Dumoulin et al. 2017:
      conditional=True, output="sigmoid", kernel_stddev=0.01.

    Args:
        norm: "instance" or "batch".
        styles, added: see `StyleNorm`; they matter with `conditional` only.
        conditional: whether the network takes style weights as a second input. Then it has no
            biases, and its last convolution is normalised, too.
        padding: "reflect" mirrors the border at each convolution. "start" mirrors 40 pixels around
            the picture at the start; convolutions pad with zeros, and the residual blocks not at
            all, so that they take those pixels off again.
        upsampling: "nearest" followed by a convolution, or "transposed" convolutions.
        output: "linear": levels; "tanh": 150 times a tanh, about the mean colour; "sigmoid".
        width: multiplies the channels below.
        channels: of the three convolutions before the residual blocks.
        blocks: how many residual blocks.
        expand: channels after each of the two upsamplings. None: the first two of `channels`,
            reversed.
        gamma: initial scales of the normalisation layers, "ones" or "uniform".
        rate: see `StyleNorm`.
        kernel_stddev: standard deviation of normally distributed kernels. None: Torch's uniform
            distribution.
        name: the model's name.

    Returns:
        A model from RGB `[N, H, W, 3]` to the same, if H and W are multiples of 4; other sizes come
        out larger. Values are levels from 0 to 255, not clipped; with "sigmoid" in [0, 1], going in
        and coming out. With `conditional` it takes `[pictures, style_weights]`, `style_weights`
        `[N, styles + added]`. By default it has 1,679,235 parameters.
    """
    build = Builder(padding, kernel_stddev, biased=not conditional)
    picture = keras.Input((None, None, 3), name="rgb")
    style_weights = keras.Input((styles + added,), name="styles") if conditional else None
    options = {"styles": styles, "added": added, "rate": rate}
    build.norm = _normalisation(norm, gamma, style_weights, **options)
    first, some, many = (max(1, round(width * n)) for n in channels)
    wide, narrow = (max(1, round(width * n)) for n in expand or (channels[1], channels[0]))
    x = picture
    if output == "tanh":
        x = layers.Rescaling(1.0, [-m for m in MEAN], dtype="float32")(x)
    if padding == "start":
        x = Reflect(START)(x)
    x = build.conv_norm_relu(x, first, 9)
    x = build.conv_norm_relu(x, some, 3, strides=2)
    x = build.conv_norm_relu(x, many, 3, strides=2)
    for _ in range(blocks):
        x = build.residual(x)
    x = build.up(x, wide, upsampling)
    x = build.up(x, narrow, upsampling)
    x = build.conv(x, 3, 9, dtype="float32")  # levels need more than the 8 bits of bfloat16
    if conditional:
        x = build.norm(x, dtype="float32")
    if output != "linear":
        x = layers.Activation(output, dtype="float32")(x)
    if output == "tanh":
        x = layers.Rescaling(float(TANH), list(MEAN), dtype="float32")(x)
    return keras.Model([picture, style_weights] if conditional else picture, x, name=name)


def full_size_channels(width: float, channels: Sequence[int] = CHANNELS) -> int:
    """How many channels the layers at the picture's full size have; see `transformer`."""
    return max(1, round(width * channels[0]))


def smallest_size(padding: str) -> int:
    """The smallest height and width, in pixels, that `transformer` takes with this padding."""
    return START + MULTIPLE if padding == "start" else 2 * MULTIPLE


def at_any_size(network: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
    """What a transformer makes of pictures whose sides need not be multiples of 4.

    The right and lower borders are mirrored up to a size that the network takes, and cut off again.

    Args:
        network: from `[N, H, W, 3]` to the same.
        pictures: `[N, H, W, 3]`, H and W 4 or more.
    """
    pictures = ops.convert_to_tensor(pictures, "float32")
    height, width = ops.shape(pictures)[1:3]
    smallest = smallest_size("reflect")
    sides = ((0, max(-n % MULTIPLE, smallest - n)) for n in (height, width))
    made = network(ops.pad(pictures, ((0, 0), *sides, (0, 0)), mode="symmetric"))
    return made[:, :height, :width]


@keras.saving.register_keras_serializable("nst")
class MultiStyle(keras.Model):
    """A conditional `transformer` that is called with pictures of any size and their styles.

    Args:
        transformer: made by `transformer` with `conditional` and an output of "sigmoid".
    """

    def __init__(self, transformer: keras.Model, name: str = "multi_style"):
        super().__init__(name=name, dtype="float32")
        self.transformer = transformer
        self.built = True

    def call(self, pictures: Tensor, style_weights: Tensor | None = None) -> Tensor:
        """Stylised pictures, RGB in [0, 1], `[N, H, W, 3]`.

        Args:
            pictures: RGB in [0, 1], `[N, H, W, 3]`, or `(pictures, style_weights)`.
            style_weights: the share of each of the S styles in each picture, `[N, S]`.
        """
        if style_weights is None:
            pictures, style_weights = pictures
        weights = ops.convert_to_tensor(style_weights, "float32")
        return at_any_size(lambda x: self.transformer([x, weights], training=False), pictures)


@keras.saving.register_keras_serializable("nst")
class Reflect(keras.layers.Layer):
    """Pads `[N, H, W, C]` on every side by mirroring, without repeating the border pixel.

    Args:
        pixels: how many rows and columns each side gets.
    """

    def __init__(self, pixels: int, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, x: Tensor) -> Tensor:
        """The padded features, `[N, H + 2 * pixels, W + 2 * pixels, C]`."""
        sides = (self.pixels, self.pixels)
        return ops.pad(x, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape with `2 * pixels` added to height and width."""
        grown = (None if n is None else n + 2 * self.pixels for n in shape[1:3])
        return (shape[0], *grown, shape[3])

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {"pixels": self.pixels}


def gamma_initializer(name: str, rate: float = 1.0) -> keras.initializers.Initializer:
    """Initial scales of normalisation layers, divided by `rate`.

    Args:
        name: "ones", or "uniform" on [0, 1].
        rate: see `StyleNorm`.
    """
    if name == "uniform":
        return keras.initializers.RandomUniform(0.0, 1 / rate)
    return keras.initializers.Constant(1 / rate)


def _normalisation(norm, gamma, style_weights, **options):
    """A function that normalises features by a new layer."""

    def apply(x, **kwargs):
        if norm == "batch":
            return BatchNorm(gamma_initializer=gamma_initializer(gamma), **kwargs)(x)
        layer = StyleNorm(gamma_initializer=gamma, **options, **kwargs)
        return layer(x) if style_weights is None else layer(x, style_weights)

    return apply


class Builder:
    """Makes layers with the padding, kernels and normalisation of one of the codes.

    Args:
        padding, kernel_stddev: see `transformer`.
        biased: whether convolutions have biases.

    Attributes:
        norm: makes a layer of normalisation and calls it, `norm(features, **options)`.
    """

    norm: Callable[..., Tensor]

    def __init__(self, padding: str, kernel_stddev: float | None, *, biased: bool):
        normal = keras.initializers.RandomNormal(0.0, kernel_stddev) if kernel_stddev else None
        self.options = {"kernel_initializer": normal or TORCH_INIT, "use_bias": biased}
        self.mode = "reflect" if padding == "reflect" else "constant"
        self.shaves = padding == "start"

    def conv(
        self,
        x: Tensor,
        filters: int,
        size: int,
        strides: int = 1,
        pad: int | None = None,
        **kwargs: Any,
    ) -> Tensor:
        """A convolution alone."""
        pad = size // 2 if pad is None else pad
        options = self.options | kwargs
        layer = PaddedConv2D(filters, size, pad, self.mode, strides=strides, **options)
        return layer(x)

    def conv_norm_relu(self, x: Tensor, filters: int, size: int, **kwargs: Any) -> Tensor:
        """A convolution, its normalisation and a ReLU."""
        return layers.ReLU()(self.norm(self.conv(x, filters, size, **kwargs)))

    def residual(self, x: Tensor) -> Tensor:
        """conv-norm-ReLU-conv-norm plus x, without a ReLU after the sum. Unpadded convolutions
        shave the border off, so x is cropped to fit."""
        filters, pad = x.shape[-1], 0 if self.shaves else None
        y = self.conv_norm_relu(x, filters, 3, pad=pad)
        y = self.norm(self.conv(y, filters, 3, pad=pad))
        return layers.Add()([layers.Cropping2D(2)(x) if self.shaves else x, y])

    def up(self, x: Tensor, filters: int, upsampling: str) -> Tensor:
        """Twice the height and width, a convolution, its normalisation and a ReLU."""
        if upsampling == "nearest":
            return self.conv_norm_relu(layers.UpSampling2D(interpolation="nearest")(x), filters, 3)
        # PyTorch's ConvTranspose2d(3, stride=2, padding=1, output_padding=1)
        x = layers.Conv2DTranspose(filters, 3, 2, padding="valid", **self.options)(x)
        return layers.ReLU()(self.norm(layers.Cropping2D(((1, 0), (1, 0)))(x)))
