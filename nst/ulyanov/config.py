"""What can be set of a texture network's training. The defaults are the authors' later code."""

from dataclasses import dataclass

from nst.perceptual import PerceptualConfig
from nst.transformer import NORMS
from nst.ulyanov.networks import OUTPUTS, PADDINGS


@dataclass(frozen=True)
class UlyanovConfig(PerceptualConfig):
    """Network, losses and optimizer.

    Sources: DmitryUlyanov/texture_nets @ aad2cc6, train.lua:43-59, 259-261, models/pyramid.lua,
    src/texture_loss.lua:40 (what `style_scaling="johnson"` is).
    """

    network: str = "vgg19"
    content_layers: tuple[str, ...] = ("relu4_2",)
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    style_weight: float = 1.0
    decay: float = 0.8  # of the learning rate, a factor
    decay_every: int = 2000  # steps
    norm: str = "instance"  # instance | batch: the first paper's
    padding: str = "replicate"  # replicate | circular | reflect | zeros
    output: str = "linear"  # linear | tanh: levels about the mean, see nst.ulyanov.networks
    gamma: str = "uniform"  # uniform | ones: where the scales of the norms begin
    slope: float = 0.0  # of the ReLUs below 0; the first paper's: 0.01
    noise: int = 3  # channels at every scale
    scales: int = 6  # the coarsest has 1 / 2**(scales - 1) of the height and width
    channels: int = 8  # of each scale's branch

    def __post_init__(self):
        super().__post_init__()
        self.check_choices(norm=NORMS, padding=PADDINGS, output=OUTPUTS, gamma=("uniform", "ones"))
        self.check_one_style()
        for key, last in (("decay", 1), ("slope", 1)):
            if not 0 <= getattr(self, key) <= last:
                raise ValueError(f"{key}={getattr(self, key)}: expected a number from 0 to {last}")
        for key, first, last in (("noise", 0, 64), ("scales", 1, 8), ("channels", 1, 64)):
            if not first <= getattr(self, key) <= last:
                raise ValueError(f"{key}={getattr(self, key)}: expected {first} to {last}")
        if self.decay_every < 1:
            raise ValueError(f"decay_every={self.decay_every}: expected 1 or more")
