"""The augmentation of StyleGAN2-ADA: random transforms, one after another."""

from collections.abc import Sequence

from keras import ops

from core.errors import InputError
from core.tensors import Tensor
from gan.augment.colour import recolour
from gan.augment.corruptions import add_noise, cut_out, filter_octaves
from gan.augment.draws import (
    COLOUR,
    GEOMETRIC,
    Draws,
    Seed,
    chosen,
    percentile_draws,
    random_draws,
)
from gan.augment.geometry import inverse_map, warp
from gan.augment.strengths import PAPER, Strengths


def augment(
    images: Tensor,
    p: Tensor | float,
    transforms: str | Sequence[str] = "bgc",
    percentile: float | None = None,
    seed: Seed = None,
) -> Tensor:
    """The pictures, each changed at random, `[N, H, W, C]`, type kept.

    Where a gradient with respect to `images` is taken (R1), draw before and use `apply` inside: a
    `SeedGenerator` would change its state there.

    Args:
        images: values in [-1, 1] (results may leave it), `[N, H, W, C]`, with known
            sizes. Colours need 1, 3 or 4 channels; a fourth keeps its values.
        p: the probability of each transform, a number or a scalar; above 1 it counts as 1. At 0,
            geometric transforms still resample.
        transforms: "blit", "geom", "color", "filter", "noise", "cutout", "bg", "bgc", "bgcf",
            "bgcfn" or "bgcfnc"; one transform, see `gan.augment.draws.TRANSFORMS`; or a sequence of
            these. They act in a fixed order.
        percentile: for tests, see `gan.augment.draws.percentile_draws`.
        seed: see `gan.augment.draws.random_draws`.

    Raises:
        InputError: an unknown transform, a percentile that is not in [0, 1], or pictures that a
            transform cannot be used on.

    Source: Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix B; NVlabs/
    stylegan2-ada-pytorch @ d72cc7d, training/augment.py (what it computes).
    """
    if percentile is None:
        draws = random_draws(images, transforms, seed)
    else:
        draws = percentile_draws(images, percentile, transforms, seed)
    return apply(images, p, draws, transforms)


def apply(
    images: Tensor,
    p: Tensor | float,
    draws: Draws,
    transforms: str | Sequence[str] = "bgc",
    strengths: Strengths = PAPER,
) -> Tensor:
    """The pictures changed by given random numbers; linear in `images` but for a constant.

    Args:
        images, p, transforms: see `augment`.
        draws: from `random_draws` or `percentile_draws` for the same transforms.
        strengths: how strong the transforms are.
    """
    names = chosen(transforms)
    x, p = ops.cast(images, "float32"), ops.cast(p, "float32")
    if any(name in GEOMETRIC for name in names):
        x = warp(x, *inverse_map(names, draws, p, strengths, x.shape[1:3]))
    if any(name in COLOUR for name in names):
        _check_channels(x.shape[-1])
        x = recolour(x, names, draws, p, strengths)
    for name, corrupt in (
        ("imgfilter", filter_octaves),
        ("noise", add_noise),
        ("cutout", cut_out),
    ):
        if name in names:
            x = corrupt(x, draws, p, strengths)
    return ops.cast(x, images.dtype)


def _check_channels(channels):
    if channels not in (1, 3, 4):
        raise InputError(
            f"pictures with {channels} channels: expected 1, 3 or 4 for the transforms "
            f"{', '.join(COLOUR)}. Leave these out, or take grey or RGB pictures."
        )
