"""Distances between two sets of features `[N, D]` of any network, computed in float64."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import rel_entr

from core.errors import InputError
from experiments.metrics.checks import blocks, check_features, check_whole

ROWS = 1000  # rows of distances that are computed at a time


class Moments:
    """Mean and covariance of features that come in batches; the features are not kept.

    Source: Chan et al. 1979, "Updating formulae and a pairwise algorithm for computing sample
    variances": batches and their order change no more than rounding.

    Attributes:
        count: how many features were added.
        mean: their mean, `[D]`.
        scatter: the summed outer products of their deviations from the mean, `[D, D]`.
    """

    def __init__(self, count: int = 0, mean=0.0, scatter=0.0):
        self.count, self.mean, self.scatter = count, mean, scatter

    def add(self, features: np.ndarray) -> None:
        """Adds a batch of features, `[N, D]`.

        Raises:
            InputError: they have another form, another D than before, or are not finite.
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
        """Returns the covariance `[D, D]`, divided by N - 1.

        Raises:
            InputError: there are fewer than two features.
        """
        if self.count < 2:
            raise InputError(f"a covariance needs 2 images or more, got {self.count}.")
        return self.scatter / (self.count - 1)


def checked(features: ArrayLike, name: str, least: int) -> np.ndarray:
    """Returns features as float64 `[N, D]`; arguments and errors are those of `check_features`."""
    return np.asarray(check_features(features, name, least), np.float64)


