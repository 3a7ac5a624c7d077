"""The hyper-parameters of StyleGAN2. The defaults are those of configuration F, "stylegan2"."""

from dataclasses import dataclass

from core.bounds import Blur, Channels, Classes, Count, Layers
from gan.augment.draws import chosen
from gan.augment.training import KINDS
from gan.checks import (
    check_at_least,
    check_factor,
    check_fraction,
    check_one_of,
    check_probability,
)
from gan.stylegan2.blocks import ARCHITECTURES


@dataclass(frozen=True)
class StyleGAN2Config:
    """Hyper-parameters of networks, losses, augmentation and optimizers.

    The blur is StyleGAN3's, see `gan.augment.blur`, and the falling learning rates are R3GAN's, see
    `core.schedules.cosine`; published networks of StyleGAN2 had neither.

    Sources: NVlabs/stylegan2-ada-pytorch @ d72cc7d, train.py:154-192 (the column "stylegan2"),
    training/loss.py, training/training_loop.py; Karras et al. 2020
    (https://arxiv.org/abs/1912.04958 and https://arxiv.org/abs/2006.06676).
    """

    z_dim: Channels = 512  # numbers in a z
    w_dim: Channels = 512  # features of a w
    classes: Classes = 0  # how many classes the labels of the data distinguish; 0: unconditional
    mapping_layers: Layers = 8
    mapping_lrmul: float = 0.01  # learning rate of the mapping network relative to the others
    w_avg_beta: float = 0.995  # how much of the moving mean of w stays at a step
    channel_base: Count = 32768  # a block of R pixels has channel_base / R features,
    channel_max: Channels = 512  # and at most this many
    g_architecture: str = "skip"  # skip | resnet | orig
    d_architecture: str = "resnet"
    d_mapping_layers: Layers = 8  # of the discriminator's mapping of classes
    mbstd_group_size: Count = 4  # images whose deviation the discriminator sees; 1: it does not
    use_noise: bool = True
    num_fp16_res: Layers = 4  # how many of the last blocks compute in the run's precision
    conv_clamp: float = 256.0  # activations stay within it; 0: not clamped
    g_learning_rate: float = 2e-3
    d_learning_rate: float = 2e-3
    decay_images: Count = 0  # images in which both fall, along half a cosine; 0: they do not
    decay_to: float = 0.1  # the part of them that is left then
    beta_1: float = 0.0
    beta_2: float = 0.99
    epsilon: float = 1e-8
    r1_gamma: float = 10.0  # R1's weight, half of which is the factor; 0: no R1
    r1_interval: Count = 16  # steps from one R1 to the next
    pl_weight: float = 2.0  # of the path length; 0: none
    pl_interval: Count = 4
    pl_decay: float = 0.01  # of the mean length
    pl_shrink: Count = 2  # the path length is taken of a batch divided by this
    style_mixing: float = 0.9  # probability that a step's fakes have two w
    ema_half_life: float = 10_000.0  # images
    ema_ramp_up: float = 0.0  # fraction of the images seen that the half-life is at most; 0: none
    augment: str = "none"  # of what D sees: none | ada (adaptive) | fixed (p stays) | diff
    transforms: str = "bgc"  # see gan.augment: blit geom color filter noise cutout bg bgc bgcf ...
    p: float = 0.0  # probability of a transform: at the beginning for ada, always for fixed
    ada_target: float = 0.6  # share of reals that D should be sure of, as the mean of sign(D(real))
    ada_interval: Count = 4  # steps from one change of p to the next
    ada_images: Count = 500_000  # images in which p can go from 0 to 1
    blur_sigma: Blur = 0.0  # pixels by which what D sees is blurred at first; 0: not
    blur_images: float = 200_000.0  # images in which that ends
    base: str = ""  # a run whose networks training begins with
    freeze_d: Layers = 0  # how many of D's layers, from the picture on, stay as they are

    def __post_init__(self):
        check_one_of(self, "augment", KINDS)
        chosen(self.transforms)
        for key in ("g_architecture", "d_architecture"):
            check_one_of(self, key, ARCHITECTURES)
        for key in ("z_dim", "w_dim", "mapping_layers", "d_mapping_layers", "channel_base",
                    "channel_max", "mbstd_group_size", "r1_interval", "pl_interval", "pl_shrink",
                    "ada_interval", "ada_images", "blur_images"):  # fmt: skip
            check_at_least(self, key, 1)
        for key in ("classes", "num_fp16_res", "conv_clamp", "g_learning_rate", "d_learning_rate",
                    "epsilon", "r1_gamma", "pl_weight", "ema_half_life", "ema_ramp_up",
                    "blur_sigma", "freeze_d", "decay_images"):  # fmt: skip
            check_at_least(self, key, 0)
        for key in ("beta_1", "beta_2", "w_avg_beta", "pl_decay"):
            check_fraction(self, key)
        for key in ("style_mixing", "p"):
            check_probability(self, key)
        for key in ("mapping_lrmul", "decay_to"):
            check_factor(self, key)
        if self.classes == 1:
            raise ValueError("classes=1: expected 2 or more, or 0 for an unconditional GAN")
        if (self.augment == "fixed") != (self.p > 0) and self.augment != "ada":
            raise ValueError(
                f"augment={self.augment!r}, p={self.p}: fixed needs p above 0, such as 0.2, which "
                "none and diff do not have"
            )
