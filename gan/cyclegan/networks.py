"""The networks of CycleGAN, layer by layer as in the official code.

Source: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/networks.py. Pictures go in and come
out as `[N, H, W, C]` in [-1, 1].
"""

import functools
from typing import Any

import keras
from keras import layers

from core.batch_norm import BatchNorm
from core.layers import NORMAL_INIT, InstanceNorm, PaddedConv2D
from gan.antialias import BlurDown

NORMS = {"instance": InstanceNorm, "batch": BatchNorm}


def resnet_generator(
    *,
    ngf: int = 64,
    n_blocks: int = 9,
    n_downsampling: int = 2,
    channels: int = 3,
    dropout: bool = False,
    name: str | None = None,
) -> keras.Model:
    """ResNet generator of Johnson et al. as CycleGAN uses it.

    Args:
        ngf: channels after the first convolution (64 in the paper).
        n_blocks: residual blocks: 9 at 256 px and above, 6 at 128 px.
        n_downsampling: how often the picture is halved before the blocks (2 in the paper).
        channels: channels of the picture, in and out.
        name: name of the model.
        dropout: 0.5 inside each residual block (the official `--no_dropout` turns it off, and
            CycleGAN always passes that).

    Returns:
        A model from `[N, H, W, channels]` to the same; H and W are multiples of
        `2 ** n_downsampling`. 11,378,179 parameters at 64 and 9, 7,837,699 at 64 and 6.
    """
    inputs = keras.Input((None, None, channels))
    x = _conv_norm_relu(inputs, ngf, 7, pad=3, pad_mode="reflect")
    for i in range(n_downsampling):
        x = _conv_norm_relu(x, ngf * 2 ** (i + 1), 3, strides=2, pad=1)
    for _ in range(n_blocks):
        x = residual_block(x, dropout)
    for i in reversed(range(n_downsampling)):
        x = upsample(x, ngf * 2**i)
    x = PaddedConv2D(channels, 7, pad=3, pad_mode="reflect")(x)
    # tanh in float32: the loss is a float32 mean over the picture
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name=name or "resnet_generator")


def smallest_size(multiple: int) -> int:
    """The smallest height and width, in pixels, that a ResNet generator takes.

    Its first layer reflects 3 pixels and its narrowest one 1 pixel, which must be there.

    Args:
        multiple: heights and widths are multiples of this.
    """
    return max(8, 4 * multiple)


def _conv_norm_relu(x, filters, kernel_size, **kwargs):
    x = PaddedConv2D(filters, kernel_size, **kwargs)(x)
    return layers.ReLU()(InstanceNorm()(x))


def residual_block(x: Any, dropout: bool = False, init: Any = NORMAL_INIT) -> Any:
    """conv-IN-ReLU-conv-IN and the sum; no ReLU after the sum.

    Args:
        x: the Keras tensor that goes in, `[N, H, W, C]`; as many channels come out.
        dropout: 0.5 between the two convolutions.
        init: the initializer of the kernels.
    """
    kwargs = {"pad": 1, "pad_mode": "reflect", "kernel_initializer": init}
    y = _conv_norm_relu(x, x.shape[-1], 3, **kwargs)
    if dropout:
        y = layers.Dropout(0.5)(y)
    y = PaddedConv2D(x.shape[-1], 3, **kwargs)(y)
    return layers.Add()([x, InstanceNorm()(y)])


def upsample(x: Any, filters: int, init: Any = NORMAL_INIT) -> Any:
    """Twice the height and width: transposed convolution, IN, ReLU.

    The convolution is PyTorch's ConvTranspose2d(3, stride=2, padding=1, output_padding=1): 'valid'
    gives 2n+1 rows and columns, of which the first is cut ('same' would cut the last).

    Args:
        x: the Keras tensor that goes in, `[N, H, W, C]`; `[N, 2H, 2W, filters]` comes out.
        filters: the channels that come out.
        init: the initializer of the kernel.
    """
    x = layers.Conv2DTranspose(filters, 3, 2, padding="valid", kernel_initializer=init)(x)
    x = layers.Cropping2D(((1, 0), (1, 0)))(x)
    return layers.ReLU()(InstanceNorm()(x))


def patch_discriminator(
    *,
    ndf: int = 64,
    n_layers: int = 3,
    channels: int = 3,
    norm: str = "instance",
    antialias: bool = False,
    init: Any = NORMAL_INIT,
    name: str | None = None,
) -> keras.Model:
    """PatchGAN: one logit per patch (70x70 pixels at `n_layers` 3), no sigmoid.

    Args:
        ndf: channels after the first convolution (64 in the paper).
        n_layers: strided convolutions.
        channels: channels of the picture (6 when it judges a pair, as in pix2pix).
        norm: "instance" (CycleGAN) or "batch" (pix2pix), whose convolutions have no biases.
        antialias: halve by a blur after each activation in place of by the convolution (CUT).
        init: the initializer of the kernels.
        name: name of the model.

    Returns:
        A model from `[N, H, W, channels]` to `[N, H', W', 1]`, 30x30 at 256 px. 2,764,737
        parameters at 64, 3 and 3, 2,768,705 trainable ones at 64, 3, 6 and "batch".
    """
    conv = functools.partial(PaddedConv2D, kernel_size=4, pad=1, kernel_initializer=init)
    step = 1 if antialias else 2
    x = inputs = keras.Input((None, None, channels))
    for i in range(n_layers + 1):
        strides = step if i < n_layers else 1
        x = conv(ndf * min(2**i, 8), strides=strides, use_bias=i == 0 or norm == "instance")(x)
        x = layers.LeakyReLU(0.2)(NORMS[norm]()(x) if i else x)
        if antialias and i < n_layers:
            x = BlurDown()(x)
    x = layers.Activation("linear", dtype="float32")(conv(1)(x))
    return keras.Model(inputs, x, name=name or "patch_discriminator")


def pixel_discriminator(
    *,
    ndf: int = 64,
    channels: int = 3,
    norm: str = "instance",
    init: Any = NORMAL_INIT,
    name: str | None = None,
) -> keras.Model:
    """PixelGAN of pix2pix: 1x1 convolutions judge each pixel alone; `[N, H, W, 1]` logits.

    The arguments are those of `patch_discriminator`. With batch norm, the last convolution has no
    bias either (networks.py:607).
    """
    biased = norm == "instance"
    conv = functools.partial(PaddedConv2D, kernel_size=1, kernel_initializer=init)
    inputs = keras.Input((None, None, channels))
    x = layers.LeakyReLU(0.2)(conv(ndf)(inputs))
    x = conv(2 * ndf, use_bias=biased)(x)
    x = layers.LeakyReLU(0.2)(NORMS[norm]()(x))
    x = conv(1, use_bias=biased)(x)
    x = layers.Activation("linear", dtype="float32")(x)
    return keras.Model(inputs, x, name=name or "pixel_discriminator")


def discriminator(
    config: Any,
    *,
    channels: int = 3,
    norm: str = "instance",
    antialias: bool = False,
    init: Any = NORMAL_INIT,
    name: str | None = None,
) -> keras.Model:
    """The discriminator that a configuration asks for by `discriminator`, `ndf` and `n_layers`.

    Args:
        config: has these three fields.
        channels, norm, antialias, init, name: see `patch_discriminator`. A pixel discriminator
            halves nothing, so `antialias` does not change it.
    """
    options = {"ndf": config.ndf, "channels": channels, "norm": norm, "init": init, "name": name}
    if config.discriminator == "pixel":
        return pixel_discriminator(**options)
    return patch_discriminator(n_layers=config.n_layers, antialias=antialias, **options)
