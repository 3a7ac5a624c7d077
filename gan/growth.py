"""When a progressive network grows, and what each resolution is trained with.

Training begins at a resolution R0 and stays there for `stable` images. Then, for every doubling:
`fade` images while the new level fades in, and `stable` images with it.

Source: Karras et al. 2018, section 2; NVlabs/stylegan @ 1e0d5c7, training/training_loop.py:55-107
(the official loop looks at its schedule after every fourth step only, this one after every step).
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

from keras import ops

from core.phases import Stage
from core.resample import box, nearest
from core.tensors import Tensor


def schedule(
    full: int,
    start: int,
    *,
    fade: int,
    stable: int,
    batch_size: int,
    batch_sizes: dict[int, int],
) -> list[Stage]:
    """The stages from `start` to `full` pixels; two for each level but the first.

    Args:
        full, start: resolutions in pixels, powers of two.
        fade, stable: how many images a level fades in, and stays as it is.
        batch_size: images a step at resolutions that `batch_sizes` does not name.
        batch_sizes: images a step by resolution.

    Returns:
        Stages without a gap; the last one has no end. Parts without images are left out.
    """
    parts, size = [(start, stable)], start
    while size < full:
        size *= 2
        parts += [(size, fade), (size, stable)]
    stages, images = [], 0
    for size, part in [*(p for p in parts[:-1] if p[1]), parts[-1]]:
        count = batch_sizes.get(size, batch_size)
        stages.append(Stage(count, size, images, images + part))
        images += part
    return [*stages[:-1], dataclasses.replace(stages[-1], end=None)]


def faded_in(
    images: Tensor, stages: Sequence[Stage], size: int, *, start: int, fade: int
) -> Tensor | float:
    """How much of the level `size` is in the pictures after `images` images, 0 to 1.

    Args:
        images: images seen, a number or a scalar tensor.
        stages: what `schedule` returned.
        size: the resolution of the level in pixels.
        start, fade: what `schedule` was given.

    Returns:
        1.0 for the first level and without fading, else a scalar tensor.
    """
    if size == start or fade == 0:
        return 1.0
    begin = next(stage.start for stage in stages if stage.size == size)
    return ops.clip((ops.cast(images, "float32") - begin) / fade, 0.0, 1.0)


def without_new_detail(images: Tensor, fade: Tensor | float) -> Tensor:
    """Images without the detail of the level that is still to fade in.

    Args:
        images: `[N, H, W, C]`, H and W even.
        fade: how much of the level is in, as `faded_in` returns it.

    Returns:
        The images at fade 1, at fade 0 their 2x2 means at the same size; what lies between is
        linear.
    """
    if isinstance(fade, float):
        return images
    lower = nearest(box(images))
    return lower + (images - lower) * fade


def by_resolution(
    pairs: Sequence[str], name: str, kind: Callable[[str], Any] = float
) -> dict[int, Any]:
    """Numbers by resolution, from entries of a config such as `("128:0.0015", ...)`.

    Args:
        pairs: each one `resolution:number`.
        name: the field's name, for messages.
        kind: int or float, what makes a number of the text.

    Raises:
        ValueError: an entry that is not resolution:number, a number that is not above 0, a
            resolution that is not a power of two from 4 up, or comes twice.
    """
    numbers: dict[int, Any] = {}
    for pair in pairs:
        size, _, text = pair.partition(":")
        try:
            resolution, value = int(size), kind(text)
            right = 0 < value < math.inf and resolution >= 4 and resolution not in numbers
        except ValueError:
            right = False
        if not right or resolution & (resolution - 1):
            word = "whole number" if kind is int else "number"
            raise ValueError(
                f"{name}={pair!r}: expected resolution:{word} above 0, such as 128:16, and each "
                "power of two once"
            )
        numbers[resolution] = value
    return numbers
