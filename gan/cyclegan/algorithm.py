"""The two phases of CycleGAN.

`G_A` translates A to B and `D_A` judges B; `G_B` translates B to A and `D_B` judges A (the
official code's names). One Adam trains both generators, another both discriminators; the
generators go first, and the discriminators see the fakes that were made before that update.

Source: Zhu et al. 2017 (https://arxiv.org/abs/1703.10593), section 3;
junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/cycle_gan_model.py.
"""

import functools

import keras
from keras import ops

from core.ema import EMA
from core.phases import Stage
from core.picture_size import Size, sides
from core.tensors import Batch, PhaseResult
from gan.cyclegan.config import CycleGANConfig
from gan.cyclegan.networks import discriminator, resnet_generator, smallest_size
from gan.decaying_adam import decaying_phase
from gan.losses import discriminator_loss, generator_loss
from gan.pool import ImagePool
from gan.translator import Translator


class CycleGAN(Translator):
    """Unpaired translation between the domains A and B.

    A batch is `{"A": [N, H, W, C], "B": [N, H, W, C]}`, float32 in [-1, 1].
    """

    def __init__(
        self,
        config: CycleGANConfig = CycleGANConfig(),  # noqa: B008 frozen
        *,
        size: Size = 256,
        channels: int = 3,
        batch_size: int = 1,
        epoch: int = 1000,
        epochs: float = 200,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: the hyper-parameters.
        size: of the training images in pixels, see `core.picture_size`; both sides are multiples
            of `2 ** config.n_downsampling`.
        channels: of the pictures of both domains.
        batch_size: how many images of each domain a step has.
        epoch: images in an epoch, for the learning rate.
        epochs: length of training in epochs, for the learning rate.
        seed: what the image pools depend on; the initial weights follow
            `keras.utils.set_random_seed`.
        xla: compile the step with XLA on TensorFlow.
        """
        generator = functools.partial(
            resnet_generator,
            channels=channels,
            ngf=config.ngf,
            n_blocks=config.n_blocks,
            n_downsampling=config.n_downsampling,
            dropout=config.dropout,
        )
        networks = {
            "G_A": generator(name="G_A"),
            "G_B": generator(name="G_B"),
            "D_A": discriminator(config, channels=channels, name="D_A"),
            "D_B": discriminator(config, channels=channels, name="D_B"),
        }
        super().__init__([Stage(batch_size, size)], networks, xla=xla, channels=channels)
        self.config = config
        generated = 3 if config.lambda_identity else 2  # there, back, and the identity
        self.passes = {"G_A": generated, "G_B": generated, "D_A": 3, "D_B": 3}
        self.pools = {
            d: ImagePool(config.pool_size, (*sides(size), channels), seed + i)
            for i, d in enumerate(("A", "B"))
        }
        self.extra = {f"pool_{d}": pool.variables for d, pool in self.pools.items()}
        self.averages = {}
        if config.ema_half_life:
            self.averages = {g: EMA(networks[g], config.ema_half_life) for g in ("G_A", "G_B")}
            self.extra |= {f"{g}_ema": ema.network.variables for g, ema in self.averages.items()}
        phase = functools.partial(decaying_phase, config=config, epoch=epoch, epochs=epochs)
        self.phases = [
            phase("G", self.generator_phase, [networks["G_A"], networks["G_B"]]),
            phase("D", self.discriminator_phase, [networks["D_A"], networks["D_B"]]),
        ]

    @property
    def size_multiple(self) -> int:
        return 2**self.config.n_downsampling

    @property
    def smallest_size(self) -> int:
        return smallest_size(self.size_multiple)

    @property
    def width(self) -> int:
        return self.config.ngf

    def average_networks(self) -> dict[str, keras.Model]:
        return {name: average.network for name, average in self.averages.items()}

    def translator_name(self, direction: str) -> str:
        return {"AtoB": "G_A", "BtoA": "G_B"}[direction]

    def translator(self, direction: str) -> keras.Model:
        """The generator for "AtoB" or "BtoA", with averaged weights if there are any."""
        name = self.translator_name(direction)
        return self.averages[name].network if name in self.averages else self.networks[name]

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """Adversarial, cycle and identity losses (equation 3 and section 5.2)."""
        config, real_A, real_B = self.config, batch["A"], batch["B"]
        fake_B, same_B = self._translate_and_keep("G_A", real_A, real_B)
        fake_A, same_A = self._translate_and_keep("G_B", real_B, real_A)
        again_A = self.networks["G_B"](fake_B, training=True)
        again_B = self.networks["G_A"](fake_A, training=True)
        judged_B = self.networks["D_A"](fake_B, training=True)
        judged_A = self.networks["D_B"](fake_A, training=True)
        logs = {
            "loss/G_A": config.lambda_gan * generator_loss(config.gan_mode, judged_B),
            "loss/G_B": config.lambda_gan * generator_loss(config.gan_mode, judged_A),
            "loss/cycle_A": config.lambda_A * _l1(again_A, real_A),
            "loss/cycle_B": config.lambda_B * _l1(again_B, real_B),
        }
        if config.lambda_identity:
            identity = config.lambda_identity
            logs["loss/idt_A"] = config.lambda_B * identity * _l1(same_B, real_B)
            logs["loss/idt_B"] = config.lambda_A * identity * _l1(same_A, real_A)
        return sum(logs.values()), logs, {"fake_A": fake_A, "fake_B": fake_B}

    def _translate_and_keep(self, name, source, target):
        """`G(source)`, and `G(target)`, which should change nothing, in one call."""
        network = self.networks[name]
        if not self.config.lambda_identity:
            return network(source, training=True), None
        return ops.split(network(ops.concatenate([source, target]), training=True), 2)

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """The losses of both discriminators, on reals and on pooled fakes.

        They are halved, which slows the discriminators against the generators.
        """
        logs = {
            "loss/D_A": self._judge("D_A", batch["B"], self.pools["B"].query(batch["fake_B"])),
            "loss/D_B": self._judge("D_B", batch["A"], self.pools["A"].query(batch["fake_A"])),
        }
        return sum(logs.values()), logs, {}

    def _judge(self, name, real, fake):
        logits = self.networks[name](ops.concatenate([real, fake]), training=True)
        return 0.5 * discriminator_loss(self.config.gan_mode, *ops.split(logits, 2))

    def after_phases(self, batch_size: int) -> None:
        for average in self.averages.values():
            average.update(batch_size)


def _l1(a, b):
    return ops.mean(ops.abs(a - b))
