"""What a task exports: the networks of a run, what goes into each and what comes out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.tensors import Shape, Tensor


@dataclass(frozen=True)
class Slot:
    """One thing that goes into an exported network, or comes out of it.

    Attributes:
        name: by which it is passed, such as "content". What comes out has another name than all
            that goes in.
        shape: without the batch; None where any number is allowed.
        meaning: what it is, a phrase for a person.
        picture: whether it is a picture: floats in [0, 1], or bytes.
        dtype: of what is no picture.
        smallest: the least height and width of a picture, pixels.
        side: its shorter side at which it shows best what it is for, pixels; 0: any.
        low, high: its numbers are drawn evenly from `low` to `high`; where both are 0, from the
            normal distribution (mean 0, variance 1). Whole numbers are below `high`.
        shares: whether its numbers are shares, of sum 1.
        of: the part that makes it; empty: the caller does.
    """

    name: str
    shape: Shape
    meaning: str
    picture: bool = False
    dtype: str = "float32"
    smallest: int = 1
    side: int = 0
    low: float = 0.0
    high: float = 0.0
    shares: bool = False
    of: str = ""


@dataclass(frozen=True)
class Part:
    """A network that becomes a file, or a folder, of its own.

    Attributes:
        name: of the file, without suffix.
        summary: what it does, a phrase for a person.
        inputs: what it takes, in the order of the arguments of `call`.
        output: what it returns.
        call: from symbolic tensors of Keras, `[N, …]` each, to one. Pictures are in [0, 1]; those
            that come out are cut off there later.
        fixed: why it takes pictures of one size alone; empty: it takes any.
        special: why TensorFlow and Keras alone can run it; "give" and their formats follow. Empty:
            all can.
        single: whether it takes one picture at a time.
    """

    name: str
    summary: str
    inputs: tuple[Slot, ...]
    output: Slot
    call: Callable[..., Tensor]
    fixed: str = ""
    special: str = ""
    single: bool = False

    @property
    def sized(self) -> bool:
        """Whether pictures of free height and width are among its inputs."""
        return any(slot.picture and None in slot.shape for slot in self.inputs)


def chain(parts: Sequence[Part]) -> list[Part]:
    """The parts that make one result, in their order: the last ones first need the others.

    Where there are several results, such as both directions of a translation, it is the first.
    """
    sources = {slot.of for part in parts for slot in part.inputs}
    last = next(part for part in parts if part.name not in sources)
    needed = {slot.of for slot in last.inputs} | {last.name}
    return [part for part in parts if part.name in needed]
