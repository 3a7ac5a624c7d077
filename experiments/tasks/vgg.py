"""Loads VGG's weights as the configuration of a model names them."""

from dataclasses import replace
from typing import Any

from core.errors import InputError
from experiments.data import photos, pictures
from nst.features import Weights, normalise
from nst.weights import digest, load_weights


def vgg_weights(name: str, network: str | None = None, convention: str | None = None) -> Weights:
    """Returns `nst.weights.load_weights` of the arguments; its refusals name the runner's flag.

    Raises:
        InputError: see `nst.weights.load_weights`.
    """
    try:
        return load_weights(name, network, convention)
    except InputError as error:
        raise InputError(str(error).replace(" weights=", " --vgg_weights=")) from error


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
    shown = (*photos.CONTENT, *photos.STYLE)
    images = (pictures.to_unit(pictures.fit(photos.read(name), 256, "crop")) for name in shown)
    # the last bits of averages differ between backends, and a run may change its backend
    return replace(normalise(weights, images, floor=1.0), identity=f"{digest(weights)} normalised")
