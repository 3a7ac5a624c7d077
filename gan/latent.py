"""What all GANs share that make pictures from noise, whether they grow or not.

`LatentGAN` owns the random z, the average of the generator's weights, and the optimizers of lazy
penalties. A model adds its networks, its losses and, as ProGAN does, its growth.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from core import optimizers
from core.ema import EMA
from core.phases import Algorithm, Phase, Stage
from core.tensors import Tensor

LATENTS = ("uniform", "normal")


class LatentGAN(Algorithm):
    """Pictures from z, with a generator `G` and a discriminator `D` among its networks.

    A batch is `{"image": [N, H, W, C]}`, float32 in [-1, 1], with classes also `"label": [N]`,
    int32.

    Attributes:
        latent_size: how many numbers a z has.
        latent: how these are distributed: "normal" (mean 0, variance 1) or "uniform" (-1 to 1).
        classes: how many classes the labels distinguish; 0: the model takes no labels.
        random: the one generator of random numbers, for z and everything random in the step.
        average: the average of G's weights that pictures are made with, or None.
    """

    random_group = "random"  # name of the generator of random numbers in a checkpoint

    def __init__(
        self,
        stages: Sequence[Stage],
        networks: dict[str, keras.Model],
        *,
        latent_size: int,
        latent: str = "normal",
        classes: int = 0,
        ema_half_life: float | Callable[[Tensor], Tensor] = 0.0,
        ema_decay: float = 0.0,
        ema_ramp_up: float = 0.0,
        seed: int = 0,
        passes: dict[str, int] | None = None,
        xla: bool = False,
        channels: int = 3,
    ):
        """Args:
        stages: parts of training in which sizes stay as they are; one for a GAN that does not grow.
        networks: "G", "D" and perhaps others.
        latent_size, latent, classes: see the attributes.
        ema_half_life, ema_decay, ema_ramp_up: see `core.ema.EMA`; without a half-life and a decay
            nothing is averaged.
        seed: what `random` starts from.
        passes, xla, channels: see `core.phases.Algorithm`.

        Raises:
            ValueError: `latent` is neither "normal" nor "uniform".
        """
        super().__init__(stages, networks, passes=passes or {}, xla=xla, channels=channels)
        if latent not in LATENTS:
            raise ValueError(f"latent={latent!r}: expected one of {', '.join(LATENTS)}")
        self.latent_size, self.latent, self.classes = latent_size, latent, classes
        self.random = keras.random.SeedGenerator(seed)
        self.extra = {self.random_group: [self.random.state]}
        self.average: EMA | None = None
        if ema_half_life or ema_decay:
            self.average = EMA(networks["G"], ema_half_life, decay=ema_decay, ramp_up=ema_ramp_up)
            self.extra["G_ema"] = self.average.network.variables

    # --- making pictures

    @property
    def averaged(self) -> bool:
        """Whether pictures are made with averaged weights."""
        return self.average is not None

    @property
    def sampling_network(self) -> keras.Model:
        """The network that pictures are made with: the averaged G, or G where nothing is averaged.

        Its variables are all that `generator` reads.
        """
        return self.networks["G"] if self.average is None else self.average.network

    @property
    def generator(self) -> Callable[..., Any]:
        """What makes pictures, called as `generator(z)` or, with classes, `generator(z, labels)`.

        It takes z `[N, latent_size]` and int32 `[N]`, also `training=False`, and returns pictures
        `[N, H, W, C]`, nominally in [-1, 1]. With `has_mapping` it offers

        - `generator.mapping(z, [labels,] truncation_psi=1.0, truncation_cutoff=None)`, which
          returns `ws [N, layers, w_dim]`, and
        - `generator.synthesis(ws, noise="const", seed=None)`, which returns pictures; noise is
          "const", "random" (drawn from a `SeedGenerator`) or "none". With `has_transform` it
          also takes `transform`, with `shift_steps` it takes `shift`; see there.
        """
        return self.sampling_network

    @property
    def detail(self) -> float:
        """The level of detail of `generator`: 0, or more while a growing one has not grown up."""
        return 0.0

    @property
    def has_mapping(self) -> bool:
        """Whether there is a space W: `generator` has `mapping` and `synthesis`."""
        return False

    @property
    def has_styles(self) -> bool:
        """Whether each layer takes a w of its own, so that styles can be mixed and truncated."""
        return False

    @property
    def has_noise(self) -> bool:
        """Whether the layers of `generator.synthesis` add noise."""
        return False

    @property
    def has_transform(self) -> bool:
        """Whether `generator.synthesis` takes `transform`, which moves its coordinates.

        It is `[3, 3]`, or `[N, 3, 3]` for each picture, float32: the inverse of the motion of what
        is seen, in homogeneous coordinates (x, y) from the centre, whose unit is the side of the
        picture. x goes right, y down.
        """
        return False

    @property
    def shift_steps(self) -> int:
        """Into how many equal steps the side of a picture is divided for `shift`; 0: there is none.

        `generator.synthesis` then takes `shift [N, 2]`, int32: the steps down and to the right by
        which each picture's coarsest features are moved.
        """
        return 0

    def average_networks(self) -> dict[str, keras.Model]:
        return {} if self.average is None else {"G": self.average.network}

    def take(self, name: str, weights: Sequence) -> None:
        """Gives a network other weights; "G" stands for both G and its average, and "raw_G" for G
        alone."""
        super().take(name, weights)
        if name == "G" and self.average is not None:
            self.networks["G"].set_weights(weights)

    def holder(self, name: str) -> keras.Model:
        if name == "raw_G":
            return self.networks["G"]
        return self.sampling_network if name == "G" else super().holder(name)

    # --- for the step

    def z(self, count: int) -> Tensor:
        """New latents `[count, latent_size]`, float32, as `latent` says."""
        shape = (count, self.latent_size)
        if self.latent == "uniform":
            return keras.random.uniform(shape, -1.0, 1.0, dtype="float32", seed=self.random)
        return keras.random.normal(shape, dtype="float32", seed=self.random)

    def labels(self, batch: dict) -> Any:
        """The classes of a batch, int32 `[N]`, which its fakes share; None without classes."""
        return batch["label"] if self.classes else None

    def updates(
        self,
        name: str,
        loss: Callable,
        adam: Callable[..., keras.optimizers.Optimizer],
        *,
        learning_rate: float | Callable,
        betas: tuple[float, float],
        interval: int = 1,
        penalty: Callable | None = None,
        penalty_interval: int = 1,
        variables: Sequence[keras.Variable] | None = None,
        repair: Callable | None = None,
    ) -> list[Phase]:
        """The phases that train one network: its loss, and a lazy penalty if there is one.

        Both share an optimizer, whose learning rate and betas are those of
        `core.optimizers.lazily`.

        Args:
            name: the name of the network and of its phase, such as "G"; the phase of the penalty is
                `<name>_reg`.
            loss: the loss of this phase, see `core.phases.Phase`.
            adam: makes the optimizer from `learning_rate`, `beta_1` and `beta_2`.
            learning_rate: a number, or `images seen -> number`.
            betas: Adam's decays of the first and the second moment.
            interval: the loss is due at every `interval`-th step.
            penalty: the loss of the lazy penalty, which multiplies itself by its interval.
            penalty_interval: the penalty is due at every so many steps.
            variables: what is trained; None: all of the network that can be.
            repair: see `core.phases.Phase`.

        Returns:
            One phase, or two with a penalty, in the order in which they run within a step.
        """
        variables = self.networks[name].trainable_variables if variables is None else variables
        start = 1.0 if callable(learning_rate) else learning_rate
        args = {"learning_rate": start, "beta_1": betas[0], "beta_2": betas[1]}
        args = optimizers.lazily(penalty_interval, **args) if penalty else args
        optimizer = optimizers.built(adam(**args), variables)
        rate = None
        if callable(learning_rate):
            rate = _scaled(learning_rate, args["learning_rate"])
        common: dict[str, Any] = {"learning_rate": rate, "repair": repair}
        phases = [Phase(name, variables, optimizer, loss, interval, **common)]
        if penalty:
            name = f"{name}_reg"
            phases.append(Phase(name, variables, optimizer, penalty, penalty_interval, **common))
        return phases

    def after_phases(self, batch_size: int) -> None:
        if self.average is not None:
            self.average.update(batch_size, self.images.value)


def _scaled(learning_rate, factor):
    return lambda images: factor * learning_rate(images)
