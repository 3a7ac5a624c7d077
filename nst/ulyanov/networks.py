"""The multi-scale generator of Ulyanov et al. 2016, which sees noise, and a picture, at six scales.

https://arxiv.org/abs/1603.03417, section 3.2 and figure 2. Each scale has a branch of convolutions.
Going from coarse to fine, the result so far is doubled in size and joined with the next branch.
"""

import keras
from keras import layers, ops

from core.batch_norm import BatchNorm
from core.layers import PaddedConv2D
from core.tensors import Tensor
from nst.transformer import MEAN, TANH, TORCH_INIT, StyleNorm, gamma_initializer

OUTPUTS = ("linear", "tanh")
PADDINGS = ("replicate", "circular", "reflect", "zeros")
# as `core.layers.PaddedConv2D` calls them; for one pixel, to replicate is to mirror with the border
_MODES = {"replicate": "symmetric", "reflect": "reflect", "zeros": "constant"}


@keras.saving.register_keras_serializable("nst")
class CircularPad(keras.layers.Layer):
    """Pads `[N, H, W, C]` by one pixel on every side, taken from the opposite side."""

    def call(self, x: Tensor) -> Tensor:
        """The padded features, `[N, H + 2, W + 2, C]`."""
        x = ops.concatenate([x[:, -1:], x, x[:, :1]], 1)
        return ops.concatenate([x[:, :, -1:], x, x[:, :, :1]], 2)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape with 2 added to height and width."""
        grown = (None if n is None else n + 2 for n in shape[1:3])
        return (shape[0], *grown, shape[3])


def pyramid(
    *,
    content: bool = True,
    noise: int = 3,
    scales: int = 6,
    channels: int = 8,
    norm: str = "instance",
    padding: str = "replicate",
    output: str = "linear",
    gamma: str = "uniform",
    slope: float = 0.0,
    name: str = "pyramid",
) -> keras.Model:
    """The generator, a model of noise and, for stylisation, of a content picture.

    Scale k, counted from 0 for the coarsest, sees the content averaged over squares of
    2**(scales - 1 - k) pixels, and noise of its own. To keep to a single input, the noise of all
    scales comes at full size: a scale takes every 2**(scales - 1 - k)-th row and column of its
    channels.

    Sources: DmitryUlyanov/texture_nets @ aad2cc6, models/pyramid.lua, with padding "replicate" for
    stylisation and "circular" for textures (train.lua:106-125), and gamma "uniform"
    (InstanceNormalization.lua). The kernels begin as in Torch. The codes differ in the noise: the
    papers and the branch texture_nets_v1 put it beside the content, the master branch puts it in
    the content's place (textures) or leaves it out (stylisation; `noise=0`).

    Args:
        content: whether there is a content picture.
        noise: channels of noise at every scale.
        scales: how many resolutions there are, each half of the next.
        channels: channels of each branch; after joining there are 2, 3, … times as many.
        norm: "instance" or "batch".
        padding: of the 3x3 convolutions, one of `PADDINGS`.
        output: "linear": levels about the mean colour; "tanh": 150 times a tanh, about it.
        gamma: initial scales of the normalisation layers, "uniform" or "ones".
        slope: slope of the activations below 0.
        name: the model's name.

    Returns:
        A model from `[N, H, W, 3 + scales * noise]` to `[N, H, W, 3]`. The input is the content,
        RGB in [0, 1], if there is one, followed by noise; H and W are multiples of 2**(scales - 1).
        The output is RGB, levels from 0 to 255, not clipped.

    Raises:
        ValueError: neither content nor noise.
    """
    if not (content or noise):
        raise ValueError("noise=0: without content expected 1 or more channels of noise")
    build = _Builder(norm, padding, gamma, slope)
    first = 3 if content else 0
    inputs = keras.Input((None, None, first + scales * noise), name="content_and_noise")
    x = None
    for k in range(scales):
        ratio = 2 ** (scales - 1 - k)
        parts = [layers.AveragePooling2D(ratio)(inputs[..., :3])] if content else []
        if noise:
            start = first + k * noise
            own = inputs[..., start : start + noise]
            parts.append(layers.MaxPooling2D(1, ratio)(own))  # every ratio-th row and column
        branch = layers.Concatenate()(parts) if parts[1:] else parts[0]
        branch = build.block(branch, channels)
        if x is not None:
            x = layers.UpSampling2D(interpolation="nearest")(x)
            branch = layers.Concatenate()([build.norm(x), build.norm(branch)])
            branch = build.block(branch, channels * (k + 1))
        x = branch
    # levels need more than the 8 bits of bfloat16
    x = layers.Conv2D(3, 1, kernel_initializer=TORCH_INIT, dtype="float32")(x)
    if output == "tanh":
        x = layers.Activation("tanh", dtype="float32")(x)
    scale = float(TANH if output == "tanh" else 1)
    x = layers.Rescaling(scale, list(MEAN), dtype="float32")(x)
    return keras.Model(inputs, x, name=name)


class _Builder:
    """Makes layers with the normalisation, padding and activation of one configuration."""

    def __init__(self, norm, padding, gamma, slope):
        self.kind, self.padding, self.gamma, self.slope = norm, padding, gamma, slope

    def block(self, x, filters):
        """Convolutions of 3x3, 3x3 and 1x1 pixels, each with normalisation and activation."""
        for size in (3, 3, 1):
            x = layers.LeakyReLU(self.slope)(self.norm(self._conv(x, filters, size)))
        return x

    def norm(self, x):
        if self.kind == "batch":
            return BatchNorm(gamma_initializer=gamma_initializer(self.gamma))(x)
        return StyleNorm(gamma_initializer=self.gamma)(x)

    def _conv(self, x, filters, size):
        pad, mode = size // 2, _MODES.get(self.padding, "constant")
        if pad and self.padding == "circular":
            x, pad = CircularPad()(x), 0
        return PaddedConv2D(filters, size, pad, mode, kernel_initializer=TORCH_INIT)(x)
