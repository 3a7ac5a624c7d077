"""The shapes of the kernels of ProGAN and StyleGAN, checked before a network is built.

They are in TensorFlow's layout: `[h, w, in, out]` of a convolution, `[in, out]` of a dense layer.
`fmaps` are the feature maps of each level, from 4 pixels on.
"""

from collections.abc import Sequence
from typing import Any

from core.errors import InputError
from core.importing import Shapes
from gan.progressive import channels


def check_features(fmaps: Sequence[int], fmap_base: int, fmap_max: int) -> None:
    """Checks that two settings give the feature maps of each level.

    Raises:
        InputError: they do not.
    """
    expected = [channels(4 << i, fmap_base, fmap_max) for i in range(len(fmaps))]
    if list(fmaps) != expected:
        raise InputError(
            f"has {list(fmaps)} feature maps from 4 pixels on, expected {expected} of "
            f"fmap_base={fmap_base} and fmap_max={fmap_max}"
        )


def progan_generator(config: dict[str, Any], fmaps: Sequence[int]) -> Shapes:
    """The shapes of ProGAN's generator; kernels that double the size are `[h, w, out, in]`."""
    yield "4x4/Dense/weight", (config["latent_size"], 16 * fmaps[0])
    yield from _convolutions("", fmaps, swapped=True)
    yield from _pictures("", fmaps, config["num_channels"])


def stylegan_generator(config: dict[str, Any], fmaps: Sequence[int]) -> Shapes:
    """The shapes of StyleGAN's generator with its mapping network, and those of its noise."""
    prefix, w_dim = "G_synthesis/", config["dlatent_size"]
    hidden = [config["mapping_fmaps"]] * (config["mapping_layers"] - 1)
    widths = [config["latent_size"], *hidden, w_dim]
    for i in range(config["mapping_layers"]):
        yield f"G_mapping/Dense{i}/weight", (widths[i], widths[i + 1])
    if config["const_input"]:
        yield f"{prefix}4x4/Const/const", (1, fmaps[0], 4, 4)
    else:
        yield f"{prefix}4x4/Dense/weight", (w_dim, 16 * fmaps[0])
    first = f"{prefix}4x4/{'Const' if config['const_input'] else 'Dense'}"
    for i, (name, maps) in enumerate(_layers(first, prefix, fmaps)):
        if config["use_noise"]:
            yield f"{prefix}noise{i}", (1, 1, 4 << i // 2, 4 << i // 2)
        if config["use_styles"]:
            yield f"{name}/StyleMod/weight", (w_dim, 2 * maps)
    yield from _convolutions(prefix, fmaps)
    yield from _pictures(prefix, fmaps, config["num_channels"])


def discriminator(
    config: dict[str, Any], fmaps: Sequence[int], *, deviation: bool, last: int
) -> Shapes:
    """The shapes of the discriminator of both.

    Args:
        config, fmaps: as above.
        deviation: whether a channel with the deviation over pictures comes before the last level.
        last: how many features the last dense layer takes.
    """
    for i, maps in enumerate(fmaps):
        lod, scope = len(fmaps) - 1 - i, f"{4 << i}x{4 << i}"
        yield f"FromRGB_lod{lod}/weight", (1, 1, config["num_channels"], maps)
        if i:
            yield f"{scope}/Conv0/weight", (3, 3, maps, maps)
            yield f"{scope}/Conv1_down/weight", (3, 3, maps, fmaps[i - 1])
    yield "4x4/Conv/weight", (3, 3, fmaps[0] + deviation, fmaps[0])
    yield "4x4/Dense0/weight", (16 * fmaps[0], last)
    yield "4x4/Dense1/weight", (last, 1)


def _layers(first, prefix, fmaps):
    """Name and feature maps of each layer of a synthesis, two a level."""
    yield first, fmaps[0]
    yield f"{prefix}4x4/Conv", fmaps[0]
    for i, maps in enumerate(fmaps[1:], 1):
        scope = f"{prefix}{4 << i}x{4 << i}"
        yield f"{scope}/Conv0_up", maps
        yield f"{scope}/Conv1", maps


def _convolutions(prefix, fmaps, swapped=False):
    yield f"{prefix}4x4/Conv/weight", (3, 3, fmaps[0], fmaps[0])
    for i, (below, maps) in enumerate(zip(fmaps, fmaps[1:], strict=False), 1):
        scope = f"{prefix}{4 << i}x{4 << i}"
        yield f"{scope}/Conv0_up/weight", (3, 3, *((maps, below) if swapped else (below, maps)))
        yield f"{scope}/Conv1/weight", (3, 3, maps, maps)


def _pictures(prefix, fmaps, num_channels):
    for i, maps in enumerate(fmaps):
        yield f"{prefix}ToRGB_lod{len(fmaps) - 1 - i}/weight", (1, 1, maps, num_channels)
