"""The two phases of DCGAN: the discriminator learns, then the generator against it.

Both networks work with the statistics of the batch in both phases, and reals and fakes go through
the discriminator one after the other, each normalised by themselves. Running statistics move only
in the phase that trains their network: the generator's once a step, with the fakes it learns from;
the discriminator's with the reals and with the fakes, and nothing ever reads those. So a phase
leaves the other network as it is, bit for bit.

Sources: Goodfellow et al. 2014 (https://arxiv.org/abs/1406.2661), algorithm 1;
Radford et al. 2015 (https://arxiv.org/abs/1511.06434); pytorch/examples @ 13caa07, dcgan/main.py,
which gives the generator the fakes that the discriminator has just seen; algorithm 1 has new ones.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from core.batch_norm import run_unchanged
from core.optimizers import Adam
from core.phases import Stage
from core.tensors import Batch, PhaseResult
from gan.dcgan.config import DCGANConfig
from gan.dcgan.networks import discriminator, generator
from gan.latent import LatentGAN
from gan.losses import discriminator_loss, generator_loss


class DCGAN(LatentGAN):
    """Generation of small pictures, of a class each if there are classes.

    Batches as of `LatentGAN`, of `[N, size, size, 3]`.
    """

    random_group = "noise"  # as in checkpoints from before there was a `LatentGAN`

    def __init__(
        self,
        config: DCGANConfig = DCGANConfig(),  # noqa: B008 frozen
        *,
        size: int = 64,
        batch_size: int = 128,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: the hyper-parameters.
        size: height and width of the pictures in pixels, 4 to 7 times a power of two.
        batch_size: how many images a step has.
        seed: what z depends on; the initial weights follow `keras.utils.set_random_seed`.
        xla: compile the step with XLA on TensorFlow.

        Raises:
            ValueError: a size that the networks cannot have.
        """
        networks = {
            "G": generator(
                size,
                latent_size=config.latent_size,
                ngf=config.ngf,
                classes=config.classes,
                name="G",
            ),
            "D": discriminator(size, ndf=config.ndf, classes=config.classes, name="D"),
        }
        super().__init__(
            [Stage(batch_size, size)],
            networks,
            latent_size=config.latent_size,
            latent=config.latent,
            classes=config.classes,
            ema_half_life=config.ema_half_life,
            seed=seed,
            passes={"G": 2, "D": 3},
            xla=xla,
        )
        self.config = config
        if config.clip:
            for variable in networks["D"].trainable_variables:
                variable.constraint = Clip(config.clip)
        updates = functools.partial(
            self.updates,
            adam=Adam,
            learning_rate=config.learning_rate,
            betas=(config.beta_1, config.beta_2),
        )
        self.phases = [
            *updates("D", self.discriminator_phase),
            *updates("G", self.generator_phase, interval=config.d_steps),
        ]

    @property
    def generator(self) -> Callable[..., Any]:
        """See `LatentGAN.generator`."""
        return self._generate

    def _generate(self, z, labels=None, training=False):
        return self.sampling_network(self._inputs(z, labels), training=training)

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """The discriminator's loss on reals and fakes; the generator stays as it is."""
        labels = self.labels(batch)
        fakes = ops.stop_gradient(run_unchanged(self.networks["G"], self._latents(batch)))
        real_logits, fake_logits = (
            self.networks["D"](self._inputs(images, labels), training=True)
            for images in (batch["image"], fakes)
        )
        loss = discriminator_loss(self.config.gan_mode, real_logits, fake_logits)
        return loss, {"score/real": ops.mean(real_logits), "score/fake": ops.mean(fake_logits)}, {}

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """The generator's loss on new fakes; the discriminator stays as it is."""
        fakes = self.networks["G"](self._latents(batch), training=True)
        logits = run_unchanged(self.networks["D"], self._inputs(fakes, self.labels(batch)))
        return generator_loss(self.config.gan_mode, logits), {}, {}

    def _latents(self, batch):
        """What the generator takes for a batch: a new z, and the batch's classes."""
        return self._inputs(self.z(batch["image"].shape[0]), self.labels(batch))

    def _inputs(self, x, labels):
        return [x, labels] if self.classes else x


@keras.saving.register_keras_serializable("dcgan")
class Clip(keras.constraints.Constraint):
    """Keeps weights from `-limit` to `limit`, so that D stays Lipschitz (Arjovsky et al. 2017)."""

    def __init__(self, limit: float):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self) -> dict[str, Any]:
        return {"limit": self.limit}
