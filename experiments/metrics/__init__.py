"""Scores of generated and stylised pictures.

The statistics below take features `[N, D]` of any network, or pictures, uint8 `[N, H, W, 3]`, and
need NumPy and SciPy alone. What a published name such as `fid50k_full` means is in
`experiments.metrics.protocols`.
"""

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
    "ms_ssim",
    "precision_recall",
    "sliced_wasserstein",
    "swd",
]
