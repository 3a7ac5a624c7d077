"""The arrays and hyper-parameters of a StyleGAN2 or 3 as the official PyTorch classes take them.

Source: the arguments of NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/networks.py; for
StyleGAN3 see `gan.stylegan3_importers`.
"""

from typing import Any

import numpy as np

from gan import nvidia_importers, stylegan3_importers
from gan.stylegan2.discriminator import Discriminator
from gan.stylegan2.networks import Generator
from gan.stylegan3.networks import Generator as FilteredGenerator


def state_dict(network: Generator | FilteredGenerator | Discriminator) -> dict[str, np.ndarray]:
    """The variables and filters under the official names, in the official layouts, float32.

    Args:
        network: a square one: the official networks know no other.
    """
    if isinstance(network, FilteredGenerator):
        return stylegan3_importers.state_dict(network)
    return nvidia_importers.state_dict(network)


def settings(network: Generator | FilteredGenerator | Discriminator) -> dict[str, Any]:
    """The keyword arguments of the official `Generator` or `Discriminator`, and the name of the
    class under `class_name`; plain values, as NVIDIA's pickles hold them and importers read them.

    Args:
        network: a square one: the official networks know no other.
    """
    if isinstance(network, Discriminator):
        return _discriminator(network)
    config, mapping = network.synthesis.config, network.mapping.config
    if isinstance(network, FilteredGenerator):
        synthesis = stylegan3_importers.settings(network)
    else:
        synthesis = {"synthesis_kwargs": _synthesis(config)}
    return synthesis | {
        "class_name": "Generator",
        "z_dim": mapping["z_dim"],
        "c_dim": mapping["c_dim"],
        "w_dim": mapping["w_dim"],
        "img_resolution": config["resolution"],
        "img_channels": config["num_channels"],
        "mapping_kwargs": {
            "num_layers": mapping["num_layers"],
            "lr_multiplier": mapping["lrmul"],
            "w_avg_beta": mapping["w_avg_beta"],
        },
    }


def _synthesis(config):
    options = {} if config["architecture"] == "skip" else {"architecture": config["architecture"]}
    return _features(config) | options | ({} if config["use_noise"] else {"use_noise": False})


def _discriminator(network):
    config, group = network.config, network.config["mbstd_group_size"]
    groups = {"mbstd_group_size": group} if group > 1 else {"mbstd_num_channels": 0}
    mapping = {"num_layers": config["mapping_layers"]} if config["c_dim"] else {}
    return {
        "class_name": "Discriminator",
        "c_dim": config["c_dim"],
        "img_resolution": config["resolution"],
        "img_channels": config["num_channels"],
        "architecture": config["architecture"],
        **_features(config),
        "block_kwargs": {},
        "mapping_kwargs": mapping,
        "epilogue_kwargs": groups,
    }


def _features(config):
    names = ("channel_base", "channel_max", "num_fp16_res", "conv_clamp")
    return {name: config[name] for name in names}
