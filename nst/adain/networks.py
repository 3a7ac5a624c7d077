"""Encoder and decoder of AdaIN, layer by layer as published.

Sources: xunhuang1995/AdaIN-style @ 6d8ac28, train.lua:122-138; naoto0804/pytorch-AdaIN @ 47950d0,
net.py:6-92. Pictures are `[N, H, W, 3]`, RGB in [0, 1].
"""

import keras
from keras import layers

from core.layers import PaddedConv2D
from nst.features import CHANNELS, CONVOLUTIONS, Weights, perceptual

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # of the style loss; the last is the code
INITS = {
    # PyTorch's default, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), which both codes start from
    "torch": {"class_name": "VarianceScaling",
              "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}},
    # He et al. 2015, and 0 in the last layer around mid-grey: the signal keeps its size on the way,
    # and the first pictures lie within [0, 1]. Beyond it losses are large enough to kill ReLUs.
    "he": {"class_name": "HeNormal", "config": {}},
}  # fmt: skip


def encoder(weights: Weights, name: str = "encoder") -> keras.Model:
    """VGG to relu4_1 with reflection padding and pooling that keeps odd rows.

    Returns:
        A model from `[N, H, W, 3]` to `{tap: features}` of `TAPS`; relu4_1 is `[N, ⌈H/8⌉, ⌈W/8⌉,
        512]`. Nothing is trainable.
    """
    return perceptual(weights, TAPS, ceil=True, padding="reflect", name=name)


def decoder(
    network: str = "vgg19",
    channels: tuple[int, ...] = CHANNELS[:4],
    init: str = "torch",
    name: str = "decoder",
) -> keras.Model:
    """The encoder mirrored: 3x3 convolutions on reflected borders, nearest upsampling for pooling,
    no normalisation, no activation at the end.

    Args:
        network: whose encoder it mirrors, "vgg19" (9 convolutions) or "vgg16" (8).
        channels: of the encoder's blocks 1 to 4.
        init: of `INITS`.

    Returns:
        A model from `[N, h, w, channels[3]]` to `[N, 8h, 8w, 3]`, not clamped to [0, 1]. 3,505,219
        parameters for VGG-19.
    """
    inputs = keras.Input((None, None, channels[3]))
    init = INITS[init]
    x = _block(inputs, channels[2], 1, init)
    for block in (3, 2, 1):
        x = layers.UpSampling2D(interpolation="nearest")(x)
        own, below = channels[block - 1], channels[block - 2] if block > 1 else None
        x = _block(x, own, CONVOLUTIONS[network][block - 1] - 1, init)
        if below:
            x = _block(x, below, 1, init)
    x = _last(init)(x)
    x = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def _last(init):
    if init is INITS["torch"]:
        return _convolution(3, init)
    grey = {"class_name": "Constant", "config": {"value": 0.5}}
    return PaddedConv2D(3, 3, pad=1, pad_mode="reflect", kernel_initializer="zeros",
                        bias_initializer=grey)  # fmt: skip


def _block(x, filters, count, init):
    for _ in range(count):
        x = layers.ReLU()(_convolution(filters, init)(x))
    return x


def _convolution(filters, init):
    return PaddedConv2D(filters, 3, pad=1, pad_mode="reflect", kernel_initializer=init)
