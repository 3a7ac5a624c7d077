"""AdaIN at run time: strength, several styles, masks, colours, any size."""

import keras

from core.stats import adain, moments
from nst import autoencoder
from nst.adain.algorithm import CONTENT_EPSILON
from nst.adain.networks import TAPS

DECODER_MARGIN = 6  # positions of the code; its nine convolutions see four to each side


class Stylizer(autoencoder.Stylizer):
    """Stylises pictures with a trained decoder. Under masks each style's region is normalised by
    its own moments, as in the paper's section 7."""

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
        encoder, decoder: of `nst.adain.networks`.
        network: whose encoder it is, "vgg16" or "vgg19".
        style_epsilon, unbiased: as in `nst.adain.config`.
        """
        super().__init__(encoder, decoder, network, tap=TAPS[-1], margin=DECODER_MARGIN)
        self.style_epsilon, self.unbiased = style_epsilon, unbiased

    def transfer(self, code, style, share=None):
        """The code with the style's moments."""
        target = moments(style, self.style_epsilon, unbiased=self.unbiased)
        unbiased = self.unbiased and share is None
        return adain(code, *target, CONTENT_EPSILON, unbiased=unbiased, weights=share)
