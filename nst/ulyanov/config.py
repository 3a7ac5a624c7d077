"""The settings of a texture network's training. The defaults are the authors' later code's."""

from dataclasses import dataclass

from core.bounds import Channels, Count, Levels
from nst.perceptual import PerceptualConfig
from nst.transformer import NORMS
from nst.ulyanov.networks import OUTPUTS, PADDINGS


@dataclass(frozen=True)
class UlyanovConfig(PerceptualConfig):
    """Network, losses and optimizer.

    Sources: DmitryUlyanov/texture_nets @ aad2cc6, train.lua:43-59, 259-261, models/pyramid.lua,
    src/texture_loss.lua:40 (which is `style_scaling="johnson"`).
    """

    network: str = "vgg19"
    content_layers: tuple[str, ...] = ("relu4_2",)
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    style_weight: float = 1.0
    decay: float = 0.8  # what the learning rate is multiplied by every `decay_every` steps
    decay_every: Count = 2000
    norm: str = "instance"  # instance | batch (the first paper)
    padding: str = "replicate"  # replicate | circular | reflect | zeros
    output: str = "linear"  # linear | tanh, see nst.ulyanov.networks.pyramid
    gamma: str = "uniform"  # uniform | ones: initial scales of the normalisation layers
    slope: float = 0.0  # slope of the ReLUs below 0; the first paper has 0.01
    noise: Channels = 3  # channels of noise at every scale
    scales: Levels = 6  # how many; the coarsest has 1 / 2**(scales - 1) of the height and width
    channels: Channels = 8  # channels of each scale's branch

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
