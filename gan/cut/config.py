"""The hyper-parameters of CUT. The defaults are the paper's."""

from dataclasses import dataclass
from typing import Annotated

from core.bounds import AtMost, Channels, Kept, Layers, Levels
from gan.checks import check_adam, check_at_least, check_one_of
from gan.losses import FREE_MODES
from gan.translator import DIRECTIONS


@dataclass(frozen=True)
class CUTConfig:
    """Hyper-parameters of the networks, the losses and the optimizers.

    Source: taesungp/contrastive-unpaired-translation @ b3ac297, options/ and models/cut_model.py.
    FastCUT is `lambda_nce=10`, `nce_idt=False`, `flip_equivariance=True` and `decay_from=0.75` of
    200 epochs. SinCUT, which learns from one picture of each kind, has networks of StyleGAN2's
    layers (`generator` and `discriminator` "stylegan2"), see `gan.cut.single`.

    `nce_layers` are numbers in the authors' list of the generator's layers: 0 is the padded
    picture, 1, 2 and 3 the first convolution, its norm and ReLU; each halving adds four
    (convolution, norm, ReLU, blur; without `antialias` three), each residual block one. So 4 and 8
    are the convolutions of two halvings, 12 and 16 the first and the fifth block. Those of a
    "stylegan2" generator are numbered one by one, see `gan.cut.single_networks.single_generator`.
    """

    direction: str = "AtoB"  # AtoB | BtoA: what is learned; the other direction is another run
    generator: str = "resnet"  # resnet | stylegan2
    # channels of the generator after its first convolution; "stylegan2": 512 * ngf / crop size
    ngf: Channels = 64
    n_blocks: Layers = 9  # residual blocks
    n_downsampling: Levels = 2  # halvings before the blocks; image sizes are multiples of 2 ** this
    antialias: bool = True  # halve and double by blurs; False: by strided convolutions, as CycleGAN
    discriminator: str = "patch"  # patch | pixel; stylegan2, which goes with that generator
    # channels of the discriminator after its first convolution; "stylegan2": 256 * ndf / crop size
    ndf: Channels = 64
    n_layers: Levels = 3  # convolutions of the patch discriminator that are halved: 3 judges 70x70
    gan_mode: str = "lsgan"  # lsgan | vanilla | hinge | minimax
    lambda_gan: float = 1.0  # weight of the adversarial loss
    lambda_nce: float = 1.0  # weight of PatchNCE
    lambda_identity: float = 0.0  # weight of the L1 of a target and its translation (stylegan2)
    lambda_r1: float = 0.0  # weight of R1, half of it times the squared gradient (stylegan2)
    nce_layers: Annotated[tuple[int, ...], AtMost(4096)] = (0, 4, 8, 12, 16)  # see above
    nce_width: Channels = 256  # features of a patch, out of the patch MLPs
    num_patches: Kept = 256  # positions drawn in each layer; all of them where there are fewer
    nce_T: float = 0.07  # temperature of PatchNCE
    nce_idt: bool = True  # PatchNCE also between a target picture and its translation
    flip_equivariance: bool = False  # mirror the source in half of the steps, features back
    learning_rate: float = 2e-4  # the rate of all Adams until it decays
    beta_1: float = 0.5
    beta_2: float = 0.999
    decay_from: float = 0.5  # fraction of training after which the rate falls linearly
    ema_half_life: float = 0.0  # images; 0: the generator is not averaged, as published

    def __post_init__(self):
        check_one_of(self, "direction", DIRECTIONS)
        check_one_of(self, "gan_mode", FREE_MODES)
        check_one_of(self, "generator", ("resnet", "stylegan2"))
        check_one_of(self, "discriminator", ("patch", "pixel", "stylegan2"))
        for key in ("ngf", "ndf", "n_layers", "nce_width", "num_patches"):
            check_at_least(self, key, 1)
        for key in ("n_blocks", "n_downsampling", "lambda_gan", "lambda_nce", "lambda_identity",
                    "lambda_r1", "learning_rate", "ema_half_life"):  # fmt: skip
            check_at_least(self, key, 0)
        check_at_least(self, "nce_T", 1e-3)
        check_adam(self)
        self._check_single()
        self._check_layers()
        if self.lambda_gan == self.lambda_nce == 0:
            raise ValueError("lambda_gan and lambda_nce are both 0: nothing is left to train")

    @property
    def single(self) -> bool:
        """Whether these are SinCUT's networks and losses."""
        return self.generator == "stylegan2"

    def _check_single(self) -> None:
        if self.single != (self.discriminator == "stylegan2"):
            raise ValueError(
                f"generator={self.generator!r}, discriminator={self.discriminator!r}: expected "
                "'stylegan2' for both or for none"
            )
        for key in ("lambda_identity", "lambda_r1"):
            if getattr(self, key) and not self.single:
                raise ValueError(
                    f"{key}={getattr(self, key)}: only SinCUT has this loss, whose generator is "
                    "'stylegan2'"
                )
        if self.lambda_identity and not self.nce_idt:
            raise ValueError(
                f"lambda_identity={self.lambda_identity}: needs the targets' translations; set "
                "nce_idt=true, or lambda_identity=0"
            )
        if self.single and not self.antialias:
            raise ValueError("antialias=False: SinCUT's networks always have blurs; leave it out")
        if self.single and self.n_blocks % 2:
            raise ValueError(f"n_blocks={self.n_blocks}: expected an even number, half of them "
                             "before the features are doubled")  # fmt: skip

    def _check_layers(self) -> None:
        halving = 4 if self.antialias else 3
        layers, last = self.nce_layers, 3 + halving * self.n_downsampling + self.n_blocks
        if self.single:
            last = 1 + self.n_downsampling + self.n_blocks // 2
        rising = all(low < high for low, high in zip((-1, *layers), layers, strict=False))
        if not layers or not rising:
            raise ValueError(f"nce_layers={layers}: expected numbers from 0 up, in rising order")
        if layers[-1] > last:
            raise ValueError(
                f"nce_layers={layers}: with n_downsampling={self.n_downsampling} and "
                f"n_blocks={self.n_blocks} the last residual block is layer {last}"
            )

    @property
    def directions(self) -> tuple[str, ...]:
        """The direction that the model learns, in a tuple of one."""
        return (self.direction,)
