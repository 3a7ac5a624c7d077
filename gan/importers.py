"""GANs with the weights of official files.

`import_network("cyclegan/resnet_generator", "latest_net_G_A.pth")` builds our network in the size
that the file has and fills it (`core.importing` says how). A kind is a function in `KINDS`; those
of CUT are in `gan.cut_importers`, those of TensorFlow 1 in `gan.tf1_importers`, those of StyleGAN2
in `gan.nvidia_importers`, those of StyleGAN3 in `gan.stylegan3_importers`, those of R3GAN in
`gan.r3gan_importers`.

Names and shapes: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/networks.py and
models/base_model.py:144-174 (what is saved, and what is dropped on loading).
"""

import functools
from collections.abc import Mapping
from typing import Any

import keras

from core import importing
from core.importing import (
    BATCH_NORM,
    CONVOLUTION,
    UNBIASED_CONVOLUTION,
    Kinds,
    Location,
    Plan,
    State,
    check_names,
    check_shapes,
    indices,
    kernel_shape,
)
from gan import (
    cut_importers,
    nvidia_importers,
    r3gan_importers,
    stylegan3_importers,
    tf1_importers,
    translator_shapes,
)
from gan.cyclegan.networks import patch_discriminator, resnet_generator
from gan.pix2pix.networks import unet_generator
from gan.translator_files import PATCH, RESNET, UNET, batch_normed, convolutions


def import_network(kind: str, state: Mapping | Location, **config: Any) -> keras.Model:
    """A network with the weights of an official file.

    Args:
        kind: one of `KINDS`.
        state: arrays by official name, in their own layout, or a file of them: `.pth` of PyTorch,
            `.pkl` of NVIDIA's code for TensorFlow 1 or PyTorch (of its generators, the averaged
            one, or the other one for "stylegan2/raw_generator" and its like).
        config: hyper-parameters of the network (see `guess_config`). What is left out or None is
            taken from the file; what is given must agree with it. A file does not tell whether a
            "pix2pix/unet_generator" was trained with dropout: give `dropout=True` to have it.

    Returns:
        The network; pictures go in and come out as `[N, H, W, C]`.

    Raises:
        InputError: an unknown kind or hyper-parameter, an unreadable file, a file of another
            network, or one that disagrees with `config`.
    """
    return importing.import_network(KINDS, kind, state, config)


def guess_config(kind: str, state: Mapping | Location) -> dict[str, Any]:
    """The hyper-parameters that a file tells, such as `{"ngf": 64, "n_blocks": 9, ...}`.

    Raises:
        InputError: as `import_network`.
    """
    return importing.guess_config(KINDS, kind, state)


# --- kinds


def _resnet_generator(state: State) -> Plan:
    """`model.1` `.4` `.7` convolutions, from `.10` residual blocks, then two transposed
    convolutions and, 7 after the last block, one convolution; trained with dropout, a block's
    second convolution is its layer 6 instead of 5 (networks.py:315-437)."""
    state = convolutions(state, RESNET)
    blocks = indices(state, r"model\.(\d{1,4})\.conv_block\.") or [10]
    dropout = f"model.{blocks[0]}.conv_block.6.weight" in state
    after = blocks[-1] + 1
    second = 6 if dropout else 5
    layers = ["model.1", "model.4", "model.7"]
    layers += [f"model.{i}.conv_block.{k}" for i in range(10, after) for k in (1, second)]
    layers += [f"model.{after}", f"model.{after + 3}", f"model.{after + 7}"]
    check_names(state, layers)
    ngf, channels = kernel_shape(state, "model.1")[:2]
    config = {"ngf": ngf, "n_blocks": after - 10, "dropout": dropout, "channels": channels}
    check_shapes(state, translator_shapes.resnet_generator(layers, config))
    return Plan(resnet_generator, config, layers)


