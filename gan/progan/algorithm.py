"""Progressive growing: the phases, and what changes from level to level.

A step trains the discriminator on reals and on fakes, then the generator against it, each with a z
of its own. While a level fades in, the reals fade with it. `G_ema` follows the generator; pictures
are made with it.

Sources: Karras et al. 2018 (https://arxiv.org/abs/1710.10196); tkarras/progressive_growing_of_gans
@ 2504c3f, train.py and loss.py; NVlabs/stylegan @ 1e0d5c7, training/training_loop.py. The official
loop moves the average beside the discriminator's update; here it moves at the end of the step.
"""

import functools

import keras
from keras import ops

from core import optimizers
from core.phases import Stage
from core.tensors import Batch, PhaseResult
from gan.growth import by_resolution, faded_in, schedule, without_new_detail
from gan.latent import LatentGAN
from gan.losses import discriminator_loss, generator_loss
from gan.penalties import squared_gradient, wgan_gp
from gan.progan.config import ProGANConfig
from gan.progan.networks import Generator
from gan.progressive import Discriminator, resolutions


class ProGAN(LatentGAN):
    """Unconditional generation from 4x4 pixels up.

    A batch is `{"image": [N, R, R, 3]}`, float32 in [-1, 1], R the resolution of the stage.
    """

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
        config: the hyper-parameters.
        size: full resolution in pixels, a power of two.
        batch_size: images a step at resolutions that `config.batch_sizes` does not name.
        seed: what z and everything random in the step depend on.
        xla: compile the step with XLA on TensorFlow.

        Raises:
            ValueError: `size` is not a power of two, or below the first resolution.
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
        super().__init__(
            stages,
            networks,
            latent_size=config.latent_size,
            ema_half_life=config.ema_half_life,
            ema_decay=config.ema_decay,
            seed=seed,
            passes=passes,
            xla=xla,
        )
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
        rates = by_resolution(config.learning_rates, "learning_rates")

        def rate(_):
            """The rate of the current stage; a step is compiled for each resolution."""
            return rates.get(self.current_stage.height, config.learning_rate)

        updates = functools.partial(
            self.updates,
            # TensorFlow 1's Adam, which is Keras'
            adam=functools.partial(keras.optimizers.Adam, epsilon=config.epsilon),
            learning_rate=rate,
            betas=(config.beta_1, config.beta_2),
        )
        lazy = config.penalty != "none" and config.penalty_interval > 1
        g = updates("G", self.generator_phase)
        d, *penalty = updates(
            "D",
            self.discriminator_phase,
            penalty=self.penalty_phase if lazy else None,
            penalty_interval=config.penalty_interval,
        )
        return [d, *g, *penalty]

    # --- what the runner uses

    @property
    def generator(self) -> keras.Model:
        """The averaged generator at the level of detail that training has reached.

        See `gan.latent.LatentGAN.generator`.
        """
        network = self.sampling_network
        network.lod = self.lod()
        return network

    @property
    def detail(self) -> float:
        return self.lod()

    def lod(self) -> float:
        """The level of detail after the images seen so far: 0 when it has grown up."""
        images = int(self.images.numpy())
        stage = self.stage(images)
        fade = self._faded_in(images, stage)
        return (self.size // stage.height).bit_length() - float(ops.convert_to_numpy(fade))

    def sized(self, name: str, stage: Stage | None = None) -> keras.Model:
        stage = self.stages[-1] if stage is None else stage
        return self.networks[name].functional(stage.batch_size, stage.size)

    def enter(self, stage: Stage) -> None:
        if self.config.reset_optimizers and stage is not self.stages[0]:
            for optimizer in {id(p.optimizer): p.optimizer for p in self.phases}.values():
                optimizers.reset(optimizer)

    # --- the step

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """The discriminator's loss: adversarial, drift, and the penalty unless it is lazy."""
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

    def penalty_phase(self, batch: Batch) -> PhaseResult:
        """The loss of a lazy penalty: the penalty times its interval."""
        config, reals, fade = self.config, self._reals(batch), self._fade()
        if config.penalty == "r1":
            penalty = squared_gradient(self._judge(fade), reals)[0]
            penalty = config.penalty_weight / 2 * ops.mean(penalty)
        else:
            fakes = ops.stop_gradient(self._fakes(reals.shape[0], fade))
            penalty = self._wgan_gp(reals, fakes, fade)
        return config.penalty_interval * penalty, {"loss/penalty": penalty}, {}

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """The generator's adversarial loss, on new fakes."""
        fade = self._fade()
        fakes = self._fakes(batch["image"].shape[0], fade, training=True)
        logits = self._judge(fade)(fakes)
        return generator_loss(self.config.gan_mode, logits), {}, {}

    def _fade(self):
        return self._faded_in(self.images.value, self.current_stage)

    def _faded_in(self, images, stage):
        start, fade = self.config.start_resolution, self.config.fade_images
        return faded_in(images, self.stages, stage.size, start=start, fade=fade)

    def _judge(self, fade):
        return lambda images: self.networks["D"].grown(images, fade)

    def _reals(self, batch):
        """The images, without the detail of the level that is still to fade in."""
        return without_new_detail(batch["image"], self._fade())

    def _fakes(self, count, fade, training=False):
        """Pictures of new z. Called with `training` where the generator is trained."""
        return self.networks["G"].grown(self.z(count), self.current_stage.size, fade)

    def _wgan_gp(self, reals, fakes, fade):
        penalty = wgan_gp(self._judge(fade), reals, fakes, self.random)
        return self.config.penalty_weight * ops.mean(penalty)
