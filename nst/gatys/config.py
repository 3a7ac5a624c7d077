"""The settings of the optimisation of a picture. The defaults are the paper's."""

import math
from dataclasses import dataclass
from typing import Annotated

from core.bounds import AtMost, Channels, Count, Counts, Side, Sides
from nst.backbones.smoothing import SMOOTHINGS
from nst.backbones.table import CHOICES
from nst.features import PADDINGS, POOLINGS
from nst.losses import CONTENT_SCALINGS, STYLE_SCALINGS

OPTIMIZERS = ("lbfgs", "adam")
Corrections = Annotated[int, AtMost(1000)]  # SciPy crashes from 13,001 on
INITS = ("noise", "content", "style")


@dataclass(frozen=True)
class GatysConfig:
    """Features, losses and optimizer.

    Sources: Gatys et al. 2016 (https://arxiv.org/abs/1508.06576); the presets of
    `experiments.configs.gatys` name the others.
    """

    weights: str = "imagenet"  # imagenet | hed | random | a file, see nst.weights
    # vgg16 | vgg19; empty: that of the weights, VGG-19 where both exist; or another network, see
    # nst.backbones.table
    network: str = ""
    convention: str = ""  # caffe | torch, where a weights file leaves its colours open; else empty
    normalise: bool = True  # rescale filters to a mean activation of 1, see nst.features.normalise
    smoothing: str = ""  # softmax: smoothed features, see nst.backbones.smoothing; empty: none
    # mean size of features of other networks, and of smoothed ones, where normalise is off (where
    # it is on, 1): 100 is about that of VGG; 0 keeps other networks' as they are
    activation: float = 100.0
    pooling: str = "average"  # max | average
    padding: str = "zeros"  # zeros | reflect
    ceil: bool = False  # whether odd last rows and columns are pooled, too, or dropped
    content_layers: tuple[str, ...] = ("conv4_2",)
    content_layer_weights: tuple[float, ...] = ()  # one for each layer; empty: 1 each
    content_weight: float = 1.0
    content_scaling: str = "paper"  # paper | mean | course, see nst.losses
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    style_layer_weights: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)
    style_weight: float = 1e3
    style_scaling: str = "paper"  # paper | gatys | johnson, see nst.losses
    components: Channels = 0  # principal components that Gram matrices are compared on; 0: all
    tv_weight: float = 0.0  # multiplies the total variation, see nst.losses.total_variation
    init: str = "noise"  # noise | content | style
    noise_ratio: float = 0.0  # share of noise in a start that is the content or the style
    noise: str = "normal"  # normal | uniform
    noise_scale: float = 64.0  # standard deviation, or half the width if uniform; 8-bit levels
    optimizer: str = "lbfgs"  # lbfgs | adam
    learning_rate: float = 10.0  # Adam's, 8-bit levels
    memory: Corrections = 20  # how many corrections L-BFGS keeps
    restart: Count = 100  # iterations after which L-BFGS starts again with an empty memory
    pyramid: Sides = ()  # longer sides of the coarser levels that come first, pixels
    pyramid_images: Counts = ()  # iterations of each of these; the last level has the rest
    tile: Side = 512  # edge in pixels; pictures larger than 4 tiles are differentiated by tiles

    def __post_init__(self):
        self._check_choices()
        for kind in ("content", "style"):
            self._check_layers(kind)
        for key in ("content_weight", "style_weight", "tv_weight", "noise_scale", "activation"):
            _in_range(self, key, 0, math.inf)
        _in_range(self, "noise_ratio", 0, 1)
        for key in ("memory", "restart"):
            _in_range(self, key, 1, 10**9)
        _in_range(self, "learning_rate", 1e-12, math.inf)
        _in_range(self, "components", 0, 10**9)
        if self.tile % 32 or self.tile < 64:
            raise ValueError(f"tile={self.tile}: expected a multiple of 32 from 64 up")
        if len(self.pyramid) != len(self.pyramid_images):
            raise ValueError(
                f"pyramid has {len(self.pyramid)} levels, pyramid_images "
                f"{len(self.pyramid_images)}: expected a number of iterations for each level"
            )
        if any(n < 1 for n in (*self.pyramid, *self.pyramid_images)):
            raise ValueError("pyramid, pyramid_images: expected numbers from 1 up")
        if not self.terms():
            raise ValueError(
                "content_weight and style_weight are both 0 or without layers: nothing is left to "
                "optimise"
            )

    def _check_choices(self):
        choices = {
            "pooling": POOLINGS,
            "padding": PADDINGS,
            "content_scaling": CONTENT_SCALINGS,
            "style_scaling": STYLE_SCALINGS,
            "init": INITS,
            "optimizer": OPTIMIZERS,
            "noise": ("normal", "uniform"),
            "network": CHOICES,
            "smoothing": SMOOTHINGS,
        }
        for key, known in choices.items():
            if getattr(self, key) not in known:
                expected = ", ".join(k or "nothing" for k in known)
                raise ValueError(f"{key}={getattr(self, key)!r}: expected one of {expected}")

    def _check_layers(self, kind):
        layers = getattr(self, f"{kind}_layers")
        weights = getattr(self, f"{kind}_layer_weights")
        if len(set(layers)) != len(layers):
            raise ValueError(f"{kind}_layers={','.join(layers)}: a layer is named twice")
        if weights and len(weights) != len(layers):
            raise ValueError(
                f"{kind}_layer_weights has {len(weights)} numbers for {len(layers)} layers "
                f"({', '.join(layers)}): give one each, or none for 1 each"
            )
        if any(not 0 <= w < math.inf for w in weights) or (weights and not sum(weights)):
            raise ValueError(
                f"{kind}_layer_weights={weights}: expected numbers from 0 up that do not sum to "
                "zero"
            )

    def terms(self) -> dict[str, dict[str, float]]:
        """The weight of each layer in the loss, `{"content": {layer: weight}, "style": {…}}`.

        Layers of weight 0 are left out, and so is a kind without layers.
        """
        terms = {}
        for kind in ("content", "style"):
            layers, factor = getattr(self, f"{kind}_layers"), getattr(self, f"{kind}_weight")
            weights = getattr(self, f"{kind}_layer_weights") or (1.0,) * len(layers)
            products = zip(layers, (factor * weight for weight in weights), strict=True)
            own = {layer: product for layer, product in products if product}
            if own:
                terms[kind] = own
        return terms


def _in_range(config, key, least, most):
    if not least <= getattr(config, key) <= most or getattr(config, key) == math.inf:
        end = f" to {most}" if most < 10**9 else ""
        raise ValueError(f"{key}={getattr(config, key)}: expected a number from {least} up{end}")
