"""When a progressive network grows, and what each resolution is trained with.

Training begins at a resolution R0 and stays there for `stable` images. Then, for every doubling:
`fade` images while the new level fades in, and `stable` images with it.

Source: Karras et al. 2018, section 2; NVlabs/stylegan @ 1e0d5c7, training/training_loop.py:55-107
(the official loop looks at its schedule after every fourth step only, this one after every step).
"""

import dataclasses
from collections.abc import Sequence

from keras import ops

from core.phases import Stage


def schedule(
    full: int,
    start: int,
    *,
    fade: int,
    stable: int,
    batch_size: int,
    batch_sizes: dict[int, float],
) -> list[Stage]:
    """The stages from `start` to `full` pixels; two for each level but the first.

    Args:
        full, start: resolutions in pixels, powers of two.
        fade, stable: images.
        batch_size: images a step where `batch_sizes`, by resolution, says nothing.

    Returns:
        Stages without a gap; the last one has no end. Parts without images are left out.
    """
    parts, size = [(start, stable)], start
    while size < full:
        size *= 2
        parts += [(size, fade), (size, stable)]
    stages, images = [], 0
    for size, part in [*(p for p in parts[:-1] if p[1]), parts[-1]]:
        count = int(batch_sizes.get(size, batch_size))
        stages.append(Stage(count, size, images, images + part))
        images += part
    return [*stages[:-1], dataclasses.replace(stages[-1], end=None)]


def faded_in(images, stages: Sequence[Stage], size: int, fade: int):
    """How much of the level `size` is in the pictures after `images` images, 0 to 1.

    Returns:
        1.0 for the first level and without fading, else a scalar tensor.
    """
    begin = next(stage.start for stage in stages if stage.size == size)
    if begin == 0 or fade == 0:
        return 1.0
    return ops.clip((ops.cast(images, "float32") - begin) / fade, 0.0, 1.0)


def by_resolution(pairs: Sequence[str], name: str) -> dict[int, float]:
    """`("128:0.0015", ...)` of a config as numbers by resolution.

    Raises:
        ValueError: an entry that is not resolution:number, or not above 0.
    """
    found = {}
    for pair in pairs:
        size, colon, value = pair.partition(":")
        try:
            found[int(size)] = float(value)
        except ValueError:
            found = None
        if found is None or not colon or not found[int(size)] > 0:
            raise ValueError(f"{name}={pair!r}: expected resolution:number, such as 128:16")
    return found
