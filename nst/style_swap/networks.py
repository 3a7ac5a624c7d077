"""Encoder and inverse network of style swap.

Pictures are RGB in [0, 1], `[N, H, W, 3]`.

Source: rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:109-143.
"""

import math

import keras
from keras import layers

from core.batch_norm import BatchNorm
from core.layers import PaddedConv2D
from nst.features import CHANNELS, Weights, feature_network
from nst.transformer import StyleNorm

TAP = "relu3_1"  # the layer whose patches are swapped
MARGIN = 4  # positions of the features; the five convolutions see two and a half to each side
ORTHOGONAL = {"class_name": "Orthogonal", "config": {"gain": math.sqrt(2)}}  # for ReLU
GREY = {
    "kernel_initializer": "zeros",
    "bias_initializer": {"class_name": "Constant", "config": {"value": 0.5}},
}


def encoder(weights: Weights, name: str = "encoder") -> keras.Model:
    """VGG up to relu3_1, with zero padding and max pooling.

    Odd rows and columns are pooled, too, so that pictures of any size come back in their size; the
    authors' code crops pictures beforehand.

    Args:
        weights: VGG's.
        name: the model's name.

    Returns:
        A model from `[N, H, W, 3]` to `{"relu3_1": [N, ⌈H/4⌉, ⌈W/4⌉, 256]}`. Nothing is trainable.
    """
    return feature_network(weights, [TAP], ceil=True, name=name)


def inverse_network(
    channels: tuple[int, ...] = CHANNELS[:3],
    norm: str = "instance",
    init: str = "orthogonal",
    name: str = "inverse",
) -> keras.Model:
    """The encoder in reverse order: 3x3 convolutions with zero padding, and nearest upsampling in
    place of pooling. Normalisation and ReLU follow all convolutions but the last.

    It fits VGG-16 and VGG-19, which are the same up to relu3_1.

    Args:
        channels: how many channels the encoder's blocks 1 to 3 have.
        norm: "instance" or "batch", both with scale and offset. Scales begin as U(0, 1), as in
            Torch.
        init: "orthogonal"; or "grey", where the last layer begins by making mid-grey.
        name: the model's name.

    Returns:
        A model from features `[N, h, w, channels[2]]` to pictures `[N, 4h, 4w, 3]`, not clipped to
        [0, 1]. It has 555,843 trainable parameters.
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
