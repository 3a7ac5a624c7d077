"""The augmentation of a training: what changes the pictures that D sees, and how often."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
from keras import ops

from core.tensors import Tensor
from gan.augment.adapt import AdaptiveProbability
from gan.augment.differentiable import diff_apply, diff_draws
from gan.augment.draws import chosen, random_draws
from gan.augment.pipeline import apply

KINDS = ("none", "ada", "fixed", "diff")


class Augmentation:
    """One way to augment, with its probability.

    Attributes:
        adaptive: the probability that adapts itself; None where it does not.
    """

    def __init__(
        self,
        kind: str,
        transforms: str | Sequence[str] = "bgc",
        *,
        p: float = 0.0,
        target: float = 0.6,
        interval: int = 4,
        images: int = 500_000,
        rates: Mapping[str, float] | None = None,
    ):
        """Args:
        kind: "none"; "ada", transforms with a probability that adapts itself; "fixed", with one
            that stays; "diff", DiffAugment.
        transforms: see `gan.augment.augment`.
        p: the probability, of "ada" the first one.
        target: of "ada", see `AdaptiveProbability`.
        interval: steps from one change of the probability to the next.
        images: images in which the probability can move by 1.
        rates: factors of the probability, by name of a transform; 1 for those not named.

        Raises:
            InputError: an unknown transform.
        """
        chosen(transforms)
        self.kind, self.transforms, self.interval, self._p = kind, transforms, interval, p
        self.rates = dict(rates or {})
        self.adaptive = AdaptiveProbability(target, images / 1000, p) if kind == "ada" else None

    @property
    def variables(self) -> list[keras.Variable]:
        """What changes in training."""
        return [] if self.adaptive is None else self.adaptive.variables

    @property
    def p(self) -> Any:
        """The probability, a number or a scalar tensor."""
        return self._p if self.adaptive is None else ops.convert_to_tensor(self.adaptive.p)

    def drawn(
        self, images: Tensor, seed: keras.random.SeedGenerator, p: Tensor | None = None
    ) -> Callable:
        """A function that changes pictures of this shape, with random numbers drawn now.

        So it can be used where gradients with respect to the pictures are taken.

        Args:
            images: `[N, H, W, C]`; only its shape counts.
            seed: what draws.
            p: the probability, of "fixed" where it changes by a schedule; None: its own.
        """
        if self.kind == "none":
            return lambda x: x
        if self.kind == "diff":
            draws = diff_draws(images, seed)
            return lambda x: diff_apply(x, draws)
        draws = random_draws(images, self.transforms, seed)
        for name, rate in self.rates.items():  # the gate opens as seldom as with p * rate
            draws[f"{name}_gate"] = draws[f"{name}_gate"] / rate
        p = self.p if p is None else p
        return lambda x: apply(x, p, draws, self.transforms)

    def observe(self, logits: Tensor) -> None:
        """Takes in the logits of reals, by which the probability adapts itself."""
        if self.adaptive is not None:
            self.adaptive.observe(logits)

    def adapt(self, batch_size: int, seen: Any) -> None:
        """Moves the probability at the end of every `interval`-th step.

        Args:
            batch_size: images of a step.
            seen: images that were seen before this step, a scalar.
        """
        if self.adaptive is not None:
            steps = seen // batch_size + 1
            self.adaptive.update(batch_size * self.interval, steps % self.interval == 0)

    def logs(self, logits: Tensor) -> dict[str, Tensor]:
        """What is logged beside the losses: the mean sign of reals' logits, which tells how far D
        overfits, and the probability that adapts itself to it."""
        sign = {"augment/sign": ops.mean(ops.sign(logits))}
        if self.adaptive is None:
            return sign
        # a tensor of now: the variable itself would be read at the step's end
        return sign | {"augment/p": self.p + 0.0}
