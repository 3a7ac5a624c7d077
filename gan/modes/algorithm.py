"""A GAN of two small networks of dense layers, with one of several adversarial losses."""

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import keras
import numpy as np
from keras import layers, ops

from core.optimizers import Adam
from core.phases import Stage
from core.tensors import Batch, PhaseResult
from gan.latent import LatentGAN
from gan.losses import discriminator_loss, generator_loss, relativistic_loss
from gan.penalties import squared_gradient, wgan_gp


class Method(NamedTuple):
    """What a GAN minimises.

    Attributes:
        title: for tables and figures.
        loss: "vanilla", "wgan" or "relativistic".
        penalties: of the discriminator: "r1", "r2" or "gp".
    """

    title: str
    loss: str
    penalties: Sequence[str] = ()


METHODS = {
    "vanilla": Method("vanilla", "vanilla"),
    "wgan_gp": Method("WGAN-GP", "wgan", ("gp",)),
    "vanilla_r1": Method("vanilla, R1 (StyleGAN2's)", "vanilla", ("r1",)),
    "vanilla_r1_r2": Method("vanilla, R1 and R2", "vanilla", ("r1", "r2")),
    "relativistic": Method("relativistic", "relativistic"),
    "relativistic_r1": Method("relativistic, R1", "relativistic", ("r1",)),
    "relativistic_r1_r2": Method("relativistic, R1 and R2 (R3GAN's)", "relativistic", ("r1", "r2")),
}
LATENT = 64  # numbers in a z
GP = 10.0  # weight of the gradient penalty of WGAN-GP


class ModeGAN(LatentGAN):
    """Generation of points or small pictures.

    A batch is `{"image": [N, *shape]}`, float32.

    Args:
        method: what it minimises.
        shape: (H, W, C) of a sample.
        width: features of each of the three hidden layers of both networks.
        batch_size: samples of a step.
        learning_rate: of both Adams, whose decays are 0 and 0.9.
        gamma: weight of R1 and R2, half of which is the factor.
        seed: what z depends on; the initial weights follow `keras.utils.set_random_seed`.
    """

    def __init__(
        self,
        method: Method,
        shape: tuple[int, int, int],
        *,
        width: int = 128,
        batch_size: int = 256,
        learning_rate: float = 1e-3,
        gamma: float = 1.0,
        seed: int = 0,
    ):
        networks = {"G": _generator(shape, width), "D": _discriminator(shape, width)}
        super().__init__(
            [Stage(batch_size, shape[:2])],
            networks,
            latent_size=LATENT,
            seed=seed,
            channels=shape[2],
        )
        self.method, self.gamma = method, gamma
        updates = partial(self.updates, adam=Adam, learning_rate=learning_rate, betas=(0.0, 0.9))
        self.phases = [
            *updates("D", self.discriminator_phase),
            *updates("G", self.generator_phase),
        ]

    def discriminator_phase(self, batch: Batch) -> PhaseResult:
        """D's loss and its penalties on reals and new fakes."""
        reals, judge = batch["image"], self.networks["D"]
        fakes = ops.stop_gradient(self.networks["G"](self.z(reals.shape[0])))
        real, fake = judge(reals), judge(fakes)
        if self.method.loss == "relativistic":
            loss = relativistic_loss(real, fake)
        else:
            loss = discriminator_loss(self.method.loss, real, fake)
        for name, images in (("r1", reals), ("r2", fakes)):
            if name in self.method.penalties:
                loss = loss + self.gamma / 2 * ops.mean(squared_gradient(judge, images)[0])
        if "gp" in self.method.penalties:
            loss = loss + GP * ops.mean(wgan_gp(judge, reals, fakes, self.random))
        return loss, {}, {}

    def generator_phase(self, batch: Batch) -> PhaseResult:
        """G's loss on new fakes."""
        reals, judge = batch["image"], self.networks["D"]
        fake = judge(self.networks["G"](self.z(reals.shape[0])))
        if self.method.loss == "relativistic":
            return relativistic_loss(fake, judge(reals)), {}, {}
        return generator_loss(self.method.loss, fake), {}, {}

    def samples(self, z: np.ndarray) -> np.ndarray:
        """The samples of z `[N, LATENT]`, float32 `[N, *shape]`."""
        return ops.convert_to_numpy(self.networks["G"](z.astype(np.float32)))


def _generator(shape, width):
    hidden = [layers.Dense(width, "relu", kernel_initializer="he_normal") for _ in range(3)]
    last: list[Any] = [layers.Dense(int(np.prod(shape))), layers.Reshape(shape)]
    return keras.Sequential([keras.Input((LATENT,)), *hidden, *last], name="G")


def _discriminator(shape, width):
    inner: list[Any] = [layers.Flatten()]
    for _ in range(3):
        inner += [layers.Dense(width, kernel_initializer="he_normal"), layers.LeakyReLU(0.2)]
    return keras.Sequential([keras.Input(shape), *inner, layers.Dense(1)], name="D")
