"""The hyper-parameters of DCGAN. The defaults are the paper's."""

from dataclasses import dataclass

from core.bounds import Channels, Classes, Count
from gan.checks import check_at_least, check_fraction, check_one_of
from gan.latent import LATENTS
from gan.losses import MODES


@dataclass(frozen=True)
class DCGANConfig:
    """Hyper-parameters of the networks, the losses and the optimizers.

    Sources: Radford et al. 2015, section 4; Newmu/dcgan_code @ e6e9cec,
    faces/train_uncond_dcgan.py (whose weight decay of 1e-5 the paper does not have, nor this).
    """

    latent_size: Channels = 100  # numbers in a z
    latent: str = "uniform"  # how z is distributed: uniform (from -1 to 1) | normal
    ngf: Channels = 128  # channels of the generator before its last layer, doubled at each below
    ndf: Channels = 128  # channels of the discriminator after its first layer
    classes: Classes = 0  # how many classes the labels of the data distinguish; 0: unconditional
    gan_mode: str = "vanilla"  # vanilla (non-saturating) | minimax | lsgan | hinge | wgan
    d_steps: Count = 1  # the generator learns at every d_steps-th step (k, Goodfellow et al. 2014)
    clip: float = 0.0  # wgan: weights of D stay from -clip to clip (Arjovsky et al. 2017: 0.01)
    learning_rate: float = 2e-4  # the rate of both Adams
    beta_1: float = 0.5
    beta_2: float = 0.999
    ema_half_life: float = 0.0  # images; 0: the generator is not averaged, as published

    def __post_init__(self):
        check_one_of(self, "gan_mode", MODES)
        check_one_of(self, "latent", LATENTS)
        for key in ("latent_size", "ngf", "ndf", "d_steps"):
            check_at_least(self, key, 1)
        for key in ("classes", "clip", "learning_rate", "ema_half_life"):
            check_at_least(self, key, 0)
        for key in ("beta_1", "beta_2"):
            check_fraction(self, key)
        if self.classes == 1:
            raise ValueError("classes=1: expected 2 or more, or 0 for an unconditional GAN")
        if (self.gan_mode == "wgan") != (self.clip > 0):
            raise ValueError(
                f"gan_mode='{self.gan_mode}', clip={self.clip}: wgan needs clip, such as 0.01, "
                "and the others 0"
            )
