"""Scores of generated and stylised pictures.

The statistics below take features `[N, D]` of any network, or pictures, uint8 `[N, H, W, 3]`, and
need only NumPy and SciPy. `mutual_information_gap` and `linear_separability` take codes `[N, K]`
and what is known about their pictures. `experiments.metrics.protocols` defines what a published
name such as `fid50k_full` means.
"""

from experiments.metrics.disentanglement import linear_separability, mutual_information_gap
from experiments.metrics.multiscale import ms_ssim
from experiments.metrics.patches import laplacian_pyramid, sliced_wasserstein, swd
from experiments.metrics.statistics import (
    Moments,
    frechet_distance,
    inception_score,
    kernel_distance,
    precision_recall,
)

__all__ = [
    "Moments",
    "frechet_distance",
    "inception_score",
    "kernel_distance",
    "laplacian_pyramid",
    "linear_separability",
    "ms_ssim",
    "mutual_information_gap",
    "precision_recall",
    "sliced_wasserstein",
    "swd",
]
