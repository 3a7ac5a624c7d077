"""The types that signatures speak of. Keras has none of its own that hold on every backend."""

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
import numpy as np

# a tensor of the backend, or what Keras makes one of: an array, a number
Tensor: TypeAlias = Any

# of a layer, the batch first; None: not known yet
Shape: TypeAlias = tuple[int | None, ...]

# named tensors, as the input pipeline and the phases of a step make them
Batch: TypeAlias = dict[str, Tensor]

# what a phase computes, see `core.phases.Phase`: `(loss, logs, outputs)`
PhaseResult: TypeAlias = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]

# a network, or a function that is called like one
Function: TypeAlias = Callable[..., Any]


def to_numpy(x: Tensor) -> np.ndarray:
    """A tensor as a float32 array on the host."""
    return keras.ops.convert_to_numpy(x).astype(np.float32)
