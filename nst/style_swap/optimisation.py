"""Style swap without an inverse network: a picture is optimised towards swapped features."""

import numpy as np

from core.tensors import to_numpy
from nst.gatys.algorithm import Gatys
from nst.gatys.config import GatysConfig
from nst.gatys.objective import Objective
from nst.style_swap.config import SwapOptimisationConfig
from nst.style_swap.swap import style_swap
from nst.stylizer import mix


class SwapObjective(Objective):
    """An objective whose content target is the content's features, swapped for the styles' patches.

    Several styles are mixed as by `nst.stylizer.mix`.
    """

    config: SwapOptimisationConfig

    def _content_features(self):
        """The target of every content layer, `{tap: [1, h, w, C]}`."""
        content = super()._content_features()
        styles = [self.content_layers(style) for style in self.level.styles]
        return {tap: self._swapped(tap, code, styles) for tap, code in content.items()}

    def _swapped(self, tap, code, styles):
        transfers = [
            lambda share, style=style: to_numpy(
                style_swap(code[0], style[tap][0], self.config.patch)[None]
            )
            for style in styles
        ]
        shares, stride = np.asarray(self.level.style_weights), self.fields[tap].stride
        return mix(code, transfers, shares, self.level.masks, stride)


class SwapOptimisation(Gatys):
    """Optimises a picture until its features are swapped ones.

    Source: Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), section 3.2, equation 4;
    rtqichen/style-swap @ c1a393a2, style-swap.lua.
    """

    objective = SwapObjective

    @staticmethod
    def style_taps(config: GatysConfig) -> list[str]:
        """The names of the layers that see the styles: all of them."""
        return [tap for term in config.terms().values() for tap in term]
