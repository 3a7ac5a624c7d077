"""The networks of DCGAN: strided convolutions, batch norm, no fully connected hidden layers.

Convolutions are 4x4 with one pixel of padding and no biases, as in most later implementations; the
authors' are 5x5 (Newmu/dcgan_code @ e6e9cec, faces/train_uncond_dcgan.py). Weights begin as
N(0, 0.02) (section 4 of the paper), the scales of batch norm as N(1, 0.02) (both codes).

Sources: Radford et al. 2015 (https://arxiv.org/abs/1511.06434), section 3 and Figure 1;
pytorch/examples @ 13caa07, dcgan/main.py.
"""

import keras
from keras import layers

from core.batch_norm import BatchNorm
from core.layers import NORMAL_INIT, PaddedConv2D


def halvings(size: int) -> tuple[int, int]:
    """How often a size can be halved, and what is left: (4, 4) for 64, (2, 7) for 28.

    Args:
        size: height and width of pictures in pixels.

    Raises:
        ValueError: `size` is not 4 to 7 times a power of two, from 8 up.
    """
    left, count = size, 0
    while left >= 8 and left % 2 == 0:
        left, count = left // 2, count + 1
    if not count or left > 7:
        raise ValueError(
            f"size={size}: expected 4, 5, 6 or 7 times a power of two, such as 28, 32 or 64"
        )
    return count, left


def generator(
    size: int,
    *,
    latent_size: int = 100,
    ngf: int = 64,
    classes: int = 0,
    channels: int = 3,
    name: str = "generator",
) -> keras.Model:
    """The generator: from z to pictures, doubled at every level.

    Args:
        size: height and width of the pictures in pixels, see `halvings`.
        latent_size: how many numbers a z has.
        ngf: channels before the last layer; twice as many at each level below it. (128 in the
            paper, that is 1024 channels of 4x4 pixels at size 64.)
        classes: how many classes there are. With classes, a second input takes a class; its
            embedding, as long as z, is appended to z (Mirza & Osindero 2014,
            https://arxiv.org/abs/1411.1784).
        channels: channels of the pictures.
        name: name of the model.

    Returns:
        A model from `[N, latent_size]`, or that and int `[N]`, to `[N, size, size, channels]` in
        [-1, 1], float32. 3,576,704 trainable parameters at size 64, latent size 100 and ngf 64.
    """
    levels, base = halvings(size)
    z = keras.Input((latent_size,))
    x, inputs = z, z
    if classes:
        label = keras.Input((), dtype="int32")
        inputs = [z, label]
        x = layers.Concatenate()([z, _embedding(label, classes, latent_size)])
    filters = ngf * 2 ** (levels - 1)
    # the paper's "project and reshape"
    x = layers.Dense(base * base * filters, use_bias=False, kernel_initializer=NORMAL_INIT)(x)
    x = layers.ReLU()(BatchNorm()(layers.Reshape((base, base, filters))(x)))
    for i in reversed(range(levels - 1)):
        x = layers.ReLU()(BatchNorm()(_upsample(x, ngf * 2**i)))
    x = _upsample(x, channels)
    # tanh in float32: the loss is a float32 mean over the picture
    x = layers.Activation("tanh", dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


def _upsample(x, filters):
    """PyTorch's ConvTranspose2d(4, stride=2, padding=1): 'same' cuts one row on every side, too."""
    return layers.Conv2DTranspose(
        filters, 4, 2, padding="same", use_bias=False, kernel_initializer=NORMAL_INIT
    )(x)


def _embedding(label, classes, length):
    """A learned vector for each class."""
    return layers.Embedding(classes, length, embeddings_initializer=NORMAL_INIT)(label)


def discriminator(
    size: int, *, ndf: int = 64, classes: int = 0, channels: int = 3, name: str = "discriminator"
) -> keras.Model:
    """The discriminator: from pictures to one logit each, without sigmoid.

    The first and the last layer have no batch norm.

    Args:
        size: height and width of the pictures in pixels, see `halvings`.
        ndf: channels after the first layer; twice as many at each level below it.
        classes: how many classes there are. With classes, a second input takes a class; the product
            of its embedding with the features that the last layer sees is added to the logit, as a
            projection discriminator does (Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637,
            equation 7, with DCGAN's flattened features for the summed ones there).
        channels: channels of the pictures.
        name: name of the model.

    Returns:
        A model from `[N, size, size, channels]`, or that and int `[N]`, to `[N, 1]`, float32.
        2,765,568 trainable parameters at size 64 and ndf 64.
    """
    levels, base = halvings(size)
    images = keras.Input((size, size, channels))
    x = PaddedConv2D(ndf, 4, strides=2, pad=1, use_bias=False)(images)
    x = layers.LeakyReLU(0.2)(x)
    for i in range(1, levels):
        x = PaddedConv2D(ndf * 2**i, 4, strides=2, pad=1, use_bias=False)(x)
        x = layers.LeakyReLU(0.2)(BatchNorm()(x))
    features = layers.Flatten()(x)
    logit = layers.Dense(1, use_bias=False, kernel_initializer=NORMAL_INIT)(features)
    inputs = images
    if classes:
        label = keras.Input((), dtype="int32")
        inputs = [images, label]
        product = layers.Dot(1)([features, _embedding(label, classes, features.shape[1])])
        logit = layers.Add()([logit, product])
    logit = layers.Activation("linear", dtype="float32")(logit)
    return keras.Model(inputs, logit, name=name)
