"""Style swap at run time with the inverse network."""

import keras

from nst import autoencoder
from nst.style_swap.networks import MARGIN, TAP
from nst.style_swap.swap import style_swap


class Stylizer(autoencoder.Stylizer):
    """Stylises pictures with a trained inverse network. Weights and masks mix swapped features."""

    def __init__(
        self,
        encoder: keras.Model,
        inverse: keras.Model,
        network: str = "vgg19",
        *,
        patch: int = 3,
        norm: str = "instance",
    ):
        """Args:
        encoder, inverse: of `nst.style_swap.networks`.
        network: whose encoder it is, "vgg16" or "vgg19".
        patch, norm: as in `nst.style_swap.config`. Instance norm sees the whole picture, which
            then is decoded in one piece.
        """
        margin = MARGIN if norm == "batch" else None
        super().__init__(encoder, inverse, network, tap=TAP, margin=margin)
        self.patch = patch

    def transfer(self, code, style, share=None):
        """The code made of the style's patches."""
        return style_swap(code[0], style[0], self.patch)[None]
