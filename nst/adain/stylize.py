"""AdaIN at run time: strength, several styles, masks, colours, any size."""

import keras
import numpy as np

from core.stats import adain, moments
from core.tensors import Tensor
from nst.adain.config import CONTENT_EPSILON
from nst.adain.networks import TAPS
from nst.autoencoder import CodeStylizer

DECODER_MARGIN = 6  # positions of the code; its nine convolutions see four to each side


class AdaINStylizer(CodeStylizer):
    """Stylises pictures with a trained decoder.

    Under masks the content is normalised region by region: each style replaces the moments of its
    own region, as in section 7 of the paper.
    """

    def __init__(
        self,
        encoder: keras.Model,
        decoder: keras.Model,
        network: str = "vgg19",
        *,
        style_epsilon: float = 0.0,
        unbiased: bool = False,
    ):
        """Args:
        encoder: made by `nst.adain.networks.encoder`.
        decoder: made by `nst.adain.networks.decoder`.
        network: which VGG the encoder is, "vgg16" or "vgg19".
        style_epsilon: added to the style's variances, see `nst.adain.config.AdaINConfig`.
        unbiased: whether variances divide by H * W - 1 instead of H * W; not under masks.
        """
        super().__init__(encoder, decoder, network, tap=TAPS[-1], margin=DECODER_MARGIN)
        self.style_epsilon, self.unbiased = style_epsilon, unbiased

    def transfer(self, code: Tensor, style: Tensor, share: np.ndarray | None = None) -> Tensor:
        """The content's code with the mean and the standard deviation of the style's."""
        mean, std = moments(style, self.style_epsilon, unbiased=self.unbiased)
        unbiased = self.unbiased and share is None
        return adain(code, mean, std, CONTENT_EPSILON, unbiased=unbiased, weights=share)
