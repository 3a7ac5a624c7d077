"""The settings of AdaIN's training. The defaults are the paper's."""

import math
from dataclasses import dataclass

from nst.backbones.smoothing import SMOOTHINGS
from nst.backbones.table import CHOICES

REDUCTIONS = ("sum", "mean")
CONTENT_EPSILON = 1e-5  # added to the content's variances, in both codes


@dataclass(frozen=True)
class AdaINConfig:
    """Encoder, losses and optimizer.

    What `style_weight` means depends on `style_reduction`: the authors' code takes the sum over
    channels, with a weight of 0.01, the PyTorch port the mean, with a weight of 10. See
    `nst.losses.moment_loss`.

    Sources: xunhuang1995/AdaIN-style @ 6d8ac28, train.lua:25-42; naoto0804/pytorch-AdaIN @ 47950d0,
    train.py:51-75, function.py:4-13.
    """

    weights: str = "imagenet"  # imagenet | hed | random | a file, see nst.weights
    network: str = ""  # vgg16 | vgg19; empty: that of the weights, VGG-19 where both exist
    # of the style loss: vgg16 | vgg19 | another, see nst.backbones.table; empty: the encoder. The
    # content loss compares codes, so it stays the encoder's
    loss_network: str = ""
    loss_weights: str = "imagenet"  # of that network
    style_layers: tuple[str, ...] = ()  # of that network; empty: its usual ones
    smoothing: str = ""  # softmax: smoothed features in the style loss; empty: none
    activation: float = 100.0  # mean size of features of that network, see nst.gatys.config
    convention: str = ""  # caffe | torch, where a weights file leaves its colours open; else empty
    normalise: bool = True  # rescale filters to a mean activation of 1, see nst.features.normalise
    init: str = "torch"  # torch | he: initial weights of the decoder, see nst.adain.networks.INITS
    content_weight: float = 1.0
    style_weight: float = 1e-2
    style_reduction: str = "sum"  # sum | mean, over channels
    unbiased: bool = False  # whether variances divide by H * W - 1 instead of H * W
    style_epsilon: float = 0.0  # added to the style's variances
    output_epsilon: float = 1e-6  # added to the variances of the decoder's pictures, in the loss
    learning_rate: float = 1e-4  # Adam's, at the start
    decay: float = 5e-5  # after n steps the rate is learning_rate / (1 + decay * n)
    beta_1: float = 0.9
    beta_2: float = 0.999

    def __post_init__(self):
        if self.style_reduction not in REDUCTIONS:
            raise ValueError(
                f"style_reduction={self.style_reduction!r}: expected one of {', '.join(REDUCTIONS)}"
            )
        if self.init not in ("torch", "he"):
            raise ValueError(f"init={self.init!r}: expected torch or he")
        for key, known in (
            ("network", CHOICES), ("loss_network", CHOICES), ("smoothing", SMOOTHINGS),
        ):  # fmt: skip
            if getattr(self, key) not in known:
                expected = ", ".join(choice or "nothing" for choice in known)
                raise ValueError(f"{key}={getattr(self, key)!r}: expected one of {expected}")
        if not self.loss_network and (self.style_layers or self.smoothing):
            raise ValueError(
                "style_layers, smoothing: are of loss_network, which is not given; the encoder's "
                "style loss has its published layers"
            )
        for key in (
            "content_weight",
            "style_weight",
            "style_epsilon",
            "output_epsilon",
            "activation",
            "learning_rate",
            "decay",
        ):
            if not 0 <= getattr(self, key) < math.inf:
                raise ValueError(f"{key}={getattr(self, key)}: expected a number from 0 up")
        for key in ("beta_1", "beta_2"):
            if not 0 <= getattr(self, key) < 1:
                raise ValueError(f"{key}={getattr(self, key)}: expected 0 or more and below 1")
        if self.content_weight == self.style_weight == 0:
            raise ValueError("content_weight and style_weight are both 0: nothing is left to train")
