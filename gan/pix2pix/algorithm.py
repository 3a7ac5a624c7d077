"""The two phases of pix2pix.

`G` translates, `D` judges pairs of input and output, in six channels if they are RGB. The
discriminator goes first; the generator is then judged by the new one.

Source: Isola et al. 2017 (https://arxiv.org/abs/1611.07004), section 3;
junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/pix2pix_model.py, and test.py:65-69.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from core import engine
from core.batch_norm import run_unchanged
from core.phases import Stage
from core.picture_size import Size
from core.tensors import Batch, PhaseResult, Shape, Tensor
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

    def exported(self, direction: str) -> Callable:
        network = self.networks[self.translator_name(direction)]
        return AsInTraining(network, self.seed) if self.single else network

    @property
    def single(self) -> bool:
        return self.config.test_mode == "published"

    @property
    def draws(self) -> str:
        if not (self.single and _dropouts(self.networks["G"])):
            return ""
        return (
            "its dropout stays on, as published, and draws random numbers. Give --set "
            "algorithm.test_mode=eval, which turns it off, or"
        )

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


def _dropouts(network):
    return [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]


@keras.saving.register_keras_serializable("pix2pix")
class AsInTraining(keras.layers.Layer):
    """A generator that runs as in training, and changes nothing of it.

    Args:
        network: a generator with batch norm, and perhaps dropout.
        seed: what dropout depends on; it is the same for every picture of a size.
    """

    def __init__(self, network: keras.Model, seed: int, **kwargs):
        super().__init__(**kwargs)
        self.network, self.seed = network, seed
        self.built = True

    def call(self, image: Tensor) -> Tensor:
        """The translation of one picture, `[1, H, W, C]` in [-1, 1]."""
        dropouts = enumerate(_dropouts(self.network))
        seeds = {id(layer.seed_generator.state): (self.seed, i) for i, layer in dropouts}
        return run_unchanged(self.network, image, seeds)

    def compute_output_shape(self, shape: Shape) -> Shape:
        """The shape of the picture that the generator makes."""
        return self.network.compute_output_shape(shape)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        network = keras.saving.serialize_keras_object(self.network)
        return super().get_config() | {"network": network, "seed": self.seed}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "AsInTraining":
        """The layer of a configuration."""
        network = keras.saving.deserialize_keras_object(config["network"])
        return cls(**config | {"network": network})


def published_translator(network: keras.Model, seed: int) -> Callable:
    """A translator that runs a generator as in training, and changes nothing of it.

    Every picture is a batch of its own, so that it does not depend on the others.

    Args:
        network: a generator with batch norm, and perhaps dropout.
        seed: what dropout depends on; it is the same for every picture of a size.

    Returns:
        A function of `[N, H, W, C]` and `training`, which it takes as a network does and ignores.
    """
    layer = AsInTraining(network, seed)
    alone = engine.compile_by_shape(layer.call, network.variables)

    def translate(images, training=False):
        return ops.concatenate([alone(images[i : i + 1]) for i in range(len(images))])

    return translate
