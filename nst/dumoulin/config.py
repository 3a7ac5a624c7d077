"""The settings of the training of many styles. The defaults are those of the authors' code."""

from dataclasses import dataclass

from core.bounds import Layers, ManyChannels
from nst.perceptual import PerceptualConfig
from nst.transformer import CHANNELS


@dataclass(frozen=True)
class DumoulinConfig(PerceptualConfig):
    """Network, losses and optimizer.

    Source: magenta/magenta @ 526d3eb, image_stylization/image_stylization_train.py:26-47,
    learning.py:41-197, vgg.py:44-69 (average pooling; "conv3" is the last ReLU of block 3).
    """

    pooling: str = "average"
    style_weight: float = 1e-4
    style_scaling: str = "gatys"
    width: float = 1.0  # multiplies the channels (the authors' alpha; they use 0.25 on phones)
    channels: ManyChannels = CHANNELS  # of the convolutions before the residual blocks
    blocks: Layers = 5  # residual blocks
    expand: ManyChannels = ()  # channels after each upsampling; empty: channels reversed
    style_rate: float = 1.0  # how many times faster than the rest scales and offsets learn
    base: str = ""  # directory of a trained run that these styles are added to
    learned: tuple[str, ...] = ()  # the styles of that run; filled in from it

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.width <= 4:
            raise ValueError(f"width={self.width}: expected above 0, to 4")
        for key, count in (("channels", 3), ("expand", 2)):
            numbers = getattr(self, key)
            if (len(numbers) != count and (numbers or key == "channels")) or not all(
                0 < n <= 1024 for n in numbers
            ):
                raise ValueError(f"{key}={numbers}: expected {count} numbers from 1 to 1024")
        if not 0 < self.blocks <= 64:
            raise ValueError(f"blocks={self.blocks}: expected 1 to 64")
        if not 0 < self.style_rate <= 1000:
            raise ValueError(f"style_rate={self.style_rate}: expected above 0, to 1000")
        if self.learned and not self.base:
            raise ValueError("learned: is filled in from base; leave it out")

    @property
    def all_styles(self) -> tuple[str, ...]:
        """The names of all styles that the network has, by number: those of `base` first."""
        return (*self.learned, *self.style)
