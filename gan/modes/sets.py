"""Sets of points and small pictures whose modes are known, so that found ones can be counted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from PIL import Image, ImageDraw, ImageFont

NEAR = 3.0  # standard deviations from the mean of a mode, within which a point belongs to it
DIGITS, SIDE = 10, 12  # of the stacked digits: kinds, and pixels of a side
ALIKE = 0.05  # mean squared difference of pixels in [-1, 1] from a digit, up to which it is one


@dataclass(frozen=True)
class Ring:
    """Points of eight normal distributions in a plane, evenly spaced on a circle around 0.

    Source: Metz et al. 2017 (https://arxiv.org/abs/1611.02163): radius 2, standard
    deviation 0.02.
    """

    count: int = 8
    radius: float = 2.0
    deviation: float = 0.02
    shape = (1, 1, 2)

    @property
    def modes(self) -> np.ndarray:
        """The means, `[count, 2]`."""
        angles = 2 * np.pi * np.arange(self.count) / self.count
        return self.radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Returns new points, float32 `[count, 1, 1, 2]`, of each mode as often."""
        means = self.modes[rng.integers(self.count, size=count)]
        points = means + self.deviation * rng.standard_normal((count, 2))
        return points.astype(np.float32).reshape(count, *self.shape)

    def found(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the nearest mode of each point, int `[N]`, and whether it belongs to it.

        Source: Srivastava et al. 2017 (https://arxiv.org/abs/1705.07761): it does within
        three standard deviations.
        """
        points = np.asarray(points, np.float64).reshape(-1, 1, 2)
        distances = np.linalg.norm(points - self.modes, axis=2)
        return distances.argmin(axis=1), distances.min(axis=1) <= NEAR * self.deviation


@dataclass(frozen=True)
class StackedDigits:
    """Pictures of three digits, one in each channel: 1,000 modes, as of stacked MNIST.

    The digits are drawn, with some noise in every pixel, so that nothing is downloaded and a
    picture is recognised by comparing.

    Source: Metz et al. 2017 (https://arxiv.org/abs/1611.02163), with MNIST's digits.
    """

    deviation: float = 0.1
    count = DIGITS**3
    shape = (SIDE, SIDE, 3)

    @cached_property
    def templates(self) -> np.ndarray:
        """The digits, float32 `[10, SIDE, SIDE]` in [-1, 1]."""
        return np.stack([_digit(digit) for digit in range(DIGITS)])

    def draw(self, rng: np.random.Generator, count: int) -> np.ndarray:
        """Returns new pictures, float32 `[count, SIDE, SIDE, 3]`, in [-1, 1] but for the noise."""
        digits = self.templates[rng.integers(DIGITS, size=(count, 3))]
        noise = self.deviation * rng.standard_normal(digits.shape, dtype=np.float32)
        return np.moveaxis(digits + noise, 1, 3)

    def found(self, pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the number that the digits of each picture make, int `[N]`, and whether all
        three can be read.

        A digit is that of the nearest template, and can be read if it differs little from that,
        see `ALIKE`. (On MNIST a classifier decides, which reads a digit into anything.)
        """
        flat = self.templates.reshape(-1, SIDE * SIDE)
        channels = np.moveaxis(np.asarray(pictures, np.float32), 3, 1).reshape(-1, SIDE * SIDE)
        squares = (channels**2).sum(axis=1)[:, None] + (flat**2).sum(axis=1)
        distances = (squares - 2 * channels @ flat.T) / SIDE**2
        digits = distances.argmin(axis=1)
        read = (distances.min(axis=1) <= ALIKE).reshape(-1, 3).all(axis=1)
        return digits.reshape(-1, 3) @ (100, 10, 1), read


def _digit(digit):
    """Draws a digit in the middle, float32 `[SIDE, SIDE]` in [-1, 1]."""
    image = Image.new("L", (SIDE, SIDE))
    middle = (SIDE / 2, SIDE / 2)
    ImageDraw.Draw(image).text(
        middle, str(digit), fill=255, font=ImageFont.load_default(SIDE), anchor="mm"
    )
    return np.asarray(image, np.float32) / 127.5 - 1


SETS = {"ring": Ring(), "digits": StackedDigits()}


def scores(data: Ring | StackedDigits, samples: np.ndarray) -> dict[str, float]:
    """Returns how samples are spread over the modes of a set.

    Returns:
        "modes": how many modes have a sample that belongs to them. "good": the share of samples
        that belong to a mode. "kl": the Kullback-Leibler divergence of their distribution over
        the modes from the even one, nats; infinite without good samples.

    Source: Srivastava et al. 2017 (https://arxiv.org/abs/1705.07761).
    """
    numbers, good = data.found(samples)
    shares = np.bincount(numbers[good], minlength=data.count) / max(1, good.sum())
    there = shares[shares > 0]
    return {
        "modes": float(len(there)),
        "good": float(good.mean()),
        "kl": float((there * np.log(there * data.count)).sum()) if len(there) else float("inf"),
    }
