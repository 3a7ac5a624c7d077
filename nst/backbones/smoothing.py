"""Smoothed features: their large peaks, which hide the style in residual networks, become small."""

import keras
from keras import ops

from core.tensors import Shape, Tensor

SMOOTHINGS = ("", "softmax")  # of a setting
# what features of a mean of 1 are multiplied by before the softmax, so that it neither vanishes nor
# leaves a single peak. Features are of every size: VGG's of some hundreds, those of networks with
# normalisation, which the published softmax takes as they are, well below 1
SCALE = 0.25


def softmax_smoothed(features: Tensor, mean: float = 1.0, scale: float = 1.0) -> Tensor:
    """The softmax of a picture's features over all channels and positions, scaled to a mean.

        out[h, w, c] = mean * H * W * C * exp(scale * F[h, w, c]) / Σ exp(scale * F[i, j, k])

    Source: Wang et al. 2021 (https://arxiv.org/abs/2104.05623), section 5, "stylization with
    activation smoothing". Theirs sums to 1; ours has a mean that does not depend on the picture's
    size, since float32 does not hold the squares of millionths well, and so the weights of the
    losses differ from theirs by a constant factor a layer. They have no `scale`. (Their code,
    peiwang062/swag, resnet_swag.py, has this formula as `softmax3d`; as it is published, it
    multiplies the deep layers by 0.001 instead.)

    Args:
        features: `[N, H, W, C]`.
        mean: of the result, for each picture.
        scale: of the features, the reciprocal of a temperature.

    Returns:
        `[N, H, W, C]` float32, above 0.
    """
    features = scale * ops.cast(features, "float32")
    flat = ops.reshape(features, (ops.shape(features)[0], -1))
    count = ops.cast(ops.shape(flat)[1], "float32")
    return ops.reshape(mean * count * ops.softmax(flat, axis=-1), ops.shape(features))


@keras.saving.register_keras_serializable("nst")
class Smoothed(keras.layers.Layer):
    """`softmax_smoothed` as a layer.

    Args:
        mean: of the result.
        scale: of the features.
    """

    def __init__(self, mean: float = 1.0, scale: float = 1.0, **kwargs):
        super().__init__(**{"dtype": "float32", "autocast": False} | kwargs)
        self.mean, self.scale = mean, scale

    def call(self, x: Tensor) -> Tensor:
        """`[N, H, W, C]` -> `[N, H, W, C]`."""
        return softmax_smoothed(x, self.mean, self.scale)

    def compute_output_shape(self, shape: Shape) -> Shape:
        """The shape of the features."""
        return shape

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        return super().get_config() | {"mean": self.mean, "scale": self.scale}
