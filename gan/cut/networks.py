"""The networks of CUT, layer by layer as in the official code.

The discriminator is `gan.cyclegan.networks.patch_discriminator` with `antialias`.

Source: taesungp/contrastive-unpaired-translation @ b3ac297, models/networks.py. Pictures go in and
come out as `[N, H, W, C]` in [-1, 1].
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import keras
from keras import layers, ops

from core.layers import InstanceNorm, PaddedConv2D
from core.tensors import Shape, Tensor
from gan.antialias import BlurDown, BlurUp
from gan.cyclegan.networks import residual_block, upsample

# Xavier's normal distribution of gain 0.02 (networks.py, `init_weights`)
INIT = {
    "class_name": "VarianceScaling",
    "config": {"scale": 0.02**2, "mode": "fan_avg", "distribution": "untruncated_normal"},
}


class Generator(NamedTuple):
    """One generator, seen in three ways; the models share all layers.

    Attributes:
        network: from pictures to pictures.
        encoder: from pictures to the list of features in the layers asked for.
        both: from pictures to a list of these features and, last, the pictures.
    """

    network: keras.Model
    encoder: keras.Model
    both: keras.Model


def generator(
    *,
    ngf: int = 64,
    n_blocks: int = 9,
    n_downsampling: int = 2,
    channels: int = 3,
    antialias: bool = True,
    name: str | None = None,
) -> keras.Model:
    """ResNet generator of CycleGAN without aliasing: blurs halve the features and double them.

    Args:
        ngf: channels after the first convolution (64 in the paper).
        n_blocks: residual blocks (9 in the paper).
        n_downsampling: how often the picture is halved before the blocks (2 in the paper).
        channels: channels of the picture, in and out.
        antialias: False halves and doubles by strided convolutions, as CycleGAN does (the official
            `--no_antialias --no_antialias_up`).
        name: name of the model.

    Returns:
        A model from `[N, H, W, channels]` to the same; H and W are multiples of
        `2 ** n_downsampling`. 11,378,179 parameters at 64 and 9.
    """
    inputs, outputs = _generator(ngf, n_blocks, n_downsampling, channels, antialias)
    return keras.Model(inputs, outputs[-1], name=name or "generator")


def tapped_generator(
    taps: Sequence[int],
    *,
    ngf: int = 64,
    n_blocks: int = 9,
    n_downsampling: int = 2,
    channels: int = 3,
    antialias: bool = True,
    name: str | None = None,
) -> Generator:
    """A `generator` of which features can be seen.

    Args:
        taps: numbers of layers in the authors' list, see `gan.cut.config.CUTConfig`.
        ngf, n_blocks, n_downsampling, channels, antialias, name: see `generator`.
    """
    inputs, outputs = _generator(ngf, n_blocks, n_downsampling, channels, antialias)
    features = [outputs[i] for i in taps]
    return Generator(
        keras.Model(inputs, outputs[-1], name=name or "generator"),
        keras.Model(inputs, features),
        keras.Model(inputs, [*features, outputs[-1]]),
    )


def _generator(ngf, n_blocks, n_downsampling, channels, antialias):
    """The input, and what each layer of the authors' list gives, in their order."""
    inputs = keras.Input((None, None, channels))
    made: list[Any] = [ReflectionPad(3)(inputs)]

    def add(*new):
        for layer in new:
            made.append(layer(made[-1]))

    def conv(filters, side, pad, strides=1):
        add(_conv(filters, side, pad, strides), InstanceNorm(), layers.ReLU())

    conv(ngf, 7, 0)
    for i in range(n_downsampling):
        conv(ngf * 2 ** (i + 1), 3, 1, 1 if antialias else 2)
        if antialias:
            add(BlurDown())
    for _ in range(n_blocks):
        made.append(residual_block(made[-1], init=INIT))
    for i in reversed(range(n_downsampling)):
        if antialias:
            add(BlurUp())
            conv(ngf * 2**i, 3, 1)
        else:
            made.append(upsample(made[-1], ngf * 2**i, INIT))
    # tanh in float32: the losses are float32 means
    add(ReflectionPad(3), _conv(channels, 7, 0), layers.Activation("tanh", dtype="float32"))
    return inputs, made


def _conv(filters, side, pad, strides=1):
    return PaddedConv2D(filters, side, pad=pad, strides=strides, kernel_initializer=INIT)


def layer_width(layer: int, ngf: int, channels: int = 3, n_downsampling: int = 2) -> int:
    """The channels of a layer up to the last residual block, by its number in the authors' list.

    The network has blurs, see `generator`.
    """
    return channels if layer == 0 else ngf * 2 ** min(layer // 4, n_downsampling)


def patch_mlps(widths: Sequence[int], width: int = 256, name: str | None = None) -> keras.Model:
    """An MLP for each layer that PatchNCE compares, two dense layers with a ReLU between.

    The official code makes them when it sees the first batch; here the widths are known before.

    Args:
        widths: channels of each layer.
        width: features that come out, and between the two layers (256 in the paper).
        name: name of the model.

    Returns:
        A model from a list of features `[N, P, c]`, c as in `widths`, to a list of
        `[N, P, width]`, float32, each of length 1. 560,384 parameters for the paper's widths 3,
        128, 256, 256 and 256. The layers are named as the authors name them, `mlp_0_0`.
    """
    inputs = [keras.Input((None, channels)) for channels in widths]
    outputs = []
    for i, x in enumerate(inputs):
        x = layers.Dense(width, "relu", kernel_initializer=INIT, name=f"mlp_{i}_0")(x)
        x = layers.Dense(width, kernel_initializer=INIT, name=f"mlp_{i}_2")(x)
        outputs.append(UnitLength(dtype="float32")(x))
    return keras.Model(inputs, outputs, name=name or "patch_mlps")


@keras.saving.register_keras_serializable("gan.cut")
class ReflectionPad(keras.layers.Layer):
    """Puts `pad` pixels on every side, mirrored without the border pixel."""

    def __init__(self, pad, **kwargs):
        super().__init__(**kwargs)
        self.pad = pad

    def call(self, x: Tensor) -> Tensor:
        sides = (self.pad, self.pad)
        return ops.pad(x, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        n, h, w, c = input_shape
        return (n, h and h + 2 * self.pad, w and w + 2 * self.pad, c)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pad": self.pad}


@keras.saving.register_keras_serializable("gan.cut")
class UnitLength(keras.layers.Layer):
    """Divides features by their length along the last axis, to which 1e-7 is added."""

    def call(self, x: Tensor) -> Tensor:
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        # the root has no gradient at 0, where all features are 0
        return x / (ops.sqrt(ops.maximum(square, 1e-20)) + 1e-7)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return input_shape
