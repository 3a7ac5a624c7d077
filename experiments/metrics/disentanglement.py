"""Measures whether the directions of a code belong to single factors of the pictures.

`mutual_information_gap` is exact where the factors of the pictures are known, as they are for
`faces`: no network judges them, and nothing is fitted. It is for codes of real pictures, made by an
encoder or by projection. `linear_separability` is for latents of generated pictures, whose
attributes a classifier has to judge, see `experiments.metrics.separability`.
"""

import numpy as np
from scipy.optimize import minimize

from core.errors import InputError
from experiments.metrics.statistics import checked

BINS = 20
LEAST = 1000  # fewest pictures for the gap: with fewer, chance fills the 20 x 20 cells


def mutual_information_gap(codes: np.ndarray, factors: np.ndarray) -> float:
    """Returns the mutual information gap (MIG), mean over the factors.

    The gap of a factor is the mutual information with the number of the code that says most about
    it, minus that with the second best, divided by the factor's entropy. It is 1 if a single number
    holds the factor, and 0 if two numbers hold it equally. Codes and factors are divided into
    `BINS` equal bins from their lowest to their highest value, as Locatello et al. 2019
    (https://arxiv.org/abs/1811.12359), section B, do with codes.

    Args:
        codes: the codes, `[N, K]`, K at least 2.
        factors: the factors of the same pictures, `[N, F]`, as `experiments.data.faces.factors`
            gives them.

    Raises:
        InputError: there are fewer than `LEAST` pictures, the two N differ, a code has one number
            only, or a factor is constant.

    Source: Chen et al. 2018 (https://arxiv.org/abs/1802.04942), equation 6.
    """
    codes, factors = checked(codes, "codes", LEAST), checked(factors, "factors", LEAST)
    if len(codes) != len(factors) or codes.shape[1] < 2:
        raise InputError(
            f"got codes {codes.shape} and factors {factors.shape}, expected [N, K] "
            "with K 2 or more and [N, F]."
        )
    cells = [_binned(column) for column in codes.T]
    return float(np.mean([_gap(cells, _binned(column)) for column in factors.T]))


def _gap(cells, factor):
    entropy = _entropy(np.bincount(factor))
    if not entropy:
        raise InputError("factors: one of them is the same in all pictures, leave it out.")
    told = sorted(_mutual_information(code, factor) for code in cells)
    return (told[-1] - told[-2]) / entropy


def _binned(values):
    """Returns for each value the number of its bin, of `BINS` equal ones."""
    low, width = values.min(), np.ptp(values) or 1.0
    return np.minimum(((values - low) / width * BINS).astype(int), BINS - 1)


def _mutual_information(a, b):
    joint = np.bincount(a * BINS + b, minlength=BINS**2)
    return _entropy(np.bincount(a)) + _entropy(np.bincount(b)) - _entropy(joint)


def _entropy(counts):
    """Returns the entropy in bits of a distribution that is given as counts."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) + 0.0


def linear_separability(latents: np.ndarray, probabilities: np.ndarray) -> float:
    """Returns the linear separability: 2 ** (sum over attributes of H(Y|X)), at least 1.

    X is the side of a hyperplane that a latent is on, and Y the attribute of its picture. For each
    attribute, the half of the pictures is kept that the classifier is surest of (published: 100,000
    of 200,000), and a linear support vector machine separates them.

    Args:
        latents: z or w, `[N, D]`.
        probabilities: the probability of each attribute, `[N, attributes]`, by a classifier of the
            pictures.

    Raises:
        InputError: there are fewer than four, the two N differ, or a probability is not in [0, 1].

    Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 4.2;
    NVlabs/stylegan @ 1e0d5c7, metrics/linear_separability.py (with bits and 2 for nats and e).
    """
    latents = checked(latents, "latents", 4)
    probabilities = checked(probabilities, "probabilities", 4)
    inside = (probabilities >= 0) & (probabilities <= 1)
    if len(latents) != len(probabilities) or not inside.all():
        raise InputError(
            f"got latents {latents.shape} and probabilities {probabilities.shape}, "
            "expected [N, D] and [N, attributes] in [0, 1]."
        )
    bits = 0.0
    for column in probabilities.T:
        kept = np.argsort(-np.abs(column - 0.5), kind="stable")[: len(column) // 2]
        truth = column[kept] > 0.5
        side = _sides(latents[kept], truth)
        joint = np.bincount(side * 2 + truth, minlength=4)
        bits += max(_entropy(joint) - _entropy(np.bincount(side)), 0.0)
    return float(2**bits)


def _sides(x, truth):
    """Returns on which side of the best hyperplane each row of `x` is, 0 or 1.

    It is the hyperplane of scikit-learn's `LinearSVC` with its defaults: squared hinge loss, C = 1,
    and an offset that is regularised too.
    """
    x = np.concatenate([x, np.ones((len(x), 1))], axis=1)
    signs = np.where(truth, 1.0, -1.0)

    def loss(w):
        short = np.maximum(1 - signs * (x @ w), 0)
        return w @ w / 2 + short @ short, w - 2 * x.T @ (signs * short)

    return (x @ minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x > 0).astype(int)
