"""Encoder and inverse network of style swap.

Source: rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:109-143. Pictures are `[N, H, W, 3]`,
RGB in [0, 1].
"""

import math

import keras
from keras import layers

from core.batch_norm import BatchNorm
from core.layers import PaddedConv2D
from nst.features import CHANNELS, Weights, perceptual
from nst.transformer import StyleNorm

TAP = "relu3_1"  # where patches are swapped
MARGIN = 4  # positions of the features; the five convolutions see two and a half to each side
ORTHOGONAL = {"class_name": "Orthogonal", "config": {"gain": math.sqrt(2)}}  # for ReLU
GREY = {"kernel_initializer": "zeros",
        "bias_initializer": {"class_name": "Constant", "config": {"value": 0.5}}}  # fmt: skip


def encoder(weights: Weights, name: str = "encoder") -> keras.Model:
    """VGG to relu3_1, zero padding, max pooling. Odd rows are pooled, too, so that every size comes
    back; the code has them cut off before.

    Returns:
        A model from `[N, H, W, 3]` to `{"relu3_1": [N, ⌈H/4⌉, ⌈W/4⌉, 256]}`. Nothing is trainable.
    """
    return perceptual(weights, [TAP], ceil=True, name=name)


def inverse_network(
    channels: tuple[int, ...] = CHANNELS[:3],
    norm: str = "instance",
    init: str = "orthogonal",
    name: str = "inverse",
) -> keras.Model:
    """The encoder mirrored: 3x3 convolutions on zero padded borders, normalisation and ReLU after
    all but the last, nearest upsampling for pooling. VGG-16 and VGG-19 are the same up to relu3_1.

    Args:
        channels: of the encoder's blocks 1 to 3.
        norm: "instance" or "batch", both with scale and offset; the scale begins as U(0, 1), which
            is Torch's.
        init: of `nst.style_swap.config.INITS`; "grey": the last layer begins as mid-grey.

    Returns:
        A model from `[N, h, w, channels[2]]` to `[N, 4h, 4w, 3]`, not clamped to [0, 1]. 555,843
        parameters that are trained.
    """
    x = inputs = keras.Input((None, None, channels[2]))
    x = _block(x, channels[1], norm)
    for block in (1, 0):
        x = layers.UpSampling2D(interpolation="nearest")(x)
        x = _block(x, channels[block], norm)
        if block:
            x = _block(x, channels[block - 1], norm)
    x = _convolution(3, **(GREY if init == "grey" else {}))(x)
    x = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def _block(x, filters, norm):
    x = _convolution(filters)(x)
    if norm == "batch":
        x = BatchNorm(gamma_initializer=keras.initializers.RandomUniform(0.0, 1.0))(x)
    else:
        x = StyleNorm(gamma_initializer="uniform")(x)
    return layers.ReLU()(x)


def _convolution(filters, **options):
    return PaddedConv2D(filters, 3, pad=1, **{"kernel_initializer": ORTHOGONAL} | options)
