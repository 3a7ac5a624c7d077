"""The name that type hints use for tensors."""

from typing import Any

Tensor = Any  # a tensor of the backend that runs, or a NumPy array; Keras has no type for both
