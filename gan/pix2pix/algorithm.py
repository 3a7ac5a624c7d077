"""The two phases of pix2pix.

`G` translates, `D` judges pairs of input and output, in six channels if they are RGB. The
discriminator goes first; the generator is then judged by the new one.

Source: Isola et al. 2017 (https://arxiv.org/abs/1611.07004), section 3;
junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/pix2pix_model.py, and test.py:65-69.
"""

import functools
from collections.abc import Callable

import keras
from keras import ops

from core import engine
from core.batch_norm import run_unchanged
from core.phases import Stage
from core.picture_size import Size
from core.tensors import Batch, PhaseResult
from gan.cyclegan.networks import discriminator
from gan.decaying_adam import decaying_phase
from gan.losses import discriminator_loss, generator_loss
from gan.pix2pix.config import Pix2PixConfig
from gan.pix2pix.networks import unet_generator
from gan.translator import Translator


class Pix2Pix(Translator):
    """Translation from one domain to the other, learned from pairs.

    A batch is `{"A": [N, H, W, C], "B": [N, H, W, C]}`, float32 in [-1, 1], the same scenes.

    Both phases need the same fake, the second one with its gradient, which a phase cannot hand on.
    So the generator runs twice, with the same dropout; its running statistics and seeds follow the
    second time alone. (XLA finds that both are the same and computes them once.)
    """

    def __init__(
        self,
        config: Pix2PixConfig = Pix2PixConfig(),  # noqa: B008 frozen
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
            of `2 ** config.num_downs`.
        channels: of the pictures of both domains.
        batch_size: how many pairs a step has.
        epoch: pairs in an epoch, for the learning rate.
        epochs: length of training in epochs, for the learning rate.
        seed: what the dropout of translations depends on; the initial weights and the dropout of
            training follow `keras.utils.set_random_seed`.
        xla: compile the step with XLA on TensorFlow.
        """
        networks = {
            "G": unet_generator(
                ngf=config.ngf,
                num_downs=config.num_downs,
                in_channels=channels,
                out_channels=channels,
                dropout=config.dropout,
                name="G",
            ),
            "D": discriminator(config, channels=2 * channels, norm="batch", name="D"),
        }
        super().__init__([Stage(batch_size, size)], networks, xla=xla, channels=channels)
        self.config, self.seed = config, seed
        self.passes = {"G": 2, "D": 3}
        phase = functools.partial(decaying_phase, config=config, epoch=epoch, epochs=epochs)
        self.phases = [
            phase("D", self.discriminator_phase, [networks["D"]]),
            phase("G", self.generator_phase, [networks["G"]]),
        ]

    @property
    def size_multiple(self) -> int:
        return 2**self.config.num_downs

    @property
    def width(self) -> int:
        return self.config.ngf  # or what takes as much memory

    def translator_name(self, direction: str) -> str:
        return "G"  # a run has one direction

    def translator(self, direction: str) -> Callable:
        """The generator, called as `config.test_mode` says; see `Translator.translator`."""
        network = super().translator(direction)
        if self.config.test_mode == "published":
            return published_translator(network, self.seed)
        return network

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """The discriminator's loss, halved, which slows it against the generator.

        Fakes and reals are judged one after the other, so that batch norm sees them apart.
        """
        source, target = self._pair(batch)
        fake = run_unchanged(self.networks["G"], source)
        fake_logits = self._judge(source, ops.stop_gradient(fake))
        real_logits = self._judge(source, target)
        loss = 0.5 * discriminator_loss(self.config.gan_mode, real_logits, fake_logits)
        return loss, {}, {}

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """Adversarial loss and distance to the truth (equation 4)."""
        source, target = self._pair(batch)
        fake = self.networks["G"](source, training=True)
        adversarial = generator_loss(self.config.gan_mode, self._judge(source, fake))
        logs = {
            "loss/G_GAN": self.config.lambda_gan * adversarial,
            "loss/G_L1": self.config.lambda_L1 * ops.mean(ops.abs(fake - target)),
        }
        return sum(logs.values()), logs, {}

    def _pair(self, batch):
        """The input and the truth of a batch."""
        pair = batch["A"], batch["B"]
        return pair if self.config.direction == "AtoB" else pair[::-1]

    def _judge(self, source, result):
        return self.networks["D"](ops.concatenate([source, result], axis=-1), training=True)


def published_translator(network: keras.Model, seed: int) -> Callable:
    """A translator that runs a generator as in training, and changes nothing of it.

    Every picture is a batch of its own, so that it does not depend on the others.

    Args:
        network: a generator with batch norm, and perhaps dropout.
        seed: what dropout depends on; it is the same for every picture of a size.

    Returns:
        A function of `[N, H, W, C]` and `training`, which it takes as a network does and ignores.
    """
    dropouts = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    seeds = {id(layer.seed_generator.state): (seed, i) for i, layer in enumerate(dropouts)}

    alone = engine.compile_by_shape(
        lambda image: run_unchanged(network, image, seeds), network.variables
    )

    def translate(images, training=False):
        return ops.concatenate([alone(images[i : i + 1]) for i in range(len(images))])

    return translate
