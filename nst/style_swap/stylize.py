"""Style swap at run time with the inverse network."""

import keras
import numpy as np

from core.tensors import Tensor
from nst.autoencoder import CodeStylizer
from nst.style_swap.networks import MARGIN, TAP
from nst.style_swap.swap import style_swap


class StyleSwapStylizer(CodeStylizer):
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
        encoder: made by `nst.style_swap.networks.encoder`.
        inverse: made by `nst.style_swap.networks.inverse_network`.
        network: which VGG the encoder is, "vgg16" or "vgg19".
        patch: height and width of the patches, positions of the code.
        norm: normalisation of the inverse network. With "instance" it sees the whole picture, which
            is then decoded in one piece; with "batch" large pictures are decoded in tiles.
        """
        margin = MARGIN if norm == "batch" else None
        super().__init__(encoder, inverse, network, tap=TAP, margin=margin)
        self.patch = patch
        self.smallest_size = max(self.field.size, (patch - 1) * self.field.stride + 1)

    def transfer(self, code: Tensor, style: Tensor, share: np.ndarray | None = None) -> Tensor:
        """The content's code, put together from the patches of the style's."""
        return style_swap(code[0], style[0], self.patch)[None]
