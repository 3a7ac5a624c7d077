"""The phases of StyleGAN2: adversarial losses, path length, R1, and augmentation of what D sees.

A step has up to four phases, each with pictures of its own: G's loss, at every fourth step the path
length, D's loss, at every sixteenth step R1. Path length and R1 are lazy: they are multiplied by
their intervals, and the optimizers are adapted to the additional updates.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), sections 3.1 and 3.2; Karras et al.
2020 (https://arxiv.org/abs/2006.06676), section 3; NVlabs/stylegan2-ada-pytorch @ d72cc7d,
training/loss.py and training/training_loop.py. The official code moves the mean of w with the
discriminator's fakes, too; here only G's phases change G.
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from core import engine
from core.optimizers import Adam
from core.phases import Stage
from core.picture_size import Size
from core.schedules import cosine
from core.tensors import Batch, PhaseResult, Tensor
from gan.augment.blur import blurred
from gan.augment.training import Augmentation
from gan.latent import LatentGAN
from gan.losses import discriminator_loss, generator_loss
from gan.penalties import squared_gradient
from gan.style_mixing import layers_of_the_first_w
from gan.stylegan2.config import StyleGAN2Config
from gan.stylegan2.discriminator import Discriminator
from gan.stylegan2.networks import Generator


class StyleGAN2(LatentGAN):
    """Generation with a style per layer, of a class each if there are classes.

    Batches as of `LatentGAN`.

    Attributes:
        augmentation: changes what the discriminator sees.
        pl_mean: the moving mean of path lengths.
    """

    def __init__(
        self,
        config: StyleGAN2Config = StyleGAN2Config(),  # noqa: B008 frozen
        *,
        size: Size = 64,
        channels: int = 3,
        batch_size: int = 32,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: the hyper-parameters.
        size: of the pictures in pixels, see `gan.stylegan2.blocks`.
        channels: of the pictures.
        batch_size: how many images a step has.
        seed: what z and everything random in the step depend on.
        xla: compile the step with XLA on TensorFlow.

        Raises:
            ValueError: a size that the networks cannot have, or more frozen layers than D has.
        """
        self.config = config
        super().__init__(
            [Stage(batch_size, size)],
            {"G": self._generator(size, channels), "D": self._discriminator(size, channels)},
            latent_size=config.z_dim,
            classes=config.classes,
            ema_half_life=config.ema_half_life,
            ema_ramp_up=config.ema_ramp_up,
            seed=seed,
            passes={"G": 2, "D": 3},
            xla=xla,
            channels=channels,
        )
        self.pl_mean = keras.Variable(0.0, dtype="float32", trainable=False, name="pl_mean")
        self.augmentation = Augmentation(
            config.augment,
            config.transforms,
            p=config.p,
            target=config.ada_target,
            interval=config.ada_interval,
            images=config.ada_images,
        )
        self.extra |= {"pl_mean": [self.pl_mean], "augmentation": self.augmentation.variables}
        self.phases = self._phases()

    def _generator(self, size, channels):
        config = self.config
        names = ("z_dim", "w_dim", "mapping_layers", "mapping_lrmul", "w_avg_beta", "channel_base",
                 "channel_max", "num_fp16_res", "use_noise")  # fmt: skip
        options = {name: getattr(config, name) for name in names}
        return Generator(
            size,
            num_channels=channels,
            c_dim=config.classes,
            architecture=config.g_architecture,
            conv_clamp=config.conv_clamp or None,
            **options,
            name="G",
        )

    def _discriminator(self, size, channels):
        config = self.config
        names = ("channel_base", "channel_max", "num_fp16_res", "mbstd_group_size")
        options = {name: getattr(config, name) for name in names}
        return Discriminator(
            size,
            num_channels=channels,
            c_dim=config.classes,
            architecture=config.d_architecture,
            mapping_layers=config.d_mapping_layers,
            conv_clamp=config.conv_clamp or None,
            **options,
            name="D",
        )

    def _phases(self):
        config = self.config
        updates = functools.partial(
            self.updates,
            adam=functools.partial(Adam, epsilon=config.epsilon),
            betas=(config.beta_1, config.beta_2),
            repair=finite,
        )
        discriminator = self.networks["D"]
        return [
            *updates(
                "G",
                self.generator_phase,
                learning_rate=self._rate(config.g_learning_rate),
                penalty=self.path_length_phase if config.pl_weight else None,
                penalty_interval=config.pl_interval,
            ),
            *updates(
                "D",
                self.discriminator_phase,
                learning_rate=self._rate(config.d_learning_rate),
                penalty=self.r1_phase if config.r1_gamma else None,
                penalty_interval=config.r1_interval,
                variables=discriminator.trained_after(config.freeze_d),
            ),
        ]

    def _rate(self, start):
        """A learning rate, or how it falls with the images seen."""
        config = self.config
        if not config.decay_images:
            return start
        return lambda images: cosine(start, config.decay_to * start, images, config.decay_images)

    # --- what the runner uses

    @property
    def has_mapping(self) -> bool:
        return True

    @property
    def has_styles(self) -> bool:
        return True

    @property
    def has_noise(self) -> bool:
        return self.config.use_noise

    @property
    def shift_steps(self) -> int:
        rows, columns = self.networks["G"].synthesis.sizes[0]
        return rows if rows == columns else 0

    def sized(self, name: str, stage: Stage | None = None) -> keras.Model:
        stage = self.stages[-1] if stage is None else stage
        return self.networks[name].functional(stage.batch_size)

    def after_phases(self, batch_size: int) -> None:
        self.augmentation.adapt(batch_size, self.images.value)
        super().after_phases(batch_size)

    # --- the step

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """G's adversarial loss on new fakes; the discriminator stays as it is."""
        count, labels = batch["image"].shape[0], self.labels(batch)
        fakes = self._synthesize(self._styles(count, labels, training=True), training=True)
        logits = self.networks["D"](self._augmented(fakes), labels)
        loss = generator_loss("vanilla", logits)
        return loss, {}, {}

    def path_length_phase(self, batch: Batch) -> PhaseResult:
        """The loss of the path length, times its interval, on part of a batch."""
        count, labels = batch["image"].shape[0], self.labels(batch)
        count = max(1, count // self.config.pl_shrink)
        labels = None if labels is None else labels[:count]
        ws = self._styles(count, labels, training=True)
        penalty, lengths = self.path_length(ws, self.direction(count), self.noise(count))
        loss = self.config.pl_weight * self.config.pl_interval * ops.mean(penalty)
        logs = {"loss/path_length": ops.mean(penalty), "path_length": ops.mean(lengths)}
        return loss, logs, {}

    def path_length(self, ws: Tensor, direction: Tensor, noise: Any) -> tuple[Tensor, Tensor]:
        """The squared distance of path lengths from their mean, `[N]`, and the lengths, `[N]`.

        The mean moves first, and has a gradient.

        Args:
            ws: styles `[N, num_ws, w_dim]`.
            direction: normal noise, `[N, H, W, C]`, in whose direction pictures change.
            noise: of the synthesis, see `gan.stylegan2.networks.Synthesis`.

        Source: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), equation 4.
        """
        synthesis = self.networks["G"].synthesis
        direction = direction / (direction.shape[1] * direction.shape[2]) ** 0.5

        def along(ws):
            return ops.sum(synthesis(ws, noise=noise) * direction, axis=(1, 2, 3))

        gradient = engine.input_grad(along, ws)
        lengths = ops.sqrt(ops.mean(ops.sum(ops.square(gradient), axis=2), axis=1))
        mean = self.pl_mean + self.config.pl_decay * (ops.mean(lengths) - self.pl_mean)
        self.pl_mean.assign(ops.stop_gradient(mean))
        return ops.square(lengths - mean), lengths

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """D's adversarial loss on reals and new fakes; the generator stays as it is."""
        reals, labels = batch["image"], self.labels(batch)
        fakes = self._synthesize(self._styles(reals.shape[0], labels))
        fake_logits = self.networks["D"](self._augmented(ops.stop_gradient(fakes)), labels)
        real_logits = self.networks["D"](self._augmented(reals), labels)
        self.augmentation.observe(real_logits)
        loss = discriminator_loss("vanilla", real_logits, fake_logits)
        logs = {"score/real": ops.mean(real_logits), "score/fake": ops.mean(fake_logits)}
        return loss, logs | self.augmentation.logs(real_logits), {}

    def r1_phase(self, batch: Batch) -> PhaseResult:
        """The loss of R1 times its interval: gamma / 2 times the squared gradient at the reals."""
        reals, labels = batch["image"], self.labels(batch)
        change = self.view(reals)

        def judge(images):
            return self.networks["D"](change(images), labels)

        penalty, logits = squared_gradient(judge, reals)
        self.augmentation.observe(logits)
        penalty = self.config.r1_gamma / 2 * ops.mean(penalty)
        return self.config.r1_interval * penalty, {"loss/penalty": penalty}, {}

    def _styles(self, count, labels, training=False):
        """The styles of new z, some of two; with `training` the mean of w moves."""
        mapping = self.networks["G"].mapping
        w = mapping.w(self.z(count), labels)
        if training:
            mapping.update_mean(w)
        ws = mapping.styles(w)
        if self.config.style_mixing:
            first = layers_of_the_first_w(ws.shape[1], self.config.style_mixing, self.random)
            ws = ops.where(first, ws, mapping.w(self.z(count), labels)[:, None])
        return ws

    def _synthesize(self, ws, training=False):
        return self.networks["G"].synthesis(ws, noise=self.noise(ws.shape[0]))

    def noise(self, count: int) -> list[Tensor | None]:
        """New noise for the layers of the synthesis, see `Synthesis.noises`."""
        return self.networks["G"].synthesis.noises("random", count, self.random)

    def direction(self, count: int) -> Tensor:
        """New normal noise of the shape of pictures, for the path length."""
        shape = (count, *self.networks["G"].synthesis.picture_shape)
        return keras.random.normal(shape, dtype="float32", seed=self.random)

    def view(self, images: Tensor) -> Callable[[Tensor], Tensor]:
        """A function of pictures of this shape that gives what the discriminator sees of them."""
        change, config = self.augmentation.drawn(images, self.random), self.config
        if not config.blur_sigma:
            return change
        seen = ops.cast(self.images.value, "float32") / config.blur_images
        sigma = config.blur_sigma * ops.maximum(1 - seen, 0.0)
        return lambda x: change(blurred(x, sigma))

    def _augmented(self, images):
        return self.view(images)(images)


def finite(gradient: Tensor) -> Tensor:
    """A gradient with 0 in place of NaN, and at most 1e5 where it is infinite.

    Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/training_loop.py:291.
    """
    gradient = ops.where(ops.isnan(gradient), ops.zeros_like(gradient), gradient)
    return ops.where(ops.isinf(gradient), ops.sign(gradient) * 1e5, gradient)
