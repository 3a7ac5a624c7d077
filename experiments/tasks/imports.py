"""Functions for `experiments.model.Import`: the settings of a run that official weights imply."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from core.errors import InputError
from experiments.data.pictures import CHANNELS
from gan.stylegan3.schedule import Schedule


def settings(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
    """Returns the hyper-parameters of a file as settings of the algorithm and the data.

    Args:
        found: the hyper-parameters of the file by name.
        options: not used.

    Raises:
        InputError: the pictures that go in and those that come out have not as many channels, or
            not 1, 3 or 4.
    """
    return _settings(found, 1)


def settings_of_pairs(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
    """Returns the `settings` of a network that judges pairs, two pictures in its channels."""
    return _settings(found, 2)


def directed(options: Any) -> dict[str, Any]:
    """Returns the setting of `--direction`, in which a network was trained; {} if not given."""
    return {"algorithm.direction": options.direction} if options["direction"].present else {}


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


def stylegan2_settings(prefix: str) -> Callable[[Mapping[str, Any], Any], dict[str, Any]]:
    """Returns the function that gives the `settings` of a network of StyleGAN2.

    Args:
        prefix: "g_" for generators or "d_" for discriminators, of the settings that both have.
    """
    own = ("architecture", "mapping_layers") if prefix == "d_" else ("architecture",)
    names = {f"algorithm.{name}": f"algorithm.{prefix}{name}" for name in own}
    names |= {"algorithm.c_dim": "algorithm.classes", "algorithm.resolution": "data.size"}

    def changes(found: Mapping[str, Any], options: Any = None) -> dict[str, Any]:
        given = {names.get(key, key): value for key, value in settings(found).items()}
        if "algorithm.conv_clamp" in given:
            given["algorithm.conv_clamp"] = given["algorithm.conv_clamp"] or 0.0
        labels = bool(given.get("algorithm.classes"))
        given |= {"data.labels": labels, "data.load_size": given["data.size"]}
        return given | {"precision": "float32"}

    return changes


def stylegan2_features(network: Any) -> dict[str, Any]:
    """Returns the settings of a network of StyleGAN2 that only its shapes tell, or the file's own
    settings beside its arrays."""
    config = network.synthesis.config if hasattr(network, "synthesis") else network.config
    names = ("channel_base", "channel_max", "num_fp16_res", "conv_clamp", "mbstd_group_size")
    found = {name: config[name] for name in names if name in config}
    if hasattr(network, "synthesis"):
        found["mapping_lrmul"] = network.mapping.config["lrmul"]
    return found


def stylegan3_features(network: Any) -> dict[str, Any]:
    """Returns the settings of a generator of StyleGAN3 that only the file's own settings tell.

    Raises:
        InputError: it has a setting that runs do not have.
    """
    config = network.synthesis.config
    usual = asdict(Schedule(config["resolution"])) | {"output_scale": 0.25}
    kept = ("resolution", "config", "num_layers", "num_channels", "num_fp16_res")
    for name in usual.keys() - {*kept, "channel_base", "channel_max"}:
        if config[name] != usual[name]:
            raise InputError(f"this file has {name}={config[name]}; runs have {usual[name]}.")
    names = ("channel_base", "channel_max", "num_fp16_res")
    found = {f"g_{name}": config[name] for name in names}
    found["g_conv_clamp"] = config["conv_clamp"] or 0.0
    return found | {"mapping_lrmul": network.mapping.config["lrmul"]}


def _settings(found, count):
    """The settings of a network that sees `count` pictures at once."""
    channels = {value for key, value in found.items() if key.endswith("channels")}
    known = [c for c in CHANNELS if channels == {c * count}]
    if not known:
        raise InputError(
            f"this file is for pictures of {' and '.join(map(str, sorted(channels)))} channels; "
            f"expected {', '.join(str(c * count) for c in CHANNELS)}, as many in as out."
        )
    changes = {f"algorithm.{k}": v for k, v in found.items() if not k.endswith("channels")}
    return changes | ({"data.channels": known[0]} if known[0] != 3 else {})


def generator_maps(network: Any) -> dict[str, int]:
    """Returns the settings of a growing generator's feature maps, which only its shapes tell."""
    return discriminator_maps(network.synthesis)


def discriminator_maps(network: Any) -> dict[str, int]:
    """Returns the settings of a growing discriminator's feature maps."""
    return {"fmap_base": network.fmap_base, "fmap_max": network.fmap_max}
