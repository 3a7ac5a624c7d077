"""Whether the directions of a code belong to single factors of the pictures.

`mutual_information_gap` is exact where the factors of the pictures are known, as those of `faces`
are: no network judges them, and nothing is fitted. It is for codes of real pictures (of an encoder,
or found by projection). `linear_separability` is for latents of generated ones, whose attributes a
classifier has to tell: `experiments.metrics.separability`.
"""

import numpy as np
from scipy.optimize import minimize

from core.errors import InputError
from experiments.metrics.statistics import checked

BINS = 20
LEAST = 1000  # pictures for the gap: with fewer, chance fills the 20 x 20 cells


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray) -> float:
    """By how much the best number of a code tells more of a factor than the second best.

    In shares of the factor's entropy, mean over factors: 1 if each factor is in one number alone,
    0 if it is in two alike. Codes and factors are cut into `BINS` equal bins from their lowest to
    their highest value, as Locatello et al. 2019 (https://arxiv.org/abs/1811.12359), section B, do
    with codes.

    Args:
        codes: `[N, K]`, K at least 2.
        factors: `[N, F]`, such as `experiments.data.faces.factors` of the same pictures.

    Raises:
        InputError: fewer than `LEAST`, of different N, one number in a code, or a constant factor.

    Source: Chen et al. 2018 (https://arxiv.org/abs/1802.04942), equation 6.
    """
    codes, factors = checked(codes, "codes", LEAST), checked(factors, "factors", LEAST)
    if len(codes) != len(factors) or codes.shape[1] < 2:
        raise InputError(f"got codes {codes.shape} and factors {factors.shape}, expected [N, K] "
                         "with K 2 or more and [N, F].")  # fmt: skip
    cells = [_binned(column) for column in codes.T]
    return float(np.mean([_gap(cells, _binned(column)) for column in factors.T]))


def _gap(cells, factor):
    entropy = _entropy(np.bincount(factor))
    if not entropy:
        raise InputError("factors: one of them is the same in all pictures, leave it out.")
    told = sorted(_mutual_information(code, factor) for code in cells)
    return (told[-1] - told[-2]) / entropy


def _binned(values):
    """Which of `BINS` equal bins each is in."""
    low, width = values.min(), np.ptp(values) or 1.0
    return np.minimum(((values - low) / width * BINS).astype(int), BINS - 1)


def _mutual_information(a, b):
    joint = np.bincount(a * BINS + b, minlength=BINS**2)
    return _entropy(np.bincount(a)) + _entropy(np.bincount(b)) - _entropy(joint)


def _entropy(counts):
    """In bits."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def linear_separability(latents: np.ndarray, probabilities: np.ndarray) -> float:
    """2 ** (sum over attributes of H(Y|X)), X the side of a hyperplane and Y the attribute; from 1.

    Of each attribute the half that the classifier is surest of is kept (published: 100,000 of
    200,000), and a linear support vector machine separates it.

    Args:
        latents: `[N, D]`, z or w.
        probabilities: `[N, attributes]` of the positive class, by a classifier of the pictures.

    Raises:
        InputError: fewer than four, of different N, or numbers outside [0, 1].

    Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 4.2;
    NVlabs/stylegan @ 1e0d5c7, metrics/linear_separability.py (with bits and 2 for nats and e).
    """
    latents = checked(latents, "latents", 4)
    probabilities = checked(probabilities, "probabilities", 4)
    inside = (probabilities >= 0) & (probabilities <= 1)
    if len(latents) != len(probabilities) or not inside.all():
        raise InputError(f"got latents {latents.shape} and probabilities {probabilities.shape}, "
                         "expected [N, D] and [N, attributes] in [0, 1].")  # fmt: skip
    bits = 0.0
    for column in probabilities.T:
        kept = np.argsort(-np.abs(column - 0.5), kind="stable")[: len(column) // 2]
        truth = column[kept] > 0.5
        side = _sides(latents[kept], truth)
        joint = np.bincount(side * 2 + truth, minlength=4)
        bits += max(_entropy(joint) - _entropy(np.bincount(side)), 0.0)
    return float(2**bits)


def _sides(x, truth):
    """On which side of the best hyperplane each is: scikit-learn's `LinearSVC` as it is by default
    (squared hinge, C = 1, the offset regularised, too)."""
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    signs = np.where(truth, 1.0, -1.0)

    def loss(w):
        short = np.maximum(1 - signs * (x @ w), 0)
        return w @ w / 2 + short @ short, w - 2 * x.T @ (signs * short)

    return (x @ minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x > 0).astype(int)
