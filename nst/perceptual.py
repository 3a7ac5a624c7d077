"""Training a network by perceptual losses: what the feed-forward stylisers of few styles share.

Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), section 3.2; Ulyanov et al. 2016
(https://arxiv.org/abs/1603.03417), section 3.1.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from core.optimizers import Adam, built
from core.phases import Algorithm, Phase, Stage
from nst.features import POOLINGS, Weights, check_size, check_taps, perceptual
from nst.losses import (
    STYLE_SCALINGS,
    content_loss,
    gram,
    squared_error,
    style_loss,
    total_variation,
)
from nst.transformer import MULTIPLE


@dataclass(frozen=True)
class PerceptualConfig:
    """Styles, features, losses and optimizer.

    A style weight means nothing without its scaling: `nst.losses.STYLE_SCALINGS`.
    """

    style: tuple[str, ...] = ("photos:immunohistochemistry",)  # a file or photos:NAME each
    style_size: int = 256  # of the styles' shorter side, pixels (fast-neural-style: the longer one)
    weights: str = "imagenet"  # imagenet | hed | random | a file, see nst.weights
    network: str = "vgg16"  # vgg16 | vgg19; empty: what the weights are of
    convention: str = (
        ""  # caffe | torch: colours of a weights file that does not tell; empty: it does
    )
    normalise: bool = False  # rescale filters to a mean activation of 1, see nst.features.normalise
    pooling: str = "max"  # max | average
    content_layers: tuple[str, ...] = ("relu3_3",)
    content_weight: float = 1.0  # of the mean square, for each layer
    style_layers: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    style_weight: float = 5.0  # for each layer
    style_scaling: str = "johnson"  # paper | gatys | johnson
    tv_weight: float = 0.0  # of half the summed squared differences of neighbours, in levels
    learning_rate: float = 1e-3  # of Adam

    def __post_init__(self):
        if not self.style:
            raise ValueError("style: expected at least one picture")
        self.check_choices(network=("", "vgg16", "vgg19"), pooling=POOLINGS,
                           style_scaling=tuple(STYLE_SCALINGS))  # fmt: skip
        for key in ("content_weight", "style_weight", "tv_weight", "learning_rate"):
            if not 0 <= getattr(self, key) < math.inf:
                raise ValueError(f"{key}={getattr(self, key)}: expected a number from 0 up")
        if self.style_size < 8:
            raise ValueError(f"style_size={self.style_size}: expected 8 pixels or more")
        if not self.style_layers:
            raise ValueError("style_layers: expected at least one layer")

    def check_choices(self, **choices: Sequence[str]) -> None:
        """Raises ValueError for a setting that is none of its choices."""
        for key, known in choices.items():
            if getattr(self, key) not in known:
                expected = ", ".join(choice or "nothing" for choice in known)
                raise ValueError(f"{key}={getattr(self, key)!r}: expected one of {expected}")

    def check_one_style(self) -> None:
        """Raises ValueError for several styles."""
        if len(self.style) != 1:
            raise ValueError(f"style: {len(self.style)} pictures came, this network learns one; "
                             "--model=dumoulin learns several")  # fmt: skip


class PerceptualLoss:
    """Distances of pictures from a content and a style in the features of VGG.

    Attributes:
        features: the network.
        targets: the styles' Gram matrices, `{tap: [S, C, C]}`, S styles.
    """

    def __init__(self, config: PerceptualConfig, weights: Weights, styles: Sequence[np.ndarray]):
        """Args:
        config: layers, weights, scalings.
        weights: of the features.
        styles: RGB in [0, 1], `[h, w, 3]` each.

        Raises:
            ValueError: a layer that the network or its weights do not have.
            InputError: a style smaller than the deepest layer's field.
        """
        self.config = config
        taps = (*config.content_layers, *config.style_layers)
        check_taps(weights.network, taps)
        for name, style in zip(config.style, styles, strict=True):
            check_size(weights.network, config.style_layers, *style.shape[:2], f"'{name}'")
        self.features = perceptual(weights, taps, pooling=config.pooling)
        known = {tap: self.features.output[tap] for tap in config.content_layers}
        # not as deep as the style needs
        self._content = keras.Model(self.features.input, known) if known else None
        grams = [self._grams(self.features(style[None], training=False)) for style in styles]
        self.targets = {
            tap: np.concatenate([ops.convert_to_numpy(g[tap]) for g in grams])
            for tap in config.style_layers
        }

    def _grams(self, features):
        return {tap: gram(features[tap]) for tap in self.config.style_layers}

    def terms(self, pictures, contents=None, weights=None) -> dict:
        """`{"style": …, "content": …, "tv": …}` without their weights, means over pictures (but
        for "tv", a sum).

        Args:
            pictures: `[N, H, W, 3]` in [0, 1].
            contents: what they are of, the same; None: there is no content, and no such term.
            weights: of the styles, `[N, S]`; None: there is one style.
        """
        config, found = self.config, self.features(pictures, training=False)
        count = ops.cast(ops.shape(pictures)[0], "float32")
        terms = {"style": 0.0}
        for tap, own in self._grams(found).items():
            target = ops.convert_to_tensor(self.targets[tap])
            if weights is not None:
                target = ops.tensordot(ops.cast(weights, "float32"), target, 1)
            terms["style"] += style_loss(own, target, config.style_scaling) / count
        if contents is not None and self._content:
            known = self._content(contents, training=False)
            terms["content"] = sum(
                content_loss(squared_error(found[tap], ops.stop_gradient(known[tap])),
                             ops.cast(ops.size(found[tap]), "float32"), "mean")
                for tap in config.content_layers
            )  # fmt: skip
        if config.tv_weight:
            terms["tv"] = total_variation(pictures)
        return terms


class PerceptualTraining(Algorithm):
    """A network trained by a `PerceptualLoss`.

    Batches hold "content", `[N, size, size, 3]` in [-1, 1] as the pipeline gives it.

    Attributes:
        perceptual: the loss; None where the network is only used.
        learning_rate: as of `core.phases.Phase`; subclasses may have a method.
        size_multiple: heights and widths that the network takes are multiples of it.
        smallest_size: from which on they are.
        width: channels of the widest full-size layer.
    """

    learning_rate = None
    size_multiple = MULTIPLE
    smallest_size: int
    width: int

    def __init__(
        self,
        config: PerceptualConfig,
        network: keras.Model,
        perceptual: PerceptualLoss | None,
        *,
        size: int,
        batch_size: int,
        variables=None,
        xla: bool = False,
    ):
        """Args:
        config: hyper-parameters.
        network: from content to picture, as `stylise` calls it.
        perceptual: see the class.
        size: of the training crops, pixels.
        batch_size: pictures a step.
        variables: what is trained; None: all of the network.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: a size that the network does not take.
        """
        if size % self.size_multiple or size < self.smallest_size:
            raise ValueError(f"data.size={size}: this network takes multiples of "
                             f"{self.size_multiple}, from {self.smallest_size} up")  # fmt: skip
        self.config, self.perceptual = config, None
        passes = {"features": 3}  # content, result and back
        super().__init__([Stage(batch_size, size)], {"network": network}, passes=passes, xla=xla)
        if perceptual:
            self.attach(perceptual)
        variables = network.trainable_variables if variables is None else variables
        optimizer = built(Adam(config.learning_rate), variables)
        schedule = {"learning_rate": self.learning_rate}
        self.phases = [Phase("network", variables, optimizer, self.loss, **schedule)]

    def attach(self, perceptual: PerceptualLoss) -> None:
        """Gives an algorithm that was built without it its loss."""
        self.perceptual, self.frozen = perceptual, {"features": perceptual.features}

    def stylise(self, contents, weights=None, *, training=False):
        """The network's pictures, `[N, H, W, 3]`, about [0, 1], of contents in [0, 1].

        Args:
            weights: of the styles, `[N, S]`, for networks that have several.
            training: as for `keras.Model`.
        """
        raise NotImplementedError

    def draw(self, count: int):
        """The weights of the styles of a training batch, `[count, S]`; None for one style."""

    def losses(self, contents, weights=None, *, training=False) -> dict:
        """`PerceptualLoss.terms` of the network's pictures."""
        pictures = self.stylise(contents, weights, training=training)
        return self.perceptual.terms(pictures, contents, weights)

    def loss(self, batch):
        """The phase's loss."""
        contents = (batch["content"] + 1) / 2
        return self.weigh(self.losses(contents, self.draw(contents.shape[0]), training=True))

    def weigh(self, terms: dict) -> tuple:
        """What the loss of a phase returns, of `PerceptualLoss.terms`."""
        weights = {"content": self.config.content_weight, "style": self.config.style_weight,
                   "tv": self.config.tv_weight}  # fmt: skip
        total = sum(weights[name] * value for name, value in terms.items())
        return total, {f"loss/{name}": value for name, value in terms.items()}, {}
