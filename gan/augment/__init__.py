"""Random changes of what a discriminator sees, so that it does not learn a small data set by heart.

StyleGAN2-ADA's transforms with their adaptive probability, and DiffAugment.
"""

from gan.augment.adapt import AdaptiveProbability
from gan.augment.differentiable import diff_apply, diff_augment, diff_draws
from gan.augment.draws import percentile_draws, random_draws
from gan.augment.pipeline import apply, augment
from gan.augment.strengths import Strengths

__all__ = [
    "AdaptiveProbability",
    "Strengths",
    "apply",
    "augment",
    "diff_apply",
    "diff_augment",
    "diff_draws",
    "percentile_draws",
    "random_draws",
]
