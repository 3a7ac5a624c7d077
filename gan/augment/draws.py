"""Random numbers of the augmentation: which transforms there are, and what each of them draws.

Draws are apart from their use, because a function whose gradient is taken must not change the state
of a `SeedGenerator`, and so that tests can choose them.
"""

from collections.abc import Sequence
from statistics import NormalDist
from typing import TypeAlias

import keras
from keras import ops

from core.errors import InputError
from core.tensors import Tensor

# by name, `[N]` or `[N, 2]` (x, y): the numbers behind each transform, and as `<name>_gate` the
# uniform one that is compared with the probability; "noise" is a picture
Draws: TypeAlias = dict[str, Tensor]
Seed: TypeAlias = int | keras.random.SeedGenerator | None

BLIT = ("xflip", "rotate90", "xint")
GEOMETRIC = (*BLIT, "scale", "rotate", "aniso", "xfrac")
COLOUR = ("brightness", "contrast", "lumaflip", "hue", "saturation")
TRANSFORMS = (*GEOMETRIC, *COLOUR, "imgfilter", "noise", "cutout")  # in the order of their use
SETS = {
    "blit": BLIT,
    "geom": GEOMETRIC[3:],
    "color": COLOUR,
    "filter": ("imgfilter",),
    "noise": ("noise",),
    "cutout": ("cutout",),
    "bg": GEOMETRIC,
    "bgc": TRANSFORMS[:12],
    "bgcf": TRANSFORMS[:13],
    "bgcfn": TRANSFORMS[:14],
    "bgcfnc": TRANSFORMS,
}

BANDS = tuple(f"imgfilter_band{i}" for i in range(4))
GATES = (
    *("xflip", "rotate90", "xint", "scale", "rotate_pre", "aniso", "rotate_post", "xfrac"),
    *(*COLOUR, *BANDS, "noise", "cutout"),
)
# name: how many numbers
UNIFORM = {"xflip": 1, "rotate90": 1, "xint": 2, "rotate_pre": 1, "rotate_post": 1}
UNIFORM |= {"lumaflip": 1, "hue": 1, "cutout_center": 2} | {f"{name}_gate": 1 for name in GATES}
NORMAL = {"scale": 1, "aniso": 1, "xfrac": 2, "brightness": 1, "contrast": 1, "saturation": 1}
NORMAL |= dict.fromkeys(BANDS, 1) | {"noise_sigma": 1}


def chosen(transforms: str | Sequence[str]) -> tuple[str, ...]:
    """The transforms that are meant, in the order of their use.

    Args:
        transforms: a name of a set or of a transform, or a sequence of such names.

    Raises:
        InputError: there is no such name.
    """
    names = [transforms] if isinstance(transforms, str) else list(transforms)
    for name in names:
        if name not in SETS and name not in TRANSFORMS:
            raise InputError(
                f"transforms={name!r}: expected a set of transforms ({', '.join(SETS)}) "
                f"or one of them ({', '.join(TRANSFORMS)})."
            )
    wanted = {member for name in names for member in SETS.get(name, (name,))}
    return tuple(name for name in TRANSFORMS if name in wanted)


def random_draws(
    images: Tensor, transforms: str | Sequence[str] = "bgc", seed: Seed = None
) -> Draws:
    """Random numbers for a batch: uniform ones in [0, 1), normal ones with deviation 1.

    Args:
        images: what will be augmented, `[N, H, W, C]`; only its shape counts.
        transforms: see `chosen`; only "noise" makes a difference, as it takes a whole picture.
        seed: an int (the same numbers in every call), a `SeedGenerator` (others in every call), or
            None for Keras' global generator.
    """
    # three calls with one seed would repeat the same bits
    seeds = [3 * seed + i for i in range(3)] if isinstance(seed, int) else [seed] * 3
    count, options = images.shape[0], {"dtype": "float32"}
    table = keras.random.uniform((count, sum(UNIFORM.values())), seed=seeds[0], **options)
    draws = _columns(table, UNIFORM)
    table = keras.random.normal((count, sum(NORMAL.values())), seed=seeds[1], **options)
    draws |= _columns(table, NORMAL)
    if "noise" in chosen(transforms):
        draws["noise"] = keras.random.normal(images.shape, seed=seeds[2], **options)
    return draws


def percentile_draws(
    images: Tensor, percentile: float, transforms: str | Sequence[str] = "bgc", seed: Seed = None
) -> Draws:
    """Draws that are the same for every picture and let every transform act, whatever its p.

    They are the official code's testing mode: uniform numbers are `percentile` itself; normal ones
    are erfinv(2 * percentile - 1), which is the quantile divided by the root of 2; the second
    rotation is none. The field of "noise" stays random.

    Args:
        percentile: 0 to 1. Normal numbers end at 1e-6 from either end, where they would be
            infinite.
        images, transforms, seed: see `random_draws`.

    Raises:
        InputError: `percentile` is not in [0, 1].
    """
    if not 0 <= percentile <= 1:
        raise InputError(f"percentile={percentile}: expected a number from 0 to 1.")
    inner = min(max(float(percentile), 1e-6), 1 - 1e-6)
    quantile = NormalDist(0, 0.5**0.5).inv_cdf
    values = dict.fromkeys(UNIFORM, float(percentile)) | dict.fromkeys(NORMAL, quantile(inner))
    values |= {"rotate_post": 0.5, "noise_sigma": quantile((1 + inner) / 2)}
    values |= {f"{name}_gate": -1.0 for name in GATES}
    sizes, count = UNIFORM | NORMAL, images.shape[0]
    draws = {
        name: ops.full((count,) if sizes[name] == 1 else (count, 2), value, dtype="float32")
        for name, value in values.items()
    }
    if "noise" in chosen(transforms):
        draws["noise"] = keras.random.normal(images.shape, seed=seed, dtype="float32")
    return draws


def amount(draws: Draws, name: str, p: Tensor, value: Tensor) -> Tensor:
    """`value` for the pictures whose gate `<name>_gate` is below `p`, 0 for the others."""
    fires = draws[f"{name}_gate"] < p
    if len(value.shape) == 2:
        fires = fires[:, None]
    return ops.where(fires, value, 0.0)


def choice(uniform: Tensor, count: int) -> Tensor:
    """Whole numbers from 0 to `count` - 1, as floats, from uniform ones."""
    return ops.minimum(ops.floor(uniform * count), count - 1.0)


def _columns(table, sizes):
    """The columns of `[N, sum of sizes]` by name, those of one number as `[N]`."""
    columns, start = {}, 0
    for name, size in sizes.items():
        columns[name] = table[:, start] if size == 1 else table[:, start : start + size]
        start += size
    return columns
