"""Hyper-parameters."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TintConfig:
    """The size and the pace of learning."""

    channels: int = 8  # of the hidden layer
    learning_rate: float = 0.01

    def __post_init__(self):
        if self.channels < 1:
            raise ValueError(f"channels={self.channels}: expected 1 or more")

    @property
    def directions(self) -> tuple[str, ...]:
        """What the model learns."""
        return ("AtoB", "BtoA")
