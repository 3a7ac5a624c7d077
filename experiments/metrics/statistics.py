"""Distances of two sets of features, `[N, D]`, whatever network they are from. In float64."""

from collections.abc import Iterator

import numpy as np
from scipy.special import rel_entr

from core.errors import InputError
from experiments.metrics.checks import blocks, check_features, check_whole

ROWS = 1000  # of a block of distances


class Moments:
    """Mean and covariance of features that come in batches; the features are not kept.

    Source: Chan et al. 1979, "Updating formulae and a pairwise algorithm for computing sample
    variances": batches and their order change no more than rounding.

    Attributes:
        count: features so far.
        mean: `[D]`.
        scatter: `[D, D]`, the summed outer products of the deviations from the mean.
    """

    def __init__(self, count: int = 0, mean=0.0, scatter=0.0):
        self.count, self.mean, self.scatter = count, mean, scatter

    def add(self, features: np.ndarray) -> None:
        """Takes a batch, `[N, D]`.

        Raises:
            InputError: not of this form, of another D than before, or not finite.
        """
        x = checked(features, "features", 1)
        if self.count and x.shape[1] != len(self.mean):
            raise InputError(f"features: got {x.shape[1]} numbers each after {len(self.mean)}.")
        total, mean = self.count + len(x), x.mean(0)
        away, centred = mean - self.mean, x - mean
        between = np.outer(away, away) * (self.count * len(x) / total)
        self.scatter = self.scatter + centred.T @ centred + between
        self.mean = self.mean + away * (len(x) / total)
        self.count = total

    @property
    def covariance(self) -> np.ndarray:
        """`[D, D]`, divided by N - 1.

        Raises:
            InputError: fewer than two features.
        """
        if self.count < 2:
            raise InputError(f"a covariance needs 2 images or more, got {self.count}.")
        return self.scatter / (self.count - 1)


def checked(features, name: str, least: int) -> np.ndarray:
    """Features as float64 `[N, D]`; `InputError` as `check_features`."""
    return np.asarray(check_features(features, name, least), np.float64)


def frechet_distance(real, generated) -> float:
    """Squared Fréchet distance of the two normal distributions with the features' moments.

    |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)). The last trace is the sum of the singular
    values of L1' L2 with C = L L', which needs no root of a matrix that may be singular.

    Args:
        real, generated: `[N, D]`, two or more, or the `Moments` of such.

    Raises:
        InputError: too few, of different D, or not finite.

    Source: Heusel et al. 2017 (https://arxiv.org/abs/1706.08500), equation 6;
    toshas/torch-fidelity, torch_fidelity/metric_fid.py (covariances divided by N - 1).
    """
    a, b = _moments(real, "real"), _moments(generated, "generated")
    first, second = a.covariance, b.covariance
    _same_length(first, second)
    overlap = np.linalg.svd(_factor(first).T @ _factor(second), compute_uv=False).sum()
    away = np.square(a.mean - b.mean).sum()
    return float(max(away + np.trace(first) + np.trace(second) - 2 * overlap, 0.0))


def _moments(features, name):
    if isinstance(features, Moments):
        return features
    moments = Moments()
    moments.add(checked(features, name, 2))
    return moments


def _same_length(a, b):
    if a.shape[-1] != b.shape[-1]:
        raise InputError(f"real features have {a.shape[-1]} numbers, generated {b.shape[-1]}: take "
                         "both from the same network.")  # fmt: skip


