"""Random colours: one affine map of RGB for each picture.

With v = (1, 1, 1) / sqrt(3), every colour transform leaves the parts of a colour along v (luma) and
across v (chroma) apart: brightness, contrast and the luma flip are scalars on luma; contrast, hue
(a rotation about v) and saturation scale and turn chroma. So their product has a closed form.
"""

import math

import numpy as np
from keras import ops

from core.tensors import Tensor
from gan.augment.draws import Draws, amount, choice
from gan.augment.strengths import Strengths

LUMA = np.full((3, 3), 1 / 3, np.float32)  # v v^T
CHROMA = np.eye(3, dtype=np.float32) - LUMA
QUARTER_TURN = np.array(((0, -1, 1), (1, 0, -1), (-1, 1, 0)), np.float32) / np.float32(3**0.5)


def recolour(
    images: Tensor, names: tuple[str, ...], draws: Draws, p: Tensor, strengths: Strengths
) -> Tensor:
    """The pictures in other colours; of four channels the last is kept, such as an opacity.

    Args:
        images: values in [-1, 1], `[N, H, W, 1, 3 or 4]`, float32; grey has luma only.
        names, draws, p, strengths: see `gan.augment.apply`.
    """
    b, contrast, flip, angle, saturation = _parameters(names, draws, p, strengths)
    luma = contrast * (1 - 2 * flip)
    if images.shape[-1] == 1:
        return _per_picture(luma) * (images + _per_picture(b))
    turned = _matrix(ops.cos(angle)) * CHROMA + _matrix(ops.sin(angle)) * QUARTER_TURN
    matrix = _matrix(luma) * LUMA + _matrix(contrast * saturation) * turned
    coloured = ops.einsum("nhwi,noi->nhwo", images[..., :3], matrix) + _per_picture(luma * b)
    if images.shape[-1] == 3:
        return coloured
    return ops.concatenate([coloured, images[..., 3:]], axis=-1)


def _parameters(names, draws, p, strengths):
    """What is added; factor of contrast; 1 where luma is flipped; angle of hue; saturation."""

    def drawn(name, value):
        return amount(draws, name, p, value) if name in names else ops.zeros_like(value)

    return (
        drawn("brightness", strengths.brightness * draws["brightness"]),
        2.0 ** drawn("contrast", strengths.contrast * draws["contrast"]),
        drawn("lumaflip", choice(draws["lumaflip"], 2)),
        drawn("hue", math.pi * strengths.hue * (2 * draws["hue"] - 1)),
        2.0 ** drawn("saturation", strengths.saturation * draws["saturation"]),
    )


def _matrix(x):
    return x[:, None, None]


def _per_picture(x):
    return x[:, None, None, None]
