"""The shapes of the kernels of CycleGAN, pix2pix and CUT, checked before a network is built.

They are in PyTorch's layout: `[O, I, kh, kw]` of a convolution, `[I, O, kh, kw]` of a transposed
one. Biases and norms go with the kernels' outputs.
"""

from collections.abc import Sequence
from typing import Any

from core.importing import Shapes


def resnet_generator(
    layers: Sequence[str], config: dict[str, Any], transposed: bool = True
) -> Shapes:
    """The shapes of a `gan.cyclegan.networks.resnet_generator`, whose layers have these names.

    Without `transposed` they are those of a `gan.cut.networks.generator`, which has no transposed
    convolutions.
    """
    downs = config.get("n_downsampling", 2)
    levels = [config["ngf"] * 2**i for i in range(downs + 1)]
    narrowest = [levels[-1]] * (2 * config["n_blocks"])
    channels = config["channels"]
    widths = [channels, *levels, *narrowest, *levels[-2::-1], channels]
    ups = layers[-1 - downs : -1] if transposed else ()
    for i, (name, taken, given) in enumerate(zip(layers, widths, widths[1:], strict=False)):
        side = 7 if i in (0, len(layers) - 1) else 3
        pair = (taken, given) if name in ups else (given, taken)
        yield f"{name}.weight", (*pair, side, side)


def patch_discriminator(layers: Sequence[str], config: dict[str, Any]) -> Shapes:
    """The shapes of a `gan.cyclegan.networks.patch_discriminator`, whose convolutions have these
    names."""
    ndf, n_layers = config["ndf"], config["n_layers"]
    widths = [config["channels"], *(ndf * min(2**i, 8) for i in range(n_layers + 1)), 1]
    for name, taken, given in zip(layers, widths, widths[1:], strict=False):
        yield f"{name}.weight", (given, taken, 4, 4)


def unet_generator(layers: Sequence[str], config: dict[str, Any]) -> Shapes:
    """The shapes of a `gan.pix2pix.networks.unet_generator`, whose convolutions have these names,
    those on the way down before those on the way up, which see the skips, too."""
    downs = config["num_downs"]
    widths = [config["ngf"] * min(2**i, 8) for i in range(downs)]
    taken = [config["in_channels"], *widths]
    for name, pair in zip(layers, zip(widths, taken, strict=False), strict=False):
        yield f"{name}.weight", (*pair, 4, 4)
    taken = [widths[-1], *(2 * width for width in widths[-2::-1])]
    given = [*widths[-2::-1], config["out_channels"]]
    for name, pair in zip(layers[downs:], zip(taken, given, strict=True), strict=True):
        yield f"{name}.weight", (*pair, 4, 4)
