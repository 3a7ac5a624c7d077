"""What a task exports: the networks of a run, what goes into each and what comes out."""

from collections.abc import Callable
from dataclasses import dataclass

from core.tensors import Shape, Tensor


@dataclass(frozen=True)
class Slot:
    """One thing that goes into an exported network, or comes out of it.

    Attributes:
        name: by which it is passed, such as "content".
        shape: without the batch; None where any number is allowed.
        meaning: what it is, as a phrase for a person, without a full stop.
        picture: whether it is a picture: RGB (or as many channels as the run has) in [0, 1], or
            bytes.
        dtype: of what is no picture.
        smallest: the least height and width of a picture, pixels.
        low, high: between which its numbers lie, where they are drawn evenly; equal: normal ones
            of mean 0 and variance 1.
    """

    name: str
    shape: Shape
    meaning: str
    picture: bool = False
    dtype: str = "float32"
    smallest: int = 1
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Part:
    """A network that becomes a file, or a folder, of its own.

    Attributes:
        name: of the file, without suffix.
        summary: what it does, a phrase for a person.
        inputs: what it takes, in the order of the arguments of `call`.
        output: what it returns.
        call: from symbolic tensors of Keras, `[N, …]` each, to one; pictures in [0, 1].
        fixed: why it takes pictures of one size alone; empty: it takes any.
        random: why other programs cannot run it: it draws random numbers; empty: it does not.
        one: whether it takes a single picture at a time.
        modules: that hold its layers, besides those that are found, for `keras.models.load_model`.
    """

    name: str
    summary: str
    inputs: tuple[Slot, ...]
    output: Slot
    call: Callable[..., Tensor]
    fixed: str = ""
    random: str = ""
    one: bool = False

    @property
    def sized(self) -> bool:
        """Whether there are pictures of free height and width among its inputs."""
        return any(None in slot.shape for slot in self.inputs)
