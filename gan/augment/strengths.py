"""How strong the transforms are."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Strengths:
    """How strong each transform is; the defaults are those of the paper.

    Source: Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix B.
    """

    xint: float = 0.125  # moved at most by this share of the side
    scale: float = 0.2  # deviation of the logarithm to base 2
    rotate: float = 1.0  # turned at most by this share of a half turn
    aniso: float = 0.2  # as scale
    xfrac: float = 0.125  # deviation, in shares of the side
    brightness: float = 0.2  # deviation of what is added
    contrast: float = 0.5  # as scale
    hue: float = 1.0  # as rotate
    saturation: float = 1.0  # as scale
    imgfilter: float = 1.0  # as scale
    imgfilter_bands: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)  # factors of p, lowest octave first
    noise: float = 0.1  # deviation of the noise's own deviation
    cutout: float = 0.5  # side of the hole in shares of the picture's


PAPER = Strengths()
