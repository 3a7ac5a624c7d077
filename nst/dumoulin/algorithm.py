"""Training of one network for many styles, and of styles added to it later."""

import keras
import numpy as np
from keras import ops

from nst.dumoulin.config import DumoulinConfig
from nst.perceptual import PerceptualLoss, PerceptualTraining
from nst.transformer import StyleNorm, few, smallest_size, transformer


class Dumoulin(PerceptualTraining):
    """Every picture of a batch gets a style of its own, drawn evenly.

    Styles are numbered from 0, those of `config.learned` first. Where there are such, only the
    scales and offsets of the others are trained, and they start from the mean of what is there.

    Source: Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629), sections 2.2 and 3.2.
    """

    def __init__(
        self, config: DumoulinConfig, perceptual: PerceptualLoss | None, *, seed=0, **kwargs
    ):
        """Arguments as of `PerceptualTraining`; `seed` of the styles that are drawn."""
        self.old, self.new = len(config.learned), len(config.style)
        network = transformer(
            styles=self.old or self.new,
            added=self.new if self.old else 0,
            conditional=True,
            output="sigmoid",
            width=config.width,
            rate=config.style_rate,
            kernel_stddev=0.01,
        )
        self.smallest_size = smallest_size("reflect")
        self.width = few(config.width)
        added = [v for layer in norms(network) for v in (layer.new_gamma, layer.new_beta)] \
            if self.old else None  # fmt: skip
        super().__init__(config, network, perceptual, variables=added, **kwargs)
        self.random = keras.random.SeedGenerator(seed)
        self.extra["styles"] = [self.random.state]

    @property
    def count(self) -> int:
        """Of styles that the network has."""
        return self.old + self.new

    def draw(self, count):
        chosen = keras.random.randint((count,), 0, self.new, seed=self.random)
        return ops.one_hot(chosen, self.new)

    def losses(self, contents, weights=None, *, training=False):
        """`PerceptualLoss.terms`; `weights` `[N, S]` of the styles that are trained."""
        pictures = self.stylise(contents, self._all(weights), training=training)
        return self.perceptual.terms(pictures, contents, weights)

    def _all(self, weights):
        zeros = ops.zeros((ops.shape(weights)[0], self.old))
        return ops.concatenate([zeros, ops.cast(weights, "float32")], 1) if self.old else weights

    def stylise(self, contents, weights=None, *, training=False):
        made = self.networks["network"]([contents, weights], training=training)
        return ops.cast(made, "float32")

    def start_from(self, base: "Dumoulin") -> None:
        """Takes the network of a trained run, to which styles are added; its layers are as wide."""
        for own, theirs in zip(self._layers(), base._layers(), strict=True):
            if isinstance(own, StyleNorm):
                _take_styles(own, theirs)
            else:
                own.set_weights(theirs.get_weights())

    def _layers(self):
        return [layer for layer in self.networks["network"].layers if layer.weights]


def norms(network: keras.Model) -> list[StyleNorm]:
    """The layers in which the styles are."""
    return [layer for layer in network.layers if isinstance(layer, StyleNorm)]


def _take_styles(own, theirs):
    for name in ("gamma", "beta"):
        parts = [getattr(theirs, name)]
        parts += [getattr(theirs, f"new_{name}")] if theirs.added else []
        table = np.concatenate([ops.convert_to_numpy(part) for part in parts])
        getattr(own, name).assign(table)
        new = getattr(own, f"new_{name}")
        new.assign(np.broadcast_to(table.mean(0), new.shape))