def frechet_distance(real: ArrayLike | Moments, generated: ArrayLike | Moments) -> float:
    """Returns the squared Fréchet distance of two normal distributions with the features' moments.

    It is |m1 - m2|^2 + tr(C1) + tr(C2) - 2 tr((C1 C2)^(1/2)). The last trace is computed as the sum
    of the singular values of L1' L2 with C = L L', which needs no root of a matrix that may be
    singular.

    Args:
        real: features of two or more real pictures, `[N, D]`, or their `Moments`.
        generated: those of generated pictures; N may differ.

    Raises:
        InputError: there are too few, their D differs, or they are not finite.

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
        raise InputError(
            f"real features have {a.shape[-1]} numbers, generated {b.shape[-1]}: take "
            "both from the same network."
        )


def _factor(covariance):
    """Returns L with L L' = C, without columns that are only rounding errors.

    There are such columns where there are fewer images than dimensions.
    """
    values, vectors = np.linalg.eigh(covariance)
    kept = values > values.max() * len(values) * np.finfo(np.float64).eps
    return vectors[:, kept] * np.sqrt(values[kept])


def kernel_distance(
    real: ArrayLike,
    generated: ArrayLike,
    subsets: int = 100,
    subset_size: int = 1000,
    seed: int = 2020,
) -> tuple[float, float]:
    """Returns the squared maximum mean discrepancy (MMD) with the kernel (x'y / D + 1)^3.

    The estimate is unbiased: for two samples of one distribution it is 0 on average, and single
    subsets lie a little below or above 0.

    Args:
        real: features of real pictures, `[N, D]`. Only one subset of rows at a time is copied.
        generated: features of generated pictures, `[M, D]`.
        subsets: the number of subsets that the mean is taken over.
        subset_size: how many rows a subset has, drawn without replacement.
        seed: the seed of the `numpy.random.RandomState` that draws them, generated before real.

    Returns:
        Mean and standard deviation over the subsets.

    Raises:
        InputError: there are fewer features than a subset needs, their D differs, they are not
            finite, or an option is not a whole number in range.

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
            raise InputError(
                f"{name}: got {len(features)} images, this needs {subset_size} or "
                "more, as many as a subset has."
            )
    random, distances = np.random.RandomState(seed), []
    for _ in range(subsets):
        chosen = [x[random.choice(len(x), subset_size, replace=False)] for x in (generated, real)]
        distances.append(_discrepancy(*np.asarray(chosen, np.float64)))
    return float(np.mean(distances)), float(np.std(distances))


def _discrepancy(x, y):
    count, inside = len(x), 0.0
    for rows in (x, y):
        kernel = _kernel(rows, rows)
        inside += (kernel.sum() - np.trace(kernel)) / (count * (count - 1))
    return inside - 2 * _kernel(x, y).mean()


def _kernel(x, y):
    return (x @ y.T / x.shape[1] + 1) ** 3


def precision_recall(
    real: ArrayLike, generated: ArrayLike, neighborhood: int = 3
) -> tuple[float, float]:
    """Returns precision and recall.

    Precision is the share of generated features in the manifold of the real ones, and recall the
    share of real features in the manifold of the generated ones. A manifold is the union of balls
    around its features. The radius of a ball is the distance to the `neighborhood`-th nearest other
    feature.

    Args:
        real: features of real pictures, `[N, D]`. They may be in a file: memory holds some of the
            rows, and `ROWS` x N distances.
        generated: features of generated pictures, `[M, D]`, likewise.
        neighborhood: k, a whole number from 1 on.

    Raises:
        InputError: there are not more than `neighborhood` features, their D differs, they are not
            finite, or `neighborhood` is not such a number.

    Source: Kynkäänniemi et al. 2019 (https://arxiv.org/abs/1904.06991), section 2; details as in
    toshas/torch-fidelity, torch_fidelity/metric_prc.py.
    """
    check_whole(1, neighborhood=neighborhood)
    real = check_features(real, "real", neighborhood + 1)
    generated = check_features(generated, "generated", neighborhood + 1)
    _same_length(real, generated)
    middle = real.mean(0, np.float64)  # subtracted: smaller numbers are rounded less
    precision = _covered(generated, real, middle, neighborhood)
    return precision, _covered(real, generated, middle, neighborhood)


def _covered(probes, manifold, middle, neighborhood):
    distances = _distances(manifold, manifold, middle)
    nearest = [np.partition(d, neighborhood, axis=1)[:, neighborhood] for d in distances]
    radii = np.concatenate(nearest)  # number 0 is the distance to itself
    inside = [(d <= radii).any(1) for d in _distances(probes, manifold, middle)]
    return float(np.concatenate(inside).mean())


def _distances(a, b, middle) -> Iterator[np.ndarray]:
    """Yields the squared distances of rows of `a`, some at a time, to all rows of `b`."""
    for x in blocks(a, ROWS):
        yield np.hstack([_squared_distances(x - middle, y - middle) for y in blocks(b, ROWS)])


def _squared_distances(x, y):
    squares = np.square(x).sum(1)[:, None] + np.square(y).sum(1)
    return np.maximum(squares - 2 * x @ y.T, 0)


def inception_score(probabilities: ArrayLike, splits: int = 10) -> tuple[float, float]:
    """Returns the Inception Score: exp(mean KL divergence of p(class | picture) from p(class)).

    Args:
        probabilities: p(class | picture), `[N, classes]`, in the order in which pictures were made.
            Each row sums to 1.
        splits: how many parts the rows are divided into; each is scored alone.

    Returns:
        Mean and standard deviation over the splits.

    Raises:
        InputError: there are fewer rows than `splits`, a row is not probabilities, or `splits` is
            not a whole number from 1 on.

    Source: Salimans et al. 2016 (https://arxiv.org/abs/1606.03498), section 4.
    """
    check_whole(1, splits=splits)
    probabilities = check_features(probabilities, "probabilities", 1)
    count, scores = len(probabilities), []
    if count < splits:
        raise InputError(
            f"probabilities: got {count} images in {splits} splits, this needs one or "
            "more for each split."
        )
    for i in range(splits):
        part = np.float64(probabilities[i * count // splits : (i + 1) * count // splits])
        if (part < 0).any() or np.abs(part.sum(1) - 1).max() > 1e-3:
            raise InputError("probabilities: expected rows of numbers from 0 that sum to 1.")
        scores.append(np.exp(rel_entr(part, part.mean(0)).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))
