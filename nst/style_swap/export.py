"""Style swap as a layer, for networks that know the sizes of their pictures."""

from typing import Any

import keras

from core.tensors import Shape, Tensor
from nst.style_swap.swap import style_swap


@keras.saving.register_keras_serializable("nst")
class Swapped(keras.layers.Layer):
    """The code of one content, put together from patches of the code of one style.

    Args:
        patch: see `nst.style_swap.swap.style_swap`.
    """

    def __init__(self, patch: int = 3, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.patch = patch

    def call(self, code: Tensor, style: Tensor) -> Tensor:
        """`[1, h, w, C]` and `[1, k, l, C]`, sizes known -> `[1, h, w, C]`."""
        return style_swap(code[0], style[0], self.patch)[None]

    def compute_output_shape(self, code_shape: Shape, style_shape: Shape) -> Shape:
        """The shape of the content's code."""
        return code_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"patch": self.patch}
