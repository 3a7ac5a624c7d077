"""Inputs of exported networks: to calibrate them, and to compare them with ours."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from core.tensors import to_numpy
from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part, Slot

Inputs = dict[str, np.ndarray]


def draw(
    slot: Slot, picture: np.ndarray, random: np.random.RandomState, uint8: bool = False
) -> np.ndarray:
    """What a slot takes, `[1, …]`: the picture, or numbers as the slot says they are drawn.

    Args:
        slot: no other part makes it.
        picture: uint8 `[h, w, C]`; numbers for each of its pixels have its height and width.
        random: draws the numbers.
        uint8: whether pictures are bytes.
    """
    if slot.picture:
        given = picture[..., : slot.shape[-1]]
        return (given if uint8 else given.astype(np.float32) / 255)[None]
    sides = iter(picture.shape[:2])
    shape = (1, *(next(sides) if side is None else side for side in slot.shape))
    if slot.dtype == "int32":
        return random.randint(0, int(slot.high), shape).astype(np.int32)
    if slot.low == slot.high:
        return random.standard_normal(shape).astype(np.float32)
    return random.uniform(slot.low, slot.high, shape).astype(np.float32)


def sample(
    part: Part,
    parts: Sequence[Part],
    pictures: Sequence[np.ndarray],
    seed: int = 0,
    *,
    uint8: bool = False,
    size: int | None = None,
) -> list[Inputs]:
    """Inputs of a part by name, one for each picture.

    What another part makes is made by it, in float32. Of two pictures that go in, the second is the
    next picture.

    Args:
        part: the part.
        parts: all parts of the run.
        pictures: uint8 `[h, w, C]`.
        seed: of the numbers that are drawn.
        uint8: whether pictures are bytes.
        size: see `assemble`.
    """
    random = np.random.RandomState(seed)
    makers = {other.name: _maker(other, size) for other in parts}
    return [_inputs(part, parts, makers, pictures, i, random, uint8) for i in range(len(pictures))]


def _maker(part: Part, size: int | None) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
    made: list = []  # the network, once it is asked for

    def make(inputs):
        made.extend([] if made else [assemble(part, size=size)])
        return to_numpy(made[0](inputs, training=False)[part.output.name])

    return make


def _inputs(part, parts, makers, pictures, i, random, uint8):
    found: Inputs = {}
    seen = 0  # pictures so far
    for slot in part.inputs:
        if slot.of:
            maker = next(other for other in parts if other.name == slot.of)
            # its style is another picture than the content here
            given = _inputs(maker, parts, makers, pictures, i + 1, random, False)
            found[slot.name] = makers[slot.of](given)
        else:
            picture = pictures[(i + seen * slot.picture) % len(pictures)]
            found[slot.name] = draw(slot, picture, random, uint8)
            seen += slot.picture
    return found


def calibrating(part: Part, parts: Sequence[Part], options: Options) -> list[Inputs]:
    """The inputs of a part that the calibrating pictures give."""
    return sample(part, parts, options.calibration, uint8=options.uint8, size=options.size)
