"""The hyper-parameters of CycleGAN. The defaults are the paper's."""

from dataclasses import dataclass

from core.bounds import Channels, Kept, Layers, Levels
from gan.checks import check_adam, check_at_least, check_one_of
from gan.losses import FREE_MODES
from gan.translator import DIRECTIONS


@dataclass(frozen=True)
class CycleGANConfig:
    """Hyper-parameters of the networks, the losses and the optimizers.

    Source: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, options/ and models/cycle_gan_model.py.
    The ablations of the paper's Tables 4 and 5 are `lambda_gan=0` (cycle alone), `lambda_A=0
    lambda_B=0` (GAN alone), `lambda_B=0` (GAN + forward cycle) and `lambda_A=0` (GAN + backward
    cycle), all with `lambda_identity=0`.
    """

    ngf: Channels = 64  # channels of the generators after their first convolution
    n_blocks: Layers = 9  # residual blocks: 9 from 256 px on, 6 at 128 px
    n_downsampling: Levels = 2  # halvings before the blocks; image sizes are multiples of 2 ** this
    dropout: bool = False  # 0.5 in the residual blocks
    discriminator: str = "patch"  # patch | pixel
    ndf: Channels = 64  # channels of the discriminators after their first convolution
    n_layers: Levels = 3  # strided convolutions of the patch discriminator: 3 judges 70x70 pixels
    gan_mode: str = "lsgan"  # lsgan | vanilla | hinge | minimax
    lambda_gan: float = 1.0  # weight of the adversarial loss
    lambda_A: float = 10.0  # weight of the forward cycle A -> B -> A
    lambda_B: float = 10.0  # weight of the backward cycle B -> A -> B
    lambda_identity: float = 0.5  # relative to lambda_A and lambda_B: 0.5 gives a weight of 5
    pool_size: Kept = 50  # old fakes kept per discriminator, 0 for none
    learning_rate: float = 2e-4  # the rate of both Adams until it decays
    beta_1: float = 0.5
    beta_2: float = 0.999
    decay_from: float = 0.5  # fraction of training after which the rate falls linearly
    ema_half_life: float = 0.0  # images; 0: the generators are not averaged, as published

    def __post_init__(self):
        check_one_of(self, "gan_mode", FREE_MODES)
        check_one_of(self, "discriminator", ("patch", "pixel"))
        for key in ("ngf", "ndf", "n_layers"):
            check_at_least(self, key, 1)
        for key in ("n_blocks", "n_downsampling", "pool_size", "lambda_gan", "lambda_A", "lambda_B",
                    "lambda_identity", "learning_rate", "ema_half_life"):  # fmt: skip
            check_at_least(self, key, 0)
        check_adam(self)
        if self.lambda_gan == self.lambda_A == self.lambda_B == 0:
            raise ValueError(
                "lambda_gan, lambda_A and lambda_B are all 0: nothing is left to train"
            )

    @property
    def directions(self) -> tuple[str, ...]:
        """The directions that the model learns: both."""
        return DIRECTIONS
