"""Progressive growing: the phases, and what changes from level to level.

A step trains the discriminator on reals and on fakes, then the generator against it, each with a z
of its own. While a level fades in, the reals fade with it. `G_ema` follows the generator; pictures
are made with it.

Sources: Karras et al. 2018 (https://arxiv.org/abs/1710.10196); tkarras/progressive_growing_of_gans
@ 2504c3f, train.py and loss.py; NVlabs/stylegan @ 1e0d5c7, training/training_loop.py. The official
loop moves the average beside the discriminator's update; here it moves at the end of the step.
"""

import keras
from keras import ops

from core import optimizers
from core.ema import EMA
from core.phases import Algorithm, Phase, Stage
from core.resample import box, nearest
from gan.growth import by_resolution, faded_in, schedule
from gan.losses import discriminator_loss, generator_loss
from gan.penalties import squared_gradient, wgan_gp
from gan.progan.config import ProGANConfig
from gan.progan.networks import Generator
from gan.progressive import Discriminator, resolutions


class ProGAN(Algorithm):
    """Unconditional generation from 4x4 pixels up.

    A batch is `{"image": [N, R, R, 3]}`, float32 in [-1, 1], R the resolution of the stage.
    """

    classes = 0  # it takes no labels

    def __init__(
        self,
        config: ProGANConfig = ProGANConfig(),  # noqa: B008 frozen
        *,
        size: int = 64,
        batch_size: int = 4,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        size: full resolution in pixels, a power of two.
        batch_size: images a step, for resolutions that `config.batch_sizes` does not name.
        seed: of z and of everything random in the step.
        xla: compile the step with XLA on TensorFlow.

        Raises:
            ValueError: a resolution that is not a power of two, or below the first one.
        """
        if config.start_resolution not in resolutions(size):
            raise ValueError(
                f"start_resolution={config.start_resolution}: expected one of "
                f"{', '.join(map(str, resolutions(size)))}"
            )
        stages = schedule(
            size,
            config.start_resolution,
            fade=config.fade_images,
            stable=config.stable_images,
            batch_size=batch_size,
            batch_sizes=by_resolution(config.batch_sizes, "batch_sizes", int),
        )
        self.config, self.size = config, size
        networks = {"G": self._generator(), "D": self._discriminator()}
        # through D: a real and a fake for D, a fake for G, and what the penalty looks at
        passes = {"G": 2, "D": 3 + (config.penalty != "none")}
        super().__init__(stages, networks, passes=passes, xla=xla)
        self.random = keras.random.SeedGenerator(seed)
        self.average = EMA(networks["G"], config.ema_half_life, decay=config.ema_decay)
        self.extra = {"G_ema": self.average.network.variables, "random": [self.random.state]}
        self.phases = self._phases()

    def _generator(self):
        config = self.config
        return Generator(
            self.size,
            latent_size=config.latent_size,
            fmap_base=config.fmap_base,
            fmap_max=config.fmap_max,
            blur=config.blur,
            name="G",
        )

    def _discriminator(self):
        config = self.config
        return Discriminator(
            self.size,
            fmap_base=config.fmap_base,
            fmap_max=config.fmap_max,
            mbstd_group_size=config.mbstd_group_size,
            blur=config.blur,
            name="D",
        )

    def _phases(self):
        config = self.config
        g, d = (self.networks[name].trainable_variables for name in "GD")
        lazy = config.penalty_interval if config.penalty != "none" else 1
        rates = by_resolution(config.learning_rates, "learning_rates")

        def rate(factor):
            """By the stage at the time of tracing: a step is compiled for one resolution."""
            return lambda _: factor * rates.get(self.current_stage.size, config.learning_rate)

        adam_g, slow_g = self._adam(g, 1)
        adam_d, slow_d = self._adam(d, lazy)
        phases = [
            Phase("D", d, adam_d, self.discriminator_phase, learning_rate=rate(slow_d)),
            Phase("G", g, adam_g, self.generator_phase, learning_rate=rate(slow_g)),
        ]
        if lazy > 1:
            loss = self.penalty_phase
            phases += [Phase("D_reg", d, adam_d, loss, lazy, learning_rate=rate(slow_d))]
        return phases

    def _adam(self, variables, interval):
        """Adam, and the factor of its learning rate. (TensorFlow 1's Adam, which is Keras'.)"""
        config = self.config
        args = {"learning_rate": 1.0, "beta_1": config.beta_1, "beta_2": config.beta_2}
        args = optimizers.lazily(interval, **args) if interval > 1 else args
        adam = keras.optimizers.Adam(**args, epsilon=config.epsilon)
        return optimizers.built(adam, variables), args["learning_rate"]

    # --- what the runner uses

    @property
    def latent_size(self) -> int:
        """Numbers in a z."""
        return self.config.latent_size

    @property
    def generator(self) -> keras.Model:
        """The averaged generator, at the level of detail that training has reached."""
        network = self.average.network
        network.lod = self.lod()
        return network

    def lod(self) -> float:
        """The level of detail after the images seen so far: 0 when it has grown up."""
        images = int(self.images.numpy())
        stage = self.stage(images)
        fade = self._faded_in(images, stage)
        return (self.size // stage.size).bit_length() - float(ops.convert_to_numpy(fade))

    def enter(self, stage: Stage) -> None:
        if self.config.reset_optimizers and stage is not self.stages[0]:
            for optimizer in {id(p.optimizer): p.optimizer for p in self.phases}.values():
                optimizers.reset(optimizer)

    # --- the step

    def discriminator_phase(self, batch):
        """The adversarial loss, the drift term, and the penalty unless it is lazy."""
        config, reals, fade = self.config, self._reals(batch), self._fade()
        fakes = ops.stop_gradient(self._fakes(reals.shape[0], fade))
        penalty = 0.0
        if config.penalty == "r1" and config.penalty_interval == 1:
            penalty, real_logits = squared_gradient(self._judge(fade), reals)
            penalty = config.penalty_weight / 2 * ops.mean(penalty)
        else:
            real_logits = self._judge(fade)(reals)
            if config.penalty == "wgan_gp" and config.penalty_interval == 1:
                penalty = self._wgan_gp(reals, fakes, fade)
        fake_logits = self._judge(fade)(fakes)
        adversarial = discriminator_loss(config.gan_mode, real_logits, fake_logits)
        loss = adversarial + penalty
        if config.drift:
            loss = loss + config.drift * ops.mean(ops.square(real_logits))
        logs = {"score/real": ops.mean(real_logits), "score/fake": ops.mean(fake_logits)}
        if config.penalty != "none" and config.penalty_interval == 1:
            logs["loss/penalty"] = penalty
        return loss, logs, {}

    def penalty_phase(self, batch):
        """The penalty alone, times its interval."""
        config, reals, fade = self.config, self._reals(batch), self._fade()
        if config.penalty == "r1":
            penalty = squared_gradient(self._judge(fade), reals)[0]
            penalty = config.penalty_weight / 2 * ops.mean(penalty)
        else:
            fakes = ops.stop_gradient(self._fakes(reals.shape[0], fade))
            penalty = self._wgan_gp(reals, fakes, fade)
        return config.penalty_interval * penalty, {"loss/penalty": penalty}, {}

    def generator_phase(self, batch):
        """The adversarial loss on new fakes."""
        fade = self._fade()
        fakes = self._fakes(batch["image"].shape[0], fade, training=True)
        logits = self._judge(fade)(fakes)
        return generator_loss(self.config.gan_mode, logits), {}, {}

    def after_phases(self, batch_size):
        self.average.update(batch_size)

    def _fade(self):
        return self._faded_in(self.images.value, self.current_stage)

    def _faded_in(self, images, stage):
        start, fade = self.config.start_resolution, self.config.fade_images
        return faded_in(images, self.stages, stage.size, start=start, fade=fade)

    def _judge(self, fade):
        return lambda images: self.networks["D"].grown(images, fade)

    def _reals(self, batch):
        """The images, without the detail of the level that is still to fade in."""
        images, fade = batch["image"], self._fade()
        if isinstance(fade, float):
            return images
        lower = nearest(box(images))
        return lower + (images - lower) * fade

    def _fakes(self, count, fade, training=False):
        """Pictures of new z. Called with `training` where the generator is trained."""
        return self.networks["G"].grown(self._z(count), self.current_stage.size, fade)

    def _z(self, count):
        return keras.random.normal((count, self.latent_size), seed=self.random, dtype="float32")

    def _wgan_gp(self, reals, fakes, fade):
        penalty = wgan_gp(self._judge(fade), reals, fakes, self.random)
        return self.config.penalty_weight * ops.mean(penalty)
