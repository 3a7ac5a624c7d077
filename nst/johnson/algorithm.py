"""Training of the transformer of one style."""

from keras import ops

from core.tensors import Tensor
from nst.johnson.config import JohnsonConfig
from nst.perceptual import PerceptualLoss, PerceptualTraining
from nst.transformer import full_size_channels, smallest_size, transformer


class Johnson(PerceptualTraining):
    """The network sees and makes RGB levels from 0 to 255.

    Source: Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), section 3.
    """

    def __init__(self, config: JohnsonConfig, perceptual_loss: PerceptualLoss | None, **kwargs):
        """See `PerceptualTraining` for the arguments."""
        network = transformer(
            norm=config.norm,
            padding=config.padding,
            upsampling=config.upsampling,
            output=config.output,
            gamma=config.gamma,
            width=config.width,
        )
        self.smallest_size = smallest_size(config.padding)
        self.width = full_size_channels(config.width)
        super().__init__(config, network, perceptual_loss, **kwargs)

    def stylise(
        self, contents: Tensor, style_weights: Tensor | None = None, *, training: bool = False
    ) -> Tensor:
        """See `PerceptualTraining.stylise`; there is one style."""
        levels = self.networks["network"](255 * contents, training=training)
        return ops.cast(levels, "float32") / 255
