"""Perceptual features: VGG-16 and VGG-19 with taps by name.

Simonyan & Zisserman 2015 (https://arxiv.org/abs/1409.1556), configurations D and E, without the
classifier. `conv4_2` is a convolution's output, `relu4_2` the same after the ReLU, `pool3` the
output of the pooling that ends block 3.

The networks take pictures as RGB in [0, 1]. Each set of weights was trained on other values (BGR
levels with a mean subtracted, or RGB also divided by a standard deviation). Getting there is a
linear map of the three channels; it belongs to the weights (`nst.weights`) and is the network's
first layer.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import keras
import numpy as np
from keras import layers, ops

from core.errors import InputError
from core.layers import PaddedConv2D

CONVOLUTIONS = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # how many in each block
CHANNELS = (64, 128, 256, 512, 512)  # of each block's convolutions
POOLINGS = ("max", "average")
PADDINGS = ("zeros", "reflect")


class Field(NamedTuple):
    """The receptive field of a layer, in pixels: each position sees a square of `size` x `size`,
    and the squares of two neighbours lie `stride` apart."""

    size: int
    stride: int


@dataclass(frozen=True)
class Weights:
    """The weights of a VGG network and the colours it expects.

    Attributes:
        source: where they are from, for messages.
        network: "vgg16" or "vgg19".
        kernels: `{"conv1_1": (kernel [3, 3, I, O], bias [O]), …}`, from conv1_1 on without gaps.
        colour: `(matrix [3, 3], bias [3])`: the network sees `rgb @ matrix + bias`.
        identity: what the weights were made from, if their last bits depend on the backend: then
            `nst.weights.digest` goes by it instead of the numbers. Empty otherwise.
    """

    source: str
    network: str
    kernels: Mapping[str, tuple[np.ndarray, np.ndarray]]
    colour: tuple[np.ndarray, np.ndarray]
    identity: str = ""


def convolutions(network: str) -> list[str]:
    """The names of a network's convolutions in order: `["conv1_1", "conv1_2", "conv2_1", …]`."""
    return [f"conv{b}_{i}" for b, n in enumerate(CONVOLUTIONS[network], 1) for i in range(1, n + 1)]


def layer_names(network: str) -> list[str]:
    """The names of all layers in order: `["conv1_1", "relu1_1", …, "pool1", …, "pool5"]`."""
    names = []
    for block, count in enumerate(CONVOLUTIONS[network], 1):
        for i in range(1, count + 1):
            names += [f"conv{block}_{i}", f"relu{block}_{i}"]
        names.append(f"pool{block}")
    return names


def check_taps(network: str, taps: Iterable[str]) -> None:
    """Refuses layers that the network does not have.

    Raises:
        ValueError: a layer is unknown; the message names the nearest one.
    """
    known = layer_names(network)
    for tap in taps:
        if tap not in known:
            raise ValueError(
                f"layer '{tap}': {network} has no such layer, the nearest is "
                f"'{_nearest(tap, known)}' (conv, relu or pool, from {known[0]} to {known[-1]})"
            )


def _nearest(tap, known):
    """The layer that was probably meant; Keras' `block4_conv2` gives conv4_2."""
    digits = [c for c in tap if c.isdigit()]
    kind = next((k for k in ("pool", "conv", "relu") if k in tap.lower()), "relu")
    block = int(digits[0]) if digits else 1

    def distance(name):
        own = [int(c) for c in name if c.isdigit()]
        index = int(digits[1]) if len(digits) > 1 else 1
        return (abs(own[0] - block), not name.startswith(kind), abs((own[1:] or [0])[0] - index))

    return min(known, key=distance)


def field(network: str, tap: str) -> Field:
    """The receptive field of a layer. For relu5_1 of VGG-19 its size is 156 and its stride 16.

    Raises:
        ValueError: the network has no such layer.
    """
    size, stride = 1, 1
    for name in layer_names(network):
        if name.startswith("conv"):
            size += 2 * stride
        elif name.startswith("pool"):
            size, stride = size + stride, 2 * stride
        if name == tap:
            return Field(size, stride)
    raise ValueError(f"{network} has no layer '{tap}'")


def check_size(network: str, taps: Iterable[str], height: int, width: int, what: str) -> None:
    """Refuses a picture that is smaller than the receptive field of the deepest layer.

    Args:
        network: "vgg16" or "vgg19".
        taps: names of layers.
        height, width: of the picture, pixels.
        what: what the message calls the picture.

    Raises:
        InputError: the shorter side is too small.
    """
    deepest = max(taps, key=lambda tap: field(network, tap).size)
    need = field(network, deepest).size
    if min(height, width) < need:
        raise InputError(
            f"{what}: {width}x{height} pixels, but {deepest} of {network} sees {need}x{need}. "
            f"It must have {need} pixels or more on its shorter side where the network sees it: "
            "enlarge it, ask for a larger size, or use shallower layers."
        )


