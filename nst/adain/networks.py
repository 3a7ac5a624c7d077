"""Encoder and decoder of AdaIN, layer by layer as published.

Pictures are RGB in [0, 1], `[N, H, W, 3]`.

Sources: xunhuang1995/AdaIN-style @ 6d8ac28, train.lua:122-138; naoto0804/pytorch-AdaIN @ 47950d0,
net.py:6-92.
"""

import keras
from keras import layers

from core.layers import PaddedConv2D
from nst.features import CHANNELS, CONVOLUTIONS, Weights, feature_network

TAPS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")  # the style loss sees all; the last is the code
INITS = {
    # PyTorch's default, U(-1/sqrt(fan_in), 1/sqrt(fan_in)), with which both codes start
    "torch": {"class_name": "VarianceScaling",
              "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}},
    # He et al. 2015, which keeps the size of the signal from layer to layer, and a last layer that
    # makes mid-grey. So the first pictures lie within [0, 1]; outside of it, the first losses are
    # large enough to kill ReLUs.
    "he": {"class_name": "HeNormal", "config": {}},
}  # fmt: skip


def encoder(weights: Weights, name: str = "encoder") -> keras.Model:
    """VGG up to relu4_1, with reflection padding and pooling that keeps odd rows and columns.

    Args:
        weights: VGG's.
        name: the model's name.

    Returns:
        A model from `[N, H, W, 3]` to `{tap: features}` of `TAPS`; relu4_1 is `[N, ⌈H/8⌉, ⌈W/8⌉,
        512]`. Nothing is trainable.
    """
    return feature_network(weights, TAPS, ceil=True, padding="reflect", name=name)


def decoder(
    network: str = "vgg19",
    channels: tuple[int, ...] = CHANNELS[:4],
    init: str = "torch",
    name: str = "decoder",
) -> keras.Model:
    """The encoder in reverse order: 3x3 convolutions with reflection padding, and nearest
    upsampling in place of pooling. There is no normalisation, and no activation at the end.

    Args:
        network: which VGG the encoder is, "vgg19" (9 convolutions here) or "vgg16" (8).
        channels: how many channels the encoder's blocks 1 to 4 have.
        init: how the weights begin, a key of `INITS`.
        name: the model's name.

    Returns:
        A model from codes `[N, h, w, channels[3]]` to pictures `[N, 8h, 8w, 3]`, not clipped to
        [0, 1]. For VGG-19 it has 3,505,219 parameters.
    """
    inputs = keras.Input((None, None, channels[3]))
    initializer = INITS[init]
    x = _block(inputs, channels[2], 1, initializer)
    for block in (3, 2, 1):
        x = layers.UpSampling2D(interpolation="nearest")(x)
        own, below = channels[block - 1], channels[block - 2] if block > 1 else None
        x = _block(x, own, CONVOLUTIONS[network][block - 1] - 1, initializer)
        if below:
            x = _block(x, below, 1, initializer)
    x = _last(init)(x)
    x = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def _last(init):
    if init == "torch":
        return _convolution(3, INITS[init])
    grey = {"class_name": "Constant", "config": {"value": 0.5}}
    return _convolution(3, "zeros", bias_initializer=grey)


def _block(x, filters, count, initializer):
    for _ in range(count):
        x = layers.ReLU()(_convolution(filters, initializer)(x))
    return x


def _convolution(filters, initializer, **options):
    return PaddedConv2D(
        filters, 3, pad=1, pad_mode="reflect", kernel_initializer=initializer, **options
    )
