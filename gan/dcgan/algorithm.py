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

import keras
from keras import ops

from core.batch_norm import run_unchanged
from core.ema import EMA
from core.optimizers import Adam, built
from core.phases import Algorithm, Phase, Stage
from gan.dcgan.config import DCGANConfig
from gan.dcgan.networks import discriminator, generator
from gan.losses import discriminator_loss, generator_loss


class DCGAN(Algorithm):
    """Generation of small pictures, of a class each if there are classes.

    A batch is `{"image": [N, size, size, 3]}`, float32 in [-1, 1], with classes also
    `"label": [N]`, int32; the fakes are of the classes of the reals.
    """

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
        size: of the pictures in pixels: 4 to 7 times a power of two.
        batch_size: images a step.
        seed: of z; the initial weights follow `keras.utils.set_random_seed`.
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
        passes = {"G": 2, "D": 3}
        super().__init__([Stage(batch_size, size)], networks, passes=passes, xla=xla)
        self.config = config
        self.noise = keras.random.SeedGenerator(seed)
        self.extra = {"noise": [self.noise.state]}
        self.average = None
        if config.ema_half_life:
            self.average = EMA(networks["G"], config.ema_half_life)
            self.extra["G_ema"] = self.average.network.variables
        if config.clip:
            for variable in networks["D"].trainable_variables:
                variable.constraint = Clip(config.clip)
        self.phases = [
            _phase("D", self.discriminator_phase, networks["D"], config),
            _phase("G", self.generator_phase, networks["G"], config, config.d_steps),
        ]

    @property
    def latent_size(self) -> int:
        """Numbers in a z."""
        return self.config.latent_size

    @property
    def latent(self) -> str:
        """How z is distributed: "uniform" from -1 to 1, or "normal"."""
        return self.config.latent

    @property
    def classes(self) -> int:
        """How many there are, 0 without."""
        return self.config.classes

    def generator(self, z, labels=None, training=False):
        """Pictures `[N, size, size, 3]` in [-1, 1] of z `[N, latent_size]` and int `labels [N]`,
        made with the averaged weights if there are any."""
        network = self.average.network if self.average else self.networks["G"]
        return network(self._inputs(z, labels), training=training)

    def discriminator_phase(self, batch):
        """Reals against fakes of a generator that stays as it is."""
        labels = batch.get("label")
        fakes = ops.stop_gradient(run_unchanged(self.networks["G"], self._latents(batch)))
        real_logits, fake_logits = (
            self.networks["D"](self._inputs(images, labels), training=True)
            for images in (batch["image"], fakes)
        )
        loss = discriminator_loss(self.config.gan_mode, real_logits, fake_logits)
        return loss, {"score/real": ops.mean(real_logits), "score/fake": ops.mean(fake_logits)}, {}

    def generator_phase(self, batch):
        """New fakes against a discriminator that stays as it is."""
        fakes = self.networks["G"](self._latents(batch), training=True)
        logits = run_unchanged(self.networks["D"], self._inputs(fakes, batch.get("label")))
        return generator_loss(self.config.gan_mode, logits), {}, {}

    def after_phases(self, batch_size):
        if self.average:
            self.average.update(batch_size)

    def _latents(self, batch):
        """What the generator takes for a batch: a new z, and the batch's classes."""
        shape = (batch["image"].shape[0], self.latent_size)
        if self.latent == "uniform":
            z = keras.random.uniform(shape, -1.0, 1.0, dtype="float32", seed=self.noise)
        else:
            z = keras.random.normal(shape, dtype="float32", seed=self.noise)
        return self._inputs(z, batch.get("label"))

    def _inputs(self, x, labels):
        return [x, labels] if self.classes else x


@keras.saving.register_keras_serializable("dcgan")
class Clip(keras.constraints.Constraint):
    """Weights from `-limit` to `limit`, so that D stays Lipschitz (Arjovsky et al. 2017)."""

    def __init__(self, limit: float):
        self.limit = limit

    def __call__(self, w):
        return ops.clip(w, -self.limit, self.limit)

    def get_config(self):
        return {"limit": self.limit}


def _phase(name, loss, network, config, interval=1):
    variables = network.trainable_variables
    adam = Adam(config.learning_rate, config.beta_1, config.beta_2)
    return Phase(name, variables, built(adam, variables), loss, interval)
