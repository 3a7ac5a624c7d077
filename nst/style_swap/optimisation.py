"""Style swap without a network of its own: a picture is optimised towards swapped features."""

import numpy as np

from nst.autoencoder import array, mix
from nst.gatys.algorithm import Gatys
from nst.gatys.objective import Objective
from nst.style_swap.config import SwapOptimisationConfig
from nst.style_swap.swap import style_swap


class SwapObjective(Objective):
    """A content term whose target are the content's features, swapped for the styles' patches."""

    def _content_features(self):
        """Of every content layer, `{tap: [1, h, w, C]}`; styles are mixed as a `Stylizer` does."""
        content = super()._content_features()
        styles = [self.content_layers(style) for style in self.level.styles]
        return {tap: self._swapped(tap, code, styles) for tap, code in content.items()}

    def _swapped(self, tap, code, styles):
        transfers = [
            lambda share, style=style: array(
                style_swap(code[0], style[tap][0], self.config.patch)[None]
            )
            for style in styles
        ]
        weights, stride = np.asarray(self.level.style_weights), self.fields[tap].stride
        return mix(code, transfers, weights, self.level.masks, stride)


class SwapOptimisation(Gatys):
    """Optimises a picture towards swapped features.

    Source: Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), section 3.2, equation 4;
    rtqichen/style-swap @ c1a393a2, style-swap.lua.
    """

    objective = SwapObjective

    @staticmethod
    def style_taps(config: SwapOptimisationConfig) -> list[str]:
        """The layers that see the styles: all."""
        return [tap for term in config.terms().values() for tap in term]
