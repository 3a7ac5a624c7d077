"""AdaIN as two networks: a style becomes numbers once, and these show any content in that style.

The numbers are the mean and the standard deviation of each channel of the style's code.
"""

from typing import Any

import keras
from keras import ops

from core.stats import adain, moments
from core.tensors import Shape, Tensor
from nst.adain.config import CONTENT_EPSILON

_package = keras.saving.register_keras_serializable("nst")


@_package
class Moments(keras.layers.Layer):
    """Means and standard deviations of codes, `[N, h, w, C]` -> `[N, 2C]`: `core.stats.moments`.

    Args:
        epsilon: added to the variances.
        unbiased: whether they divide by h * w - 1.
    """

    def __init__(self, epsilon: float = 0.0, unbiased: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.epsilon, self.unbiased = epsilon, unbiased

    def call(self, code: Tensor) -> Tensor:
        """The means, followed by the standard deviations."""
        mean, std = moments(code, self.epsilon, unbiased=self.unbiased)
        return ops.concatenate([mean, std], -1)[:, 0, 0]

    def compute_output_shape(self, shape: Shape) -> Shape:
        """`[N, 2C]`."""
        return (shape[0], shape[-1] and 2 * shape[-1])

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"epsilon": self.epsilon, "unbiased": self.unbiased}


@_package
class WithMoments(keras.layers.Layer):
    """Codes with the `Moments` of a style: `core.stats.adain`.

    Args:
        unbiased: whether variances divide by h * w - 1.
    """

    def __init__(self, unbiased: bool = False, **kwargs):
        super().__init__(**{"dtype": "float32"} | kwargs)
        self.unbiased = unbiased

    def call(self, code: Tensor, numbers: Tensor) -> Tensor:
        """`[N, h, w, C]` and `[N, 2C]` -> `[N, h, w, C]`."""
        mean, std = ops.split(numbers[:, None, None], 2, axis=-1)
        return adain(code, mean, std, CONTENT_EPSILON, unbiased=self.unbiased)

    def compute_output_shape(self, code_shape: Shape, numbers_shape: Shape) -> Shape:
        """The shape of the codes."""
        return code_shape

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return super().get_config() | {"unbiased": self.unbiased}
