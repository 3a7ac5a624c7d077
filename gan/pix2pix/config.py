"""The hyper-parameters of pix2pix. The defaults are the paper's."""

from dataclasses import dataclass

from core.bounds import Channels, Levels
from gan.checks import check_adam, check_at_least, check_one_of
from gan.losses import FREE_MODES
from gan.translator import DIRECTIONS

TEST_MODES = ("published", "eval")


@dataclass(frozen=True)
class Pix2PixConfig:
    """Hyper-parameters of the networks, the losses and the optimizers.

    Source: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, options/ and models/pix2pix_model.py.
    The ablations of the paper's Table 1 are `lambda_gan=0` (L1 alone) and `lambda_L1=0` (cGAN
    alone).

    `test_mode` says how a trained generator translates:

    - "published": as in training, each picture a batch of its own: dropout stays on, as the noise
      of the model, and batch norm takes the statistics of the picture (section 3.4 of the paper;
      test.py unless `--eval`). The same picture and seed give the same result.
    - "eval": no dropout, and the running statistics of training (test.py `--eval`).
    """

    direction: str = "AtoB"  # AtoB | BtoA: what is learned; the other direction is another run
    ngf: Channels = 64  # channels of the U-Net after its first convolution
    num_downs: Levels = 8  # halvings of the U-Net, 5 to 8; sizes are multiples of 2 ** this
    dropout: bool = True  # 0.5 in the inner layers on the way up, where num_downs is above 5
    discriminator: str = "patch"  # patch | pixel
    ndf: Channels = 64  # channels of the discriminator after its first convolution
    n_layers: Levels = 3  # strided convolutions of the patch discriminator: 3 judges 70x70 pixels
    gan_mode: str = "vanilla"  # vanilla | lsgan | hinge | minimax
    lambda_gan: float = 1.0  # weight of the adversarial loss
    lambda_L1: float = 100.0  # weight of the distance to the truth
    test_mode: str = "published"  # published | eval
    learning_rate: float = 2e-4  # the rate of both Adams until it decays
    beta_1: float = 0.5
    beta_2: float = 0.999
    decay_from: float = 0.5  # fraction of training after which the rate falls linearly

    def __post_init__(self):
        check_one_of(self, "direction", DIRECTIONS)
        check_one_of(self, "gan_mode", FREE_MODES)
        check_one_of(self, "discriminator", ("patch", "pixel"))
        check_one_of(self, "test_mode", TEST_MODES)
        if not 5 <= self.num_downs <= 8:
            raise ValueError(f"num_downs={self.num_downs}: expected 5 to 8")
        for key in ("ngf", "ndf", "n_layers"):
            check_at_least(self, key, 1)
        for key in ("lambda_gan", "lambda_L1", "learning_rate"):
            check_at_least(self, key, 0)
        check_adam(self)
        if self.lambda_gan == self.lambda_L1 == 0:
            raise ValueError("lambda_gan and lambda_L1 are both 0: nothing is left to train")

    @property
    def directions(self) -> tuple[str, ...]:
        """The direction that the model learns, in a tuple of one."""
        return (self.direction,)
