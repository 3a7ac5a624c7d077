"""Finds the w whose picture is nearest to a given one, by optimisation.

The w is one for all layers. It starts at the mean, its steps and the noise added to it follow a
schedule. The noise maps of the layers are optimised, too, so that w need not explain details; a
regularisation keeps them from holding the picture itself.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), appendix D;
NVlabs/stylegan2-ada-pytorch @ d72cc7d, projector.py.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from core import engine
from core.optimizers import Adam
from core.resample import box
from core.tensors import Tensor, to_numpy

LEARNING_RATE = 0.1
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # parts of all steps
NOISE, NOISE_END = 0.05, 0.75  # relative to the deviation of w; part of all steps
REGULARISATION = 1e5
SMALLEST = 8  # noise maps are compared at all sizes down to this one, pixels
LARGEST = 256  # larger pictures are reduced to this size before they are compared, pixels


def learning_rate(t: float) -> float:
    """The learning rate at a time from 0 to 1: rises linearly from 0, falls as a cosine."""
    falling = 0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / RAMP_DOWN))
    return LEARNING_RATE * falling * min(1.0, t / RAMP_UP)


def noise_strength(t: float, deviation: float) -> float:
    """The deviation of the noise added to w at a time from 0 to 1, see `statistics`."""
    return NOISE * deviation * max(0.0, 1 - t / NOISE_END) ** 2


def statistics(w: np.ndarray) -> tuple[np.ndarray, float]:
    """The mean `[w_dim]` of `w [N, w_dim]`, and the root mean square distance from it."""
    mean = w.mean(axis=0, dtype=np.float64)
    distances = np.square(w - mean).sum(axis=1)
    return mean.astype(np.float32), float(np.sqrt(distances.mean()))


def noise_regularisation(maps: Sequence[Tensor]) -> Tensor:
    """How much neighbours in noise maps correlate, at several sizes: a scalar, 0 for white noise.

    Args:
        maps: `[1, H, W, 1]` each. Sizes are halved until a side has at most `SMALLEST` pixels.
    """
    total = ops.zeros(())
    for x in maps:
        total = total + _correlation(x)
        while min(x.shape[1:3]) > SMALLEST:
            x = box(x)
            total = total + _correlation(x)
    return total


def _correlation(x):
    """The squared mean products of pixels with their neighbours in both directions, added."""
    return sum(ops.square(ops.mean(x * ops.roll(x, 1, axis))) for axis in (1, 2))


def normalised(x: Tensor) -> Tensor:
    """A noise map scaled to mean 0 and mean square 1."""
    x = x - ops.mean(x)
    return x * ops.rsqrt(ops.mean(ops.square(x)))


def compared(images: Tensor) -> Tensor:
    """Pictures as they are compared: `[N, H, W, C]` from [-1, 1] to [0, 1], large ones reduced."""
    factor = max(1, min(images.shape[1:3]) // LARGEST)
    return box((images + 1) / 2, 1 << (factor.bit_length() - 1))


class Projector:
    """Optimises the w of one picture.

    Attributes:
        w: the w, a variable `[1, w_dim]`.
        maps: the noise maps of the layers, variables `[1, H, W, 1]`; empty where the synthesis
            takes none (StyleGAN, whose own noise stays).
    """

    def __init__(
        self,
        synthesis: Any,
        variables: Sequence[keras.Variable],
        features: Callable[[Tensor], list[Tensor]],
        target: np.ndarray,
        w: np.ndarray,
        *,
        layers: int,
        seed: int = 0,
    ):
        """Args:
        synthesis: from `ws [1, layers, w_dim]` to a picture, see `gan.latent.LatentGAN`.
        variables: all that the synthesis and `features` read.
        features: from pictures in [0, 1] to features whose squared differences, added, are the
            distance of pictures.
        target: the picture, float32 `[H, W, C]` in [-1, 1].
        w: samples, `[N, w_dim]`; their mean is the start.
        layers: how many w the synthesis takes.
        seed: of all noise.
        """
        self._synthesis, self._features, self._layers = synthesis, features, layers
        self._random = np.random.RandomState(seed)
        mean, self.deviation = statistics(w)
        self.w = keras.Variable(mean[None], dtype="float32", name="w")
        self.maps = self._noise_maps()
        optimised = [self.w, *self.maps]
        self._optimizer = Adam(LEARNING_RATE)
        self._optimizer.build(optimised)
        self._target = features(compared(ops.convert_to_tensor(target[None])))
        every = [*optimised, *self._optimizer.variables, *variables]
        self._compiled = engine.compile(self._step, every)

    def _noise_maps(self):
        """A map of normal noise for each layer that adds noise."""
        if not hasattr(self._synthesis, "noises"):
            return []
        shapes = [tuple(x.shape) for x in self._synthesis.noises("const") if x is not None]
        return [
            keras.Variable(self._random.standard_normal(shape), dtype="float32", name=f"map{i}")
            for i, shape in enumerate(shapes)
        ]

    def steps(self, count: int) -> Iterator[tuple[np.ndarray, float]]:
        """Makes so many steps; yields after each the w `[w_dim]`, and the distance before it."""
        for i in range(count):
            t = i / count
            noise = self._random.standard_normal(self.w.shape) * noise_strength(t, self.deviation)
            rate = np.float32(learning_rate(t))
            distance = self._compiled(rate, noise.astype(np.float32), *self._target)
            yield to_numpy(self.w.value)[0], float(distance)

    def _step(self, rate, noise, *target):
        def loss():
            images = self._picture(self.w + noise, [ops.convert_to_tensor(x) for x in self.maps])
            pairs = zip(self._features(compared(images)), target, strict=True)
            distance = sum(ops.sum(ops.square(a - b)) for a, b in pairs)
            regularisation = noise_regularisation([ops.convert_to_tensor(x) for x in self.maps])
            return distance + REGULARISATION * regularisation, distance

        variables = [self.w, *self.maps]
        (_, distance), gradients = engine.value_and_grad(loss, variables)
        self._optimizer.learning_rate = rate
        engine.apply(self._optimizer, gradients, variables)
        for x in self.maps:
            x.assign(normalised(ops.convert_to_tensor(x)))
        return distance

    def _picture(self, w, maps):
        """The picture of `w [1, w_dim]`, float32 `[1, H, W, C]`."""
        ws = ops.repeat(w[:, None], self._layers, axis=1)
        return self._synthesis(ws, noise=maps) if maps else self._synthesis(ws, noise="const")
