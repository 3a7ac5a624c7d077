"""The settings of style swap. The defaults are those of the authors' code."""

import math
from dataclasses import dataclass

from core.bounds import Positions
from nst.backbones.table import NETWORKS
from nst.gatys.config import GatysConfig

NORMS = ("instance", "batch")
INITS = ("orthogonal", "grey")


@dataclass(frozen=True)
class StyleSwapConfig:
    """The swap, and the training of the inverse network.

    Source: rtqichen/style-swap @ c1a393a2, train-vgg-decoder.lua:9-31. There, `norm` is "batch" by
    default, but the decoder that comes with the code has instance norm (its issue 28).
    """

    weights: str = "imagenet"  # imagenet | hed | random | a file, see nst.weights
    network: str = ""  # vgg16 | vgg19; empty: that of the weights, VGG-19 where both exist
    convention: str = ""  # caffe | torch, where a weights file leaves its colours open; else empty
    normalise: bool = False  # rescale filters to a mean activation of 1, see nst.features.normalise
    patch: Positions = 3  # height and width of the patches, positions of relu3_1
    norm: str = "instance"  # instance | batch: normalisation in the inverse network
    init: str = "orthogonal"  # orthogonal | grey: initial weights of the inverse network
    tv_weight: float = 1e-6  # multiplies the squared differences of neighbours, in 8-bit levels
    learning_rate: float = 1e-3  # Adam's, at the start
    decay: float = 1e-4  # after n steps the rate is learning_rate / (1 + decay * n)
    beta_1: float = 0.9
    beta_2: float = 0.999

    def __post_init__(self):
        _check_patch(self.patch)
        for key, known in (("norm", NORMS), ("init", INITS)):
            if getattr(self, key) not in known:
                raise ValueError(
                    f"{key}={getattr(self, key)!r}: expected one of {', '.join(known)}"
                )
        if self.network not in ("", "vgg16", "vgg19"):
            raise ValueError(f"network={self.network!r}: expected vgg16, vgg19 or nothing")
        for key in ("tv_weight", "learning_rate", "decay"):
            if not 0 <= getattr(self, key) < math.inf:
                raise ValueError(f"{key}={getattr(self, key)}: expected a number from 0 up")
        for key in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: expected 0 or more and below 1")


@dataclass(frozen=True)
class SwapOptimisationConfig(GatysConfig):
    """The swap, and the optimisation of a picture towards swapped features."""

    patch: Positions = 3  # height and width of the patches, positions of the content layers

    def __post_init__(self):
        _check_patch(self.patch)
        super().__post_init__()
        if self.network in NETWORKS or self.smoothing:
            raise ValueError(
                f"network={self.network!r}, smoothing={self.smoothing!r}: patches are swapped in "
                "VGG's features as they are; expected vgg16, vgg19 or nothing, and no smoothing"
            )


def _check_patch(patch):
    if patch < 1:
        raise ValueError(f"patch={patch}: expected 1 or more")
