"""The hyper-parameters of ProGAN. The defaults are the official code's for CelebA-HQ."""

from dataclasses import dataclass

from core.bounds import Channels, Count, Side
from gan.checks import check_at_least, check_fraction, check_one_of
from gan.growth import by_resolution
from gan.losses import MODES

PENALTIES = ("none", "r1", "wgan_gp")


@dataclass(frozen=True)
class ProGANConfig:
    """Hyper-parameters of networks, growth, losses and optimizers.

    Source: tkarras/progressive_growing_of_gans @ 2504c3f, config.py:45-103 (preset v2, one GPU),
    train.py:90-164, loss.py and networks.py.
    """

    fmap_base: Count = 8192  # a level of R pixels has fmap_base * 2 / R feature maps,
    fmap_max: Channels = 512  # and at most this many
    latent_size: Channels = 512  # how many numbers a z has
    mbstd_group_size: Count = 4  # images whose deviation the discriminator sees; 1: it does not
    blur: bool = False  # filter by (1, 2, 1) after upsampling and before downsampling
    start_resolution: Side = 4  # pixels
    fade_images: Count = 600_000  # images seen while a level fades in
    stable_images: Count = 600_000  # images seen with a level before the next one fades in
    # images a step by resolution; batch_size for the others
    batch_sizes: tuple[str, ...] = ("4:128", "8:128", "16:128", "32:64", "64:32", "128:16", "256:8")
    learning_rate: float = 1e-3
    # by resolution; learning_rate for the others
    learning_rates: tuple[str, ...] = ("1024:0.0015",)
    beta_1: float = 0.0
    beta_2: float = 0.99
    epsilon: float = 1e-8
    reset_optimizers: bool = True  # at the beginning and at the end of every fade
    gan_mode: str = "wgan"  # wgan | vanilla (non-saturating logistic) | minimax | lsgan | hinge
    penalty: str = "wgan_gp"  # wgan_gp | r1 | none
    penalty_weight: float = 10.0  # lambda of WGAN-GP, gamma of R1 (half of which is the factor)
    penalty_interval: Count = 1  # steps; above 1 the penalty is lazy, and Adam's pace adapted to it
    drift: float = 1e-3  # weight of the squared logits of reals
    ema_decay: float = 0.999  # factor of the generator's average per step, or
    ema_half_life: float = 0.0  # its half-life in images; one of both is above 0

    def __post_init__(self):
        check_one_of(self, "gan_mode", MODES)
        check_one_of(self, "penalty", PENALTIES)
        for key in ("fmap_base", "fmap_max", "latent_size", "mbstd_group_size", "penalty_interval"):
            check_at_least(self, key, 1)
        for key in ("fade_images", "stable_images", "learning_rate", "epsilon", "penalty_weight",
                    "drift", "ema_half_life"):  # fmt: skip
            check_at_least(self, key, 0)
        for key in ("beta_1", "beta_2", "ema_decay"):
            check_fraction(self, key)
        if (self.ema_decay > 0) == (self.ema_half_life > 0):
            raise ValueError(
                f"ema_decay={self.ema_decay}, ema_half_life={self.ema_half_life}: expected one of "
                "them above 0"
            )
        by_resolution(self.batch_sizes, "batch_sizes", int)
        by_resolution(self.learning_rates, "learning_rates")
        if self.gan_mode == "wgan" and self.penalty == "none":
            raise ValueError(
                "gan_mode='wgan', penalty='none': expected penalty=wgan_gp or r1, without which "
                "the discriminator has no bounds"
            )
