"""Training of the transformer of one style."""

from keras import ops

from nst.johnson.config import JohnsonConfig
from nst.perceptual import PerceptualLoss, PerceptualTraining
from nst.transformer import few, smallest_size, transformer


class Johnson(PerceptualTraining):
    """The network sees and makes RGB levels from 0 to 255.

    Source: Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), section 3.
    """

    def __init__(self, config: JohnsonConfig, perceptual: PerceptualLoss | None, **kwargs):
        """Arguments as of `PerceptualTraining`."""
        network = transformer(
            norm=config.norm,
            padding=config.padding,
            upsampling=config.upsampling,
            output=config.output,
            gamma=config.gamma,
            width=config.width,
        )
        self.smallest_size = smallest_size(config.padding)
        self.width = few(config.width)
        super().__init__(config, network, perceptual, **kwargs)

    def stylise(self, contents, weights=None, *, training=False):
        levels = self.networks["network"](255 * contents, training=training)
        return ops.cast(levels, "float32") / 255
