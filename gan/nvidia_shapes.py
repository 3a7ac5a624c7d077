"""The shapes that the arrays of a StyleGAN2 have, checked before a network is built."""

from typing import Any

from core.errors import InputError
from core.importing import Shapes, State, check_shapes
from gan.stylegan2.blocks import channels, sizes


def check_generator(state: State, config: dict[str, Any], fmaps: list[int]) -> None:
    """Checks the kernels, the constant and the noise of a generator.

    Args:
        state: arrays by official name, in PyTorch's layout.
        config: hyper-parameters that were read from some of them.
        fmaps: the features of each block, from the smallest on.

    Raises:
        InputError: names the first array that has another shape.
    """
    check_shapes(state, _generator(config, fmaps))


def check_discriminator(state: State, config: dict[str, Any], fmaps: list[int]) -> None:
    """Checks the kernels of a discriminator, as `check_generator`."""
    check_shapes(state, _discriminator(config, fmaps))


def check_features(fmaps: list[int], channel_base: int, channel_max: int) -> None:
    """Checks that two settings give the features of each block.

    Raises:
        InputError: they do not.
    """
    expected = [channels(level, channel_base, channel_max) for level in range(len(fmaps))]
    if fmaps != expected:
        raise InputError(
            f"has {fmaps} features from the smallest block on, expected {expected} of "
            f"channel_base={channel_base} and channel_max={channel_max}"
        )


def _generator(config, fmaps) -> Shapes:
    w_dim, below = config["w_dim"], fmaps[0]
    yield "synthesis.b4.const", (fmaps[0], *sizes(config["resolution"])[0])
    for level, (here, size) in enumerate(zip(fmaps, sizes(config["resolution"]), strict=True)):
        scope = f"synthesis.b{4 << level}"
        convs = {"conv0": (here, below, 3, 3)} if level else {}
        for name, kernel in (convs | {"conv1": (here, here, 3, 3)}).items():
            yield f"{scope}.{name}.weight", kernel
            yield f"{scope}.{name}.affine.weight", (kernel[1], w_dim)
            if config["use_noise"]:
                yield f"{scope}.{name}.noise_const", size
        if level and config["architecture"] == "resnet":
            yield f"{scope}.skip.weight", (here, below, 1, 1)
        if config["architecture"] == "skip" or level == len(fmaps) - 1:
            yield f"{scope}.torgb.weight", (config["num_channels"], here, 1, 1)
            yield f"{scope}.torgb.affine.weight", (here, w_dim)
        below = here
    yield from mapping_shapes(config, config["z_dim"], w_dim)


def _discriminator(config, fmaps) -> Shapes:
    below, first = fmaps[0], fmaps[0]
    height, width = sizes(config["resolution"])[0]
    for level, here in enumerate(fmaps):
        scope = f"b{4 << level}"
        if config["architecture"] == "skip" or level == len(fmaps) - 1:
            yield f"{scope}.fromrgb.weight", (here, config["num_channels"], 1, 1)
        if level:
            yield f"{scope}.conv0.weight", (here, here, 3, 3)
            yield f"{scope}.conv1.weight", (below, here, 3, 3)
        if level and config["architecture"] == "resnet":
            yield f"{scope}.skip.weight", (below, here, 1, 1)
        below = here
    deviation = config.get("mbstd_group_size") != 1  # a channel more
    yield "b4.conv.weight", (first, first + deviation, 3, 3)
    yield "b4.fc.weight", (first, first * height * width)
    yield "b4.out.weight", (first if config["c_dim"] else 1, first)
    if config["c_dim"]:
        yield from mapping_shapes(config, 0, first)


def mapping_shapes(config: dict[str, Any], z_dim: int, w_dim: int) -> Shapes:
    """The shapes of the kernels of a mapping network, see `gan.stylegan2.mapping.Mapping`."""
    width = z_dim
    if config["c_dim"]:
        yield "mapping.embed.weight", (w_dim, config["c_dim"])
        width += w_dim
    for i in range(config["mapping_layers"]):
        yield f"mapping.fc{i}.weight", (w_dim, w_dim if i else width)
