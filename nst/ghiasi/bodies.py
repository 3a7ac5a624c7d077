"""The convolutional networks that look at a style: Inception-v3 and MobileNet-v2.

They are those of `keras.applications` with what the authors' code does differently: ReLU6 in
Inception, and TensorFlow's "same" padding of strided convolutions in MobileNet for styles of odd
sizes. Layers have the names of the authors' scopes, with dots for slashes, so that weights go by
name; each convolution has no bias and is followed by a batch normalisation `<name>.norm`.

Sources: Szegedy et al. 2016 (https://arxiv.org/abs/1512.00567), Sandler et al. 2018
(https://arxiv.org/abs/1801.04381); tensorflow/models, research/slim/nets/inception_v3.py and
mobilenet/mobilenet_v2.py; magenta/magenta @ 526d3eb, arbitrary_image_stylization_build_model.py,
`_inception_v3_arg_scope`.
"""

import re
from collections.abc import Callable, Iterator

import keras
from keras import layers

from core.tensors import Tensor

# the smallest height and width of a style, pixels: Inception's first convolutions are not padded
SMALLEST_STYLE = {"inception": 75, "mobilenet": 32}
# of MobileNet's 17 blocks: how often, channels, stride of the first, expansion
_STAGES = ((1, 16, 1, 1), (2, 24, 2, 6), (3, 32, 2, 6), (4, 64, 2, 6),
           (3, 96, 1, 6), (3, 160, 2, 6), (1, 320, 1, 6))  # fmt: skip


class _Layers:
    """Makes convolutions with their normalisation, named after a scope."""

    def __init__(self, scope: str, momentum: float, *, scale: bool, blank: bool):
        self.scope, self.norm = scope, {"momentum": momentum, "epsilon": 1e-3, "scale": scale}
        self.kernel = "zeros" if blank else "glorot_uniform"

    def conv(self, x, filters, size, name, *, strides=1, padding="same", relu=True):
        """Convolution, batch normalisation and ReLU6."""
        layer = layers.Conv2D(
            filters,
            size,
            strides,
            padding,
            use_bias=False,
            kernel_initializer=self.kernel,
            name=self._name(name),
        )
        return self._finish(layer(x), name, relu)

    def depthwise(self, x, name, strides):
        """The same for a 3x3 convolution of each channel by itself."""
        layer = layers.DepthwiseConv2D(
            3,
            strides,
            "same",
            use_bias=False,
            depthwise_initializer=self.kernel,
            name=self._name(name),
        )
        return self._finish(layer(x), name, True)

    def _name(self, name):
        return f"{self.scope}.{name}"

    def _finish(self, x, name, relu):
        x = layers.BatchNormalization(name=f"{self._name(name)}.norm", **self.norm)(x)
        return layers.ReLU(6.0)(x) if relu else x


def inception(x: Tensor, blank: bool, momentum: float | None = None) -> Tensor:
    """Inception-v3 up to Mixed_6e: `[N, H, W, 3]` to 768 channels, 14 x 14 positions for 256 x 256.

    Args:
        x: styles.
        blank: zeros in place of random kernels.
        momentum: of the moving averages; None: the published 0.9997.
    """
    build = _Layers("InceptionV3", momentum or 0.9997, scale=False, blank=blank)
    conv, outside = build.conv, {"padding": "valid"}
    x = conv(x, 32, 3, "Conv2d_1a_3x3", strides=2, **outside)
    x = conv(x, 32, 3, "Conv2d_2a_3x3", **outside)
    x = conv(x, 64, 3, "Conv2d_2b_3x3")
    x = layers.MaxPooling2D(3, 2)(x)
    x = conv(x, 80, 1, "Conv2d_3b_1x1", **outside)
    x = conv(x, 192, 3, "Conv2d_4a_3x3", **outside)
    x = layers.MaxPooling2D(3, 2)(x)
    for block, pooled in (("5b", 32), ("5c", 64), ("5d", 64)):
        x = _mixed_5(conv, x, f"Mixed_{block}", pooled)
    x = _mixed_6a(conv, x)
    for block, inner in (("6b", 128), ("6c", 160), ("6d", 160), ("6e", 192)):
        x = _mixed_6(conv, x, f"Mixed_{block}", inner)
    return x


def _mixed_5(conv, x, block, pooled):
    """1x1, 5x5, two 3x3 and pooling, side by side."""
    # slim names two layers of the second block otherwise
    odd = block == "Mixed_5c"
    one = conv(x, 64, 1, f"{block}.Branch_0.Conv2d_0a_1x1")
    five = conv(x, 48, 1, f"{block}.Branch_1.Conv2d_0{'b' if odd else 'a'}_1x1")
    five = conv(five, 64, 5, f"{block}.Branch_1.Conv{'_1_0c' if odd else '2d_0b'}_5x5")
    three = conv(x, 64, 1, f"{block}.Branch_2.Conv2d_0a_1x1")
    for letter in "bc":
        three = conv(three, 96, 3, f"{block}.Branch_2.Conv2d_0{letter}_3x3")
    return layers.Concatenate()([one, five, three, _pooled(conv, x, block, pooled)])


def _mixed_6a(conv, x):
    """Half the height and width. (slim calls its strided 3x3 convolutions 1x1.)"""
    block, last = "Mixed_6a", {"strides": 2, "padding": "valid"}
    three = conv(x, 384, 3, f"{block}.Branch_0.Conv2d_1a_1x1", **last)
    twice = conv(x, 64, 1, f"{block}.Branch_1.Conv2d_0a_1x1")
    twice = conv(twice, 96, 3, f"{block}.Branch_1.Conv2d_0b_3x3")
    twice = conv(twice, 96, 3, f"{block}.Branch_1.Conv2d_1a_1x1", **last)
    return layers.Concatenate()([three, twice, layers.MaxPooling2D(3, 2)(x)])


