"""Training a network by perceptual losses, as all networks that learn their styles are trained.

Johnson et al. 2016 (https://arxiv.org/abs/1603.08155), section 3.2; Ulyanov et al. 2016
(https://arxiv.org/abs/1603.03417), section 3.1.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import keras
import numpy as np
from keras import ops

from core import engine
from core.bounds import Side
from core.optimizers import Adam, built
from core.phases import Algorithm, Phase, Stage
from core.tensors import Tensor
from nst.backbones.seeing import Seer, check_size, check_taps, digest, look, mean_of_features
from nst.backbones.smoothing import SMOOTHINGS
from nst.backbones.table import CHOICES
from nst.features import POOLINGS
from nst.learned import LearnedStylizer, Tiled
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
class FeatureConfig:
    """Features, losses and optimizer.

    A style weight means nothing without its scaling: `nst.losses.STYLE_SCALINGS`.
    """

    weights: str = "imagenet"  # imagenet | hed | random | a file, see nst.weights
    # vgg16 | vgg19; empty: the network that the weights belong to; or another, see
    # nst.backbones.table
    network: str = "vgg16"
    convention: str = ""  # caffe | torch, where a weights file leaves its colours open; else empty
    normalise: bool = False  # rescale filters to a mean activation of 1, see nst.features.normalise
    smoothing: str = ""  # softmax: smoothed features, see nst.backbones.smoothing; empty: none
    activation: float = 100.0  # see nst.gatys.config
    pooling: str = "max"  # max | average
    content_layers: tuple[str, ...] = ("relu3_3",)
    content_weight: float = 1.0  # multiplies each layer's mean squared difference
    style_layers: tuple[str, ...] = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    style_weight: float = 5.0  # multiplies each layer's style term
    style_scaling: str = "johnson"  # paper | gatys | johnson
    tv_weight: float = 0.0  # multiplies the total variation, see the model's loss
    learning_rate: float = 1e-3  # Adam's

    def __post_init__(self):
        scalings = tuple(STYLE_SCALINGS)
        self.check_choices(network=CHOICES, pooling=POOLINGS, style_scaling=scalings)
        self.check_choices(smoothing=SMOOTHINGS)
        for key in ("content_weight", "style_weight", "tv_weight", "learning_rate", "activation"):
            if not 0 <= getattr(self, key) < math.inf:
                raise ValueError(f"{key}={getattr(self, key)}: expected a number from 0 up")
        if not self.style_layers:
            raise ValueError("style_layers: expected at least one layer")

    def check_choices(self, **choices: Sequence[str]) -> None:
        """Raises ValueError for a setting whose value is not among its choices."""
        for key, known in choices.items():
            if getattr(self, key) not in known:
                expected = ", ".join(choice or "nothing" for choice in known)
                raise ValueError(f"{key}={getattr(self, key)!r}: expected one of {expected}")


@dataclass(frozen=True)
class PerceptualConfig(FeatureConfig):
    """The styles that a network learns, and how."""

    style: tuple[str, ...] = ("photos:immunohistochemistry",)  # a file or photos:NAME each
    style_size: Side = 256  # styles' shorter side, pixels (in fast-neural-style it is the longer)

    def __post_init__(self):
        if not self.style:
            raise ValueError("style: expected at least one picture")
        super().__post_init__()
        if self.style_size < 8:
            raise ValueError(f"style_size={self.style_size}: expected 8 pixels or more")

    @property
    def all_styles(self) -> tuple[str, ...]:
        """The names of all styles that the network has, by number."""
        return self.style

    def check_one_style(self) -> None:
        """Raises ValueError if there are several styles."""
        if len(self.style) != 1:
            raise ValueError(
                f"style: {len(self.style)} pictures came, this network learns one; the model "
                "dumoulin learns several"
            )


class FeatureLoss:
    """How far pictures are from contents and from styles, in the features of VGG,
    or of another network.

    Attributes:
        features: the feature network; not trained.
        digest: `nst.backbones.seeing.digest` of its weights.
    """

    def __init__(
        self,
        config: FeatureConfig,
        weights: Seer,
        variation: Callable[[Tensor], Tensor] = total_variation,
    ):
        """Args:
        config: layers, and the weights and scalings of the losses.
        weights: of VGG, or another network.
        variation: the total variation of pictures, RGB in [0, 1], `[N, H, W, 3]`: a scalar.

        Raises:
            ValueError: a layer that the network or its weights do not have.
        """
        self.config, self.digest, self._variation = config, digest(weights), variation
        taps = (*config.content_layers, *config.style_layers)
        check_taps(weights, taps)
        self.features = look(
            weights,
            taps,
            pooling=config.pooling,
            smoothing=config.smoothing,
            mean=mean_of_features(config.normalise, config.activation),
        )
        known = {tap: self.features.output[tap] for tap in config.content_layers}
        # it ends at the last content layer: contents need not go as deep as the style layers
        self._content = keras.Model(self.features.input, known) if known else None

    def grams(self, pictures: Tensor) -> dict[str, Tensor]:
        """The Gram matrices of pictures in the style layers, `{tap: [N, C, C]}`.

        Args:
            pictures: RGB in [0, 1], `[N, H, W, 3]`.
        """
        return self._grams(self.features(pictures, training=False))

    def _grams(self, features):
        return {tap: gram(features[tap]) for tap in self.config.style_layers}

    def losses(
        self, pictures: Tensor, contents: Tensor | None, targets: Callable[[str], Tensor]
    ) -> dict:
        """The losses before weighting, `{"style": scalar, "content": scalar, "tv": scalar}`.

        "style" and "content" are means over the pictures; "content" is there if contents are given,
        "tv" if the configuration weighs it.

        Args:
            pictures: RGB in [0, 1], `[N, H, W, 3]`.
            contents: the pictures they were made from, RGB in [0, 1], `[N, H, W, 3]`.
            targets: the Gram matrices of the styles in a layer, `[N, C, C]`, or one for all.
        """
        config, features = self.config, self.features(pictures, training=False)
        count = ops.cast(ops.shape(pictures)[0], "float32")
        terms = {"style": 0.0}
        for tap, own in self._grams(features).items():
            terms["style"] += style_loss(own, targets(tap), config.style_scaling) / count
        if contents is not None and self._content:
            known = self._content(contents, training=False)
            terms["content"] = sum(
                content_loss(
                    squared_error(features[tap], ops.stop_gradient(known[tap])),
                    ops.cast(ops.size(features[tap]), "float32"),
                    "mean",
                )
                for tap in config.content_layers
            )
        if config.tv_weight:
            terms["tv"] = self._variation(pictures)
        return terms

    def weigh(self, terms: dict) -> tuple:
        """`(loss, logs, outputs)` as `core.phases.Phase.loss` returns them, for these terms."""
        config = self.config
        weights = {
            "content": config.content_weight,
            "style": config.style_weight,
            "tv": config.tv_weight,
        }
        total = sum(weights[name] * value for name, value in terms.items())
        return total, {f"loss/{name}": value for name, value in terms.items()}, {}


class PerceptualLoss(FeatureLoss):
    """The distance from styles that are known before training.

    Attributes:
        targets: the Gram matrices of the S styles, `{tap: [S, C, C]}`.
    """

    def __init__(self, config: PerceptualConfig, weights: Seer, styles: Sequence[np.ndarray]):
        """Args:
        config: layers, and the weights and scalings of the losses.
        weights: of VGG, or another network.
        styles: RGB in [0, 1], `[h, w, 3]` each.

        Raises:
            ValueError: a layer that the network or its weights do not have.
            InputError: a style smaller than what the deepest layer sees.
        """
        check_taps(weights, (*config.content_layers, *config.style_layers))
        for name, style in zip(config.style, styles, strict=True):
            height, width = style.shape[:2]
            check_size(weights, config.style_layers, height, width, f"'{name}'")
        super().__init__(config, weights)
        grams = [self.grams(style[None]) for style in styles]
        self.targets = {
            tap: np.concatenate([ops.convert_to_numpy(g[tap]) for g in grams])
            for tap in config.style_layers
        }

    def terms(
        self, pictures: Tensor, contents: Tensor | None = None, style_weights: Tensor | None = None
    ) -> dict:
        """The `losses` of pictures in mixtures of the styles.

        Args:
            pictures: RGB in [0, 1], `[N, H, W, 3]`.
            contents: the pictures they were made from, RGB in [0, 1], `[N, H, W, 3]`.
            style_weights: the share of each style in each picture, `[N, S]`. None: there is one
                style.
        """

        def target(tap: str) -> Tensor:
            grams = ops.convert_to_tensor(self.targets[tap])
            if style_weights is None:
                return grams
            return ops.tensordot(ops.cast(style_weights, "float32"), grams, 1)

        return self.losses(pictures, contents, target)


class PerceptualTraining(Algorithm):
    """A network trained by a `PerceptualLoss`.

    Batches hold "content", `[N, size, size, 3]` in [-1, 1] as the pipeline gives it.

    Attributes:
        perceptual_loss: the loss; None in an algorithm that is only used, not trained.
        learning_rate: see `core.phases.Phase`; a subclass with a schedule has a method here.
        size_multiple: heights and widths that the network takes are multiples of it.
        smallest_size: the smallest height and width that the network takes, pixels.
        width: channels of the widest layer at the picture's full size.
        conditional: whether the network takes the shares of styles.
        noise_channels: of the noise that the network takes beside the picture.
    """

    config: PerceptualConfig
    learning_rate: Callable | None = None
    size_multiple: int = MULTIPLE
    conditional: bool = False
    noise_channels: int = 0
    smallest_size: int
    width: int

    def __init__(
        self,
        config: PerceptualConfig,
        network: keras.Model,
        perceptual_loss: PerceptualLoss | None,
        *,
        size: int,
        batch_size: int,
        variables: Sequence[keras.Variable] | None = None,
        xla: bool = False,
    ):
        """Args:
        config: hyper-parameters.
        network: makes pictures of contents; `stylise` calls it.
        perceptual_loss: None if the network is only used.
        size: height and width of the training crops, pixels.
        batch_size: pictures in a step.
        variables: the variables that are trained. None: all of the network's.
        xla: see `core.phases.Algorithm`.

        Raises:
            ValueError: a size that the network does not take.
        """
        if size % self.size_multiple or size < self.smallest_size:
            raise ValueError(
                f"data.size={size}: this network takes multiples of {self.size_multiple}, from "
                f"{self.smallest_size} up"
            )
        self.config = config
        self.perceptual_loss: PerceptualLoss | None = None
        self._measure: Callable | None = None  # `losses`, compiled when first asked for
        passes = {"features": 3}  # content, result and back
        super().__init__([Stage(batch_size, size)], {"network": network}, passes=passes, xla=xla)
        if perceptual_loss:
            self.attach(perceptual_loss)
        variables = network.trainable_variables if variables is None else variables
        optimizer = built(Adam(config.learning_rate), variables)
        self.phases = [
            Phase("network", variables, optimizer, self.loss, learning_rate=self.learning_rate)
        ]

    @property
    def needed_loss(self) -> PerceptualLoss:
        """The loss, for callers that cannot do without it.

        Raises:
            ValueError: the algorithm was built without one.
        """
        if self.perceptual_loss is None:
            raise ValueError("this algorithm was built without its perceptual loss: attach one")
        return self.perceptual_loss

    def attach(self, perceptual_loss: PerceptualLoss) -> None:
        """Sets the loss of an algorithm that was built without one."""
        self.perceptual_loss, self._measure = perceptual_loss, None
        self.frozen = {"features": perceptual_loss.features}

    def make_stylizer(self, tiled: Tiled | None = None) -> LearnedStylizer:
        """A new stylizer with this network; keep it, see `nst.stylizer.Stylizer`.

        Args:
            tiled: see `nst.learned.LearnedStylizer`.
        """
        return LearnedStylizer(
            self.stylise,
            self.networks["network"].variables,
            len(self.config.all_styles),
            multiple=self.size_multiple,
            smallest=self.smallest_size,
            tiled=tiled,
        )

    def stylise(
        self, contents: Tensor, style_weights: Tensor | None = None, *, training: bool = False
    ) -> Tensor:
        """The network's pictures of contents: RGB about [0, 1], not clipped, `[N, H, W, 3]`.

        Args:
            contents: RGB in [0, 1], `[N, H, W, 3]`.
            style_weights: the share of each style in each picture, `[N, S]`; read by networks that
                have several styles.
            training: as for `keras.Model`.
        """
        raise NotImplementedError

    def draw(self, count: int) -> Tensor | None:
        """The style weights of a training batch, `[count, S]`; None for networks of one style."""

    def losses(
        self, contents: Tensor, style_weights: Tensor | None = None, *, training: bool = False
    ) -> dict:
        """`PerceptualLoss.terms` of the network's pictures of these contents; see there."""
        pictures = self.stylise(contents, style_weights, training=training)
        return self.needed_loss.terms(pictures, contents, style_weights)

    def measure(self, contents: Tensor, style_weights: Tensor | None = None) -> dict:
        """`losses` without training, for evaluation; compiled at the first call."""
        if self._measure is None:
            self._measure = engine.compile(self.losses, self.variables())
        return self._measure(contents, style_weights)

    def loss(self, batch: dict) -> tuple:
        """The weighted loss of a batch; see `core.phases.Phase.loss`."""
        contents = (batch["content"] + 1) / 2
        terms = self.losses(contents, self.draw(contents.shape[0]), training=True)
        return self.needed_loss.weigh(terms)
