"""The hyper-parameters of R3GAN. The defaults are those of CIFAR-10, without classes."""

from dataclasses import dataclass

from core.bounds import Channels, Classes, Count, Layers, ManyChannels, ManyLayers
from gan.augment.draws import chosen
from gan.checks import check_at_least, check_factor, check_fraction, check_probability

COLOURS = ("brightness", "contrast", "lumaflip", "hue", "saturation")


@dataclass(frozen=True)
class R3GANConfig:
    """Hyper-parameters of networks, losses, augmentation and optimizers.

    Settings with an `_end` go along half a cosine from the first value to that one in
    `decay_images` and then stay there. Stages count from 4x4 pixels on.

    Source: Huang et al. 2024 (https://arxiv.org/abs/2501.05441);
    brownvc/R3GAN @ 19a7ddf, train.py.
    """

    widths: ManyChannels = (768, 768, 768, 768)  # channels of each stage, low resolution first
    cardinality: ManyChannels = (96, 96, 96, 96)  # groups of its grouped convolutions
    blocks: ManyLayers = (2, 2, 2, 2)  # residual blocks of each stage
    expansion_factor: Channels = 2  # how many times wider a block is inside
    noise_dim: Channels = 64  # numbers in a z
    condition_dim: Channels = 64  # numbers of a class that the generator sees beside z
    classes: Classes = 0  # how many classes the labels of the data distinguish; 0: unconditional
    low_precision_stages: Layers = 3  # how many of the last stages compute in the run's precision
    decay_images: Count = 20_000_000  # images in which the schedules below end
    learning_rate: float = 2e-4
    learning_rate_end: float = 5e-5
    beta_1: float = 0.0
    beta_2: float = 0.9
    beta_2_end: float = 0.99
    epsilon: float = 1e-8
    gamma: float = 0.05  # weight of R1 and of R2, half of which is the factor
    gamma_end: float = 0.005
    p: float = 0.0  # probability of a transform of what D sees
    p_end: float = 0.55
    transforms: tuple[str, ...] = ("bgc", "cutout")  # see gan.augment
    colour_rate: float = 0.5  # the probability of transforms of colour is this part of p
    ema_half_life: float = 0.0  # images
    ema_half_life_end: float = 5_000_000.0

    def __post_init__(self):
        chosen(self.transforms)
        for key in ("noise_dim", "condition_dim", "expansion_factor", "decay_images"):
            check_at_least(self, key, 1)
        for key in ("classes", "low_precision_stages", "learning_rate", "learning_rate_end",
                    "epsilon", "gamma", "gamma_end", "ema_half_life",
                    "ema_half_life_end"):  # fmt: skip
            check_at_least(self, key, 0)
        for key in ("beta_1", "beta_2", "beta_2_end"):
            check_fraction(self, key)
        for key in ("p", "p_end"):
            check_probability(self, key)
        check_factor(self, "colour_rate")
        if self.classes == 1:
            raise ValueError("classes=1: expected 2 or more, or 0 for an unconditional GAN")
