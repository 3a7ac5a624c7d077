"""The settings of the transformer's training. The defaults are those of the authors' code."""

from dataclasses import dataclass

from nst.perceptual import PerceptualConfig
from nst.transformer import NORMS, OUTPUTS, PADDINGS, UPSAMPLINGS


@dataclass(frozen=True)
class JohnsonConfig(PerceptualConfig):
    """Network, losses and optimizer.

    Sources: jcjohnson/fast-neural-style @ 813c834, train.lua:20-57; pytorch/examples @ 77f55b9,
    fast_neural_style/neural_style/neural_style.py.
    """

    tv_weight: float = 1e-6
    norm: str = "instance"  # instance | batch: what Ulyanov et al. 2016 compare
    padding: str = "start"  # start | reflect, see nst.transformer.transformer
    upsampling: str = "transposed"  # transposed | nearest
    output: str = "tanh"  # tanh | linear
    gamma: str = "uniform"  # uniform | ones: initial scales of the normalisation layers
    width: float = 1.0  # multiplies the channels; the authors' files with instance norm have 0.5

    def __post_init__(self):
        super().__post_init__()
        self.check_choices(
            norm=NORMS,
            padding=PADDINGS,
            upsampling=UPSAMPLINGS,
            output=OUTPUTS[:2],
            gamma=("uniform", "ones"),
        )
        self.check_one_style()
        if not 0 < self.width <= 4:
            raise ValueError(f"width={self.width}: expected above 0, to 4")
