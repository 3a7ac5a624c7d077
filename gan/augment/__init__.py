"""Random changes of what a discriminator sees, so that it does not learn a small data set by heart.

StyleGAN2-ADA's transforms with their adaptive probability, and DiffAugment.
"""

from gan.augment.draws import percentile_draws, random_draws
from gan.augment.pipeline import apply, augment
from gan.augment.strengths import Strengths

__all__ = ["Strengths", "apply", "augment", "percentile_draws", "random_draws"]