def _mixed_6(conv, x, block, inner):
    """1x1, 7x7 taken apart into 1x7 and 7x1, the same twice, and pooling, side by side."""
    one = conv(x, 192, 1, f"{block}.Branch_0.Conv2d_0a_1x1")
    seven = conv(x, inner, 1, f"{block}.Branch_1.Conv2d_0a_1x1")
    seven = conv(seven, inner, (1, 7), f"{block}.Branch_1.Conv2d_0b_1x7")
    seven = conv(seven, 192, (7, 1), f"{block}.Branch_1.Conv2d_0c_7x1")
    twice = conv(x, inner, 1, f"{block}.Branch_2.Conv2d_0a_1x1")
    for letter, size in zip("bcd", ((7, 1), (1, 7), (7, 1)), strict=True):
        name = f"{block}.Branch_2.Conv2d_0{letter}_{size[0]}x{size[1]}"
        twice = conv(twice, inner, size, name)
    twice = conv(twice, 192, (1, 7), f"{block}.Branch_2.Conv2d_0e_1x7")
    return layers.Concatenate()([one, seven, twice, _pooled(conv, x, block, 192)])


def _pooled(conv, x, block, filters):
    x = layers.AveragePooling2D(3, 1, "same")(x)
    return conv(x, filters, 1, f"{block}.Branch_3.Conv2d_0b_1x1")


def mobilenet(x: Tensor, blank: bool, momentum: float | None = None) -> Tensor:
    """MobileNet-v2 up to its last convolution: `[N, H, W, 3]` to `[N, ⌈H/32⌉, ⌈W/32⌉, 1280]`.

    Args:
        x: styles.
        blank: zeros in place of random kernels.
        momentum: of the moving averages; None: the published 0.997.
    """
    build = _Layers("MobilenetV2", momentum or 0.997, scale=True, blank=blank)
    x = build.conv(x, 32, 3, "Conv", strides=2)
    number = 0
    for count, filters, stride, expansion in _STAGES:
        for i in range(count):
            name = f"expanded_conv_{number}" if number else "expanded_conv"
            x = _inverted(build, x, name, filters, 1 if i else stride, expansion)
            number += 1
    return build.conv(x, 1280, 1, "Conv_1")


def _inverted(build, x, name, filters, stride, expansion):
    """Inverted residual: more channels, a convolution of each, and fewer channels, linear."""
    y, channels = x, x.shape[-1]
    if expansion > 1:
        y = build.conv(y, expansion * channels, 1, f"{name}.expand")
    y = build.depthwise(y, f"{name}.depthwise", stride)
    y = build.conv(y, filters, 1, f"{name}.project", relu=False)
    return layers.Add()([x, y]) if stride == 1 and channels == filters else y


BODIES: dict[str, Callable[[Tensor, bool, float | None], Tensor]] = {
    "inception": inception,
    "mobilenet": mobilenet,
}


def normalised(network: keras.Model) -> dict[str, tuple[keras.Layer, keras.Layer]]:
    """The convolutions of a body with their batch normalisations, by the authors' scope."""
    found = {layer.name: layer for layer in network.layers}
    return {
        name.removesuffix(".norm").replace(".", "/"): (found[name.removesuffix(".norm")], layer)
        for name, layer in found.items()
        if name.endswith(".norm")
    }


def start_from_imagenet(network: keras.Model, kind: str) -> None:
    """Gives a style network the weights of `keras.applications`, which are downloaded once.

    Args:
        network: made by `nst.ghiasi.networks.style_network`.
        kind: "inception" or "mobilenet".
    """
    applications = keras.applications
    make = applications.InceptionV3 if kind == "inception" else applications.MobileNetV2
    copy_weights(network, make(include_top=False, input_shape=(None, None, 3)), kind)


def copy_weights(network: keras.Model, theirs: keras.Model, kind: str) -> None:
    """Copies the convolutions and normalisations of a network of `keras.applications`.

    Args:
        network: see `start_from_imagenet`.
        theirs: of the same kind, of any weights.
        kind: "inception" or "mobilenet".
    """
    for layer, other in same_layers(network, theirs, kind):
        layer.set_weights(other.get_weights())


def same_layers(
    network: keras.Model, theirs: keras.Model, kind: str
) -> Iterator[tuple[keras.Layer, keras.Layer]]:
    """The convolutions and normalisations of a style network, each with that of a network of
    `keras.applications`, whose weights have the same shapes.

    Both have their layers in the same order. Inception's branches are listed otherwise, but our
    names and the numbers in theirs tell the order in which they were made. Ours ends earlier.

    Args:
        network, theirs, kind: see `copy_weights`.
    """
    ours = list(normalised(network).items())
    convolutions = [x for x in theirs.layers if isinstance(x, _CONVOLUTIONS)]
    norms = [x for x in theirs.layers if isinstance(x, layers.BatchNormalization)]
    if kind == "inception":
        ours = sorted(ours)
        convolutions, norms = (sorted(found, key=_number) for found in (convolutions, norms))
    for (_, own), *given in zip(ours, convolutions, norms, strict=False):
        yield from zip(own, given, strict=True)


_CONVOLUTIONS = (layers.Conv2D, layers.DepthwiseConv2D)


def _number(layer):
    """12 for "conv2d_12", 0 for "conv2d"."""
    match = re.search(r"_(\d+)$", layer.name)
    return int(match[1]) if match else 0
