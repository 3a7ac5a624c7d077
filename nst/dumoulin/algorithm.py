"""Training of one network for many styles, and of styles added to it later."""

import hashlib
from typing import Any

import keras
import numpy as np
from keras import ops

from core.tensors import Tensor
from nst.dumoulin.config import DumoulinConfig
from nst.perceptual import PerceptualLoss, PerceptualTraining
from nst.transformer import StyleNorm, full_size_channels, smallest_size, transformer


class Dumoulin(PerceptualTraining):
    """Every picture of a batch gets a style of its own, drawn evenly.

    Styles are numbered from 0, those of `config.learned` first. If there are any of these, only the
    scales and offsets of the new styles are trained, and `start_from` sets them to the mean of the
    learned ones.

    Source: Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629), sections 2.2 and 3.2.

    Attributes:
        old, new: how many styles were learned before, and how many are trained.
        base_digest: 16 hexadecimal digits, different for different weights of the network that the
            new styles were added to; None without such a network.
    """

    conditional = True

    def __init__(
        self,
        config: DumoulinConfig,
        perceptual_loss: PerceptualLoss | None,
        *,
        seed: int = 0,
        **kwargs,
    ):
        """Args:
        config: hyper-parameters.
        perceptual_loss: None if the network is only used.
        seed: chooses the styles that are drawn.
        kwargs: see `PerceptualTraining`.
        """
        self.old, self.new = len(config.learned), len(config.style)
        self.base_digest: str | None = None
        network = transformer(
            styles=self.old or self.new,
            added=self.new if self.old else 0,
            conditional=True,
            output="sigmoid",
            width=config.width,
            channels=config.channels,
            blocks=config.blocks,
            expand=config.expand or None,
            rate=config.style_rate,
            kernel_stddev=0.01,
        )
        self.smallest_size = smallest_size("reflect")
        self.width = full_size_channels(config.width, config.channels)
        trained = None
        if self.old:
            trained = [v for layer in norms(network) for v in (layer.new_gamma, layer.new_beta)]
        super().__init__(config, network, perceptual_loss, variables=trained, **kwargs)
        self.random = keras.random.SeedGenerator(seed)
        self.extra["styles"] = [self.random.state]

    @property
    def count(self) -> int:
        """How many styles the network has."""
        return self.old + self.new

    def draw(self, count: int) -> Tensor:
        """One-hot rows, `[count, new]`: one of the styles that are trained for each picture."""
        chosen = keras.random.randint((count,), 0, self.new, seed=self.random)
        return ops.one_hot(chosen, self.new)

    def losses(
        self, contents: Tensor, style_weights: Tensor | None = None, *, training: bool = False
    ) -> dict:
        """`PerceptualLoss.terms` of the network's pictures of these contents.

        Args:
            contents: RGB in [0, 1], `[N, H, W, 3]`.
            style_weights: the shares of the styles that are trained, `[N, new]`.
            training: as for `keras.Model`.
        """
        pictures = self.stylise(contents, self._all(style_weights), training=training)
        return self.needed_loss.terms(pictures, contents, style_weights)

    def _all(self, style_weights):
        """`[N, new]` -> `[N, old + new]`, 0 for the styles that were learned before."""
        if not self.old:
            return style_weights
        zeros = ops.zeros((ops.shape(style_weights)[0], self.old))
        return ops.concatenate([zeros, ops.cast(style_weights, "float32")], 1)

    def stylise(
        self, contents: Tensor, style_weights: Tensor | None = None, *, training: bool = False
    ) -> Tensor:
        """See `PerceptualTraining.stylise`; S is `count`."""
        made = self.networks["network"]([contents, style_weights], training=training)
        return ops.cast(made, "float32")

    def start_from(self, base: Any) -> None:
        """Takes over a trained network, to which new styles are added if this one has learned some.

        Args:
            base: a trained `Dumoulin` with layers of the same width. Its number of styles is the
                number of `config.learned`, or of the styles here where nothing was learned.

        Raises:
            ValueError: nothing was learned, and it has other layers or another number of styles.
        """
        if not self.old:
            super().start_from(base)
            return
        weights = base.networks["network"].get_weights()
        joined = b"".join(array.tobytes() for array in weights)
        self.base_digest = hashlib.sha256(joined).hexdigest()[:16]
        for own, theirs in zip(self._layers(), base._layers(), strict=True):
            if isinstance(own, StyleNorm):
                _take_styles(own, theirs)
            else:
                own.set_weights(theirs.get_weights())

    def _layers(self):
        return [layer for layer in self.networks["network"].layers if layer.weights]


def norms(network: keras.Model) -> list[StyleNorm]:
    """The layers that hold the scales and offsets of the styles."""
    return [layer for layer in network.layers if isinstance(layer, StyleNorm)]


def _take_styles(own, theirs):
    """The scales and offsets of all their styles become the old ones; new ones get their mean."""
    for name in ("gamma", "beta"):
        parts = [getattr(theirs, name)]
        parts += [getattr(theirs, f"new_{name}")] if theirs.added else []
        table = np.concatenate([ops.convert_to_numpy(part) for part in parts])
        getattr(own, name).assign(table)
        new = getattr(own, f"new_{name}")
        new.assign(np.broadcast_to(table.mean(0), new.shape))
