"""Exponential moving average of a network's weights."""

from collections.abc import Callable
from typing import Any

import keras
from keras import ops

from core.tensors import Tensor


class EMA:
    """A copy of `network` whose weights follow it.

    Trainable weights are averaged; the others (running statistics, the mean w, constant noise) are
    copied, as in the official code (`beta_nontrainable` 0).

    Sources: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 4: a decay per step; a
    half-life in images is StyleGAN's form of it, and does not depend on the batch size
    (NVlabs/stylegan @ 1e0d5c7, training/training_loop.py:167). The ramp-up: Karras et al. 2020
    (https://arxiv.org/abs/2006.06676), NVlabs/stylegan2-ada-pytorch @ d72cc7d,
    training/training_loop.py (`ema_rampup`).

    Args:
        network: the network to follow.
        half_life: number of images after which half of the average is new, or a function that
            gives it for the images seen (0: the average is the network itself), or
        decay: factor of the average at each step, whatever the batch size.
        ramp_up: with a half-life: it is at most this fraction of the images seen so far, so that
            the average forgets the first weights sooner; 0: the half-life from the start.

    Attributes:
        network: the copy, of the same architecture.
    """

    def __init__(
        self,
        network: keras.Model,
        half_life: float | Callable[[Tensor], Tensor] = 0.0,
        *,
        decay: float = 0.0,
        ramp_up: float = 0.0,
    ):
        self.source = network
        self.half_life, self.decay, self.ramp_up = half_life, decay, ramp_up
        self.network = keras.models.clone_model(network)
        self.network.set_weights(network.get_weights())

    def update(self, images: int, seen: Any = 0) -> None:
        """Moves the copy towards the network after a step.

        Args:
            images: how many images the step had.
            seen: how many images were seen before it, a number or a scalar tensor; only a ramp-up
                and a half-life that changes ask for it.
        """
        decay = self._decay(images, seen)
        for average, value in zip(self.network.weights, self.source.weights, strict=True):
            if value.trainable:
                average.assign(value + (average - value) * decay)
            else:
                average.assign(value)

    def _decay(self, images, seen):
        """The factor of the average at a step, 0 to 1."""
        if self.decay:
            return self.decay
        if not (self.ramp_up or callable(self.half_life)):
            return 0.5 ** (images / self.half_life)
        seen = ops.cast(seen, "float32")
        if callable(self.half_life):
            half_life = self.half_life(seen)
        else:
            half_life = ops.minimum(self.half_life, seen * self.ramp_up)
        return ops.power(0.5, images / ops.maximum(half_life, 1e-8))
