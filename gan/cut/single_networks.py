"""The networks of SinCUT: StyleGAN2's layers in a generator that keeps the picture's size.

The discriminator is `gan.stylegan2.discriminator.Discriminator` without the deviation of a
minibatch. Pictures are `[N, H, W, C]`, about -1 to 1: unlike CUT's generator, this one does not end
in a tanh but, as every layer does, in a leaky ReLU.

Source: taesungp/contrastive-unpaired-translation @ b3ac297, models/stylegan_networks.py
(`StyleGAN2Encoder`, `StyleGAN2Decoder`, `StyleGAN2Discriminator`).
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
from keras import layers, ops

from core.flops import layer_flops
from core.picture_size import Size, sides
from core.tensors import Shape, Tensor
from gan.cut.networks import Generator
from gan.stylegan2.blocks import HALF
from gan.stylegan2.discriminator import Discriminator
from gan.stylegan2.layers import FilteredConv, activate, modulated_conv


def generator_width(ngf: int, size: Size, halvings: int = 0) -> int:
    """The channels of the generator after so many halvings, `512 * ngf / pixels`.

    "Pixels" is the power of two that is nearest to the shorter side of a training crop, halved;
    below 64 of them there are at most 512 channels. At `ngf` 10 and crops of 64 pixels: 80, and
    160 after a halving.
    """
    pixels = max(1, 2 ** round(math.log2(min(sides(size)))) >> halvings)
    width = max(1, round(512 * ngf / pixels))
    return width if pixels >= 64 else min(512, width)


def single_generator(
    taps: Sequence[int],
    *,
    size: Size = 64,
    ngf: int = 10,
    n_blocks: int = 6,
    n_downsampling: int = 1,
    channels: int = 3,
    seed: int | None = None,
    name: str | None = None,
) -> Generator:
    """SinCUT's generator, of which features can be seen; see `gan.cut.networks.Generator`.

    Args:
        taps: numbers of layers: 0 is the picture, 1 the first convolution, then come the halvings
            and the first half of the residual blocks, one number each.
        size: of training crops, see `generator_width`; pictures of other sizes can go in.
        ngf: of the width, see `generator_width`.
        n_blocks: residual blocks, half of them before the features that are doubled again.
        n_downsampling: how often the picture is halved before the blocks.
        channels: channels of the picture, in and out.
        seed: what the noise of training depends on; None: on Keras' own seed.
        name: name of the network.

    Returns:
        Models whose heights and widths are multiples of `2 ** n_downsampling`. 3,068,404 parameters
        as by default.
    """
    widths = [generator_width(ngf, size, i) for i in range(n_downsampling + 1)]
    x = inputs = keras.Input((None, None, channels))
    made: list[Any] = [x, FilteredConv(widths[0], 1)(x)]
    for width in widths[1:]:
        made.append(_residual(made[-1], width, down=True))
    for _ in range(n_blocks // 2):
        made.append(_residual(made[-1], widths[-1]))
    x = made[-1]
    for _ in range(n_blocks // 2):
        x = _residual(x, widths[-1])
    for i, width in enumerate(widths[-2::-1]):
        x = NoisyUp(width, seed=None if seed is None else seed + i)(x)
    # float32: the losses are float32 means
    x = layers.Activation("linear", dtype="float32")(FilteredConv(channels, 1)(x))
    features = [made[i] for i in taps]
    return Generator(
        keras.Model(inputs, x, name=name or "single_generator"),
        keras.Model(inputs, features),
        keras.Model(inputs, [*features, x]),
    )


def _residual(x, units, down=False):
    """Two 3x3 convolutions beside x, or beside a 1x1 convolution of it where the size changes; the
    sum over the square root of 2."""
    resample = "down" if down else None
    if down or x.shape[-1] != units:
        skip = FilteredConv(units, 1, resample, gain=HALF, linear=True)(x)
    else:
        skip = layers.Rescaling(HALF)(x)
    y = FilteredConv(x.shape[-1], 3)(x)
    return layers.Add()([FilteredConv(units, 3, resample, gain=HALF)(y), skip])


def single_discriminator(
    *, size: Size = 64, ndf: int = 8, channels: int = 3, name: str | None = None
) -> Discriminator:
    """SinCUT's discriminator: residual blocks down to 4 pixels, then one logit for each crop.

    It has `256 * ndf / pixels` channels, at most 384: at `ndf` 8, 32 at 64 pixels and 384 at 4.
    5,885,473 parameters as by default.

    Args:
        size: of the crops; `gan.stylegan2.blocks` says which can be.
        ndf: of the width, see above.
        channels: of the pictures.
        name: name of the network.
    """
    return Discriminator(
        size,
        num_channels=channels,
        channel_base=256 * ndf,
        channel_max=384,
        architecture="resnet",
        mbstd_group_size=1,
        name=name or "single_discriminator",
    )


@keras.saving.register_keras_serializable("gan.cut")
class NoisyUp(keras.layers.Layer):
    """Doubles the size by StyleGAN2's convolution without a style, then noise, bias, leaky ReLU.

    The noise has one number for each place, times a learned number that starts at 0. It is drawn in
    training alone: the official code also draws it when it translates, so that no two translations
    of a picture are the same. Here they are.

    Args:
        units: how many features come out.
        seed: what the noise depends on; None: on Keras' own seed.
    """

    def __init__(self, units, seed=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.seed = units, seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def build(self, input_shape: Shape) -> None:
        """Makes the kernel `[3, 3, in, out]`, the bias and the strength of the noise."""
        options = {"dtype": "float32", "autocast": False}
        self.kernel = self.add_weight(
            name="kernel",
            shape=(3, 3, input_shape[-1], self.units),
            initializer=keras.initializers.RandomNormal(0.0, 1.0),
            **options,
        )
        self.bias = self.add_weight(
            name="bias", shape=(self.units,), initializer="zeros", **options
        )
        self.noise_strength = self.add_weight(
            name="noise_strength", shape=(), initializer="zeros", **options
        )

    def call(self, x: Tensor, training: bool = False) -> Tensor:
        """Features of the layer's type, `[N, 2H, 2W, units]`."""
        kernel = self.kernel / (9 * self.kernel.shape[2]) ** 0.5
        ones = ops.ones((1, self.kernel.shape[2]), "float32")
        y = modulated_conv(x, kernel, ones, up=True)
        if training:
            place = (ops.shape(y)[0], *y.shape[1:3], 1)
            noise = keras.random.normal(place, seed=self.seed_generator, dtype="float32")
            y = y + ops.cast(noise * self.noise_strength, y.dtype)
        return activate(y + ops.cast(self.bias, y.dtype))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        """The shape of the features."""
        n, h, w, _ = input_shape
        return (n, h and 2 * h, w and 2 * w, self.units)

    def flops(self, input_shape: tuple[int, ...]) -> float:
        """Floating-point operations of one pass forward, two per multiply-add."""
        n, h, w, channels = input_shape
        return 2.0 * n * h * w * 9 * channels * self.units

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"units": self.units, "seed": self.seed}


@layer_flops.register
def _(layer: NoisyUp) -> float:
    return layer.flops(layer.input.shape)
