"""The two phases of R3GAN: a relativistic loss, and penalties on reals and fakes in every step.

A step takes two batches of reals: the discriminator learns from the first and a batch of fakes,
then the generator from the second and new fakes. The fakes are of the classes of their reals.

Source: Huang et al. 2024 (https://arxiv.org/abs/2501.05441);
brownvc/R3GAN @ 19a7ddf, R3GAN/Trainer.py and training/training_loop.py (what they compute).
"""

import functools
from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from core.optimizers import ScheduledAdam
from core.phases import Stage
from core.schedules import cosine
from core.tensors import Batch, PhaseResult, Tensor
from gan.augment.draws import chosen
from gan.augment.training import Augmentation
from gan.latent import LatentGAN
from gan.losses import relativistic_loss
from gan.penalties import squared_gradient
from gan.r3gan.config import COLOURS, R3GANConfig
from gan.r3gan.networks import Discriminator, Generator

_SHARED = ("widths", "cardinality", "blocks", "expansion_factor", "low_precision_stages")


class R3GAN(LatentGAN):
    """Generation by networks without normalisation, of a class each if there are classes.

    Batches as of `LatentGAN`, but of twice as many pictures as a step counts.

    Attributes:
        augmentation: changes what the discriminator sees.
    """

    def __init__(
        self,
        config: R3GANConfig = R3GANConfig(),  # noqa: B008 frozen
        *,
        size: int = 32,
        batch_size: int = 512,
        seed: int = 0,
        xla: bool = False,
    ):
        """Args:
        config: the hyper-parameters.
        size: height and width of the pictures in pixels, 4 times a power of two.
        batch_size: how many images each phase has.
        seed: what z and everything random in the step depend on.
        xla: compile the step with XLA on TensorFlow.

        Raises:
            ValueError: a size that the networks cannot have, or that has not as many stages.
        """
        options: dict[str, Any] = {name: getattr(config, name) for name in _SHARED}
        options["c_dim"] = config.classes
        conditions: dict[str, Any] = {
            "noise_dim": config.noise_dim,
            "condition_dim": config.condition_dim,
        }
        averaged = config.ema_half_life or config.ema_half_life_end
        super().__init__(
            [Stage(batch_size, size)],
            {
                "G": Generator(size, **options, **conditions, name="G"),
                "D": Discriminator(size, **options, name="D"),
            },
            latent_size=config.noise_dim,
            classes=config.classes,
            ema_half_life=self._schedule("ema_half_life", config) if averaged else 0.0,
            seed=seed,
            passes={"G": 2, "D": 4},
            xla=xla,
        )
        self.config, self.batches_per_step = config, 2
        names = chosen(config.transforms)
        self.augmentation = Augmentation(
            "fixed" if config.p or config.p_end else "none",
            config.transforms,
            rates={name: config.colour_rate for name in COLOURS if name in names},
        )
        self.phases = self._phases()

    def _phases(self):
        beta_2 = functools.partial(self.now, "beta_2")
        updates = functools.partial(
            self.updates,
            adam=functools.partial(ScheduledAdam, epsilon=self.config.epsilon, schedule=beta_2),
            learning_rate=self._schedule("learning_rate"),
            betas=(self.config.beta_1, self.config.beta_2),
        )
        return [*updates("D", self.discriminator_phase), *updates("G", self.generator_phase)]

    def _schedule(self, name: str, config: R3GANConfig | None = None) -> Callable:
        """From images seen to the value of a setting that changes in training."""
        config = config or self.config
        start, end = getattr(config, name), getattr(config, f"{name}_end")
        return lambda images: cosine(start, end, images, config.decay_images)

    def now(self, name: str) -> Tensor:
        """The value that a setting with an `_end` has at this step, a scalar."""
        return self._schedule(name)(ops.cast(self.images.value, "float32"))

    def sized(self, name: str, stage: Stage | None = None) -> keras.Model:
        stage = self.stages[-1] if stage is None else stage
        return self.networks[name].functional(stage.batch_size)

    # --- the step

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """D's loss and both penalties on the first half of the batch; the generator stays."""
        reals, labels = self._part_of(batch, 0)
        fakes = ops.stop_gradient(self.networks["G"](self.z(reals.shape[0]), labels))
        r1, real_logits = squared_gradient(self._judge(reals, labels), reals)
        r2, fake_logits = squared_gradient(self._judge(fakes, labels), fakes)
        gamma, adversarial = self.now("gamma"), relativistic_loss(real_logits, fake_logits)
        loss = adversarial + gamma / 2 * (ops.mean(r1) + ops.mean(r2))
        logs = {"loss/adversarial": adversarial, "r1": ops.mean(r1), "r2": ops.mean(r2)}
        scores = {"score/real": ops.mean(real_logits), "score/fake": ops.mean(fake_logits)}
        return loss, logs | scores | self._progress(gamma), {}

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """G's loss on the second half of the batch and new fakes; the discriminator stays."""
        reals, labels = self._part_of(batch, 1)
        fakes = self.networks["G"](self.z(reals.shape[0]), labels)
        real_logits, fake_logits = (
            self._judge(images, labels)(images) for images in (reals, fakes)
        )
        return relativistic_loss(fake_logits, real_logits), {}, {}

    def _part_of(self, batch, index):
        """The pictures and the classes of one half of a batch."""
        labels, count = self.labels(batch), batch["image"].shape[0] // 2
        part = slice(index * count, (index + 1) * count)
        return batch["image"][part], None if labels is None else labels[part]

    def _judge(self, images, labels):
        """A function from pictures like these to D's logits of what it sees of them, with the
        random numbers of the augmentation drawn now."""
        change = self.augmentation.drawn(images, self.random, self.now("p"))
        return lambda x: self.networks["D"](change(x), labels)

    def _progress(self, gamma):
        """What the schedules are at, to be logged."""
        return {"gamma": gamma, "beta_2": self.now("beta_2"), "augment/p": self.now("p")}