def _patch_discriminator(state: State) -> Plan:
    """Convolutions `model.0`, `.2`, `.5`, ... to 2 + 3 * n_layers (networks.py:538-582)."""
    state = convolutions(state, PATCH)
    n_layers = max(1, (indices(state, r"model\.(\d{1,4})\.")[-1] - 2) // 3)
    layers = ["model.0", *(f"model.{2 + 3 * i}" for i in range(n_layers + 1))]
    check_names(state, layers)
    ndf, channels = kernel_shape(state, "model.0")[:2]
    config = {"ndf": ndf, "n_layers": n_layers, "channels": channels}
    check_shapes(state, translator_shapes.patch_discriminator(layers, config))
    return Plan(patch_discriminator, config, layers)


def _unet_generator(state: State) -> Plan:
    """`model.model` holds the outermost block: its convolution 0, the next block 1, its transposed
    convolution 3. A block on the way is `.1` convolution, `.2` norm, `.3` the next one, `.5`
    transposed convolution, `.6` norm; the innermost one `.1`, `.3` and `.4` (networks.py:440-535).
    """
    state = batch_normed(state, UNET)
    inner: dict[str, tuple[str, ...]] = {}
    outer: dict[str, tuple[str, ...]] = {"model.model.3": CONVOLUTION}
    block, num_downs = "model.model.1.model", 2
    while f"{block}.5.weight" in state:
        inner |= {f"{block}.1": UNBIASED_CONVOLUTION, f"{block}.2": BATCH_NORM}
        outer = {f"{block}.5": UNBIASED_CONVOLUTION, f"{block}.6": BATCH_NORM} | outer
        block, num_downs = f"{block}.3.model", num_downs + 1
    innermost: dict[str, tuple[str, ...]] = {
        f"{block}.1": UNBIASED_CONVOLUTION,
        f"{block}.3": UNBIASED_CONVOLUTION,
        f"{block}.4": BATCH_NORM,
    }
    layers = {"model.model.0": UNBIASED_CONVOLUTION} | inner | innermost | outer
    check_names(state, layers)
    ngf, in_channels = kernel_shape(state, "model.model.0")[:2]
    config = {
        "ngf": ngf,
        "num_downs": num_downs,
        "in_channels": in_channels,
        "out_channels": kernel_shape(state, "model.model.3")[1],
    }
    check_shapes(state, translator_shapes.unet_generator(_convolutions_of(layers), config))
    return Plan(unet_generator, config, layers, {"dropout": False})


def _conditional_discriminator(state: State) -> Plan:
    """Convolutions as of `_patch_discriminator`; a norm follows `model.2`, `.5`, ... in place of a
    bias."""
    state = batch_normed(state, PATCH)
    n_layers = max(1, (indices(state, r"model\.(\d{1,4})\.")[-1] - 2) // 3)
    layers: dict[str, tuple[str, ...]] = {"model.0": CONVOLUTION}
    for i in range(2, 2 + 3 * n_layers, 3):
        layers |= {f"model.{i}": UNBIASED_CONVOLUTION, f"model.{i + 1}": BATCH_NORM}
    layers |= {f"model.{2 + 3 * n_layers}": CONVOLUTION}
    check_names(state, layers)
    ndf, channels = kernel_shape(state, "model.0")[:2]
    config = {"ndf": ndf, "n_layers": n_layers, "channels": channels}
    check_shapes(state, translator_shapes.patch_discriminator(_convolutions_of(layers), config))
    return Plan(functools.partial(patch_discriminator, norm="batch"), config, layers)


def _convolutions_of(layers: Mapping[str, tuple[str, ...]]) -> list[str]:
    return [name for name, parts in layers.items() if parts != BATCH_NORM]


KINDS: Kinds = {
    "cyclegan/patch_discriminator": _patch_discriminator,
    "cyclegan/resnet_generator": _resnet_generator,
    "pix2pix/patch_discriminator": _conditional_discriminator,
    "pix2pix/unet_generator": _unet_generator,
    **cut_importers.KINDS,
    **nvidia_importers.KINDS,
    **r3gan_importers.KINDS,
    **stylegan3_importers.KINDS,
    **tf1_importers.KINDS,
}
