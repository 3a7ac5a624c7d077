"""The generator of pix2pix, layer by layer as in the official code.

Its discriminators are those of `gan.cyclegan.networks` with batch norm.

Source: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/networks.py.
"""

import keras
from keras import layers

from core.batch_norm import BatchNorm
from core.layers import NORMAL_INIT


def unet_generator(
    *,
    ngf: int = 64,
    num_downs: int = 8,
    in_channels: int = 3,
    out_channels: int = 3,
    dropout: bool = True,
    name: str | None = None,
) -> keras.Model:
    """U-Net: an encoder to 1x1 (at `2 ** num_downs` px), a decoder, and a skip at every size.

    Args:
        ngf: channels after the first convolution (64 in the paper).
        num_downs: halvings, 5 or more: 8 is the official "unet_256", 7 "unet_128".
        in_channels, out_channels: channels of the pictures that go in and come out.
        name: name of the model.
        dropout: 0.5 on the way up in the blocks of 8 * ngf channels between the innermost one and
            those that narrow (three of them at 8).

    Returns:
        A model from `[N, H, W, in_channels]` to `[N, H, W, out_channels]`, both in [-1, 1]; H and
        W are multiples of `2 ** num_downs`. 54,413,955 trainable parameters at 64 and 8.
    """
    inputs = keras.Input((None, None, in_channels))
    widths = [ngf * min(2**i, 8) for i in range(num_downs)]
    x, skips = _down(inputs, ngf), []
    for width in widths[1:]:
        skips.append(x)
        x = _down(layers.LeakyReLU(0.2)(x), width)
        if len(skips) < num_downs - 1:  # the innermost block has no norm on the way down
            x = BatchNorm()(x)
    for level in reversed(range(num_downs - 1)):
        x = BatchNorm()(_up(x, widths[level]))
        if dropout and 3 <= level < num_downs - 2:
            x = layers.Dropout(0.5)(x)
        x = layers.Concatenate()([skips[level], x])
    x = _up(x, out_channels, use_bias=True)
    # tanh in float32: the loss is a float32 mean over the picture
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name=name or "unet_generator")


# 4x4, stride 2, at even sizes: "same" pads 1 pixel on every side, PyTorch's `padding=1`
_HALVING = {"kernel_size": 4, "strides": 2, "padding": "same", "kernel_initializer": NORMAL_INIT}


def _down(x, filters):
    return layers.Conv2D(filters, use_bias=False, **_HALVING)(x)


def _up(x, filters, use_bias=False):
    """ReLU, then a transposed convolution. (The official LeakyReLU works in place and so reaches
    the skips, too, which makes no difference here: ReLU follows.)"""
    return layers.Conv2DTranspose(filters, use_bias=use_bias, **_HALVING)(layers.ReLU()(x))
