"""DiffAugment: colour, translation and cutout, applied to every picture."""

from collections.abc import Sequence

import keras
import numpy as np
from keras import ops

from core.errors import InputError
from core.tensors import Tensor
from gan.augment.draws import Seed, choice

TRANSLATION, CUTOUT = 1 / 8, 1 / 2  # shares of the side
DRAWS = ("brightness", "saturation", "contrast", "left", "up", "hole_x", "hole_y")


def diff_augment(
    images: Tensor, seed: Seed, policy: Sequence[str] = ("color", "translation", "cutout")
) -> Tensor:
    """The pictures, each changed at random, `[N, H, W, C]`, type kept.

    Where a gradient with respect to `images` is taken, call `diff_draws` before and `diff_apply`
    inside.

    Args:
        images: values in [-1, 1] (results may leave it), `[N, H, W, C]`, N, H and W known.
        seed: see `gan.augment.draws.random_draws`.
        policy: some of "color", "translation" and "cutout", in the order of their use.

    Raises:
        InputError: another name in `policy`.

    Source: Zhao et al. 2020 (https://arxiv.org/abs/2006.10738), section 4;
    mit-han-lab/data-efficient-gans, DiffAugment_tf.py (what it computes).
    """
    return diff_apply(images, diff_draws(images, seed), policy)


def diff_draws(images: Tensor, seed: Seed) -> dict[str, Tensor]:
    """Uniform numbers in [0, 1) for `diff_apply`, `[N]` by name."""
    table = keras.random.uniform((images.shape[0], len(DRAWS)), seed=seed, dtype="float32")
    return {name: table[:, i] for i, name in enumerate(DRAWS)}


def diff_apply(
    images: Tensor,
    draws: dict[str, Tensor],
    policy: Sequence[str] = ("color", "translation", "cutout"),
) -> Tensor:
    """The pictures changed by given random numbers, see `diff_augment`."""
    known = {"color": _recoloured, "translation": _moved, "cutout": _cut_out}
    names = [policy] if isinstance(policy, str) else policy
    for name in names:
        if name not in known:
            raise InputError(f"policy={name!r}: expected some of {', '.join(known)}.")
    x = ops.cast(images, "float32")
    for name in names:
        x = known[name](x, draws)
    return ops.cast(x, images.dtype)


def _recoloured(x, draws):
    """Brightness moved by up to 0.5, saturation times 0 to 2, contrast times 0.5 to 1.5.

    A fourth channel, an opacity, is kept.
    """
    if x.shape[3] == 4:
        return ops.concatenate([_recoloured(x[..., :3], draws), x[..., 3:]], axis=3)
    brightness, saturation, contrast = (
        draws[name][:, None, None, None] for name in ("brightness", "saturation", "contrast")
    )
    x = x + brightness - 0.5
    grey = ops.mean(x, axis=3, keepdims=True)
    x = grey + (x - grey) * (2 * saturation)
    mean = ops.mean(x, axis=(1, 2, 3), keepdims=True)
    return mean + (x - mean) * (contrast + 0.5)


def _moved(x, draws):
    """By whole pixels, 0 moves in."""
    n, height, width, channels = x.shape
    row, row_inside = _shifted(height, draws["up"])
    column, column_inside = _shifted(width, draws["left"])
    start = (np.arange(n, dtype="int32") * height * width)[:, None, None]
    indices = start + row[:, :, None] * width + column[:, None, :]
    found = ops.take(ops.reshape(x, (-1, channels)), indices, axis=0)
    inside = ops.logical_and(row_inside[:, :, None], column_inside[:, None, :])
    return ops.where(inside[..., None], found, 0.0)


def _shifted(size, draw):
    """Which pixel comes to each place along an axis, and whether there is one: `[N, size]`."""
    most = int(TRANSLATION * size + 0.5)
    shift = choice(draw, 2 * most + 1) - most
    index = np.arange(size, dtype="int32") + ops.cast(shift, "int32")[:, None]
    inside = ops.logical_and(index >= 0, index < size)
    return ops.clip(index, 0, size - 1), inside


def _cut_out(x, draws):
    """A hole of 0, half as long as the sides, cut off by the border."""
    _, height, width, _ = x.shape
    row, column = _hole(height, draws["hole_y"]), _hole(width, draws["hole_x"])
    hole = ops.logical_and(row[:, :, None], column[:, None, :])
    return ops.where(hole[..., None], 0.0, x)


def _hole(size, draw):
    """Whether each place along an axis is in the hole: `[N, size]`."""
    length = int(CUTOUT * size + 0.5)
    # a hole of even length has its middle between two pixels: one place more
    first = choice(draw, size + 1 - length % 2) - length // 2
    place = np.arange(size, dtype="float32") - first[:, None]
    return ops.logical_and(place >= 0, place < length)
