"""The network that a loss looks through, of VGG and of the other networks alike.

`look` makes it. For VGG without smoothing it is that of `nst.features`, to the bit.
"""

from collections.abc import Iterable
from dataclasses import replace

import keras
import numpy as np
from keras import layers, ops

from core.errors import InputError
from nst import features
from nst.backbones.networks import Backbone
from nst.backbones.smoothing import SCALE, Smoothed
from nst.backbones.table import check_smallest
from nst.features import Field, Weights, feature_network
from nst.weights import digest as vgg_digest

Seer = Weights | Backbone  # what knows a network's weights


def digest(seer: Seer) -> str:
    """A fingerprint of a network's weights, 16 hexadecimal digits; see `nst.weights.digest`."""
    return seer.identity if isinstance(seer, Backbone) else vgg_digest(seer)


def check_taps(seer: Seer, taps: Iterable[str]) -> None:
    """Refuses layers that the network does not have.

    Raises:
        ValueError: a layer is unknown.
    """
    if isinstance(seer, Backbone):
        seer.check_taps(list(taps))
    else:
        features.check_taps(seer.network, taps)


def check_size(seer: Seer, taps: Iterable[str], height: int, width: int, what: str) -> None:
    """Refuses a picture that is too small for the network; see `nst.features.check_size`.

    Raises:
        InputError: the shorter side is too small.
    """
    if isinstance(seer, Backbone):
        check_smallest(seer.network, height, width, what)
    else:
        features.check_size(seer.network, taps, height, width, what)


def fields(seer: Seer, taps: Iterable[str], smoothing: str = "") -> dict[str, Field]:
    """The receptive fields of layers; empty where pictures cannot be taken apart into tiles, since
    a layer sees all of the picture: in other networks than VGG, and with smoothing."""
    if isinstance(seer, Backbone) or smoothing:
        return {}
    return {tap: features.field(seer.network, tap) for tap in taps}


def mean_of_features(normalise: bool, activation: float) -> float:
    """The mean of the features of other networks than VGG, and of smoothed ones: 1 where features
    are normalised or nothing is set, else what is set."""
    return 1.0 if normalise or not activation else activation


def look(
    seer: Seer,
    taps: Iterable[str],
    *,
    pooling: str = "max",
    ceil: bool = False,
    padding: str = "zeros",
    smoothing: str = "",
    mean: float = 1.0,
) -> keras.Model:
    """The network that returns the features of some layers.

    Args:
        seer: the weights; they say which network it is, too.
        taps: names of the layers.
        pooling, ceil, padding: of VGG, see `nst.features.feature_network`. Other networks have
            their own and take the defaults alone.
        smoothing: "softmax" or empty, see `nst.backbones.smoothing`. Features should then have a
            mean near 1 (`nst.features.normalise`, `rescaled`).
        mean: of smoothed features.

    Returns:
        A model from `[N, H, W, 3]`, RGB in [0, 1], to `{tap: [N, h, w, C]}`. Nothing is trainable.

    Raises:
        ValueError: a layer, or an option, that the network does not have.
    """
    taps = list(dict.fromkeys(taps))
    if isinstance(seer, Weights):
        model = feature_network(seer, taps, pooling=pooling, ceil=ceil, padding=padding)
        inputs, outputs, name = model.input, model.output, seer.network
        if not smoothing:
            return model
    else:
        _check_options(seer, pooling, ceil, padding)
        seer.check_taps(taps)
        outputs = {tap: _scaled(tap, seer) for tap in taps}
        inputs, name = seer.inputs, seer.network
    if smoothing:
        outputs = {
            tap: Smoothed(mean, SCALE, name=f"{tap}.smoothed")(x) for tap, x in outputs.items()
        }
    model = keras.Model(inputs, outputs, name=name)
    model.trainable = False
    return model


def _check_options(seer, pooling, ceil, padding):
    for key, value, own in (
        ("pooling", pooling, "max"),
        ("ceil", ceil, False),
        ("padding", padding, "zeros"),
    ):
        if value != own:
            raise ValueError(
                f"{key}={value}: is for VGG; {seer.network} has its own poolings and paddings. "
                "Leave it out"
            )


def _scaled(tap, seer):
    x = seer.taps[tap]
    if tap not in seer.factors:
        return x
    factors = np.asarray(seer.factors[tap], "float32").ravel()
    return layers.Rescaling(factors.tolist(), dtype="float32", name=f"{tap}.scaled")(x)


def rescaled(
    backbone: Backbone, taps: Iterable[str], images: Iterable[np.ndarray], mean: float, each: bool
) -> Backbone:
    """A network whose layers have features of this mean size over images.

    What the weights of the losses mean depends on how large features are, which differs from
    network to network and from layer to layer.

    Args:
        backbone: the network.
        taps: names of the layers that will be looked at.
        images: RGB in [0, 1], `[H, W, 3]` each, of one size.
        mean: of the absolute values.
        each: every channel by itself, but none by less than the mean of its layer, as
            `nst.features.normalise` does with a floor of 1; else the layer as a whole.

    Raises:
        InputError: a layer that is 0 everywhere, or not finite.
        ValueError: a layer that the network does not have.
    """
    taps = list(dict.fromkeys(taps))
    model = look(replace(backbone, factors={}), taps)
    totals, count = [np.zeros(1, "float64") for _ in taps], 0
    for image in images:
        outputs = model(np.asarray(image, np.float32)[None], training=False)
        means = [ops.mean(ops.abs(ops.cast(outputs[t], "float32")), (0, 1, 2)) for t in taps]
        totals = [a + ops.convert_to_numpy(b) for a, b in zip(totals, means, strict=True)]
        count += 1
    factors = {}
    for tap, total in zip(taps, totals, strict=True):
        sizes, whole = total / count, total.mean() / count
        if not 0 < whole < np.inf:
            raise InputError(
                f"layer '{tap}' of {backbone.network} is {whole:g} on average with these weights: "
                "take another layer, or other weights."
            )
        factors[tap] = mean / (np.maximum(sizes, whole) if each else np.array([whole]))
    # the last bits of averages differ between backends, and a run may change its backend
    kind = "each channel" if each else "each layer"
    return replace(
        backbone, factors=factors, identity=f"{backbone.identity} {kind} rescaled to {mean:g}"
    )