def _factor(covariance):
    """L with L L' = C, without the columns that are rounding (fewer images than dimensions)."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


def kernel_distance(
    real, generated, subsets: int = 100, subset_size: int = 1000, seed: int = 2020
) -> tuple[float, float]:
    """Squared maximum mean discrepancy with the kernel (x'y / D + 1)^3, unbiased.

    Unbiased: two samples of one distribution have 0 on average, which is also what a set has with
    itself (single subsets are then a little below or above it).

    Args:
        real, generated: `[N, D]`; only the rows of one subset at a time are copied.
        subsets: over which the mean is taken.
        subset_size: rows of each, drawn without replacement.
        seed: of the draws, `numpy.random.RandomState`, generated before real.

    Returns:
        Mean and standard deviation over the subsets.

    Raises:
        InputError: fewer features than a subset has, of different D, not finite, or options that
            are no such numbers.

    Source: Bińkowski et al. 2018 (https://arxiv.org/abs/1801.01401), section 4; draws as
    toshas/torch-fidelity, torch_fidelity/metric_kid.py, whose defaults these are.
    """
    check_whole(0, seed=seed)
    check_whole(1, subsets=subsets)
    check_whole(2, subset_size=subset_size)
    real, generated = check_features(real, "real", 1), check_features(generated, "generated", 1)
    _same_length(real, generated)
    for name, features in (("real", real), ("generated", generated)):
        if len(features) < subset_size:
            raise InputError(f"{name}: got {len(features)} images, this needs {subset_size} or "
                             "more, as many as a subset has.")  # fmt: skip
    random, found = np.random.RandomState(seed), []
    for _ in range(subsets):
        chosen = [x[random.choice(len(x), subset_size, replace=False)] for x in (generated, real)]
        found.append(_discrepancy(*np.float64(chosen)))
    return float(np.mean(found)), float(np.std(found))


def _discrepancy(x, y):
    count, inside = len(x), 0.0
    for rows in (x, y):
        kernel = _kernel(rows, rows)
        inside += (kernel.sum() - np.trace(kernel)) / (count * (count - 1))
    return inside - 2 * _kernel(x, y).mean()


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def precision_recall(real, generated, neighborhood: int = 3) -> tuple[float, float]:
    """Shares of generated features in the real manifold, and of real ones in the generated one.

    A manifold is the union of balls around its features, each as wide as the distance to its
    `neighborhood`-th nearest other one.

    Args:
        real, generated: `[N, D]`. They may be in files: memory holds some rows of them, and
            `ROWS` x N distances.
        neighborhood: a whole number from 1 on.

    Raises:
        InputError: not more than `neighborhood`, of different D, not finite, or no such number.

    Source: Kynkäänniemi et al. 2019 (https://arxiv.org/abs/1904.06991), section 2; in the details
    toshas/torch-fidelity, torch_fidelity/metric_prc.py.
    """
    check_whole(1, neighborhood=neighborhood)
    real = check_features(real, "real", neighborhood + 1)
    generated = check_features(generated, "generated", neighborhood + 1)
    _same_length(real, generated)
    middle = real.mean(0, np.float64)  # smaller numbers, less rounding
    precision = _covered(generated, real, middle, neighborhood)
    return precision, _covered(real, generated, middle, neighborhood)


def _covered(probes, manifold, middle, neighborhood):
    distances = _distances(manifold, manifold, middle)
    nearest = [np.partition(d, neighborhood, axis=1)[:, neighborhood] for d in distances]
    radii = np.concatenate(nearest)  # each is its own nearest
    inside = [(d <= radii).any(1) for d in _distances(probes, manifold, middle)]
    return float(np.concatenate(inside).mean())


def _distances(a, b, middle) -> Iterator[np.ndarray]:
    """Squared distances of all rows of `a`, some at a time, to those of `b`."""
    for x in blocks(a, ROWS):
        yield np.hstack([_squared_distances(x - middle, y - middle) for y in blocks(b, ROWS)])


def _squared_distances(x, y):
    squares = np.square(x).sum(1)[:, None] + np.square(y).sum(1)
    return np.maximum(squares - 2 * x @ y.T, 0)


def inception_score(probabilities, splits: int = 10) -> tuple[float, float]:
    """exp of the mean divergence of the pictures' classes from the classes of all.

    Args:
        probabilities: `[N, classes]`, rows sum to 1, in the order in which pictures were made.
        splits: parts that are scored by themselves.

    Returns:
        Mean and standard deviation over the splits.

    Raises:
        InputError: fewer than `splits`, rows that are not probabilities, or `splits` is no whole
            number from 1 on.

    Source: Salimans et al. 2016 (https://arxiv.org/abs/1606.03498), section 4.
    """
    check_whole(1, splits=splits)
    probabilities = check_features(probabilities, "probabilities", 1)
    count, scores = len(probabilities), []
    if count < splits:
        raise InputError(f"probabilities: got {count} images in {splits} splits, this needs one or "
                         "more for each split.")  # fmt: skip
    for i in range(splits):
        part = np.float64(probabilities[i * count // splits : (i + 1) * count // splits])
        if (part < 0).any() or np.abs(part.sum(1) - 1).max() > 1e-3:
            raise InputError("probabilities: expected rows of numbers from 0 that sum to 1.")
        scores.append(np.exp(rel_entr(part, part.mean(0)).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))
