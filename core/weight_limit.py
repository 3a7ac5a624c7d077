"""Refuses networks whose weights do not fit into memory, before they take it."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras

from core.memory import check_fits

TRAINED = 4  # a weight, its gradient and two moments of Adam
BYTES = 4  # of a float32


@contextmanager
def weights_within_memory(trains: bool) -> Iterator[None]:
    """Counts the weights of the layers that are built inside, each before it is made.

    Args:
        trains: whether they will be trained, which takes several times their memory.

    Raises:
        InputError: they need more memory than the machine has; says how much.
    """
    layer: Any = keras.layers.Layer
    made, total = layer.add_weight, 0

    def counted(self: Any, shape: Any = None, *words: Any, **options: Any) -> Any:
        nonlocal total
        trained = trains and options.get("trainable", True)
        total += BYTES * (TRAINED if trained else 1) * math.prod(shape or ())
        check_fits(total, "the networks of these settings", "Lower the largest of them.")
        return made(self, shape, *words, **options)

    layer.add_weight = counted
    try:
        yield
    finally:
        layer.add_weight = made
