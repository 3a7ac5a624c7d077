"""What all models share that translate pictures from one domain to another."""

from collections.abc import Callable
from typing import Any

from core.phases import Algorithm

DIRECTIONS = ("AtoB", "BtoA")


class Translator(Algorithm):
    """Translates pictures of domain A to domain B, or back, or both.

    Attributes:
        config: the model's hyper-parameters; `config.directions` says what the model learns.
    """

    config: Any

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that the model learns: "AtoB", "BtoA" or both."""
        return self.config.directions

    def translator_name(self, direction: str) -> str:
        """The name of the network, among `networks`, that translates "AtoB" or "BtoA"."""
        raise NotImplementedError

    def translator(self, direction: str) -> Callable[..., Any]:
        """The function that translates "AtoB" or "BtoA".

        It is called as `translate(pictures, training=False)` with `[N, H, W, C]`, float32 in
        [-1, 1], and returns the same. H and W are multiples of `size_multiple`, and at least
        `smallest_size`.
        """
        return self.networks[self.translator_name(direction)]

    def exported(self, direction: str) -> Callable[..., Any]:
        """The `translator` of a direction as a layer of Keras, for files that others run."""
        return self.translator(direction)

    @property
    def single(self) -> bool:
        """Whether `exported` takes one picture at a time."""
        return False

    @property
    def draws(self) -> str:
        """Why `exported` draws random numbers, and what to do; empty: it does not."""
        return ""

    @property
    def size_multiple(self) -> int:
        """The heights and widths that a translator takes are multiples of this number of pixels."""
        return 1

    @property
    def smallest_size(self) -> int:
        """The smallest height and width, in pixels, that a translator takes."""
        return self.size_multiple

    @property
    def width(self) -> int:
        """Channels of a translator's widest layer at the pictures' own size.

        The memory that a picture takes is estimated from it.
        """
        raise NotImplementedError
