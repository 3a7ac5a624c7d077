"""What can be set of the optimisation of a picture. The defaults are the paper's."""

import math
from dataclasses import dataclass

from nst.features import PADDINGS, POOLINGS
from nst.losses import CONTENT_SCALINGS, STYLE_SCALINGS

OPTIMIZERS = ("lbfgs", "adam")
INITS = ("noise", "content", "style")


@dataclass(frozen=True)
class GatysConfig:
    """Features, losses and optimizer.

    Sources: Gatys et al. 2016 (https://arxiv.org/abs/1508.06576); the presets of
    `experiments.configs.gatys` name the others.
    """

    weights: str = "imagenet"  # imagenet | hed | random | a file, see nst.weights
    network: str = ""  # vgg16 | vgg19; empty: what the weights are of, VGG-19 where both exist
    convention: str = (
        ""  # caffe | torch: colours of a weights file that does not tell; empty: it does
    )
    normalise: bool = True  # rescale filters to a mean activation of 1, see nst.features.normalise
    pooling: str = "average"  # max | average
    padding: str = "zeros"  # zeros | reflect
    ceil: bool = False  # pool odd rows and columns, too
    content_layers: tuple[str, ...] = ("conv4_2",)
    content_layer_weights: tuple[float, ...] = ()  # one a layer; empty: 1 each
    content_weight: float = 1.0
    content_scaling: str = "paper"  # paper | mean | course, see nst.losses
    style_layers: tuple[str, ...] = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
    style_layer_weights: tuple[float, ...] = (0.2, 0.2, 0.2, 0.2, 0.2)
    style_weight: float = 1e3
    style_scaling: str = "paper"  # paper | gatys | johnson, see nst.losses
    components: int = 0  # of each Gram matrix, by principal components of the style; 0: all
    tv_weight: float = 0.0  # of the total variation, in 8-bit levels
    init: str = "noise"  # noise | content | style
    noise_ratio: float = 0.0  # of noise mixed into a start that is content or style
    noise: str = "normal"  # normal | uniform
    noise_scale: float = 64.0  # standard deviation, or half the width; 8-bit levels
    optimizer: str = "lbfgs"  # lbfgs | adam
    learning_rate: float = 10.0  # of Adam, 8-bit levels
    memory: int = 20  # corrections that L-BFGS keeps
    restart: int = 100  # iterations after which L-BFGS starts with an empty memory
    pyramid: tuple[int, ...] = ()  # longer sides of coarser levels that come first, pixels
    pyramid_images: tuple[int, ...] = ()  # iterations of each; the rest of the budget is the last's
    tile: int = 512  # pixels; pictures above 4 tiles of this edge are differentiated tile by tile

    def __post_init__(self):
        self._check_choices()
        for kind in ("content", "style"):
            self._check_layers(kind)
        for key in ("content_weight", "style_weight", "tv_weight", "noise_scale"):
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
            raise ValueError("content_weight and style_weight are both 0 or without layers: "
                             "nothing is left to optimise")  # fmt: skip

    def _check_choices(self):
        choices = {"pooling": POOLINGS, "padding": PADDINGS, "content_scaling": CONTENT_SCALINGS,
                   "style_scaling": STYLE_SCALINGS, "init": INITS, "optimizer": OPTIMIZERS,
                   "noise": ("normal", "uniform"),
                   "network": ("", "vgg16", "vgg19")}  # fmt: skip
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
            raise ValueError(f"{kind}_layer_weights={weights}: expected numbers from 0 up that do "
                             "not sum to zero")  # fmt: skip

    def terms(self) -> dict[str, dict[str, float]]:
        """`{"content": {layer: weight}, "style": {layer: weight}}`, without what weighs nothing."""
        terms = {}
        for kind in ("content", "style"):
            layers, factor = getattr(self, f"{kind}_layers"), getattr(self, f"{kind}_weight")
            weights = getattr(self, f"{kind}_layer_weights") or (1.0,) * len(layers)
            found = {la: factor * w for la, w in zip(layers, weights, strict=True) if factor * w}
            if found:
                terms[kind] = found
        return terms


def _in_range(config, key, least, most):
    if not least <= getattr(config, key) <= most or getattr(config, key) == math.inf:
        raise ValueError(f"{key}={getattr(config, key)}: expected a number from {least} up"
                         + (f" to {most}" if most < 10**9 else ""))  # fmt: skip
