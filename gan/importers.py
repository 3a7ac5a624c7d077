"""GANs with the weights of official PyTorch files.

`import_network("cyclegan/resnet_generator", "latest_net_G_A.pth")` builds our network in the size
that the file has and fills it (`core.importing` says how). A kind is a function in `KINDS`.

Names and shapes: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/networks.py and
models/base_model.py:144-174 (what is saved, and what is dropped on loading).
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras

from core import importing
from core.errors import InputError
from core.importing import Kinds, Plan, State, check_names, first_few, indices, kernel_shape
from gan.cyclegan.networks import patch_discriminator, resnet_generator

# of normalisation layers; no parameters, and of instance norm never used (base_model.py:162-174)
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


def import_network(kind: str, state: Mapping | str | Path, **config) -> keras.Model:
    """A network with the weights of an official file.

    Args:
        kind: one of `KINDS`.
        state: arrays by official name, in PyTorch's layout, or a `.pth` file of them.
        config: hyper-parameters of the network (see `guess_config`). What is left out or None is
            taken from the file; what is given must agree with it.

    Returns:
        The network; pictures go in and come out as `[N, H, W, C]`.

    Raises:
        InputError: an unknown kind or hyper-parameter, an unreadable file, a file of another
            network, or one that disagrees with `config`.
    """
    return importing.import_network(KINDS, kind, state, config)


def guess_config(kind: str, state: Mapping | str | Path) -> dict[str, Any]:
    """The hyper-parameters that a file has, such as `{"ngf": 64, "n_blocks": 9, ...}`.

    Raises:
        InputError: as `import_network`.
    """
    return importing.guess_config(KINDS, kind, state)


# --- kinds


def _resnet_generator(state: State) -> Plan:
    """`model.1` `.4` `.7` convolutions, from `.10` residual blocks, then two transposed
    convolutions and, 7 after the last block, one convolution; trained with dropout, a block's
    second convolution is its layer 6 instead of 5 (networks.py:315-437)."""
    state = _convolutions(state, _RESNET)
    blocks = indices(state, r"model\.(\d{1,4})\.conv_block\.")
    dropout = f"model.{blocks[0]}.conv_block.6.weight" in state
    after = blocks[-1] + 1
    second = 6 if dropout else 5
    layers = ["model.1", "model.4", "model.7"]
    layers += [f"model.{i}.conv_block.{k}" for i in range(10, after) for k in (1, second)]
    layers += [f"model.{after}", f"model.{after + 3}", f"model.{after + 7}"]
    check_names(state, layers)
    ngf, channels = kernel_shape(state, "model.1")[:2]
    config = {"ngf": ngf, "n_blocks": after - 10, "dropout": dropout, "channels": channels}
    return Plan(resnet_generator, config, layers)


def _patch_discriminator(state: State) -> Plan:
    """Convolutions `model.0`, `.2`, `.5`, ... to 2 + 3 * n_layers (networks.py:538-582)."""
    state = _convolutions(state, _PATCH)
    n_layers = max(1, (indices(state, r"model\.(\d{1,4})\.")[-1] - 2) // 3)
    layers = ["model.0", *(f"model.{2 + 3 * i}" for i in range(n_layers + 1))]
    check_names(state, layers)
    ndf, channels = kernel_shape(state, "model.0")[:2]
    config = {"ndf": ndf, "n_layers": n_layers, "channels": channels}
    return Plan(patch_discriminator, config, layers)


KINDS: Kinds = {
    "cyclegan/patch_discriminator": _patch_discriminator,
    "cyclegan/resnet_generator": _resnet_generator,
}


# --- what a file is

_RESNET = "a ResNet generator (blocks named model.N.conv_block)"
_PATCH = "a PatchGAN discriminator (layers named model.0, model.2, model.5, ...)"
_PIXEL = "a PixelGAN discriminator (layers named net.N)"
_UNET = "a U-Net generator (names starting with model.model.)"
_FILTERED = (
    "an anti-aliased network of contrastive-unpaired-translation (CUT; blur kernels named .filt), "
    "whose layers are others: train it with --no_antialias --no_antialias_up"
)


def _looks_like(state: State) -> str:
    """What network the names belong to, in words."""
    if any(name.endswith(".filt") for name in state):
        return _FILTERED
    if any(name.startswith("model.model.") for name in state):
        return _UNET
    if any(re.match(r"model\.\d{1,4}\.conv_block\.", name) for name in state):
        return _RESNET
    if "model.0.weight" in state:
        return _PATCH
    if "net.0.weight" in state:
        return _PIXEL
    return f"no network known here (its names are {first_few(state)})"


def _convolutions(state: State, expected: str) -> State:
    """The convolutions' arrays alone; refuses other networks and learned normalisation."""
    found = _looks_like(state)
    if found != expected:
        raise InputError(f"looks like {found}; expected {expected}")
    learned = [k for k, v in state.items() if k.endswith(".weight") and v.ndim == 1]
    if learned:
        raise InputError(
            f"has weights at its normalisation layers ({first_few(learned)}), as batch "
            "normalisation has; expected instance normalisation, which has none (--norm instance)"
        )
    return {name: value for name, value in state.items() if not name.endswith(_STATISTICS)}
