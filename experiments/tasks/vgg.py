"""Loads the network that measures content and style as the configuration of a model names it."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from core.errors import InputError
from experiments.data import photos, pictures
from experiments.training.config import RunConfig
from nst.backbones.seeing import Seer, mean_of_features, rescaled
from nst.backbones.table import NETWORKS, check_smallest
from nst.backbones.weights import load_backbone
from nst.features import Weights, normalise
from nst.gatys.config import GatysConfig
from nst.weights import digest, load_weights


def vgg_weights(name: str, network: str | None = None, convention: str | None = None) -> Weights:
    """Returns `nst.weights.load_weights` of the arguments; its refusals name the runner's flag.

    Raises:
        InputError: see `nst.weights.load_weights`.
    """
    try:
        return load_weights(name, network, convention)
    except InputError as error:
        raise _by_flag(error, "--vgg_weights") from error


def _by_flag(error, flag):
    return InputError(str(error).replace(" weights=", f" {flag}="))


def features_weights(algorithm: Any) -> Weights:
    """Returns the weights of VGG that a configuration names.

    Args:
        algorithm: a configuration with `weights`, `network`, `convention` and `normalise`.
            `normalise` divides each filter by its mean activation over the ten pictures of
            `experiments.data.photos` at 256 pixels, or by the mean of its layer if that is higher.

    Raises:
        InputError: see `nst.weights.load_weights`.
    """
    names = algorithm.weights, algorithm.network or None, algorithm.convention or None
    weights = vgg_weights(*names)
    if not algorithm.normalise:
        return weights
    # the last bits of averages differ between backends, and a run may change its backend
    identity = f"{digest(weights)} normalised"
    return replace(normalise(weights, _shown(), floor=1.0), identity=identity)


def _shown() -> Iterator[np.ndarray]:
    """The ten pictures that features are measured on."""
    for name in (*photos.CONTENT, *photos.STYLE):
        yield pictures.to_unit(pictures.fit(photos.read(name), 256, "crop"))


def loss_weights(algorithm: Any, taps: Iterable[str], flag: str = "--vgg_weights") -> Seer:
    """Returns the weights of VGG, or the network other than VGG, that a loss looks through.

    Args:
        algorithm: as for `features_weights`; also `smoothing` and `activation`, which say how large
            the features of another network are made, see `nst.backbones.seeing.rescaled`.
        taps: names of the layers that will be looked at.
        flag: what messages call the setting of the weights.

    Raises:
        InputError: weights that cannot be had.
        ValueError: a layer that the network does not have.
    """
    if algorithm.network not in NETWORKS:  # smoothing is of features near 1, whatever the weights
        smoothed = bool(algorithm.smoothing)
        return features_weights(replace(algorithm, normalise=algorithm.normalise or smoothed))
    if algorithm.convention:
        raise InputError(
            f"convention={algorithm.convention}: is for VGG; {algorithm.network} has its own "
            "colours. Leave it out."
        )
    try:
        backbone = load_backbone(algorithm.network, algorithm.weights)
    except InputError as error:
        raise _by_flag(error, flag) from error
    backbone.check_taps(list(taps))
    if algorithm.smoothing:
        return rescaled(backbone, taps, _shown(), 1.0, False)
    if not (algorithm.normalise or algorithm.activation):
        return backbone
    mean = mean_of_features(algorithm.normalise, algorithm.activation)
    return rescaled(backbone, taps, _shown(), mean, algorithm.normalise)


# what of a preset is for VGG, with what another network takes
_VGGS: dict[str, Any] = {"pooling": "max"}
_OPTIMISED: dict[str, Any] = {  # further ones where a picture is optimised
    "content_layer_weights": (),
    "style_layer_weights": (),
    "padding": "zeros",
    "ceil": False,
}


def with_usual_layers(config: RunConfig, given: Collection[str]) -> RunConfig:
    """Returns a configuration whose network is not VGG with the usual layers of that network.

    Only what was not given changes: the layers of the preset, their weights, and the settings of
    VGG's poolings and paddings. Without another network the configuration stays as it is.

    Args:
        config: of a model whose algorithm has `network`.
        given: the dotted keys that were given.

    Raises:
        InputError: pictures of training that are too small for the network.
    """
    algorithm = config.algorithm
    if algorithm.network not in NETWORKS:
        return config
    usual, changes = NETWORKS[algorithm.network], dict(_VGGS)
    changes |= _OPTIMISED if isinstance(algorithm, GatysConfig) else {}
    changes |= {"style_layers": usual.style} if algorithm.style_layers else {}
    changes |= {"content_layers": usual.content} if algorithm.content_layers else {}
    changes = {k: value for k, value in changes.items() if f"algorithm.{k}" not in given}
    if hasattr(config.data, "sides"):  # of a data set; single pictures are checked when read
        height, width = config.data.sides
        check_smallest(algorithm.network, height, width, "data.size")
    return replace(config, algorithm=replace(algorithm, **changes))
