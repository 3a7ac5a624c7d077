"""Functions for `experiments.model.Import`: the settings of a run that official weights imply."""

from collections.abc import Mapping
from typing import Any

from core.errors import InputError


def settings(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
    """Returns the hyper-parameters of a file as settings of the algorithm, for pictures in RGB.

    Args:
        found: the hyper-parameters of the file by name.
        options: not used.

    Raises:
        InputError: the network takes pictures with another number of channels.
    """
    return _settings(found, 3)


def settings_of_pairs(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
    """Returns the `settings` of a network that judges pairs of pictures, with 6 channels."""
    return _settings(found, 6)


def growing_settings(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
    """Returns the `settings` of a growing network, so that the run begins fully grown."""
    names = {"resolution": "data.size", "dlatent_size": "algorithm.w_dim"}
    changes = {
        names.get(key.removeprefix("algorithm."), key): value
        for key, value in settings(found).items()
    }
    if "data.size" in changes:
        changes["data.load_size"] = changes["algorithm.start_resolution"] = changes["data.size"]
    if not found.get("use_styles", True):
        changes["algorithm.style_mixing"] = 0.0
    return changes


def _settings(found, expected):
    channels = {value for key, value in found.items() if key.endswith("channels")}
    if channels != {expected}:
        raise InputError(
            f"this file is for pictures that are not RGB; expected {expected} channels."
        )
    return {f"algorithm.{k}": v for k, v in found.items() if not k.endswith("channels")}


def generator_maps(network: Any) -> dict[str, int]:
    """Returns the settings of a growing generator's feature maps, which only its shapes tell."""
    return discriminator_maps(network.synthesis)


def discriminator_maps(network: Any) -> dict[str, int]:
    """Returns the settings of a growing discriminator's feature maps."""
    return {"fmap_base": network.fmap_base, "fmap_max": network.fmap_max}