def feature_network(
    weights: Weights,
    taps: Iterable[str],
    *,
    pooling: str = "max",
    ceil: bool = False,
    padding: str = "zeros",
    name: str | None = None,
) -> keras.Model:
    """A VGG network with these weights that returns the features of some layers.

    Args:
        weights: VGG's; they say which of the networks it is, too.
        taps: names of the layers. The network ends at the deepest one.
        pooling: "max" or "average".
        ceil: whether an odd last row or column is pooled, too ("same"), or dropped.
        padding: "zeros", as VGG was trained, or "reflect" (Huang & Belongie 2017).
        name: the model's name; None: that of the network.

    Returns:
        A model from `[N, H, W, 3]`, RGB in [0, 1], to `{tap: [N, h, w, C]}`. Nothing is trainable.

    Raises:
        ValueError: an unknown layer, or one deeper than the weights reach.
    """
    taps = list(dict.fromkeys(taps))
    check_taps(weights.network, taps)
    names = layer_names(weights.network)
    last = max(names.index(tap) for tap in taps)
    inputs = keras.Input((None, None, 3), name="rgb")
    # levels with a mean subtracted need float32: bfloat16 has only 8 bits
    colour = layers.Conv2D(3, 1, dtype="float32", name="colour")
    x, outputs = colour(inputs), {}
    kernels = {"colour": (np.reshape(weights.colour[0], (1, 1, 3, 3)), weights.colour[1])}
    for layer in names[: last + 1]:
        if layer.startswith("conv"):
            kernels[layer] = _kernel(weights, layer)
            x = _convolution(layer, kernels[layer], padding)(x)
        elif layer.startswith("relu"):
            x = layers.ReLU(name=layer)(x)
        else:
            x = _pool(layer, pooling, ceil)(x)
        if layer in taps:
            outputs[layer] = x
    model = keras.Model(inputs, outputs, name=name or weights.network)
    for layer, (kernel, bias) in kernels.items():
        model.get_layer(layer).kernel.assign(kernel)
        model.get_layer(layer).bias.assign(bias)
    model.trainable = False
    return model


def _kernel(weights, layer):
    if layer not in weights.kernels:
        raise ValueError(
            f"layer '{layer}': the weights '{weights.source}' end at '{list(weights.kernels)[-1]}'"
        )
    return weights.kernels[layer]


def _convolution(name, kernel, padding):
    filters = kernel[1].shape[0]
    if padding == "reflect":
        return PaddedConv2D(filters, 3, pad=1, pad_mode="reflect", name=name)
    return layers.Conv2D(filters, 3, padding="same", name=name)


def _pool(name, pooling, ceil):
    kind = layers.MaxPooling2D if pooling == "max" else layers.AveragePooling2D
    return kind(2, padding="same" if ceil else "valid", name=name)


def normalise(weights: Weights, images: Iterable[np.ndarray], floor: float = 0.0) -> Weights:
    """Weights rescaled so that every filter's mean activation, over images and positions, is 1.

    A ReLU lets positive factors through, so the network computes the same up to these factors: each
    kernel is divided by the mean activation of its filter and multiplied by those of its inputs.

    Source: Gatys, Ecker & Bethge 2015 (https://arxiv.org/abs/1505.07376), section 2.

    Args:
        weights: VGG's.
        images: RGB in [0, 1], `[H, W, 3]` each.
        floor: the least mean that is divided by, as a share of the mean over the layer's filters.
            The paper has none (0). Over few images some filters hardly respond, and dividing by
            their tiny means would make them far too strong on other images; 1 prevents that.

    Raises:
        InputError: no images.
    """
    names = list(weights.kernels)
    taps = [f"relu{name[4:]}" for name in names]
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")  # in bfloat16 the means would be rounded to 8 bits
    model = feature_network(weights, taps)
    totals, count = [np.zeros(1)] * len(taps), 0
    keras.config.set_dtype_policy(policy)
    for image in images:
        outputs = model(np.asarray(image, np.float32)[None], training=False)
        means = [ops.convert_to_numpy(ops.mean(outputs[t], (0, 1, 2))) for t in taps]
        totals = means if not count else [a + b for a, b in zip(totals, means, strict=True)]
        count += 1
    if not count:
        raise InputError("normalising VGG needs at least one image")
    kernels, before = {}, np.ones(3, np.float32)
    for name, total in zip(names, totals, strict=True):
        kernel, bias = weights.kernels[name]
        mean = np.maximum(total, floor * total.mean()) / count
        mean = np.where(mean > 0, mean, 1).astype(np.float32)
        kernels[name] = (kernel * before[:, None] / mean, bias / mean)
        before = mean
    return Weights(f"{weights.source}, normalised", weights.network, kernels, weights.colour)
