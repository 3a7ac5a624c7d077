"""The multi-scale generator of Ulyanov et al. 2016: noise, and a picture, at six resolutions.

https://arxiv.org/abs/1603.03417, section 3.2 and figure 2. Each scale has a branch of convolutions;
from the coarsest on, what was made is doubled in size and joined with the next finer branch.
"""

import keras
from keras import layers, ops

from core.batch_norm import BatchNorm
from core.layers import PaddedConv2D
from nst.transformer import MEAN, TANH, TORCH_INIT, StyleNorm, gamma_initializer

OUTPUTS = ("linear", "tanh")
PADDINGS = ("replicate", "circular", "reflect", "zeros")
_MODES = {"replicate": "symmetric", "reflect": "reflect", "zeros": "constant"}  # of one pixel


@keras.saving.register_keras_serializable("nst")
class CircularPad(keras.layers.Layer):
    """One pixel more on every side of `[N, H, W, C]`, from the opposite one."""

    def call(self, x):
        x = ops.concatenate([x[:, -1:], x, x[:, :1]], 1)
        return ops.concatenate([x[:, :, -1:], x, x[:, :, :1]], 2)

    def compute_output_shape(self, shape):
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
    """The generator.

    Scale k from 0 (the coarsest) sees the content averaged over squares of 2**(scales - 1 - k)
    pixels, and its own noise. For a single input, all noise comes at full size, and a scale takes
    every 2**(scales - 1 - k)-th row and column of its channels.

    Sources: DmitryUlyanov/texture_nets @ aad2cc6, models/pyramid.lua, with "replicate" for
    stylisation and "circular" for textures (train.lua:106-125); gamma "uniform":
    InstanceNormalization.lua. They differ in the noise: the papers and the branch texture_nets_v1
    have it beside the content, the master branch in the content's place (textures), or not at all
    (stylisation; `noise=0`). Torch's kernels.

    Args:
        content: False: made from noise alone.
        noise: channels at every scale.
        scales: resolutions, each half of the next.
        channels: of each branch; the joined ones have 2, 3, … times as many.
        norm: "instance" or "batch".
        padding: of the 3x3 convolutions.
        output: "linear" levels about the mean; "tanh" times 150 (as `nst.transformer` has it).
        gamma: where the scales of the norms begin, see `StyleNorm`.
        slope: of the activations below 0.

    Returns:
        A model from `[N, H, W, 3 + scales * noise]`, the content in [0, 1] first (without it
        `scales * noise` channels), H and W multiples of 2**(scales - 1), to `[N, H, W, 3]`, RGB
        levels from 0 to 255, not clamped.

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
    """Layers of one kind."""

    def __init__(self, norm, padding, gamma, slope):
        self.kind, self.padding, self.gamma, self.slope = norm, padding, gamma, slope

    def block(self, x, filters):
        """Convolutions of 3, 3 and 1 pixels, each normalised."""
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
