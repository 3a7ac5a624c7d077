"""Equivariance: whether the whole picture moves when a generator's coordinates are moved.

| name | how pictures are moved | compared with the picture that was not, |
|---|---|---|
| `eqt50k_int`, `eqt1k_int` | by whole pixels, at most an eighth of the side | moved |
| `eqt50k_frac`, `eqt1k_frac` | likewise, by fractions of pixels | moved with a Lanczos filter |
| `eqr50k`, `eqr1k` | rotated by any angle | rotated and band-limited |
| `eqt_coarse50k`, `eqt_coarse1k` | by one position of the first layer's grid | moved |

The first three are for generators that take a transform, as published: decibels of the mean square
error over all pixels that are valid in both pictures, with the range 2 of pictures in [-1, 1]. Four
pictures share a transform, noise inputs are constant.

The last one is ours, for generators that start from a learned constant, such as StyleGAN2's. It is
moved by one position in one of the eight directions, a quarter of the picture for a grid of 4x4;
see `gan.stylegan2.networks.shifted`. No noise is added, for it would stay where it is. These are
other translations than the published ones, so the numbers have a name of their own.

Source: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3 and appendix E;
NVlabs/stylegan3 @ c233a91, metrics/equivariance.py.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from core.errors import InputError
from experiments.metrics import resampling, sampling
from experiments.metrics.features import progress
from experiments.metrics.sampling import Sampler
from gan.latent import LatentGAN

REACH = 0.125  # translations are at most this part of the side
SHARED = 4  # pictures that share a transform
BATCH = 8
ROUNDING = 2.0**-24  # of float32 numbers of [0.5, 1]
SMALLEST = 16  # pixels; of smaller pictures too few stay valid
DIRECTIONS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if (y, x) != (0, 0)]


class EquivarianceProtocol(NamedTuple):
    """What a name stands for.

    Attributes:
        motion: a key of `MOTIONS`.
        count: how many pictures are moved.
    """

    motion: str
    count: int  # type: ignore[assignment]  # in place of tuple.count, which nobody needs


class Move(NamedTuple):
    """A motion of a few pictures.

    Attributes:
        given: what the synthesis is given beside the styles: `transform [3, 3]` or `shift [2]`.
        compare: a function of the pictures that were not moved and those that were, `[N, S, S, C]`.
            It returns the two that should be equal, and the mask `[S, S]` of what is valid.
    """

    given: dict[str, np.ndarray]
    compare: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray, np.ndarray]]


EQUIVARIANCES = {
    name.format(size): EquivarianceProtocol(motion, count)
    for name, motion in (
        ("eqt{}_int", "int"),
        ("eqt{}_frac", "frac"),
        ("eqr{}", "rotation"),
        ("eqt_coarse{}", "coarse"),
    )
    for size, count in (("50k", 50_000), ("1k", 1_000))
}


def measure_equivariance(name: str, algorithm: Any) -> float:
    """Returns an equivariance of an algorithm, dB, see `equivariance`.

    Args:
        name: a key of `EQUIVARIANCES`.
        algorithm: the algorithm that makes the pictures.

    Raises:
        InputError: the model cannot move its pictures in this way.
    """
    check_equivariance(name, algorithm)
    return equivariance(algorithm, *EQUIVARIANCES[name], title=name)


def check_equivariance(name: str, algorithm: Any, size: int = SMALLEST) -> None:
    """Refuses a model for which a metric of `EQUIVARIANCES` is not defined.

    Args:
        name: the metric.
        algorithm: the model.
        size: height and width of its pictures, pixels.

    Raises:
        InputError: the model cannot move its pictures in this way, computes in half precision, or
            has pictures below `SMALLEST` pixels.
    """
    sampling.check_space(name, algorithm, "z")
    coarse = EQUIVARIANCES[name].motion == "coarse"
    if not (algorithm.shift_steps if coarse else algorithm.has_transform):
        wanted = "starts from no constant that could be moved" if coarse else "takes no transform"
        others = [n for n in EQUIVARIANCES if ("coarse" in n) != coarse and n.count("1k")]
        can = algorithm.has_transform if coarse else algorithm.shift_steps
        advice = f" Take {' or '.join(others)}." if can else " Leave it out."
        raise InputError(f"{name}: this model {wanted}.{advice}")
    sampling.check_float32(name, "small errors")
    if size < SMALLEST:
        raise InputError(f"{name}: pictures have {size} pixels, expected {SMALLEST} or more.")


def equivariance(algorithm: LatentGAN, motion: str, count: int, title: str = "") -> float:
    """Returns how well a generator's pictures move, dB; 150.5 where there is no error at all.

    The picture of seed i is the same in all metrics, and four with following seeds share a motion.

    Args:
        algorithm: the algorithm that makes the pictures.
        motion: a key of `MOTIONS`.
        count: how many pictures are moved, with the seeds from 0 on.
        title: the title of the progress bar.
    """
    made, error, valid = Sampler(algorithm, BATCH), 0.0, 0.0
    chunks = [range(i, min(i + BATCH, count)) for i in range(0, count, BATCH)]
    for seeds in progress(chunks, title, count):
        uniform = [np.random.default_rng(seed // SHARED).random(2) for seed in seeds[::SHARED]]
        ws = made.ws(seeds)
        for one, more in _pairs(made, ws, motion, uniform, algorithm.shift_steps):
            error, valid = error + one, valid + more
    return psnr(error / valid)


def psnr(error: float) -> float:
    """Returns the peak signal-to-noise ratio, dB, of a mean square error of values in [-1, 1].

    Errors below the rounding of float32 are not told apart: 150.5 is the highest.
    """
    return 10 * math.log10(4 / max(error, ROUNDING**2))


def _pairs(made, ws, motion, uniform, steps):
    """Yields the sum of squared errors and the number of valid values for each motion."""
    noise = "none" if motion == "coarse" else "const"
    still = made.raw_from_ws(ws, noise)
    moves = [MOTIONS[motion](u, still.shape[1], steps) for u in uniform]
    rows = {
        name: np.repeat([move.given[name] for move in moves], SHARED, axis=0)[: len(ws)]
        for name in moves[0].given
    }
    moved = made.raw_from_ws(ws, noise, **rows)
    for i, move in enumerate(moves):
        part = slice(i * SHARED, (i + 1) * SHARED)
        expected, found, mask = move.compare(still[part], moved[part])
        squares = np.square(expected.astype(np.float64) - found)[:, mask]
        yield squares.sum(), squares.size


def _int(uniform, size, steps):
    right, down = (int(x) for x in np.rint(_translation(uniform) * size))

    def compare(still, moved):
        expected, mask = resampling.shift_whole(still, right, down)
        return expected, moved, mask

    return Move(_inverse([right / size, down / size]), compare)


def _frac(uniform, size, steps):
    right, down = _translation(uniform)

    def compare(still, moved):
        expected, mask = resampling.shift(still, right * size, down * size)
        return expected, moved, mask

    return Move(_inverse([right, down]), compare)


def _rotation(uniform, size, steps):
    angle = math.pi * (2 * uniform[0] - 1)

    def compare(still, moved):
        expected, first = resampling.rotate(still, angle)
        found, second = resampling.limit_as_rotated(moved, angle)
        return expected, found, first & second

    return Move(_inverse([0, 0], resampling.rotation(-angle)), compare)


def _coarse(uniform, size, steps):
    down, right = DIRECTIONS[int(uniform[0] * len(DIRECTIONS))]

    def compare(still, moved):
        expected, mask = resampling.shift_whole(still, right * size // steps, down * size // steps)
        return expected, moved, mask

    return Move({"shift": np.array([down, right], np.int32)}, compare)


def _translation(uniform):
    """Returns how far to go right and down, parts of the side."""
    return REACH * (2 * uniform - 1)


def _inverse(translation, turn=None):
    """Returns the transform that moves pictures by a translation, or by the inverse of `turn`."""
    matrix = np.eye(3, dtype=np.float32)
    matrix[:2, 2] = np.negative(translation)
    if turn is not None:
        matrix[:2, :2] = turn
    return {"transform": matrix}


MOTIONS: dict[str, Callable[[np.ndarray, int, int], Move]] = {
    "int": _int,
    "frac": _frac,
    "rotation": _rotation,
    "coarse": _coarse,
}
