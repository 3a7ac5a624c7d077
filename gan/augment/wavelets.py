"""Wavelet filters of the augmentation: taps as numbers, and the filters made of them."""

import numpy as np

# Daubechies' least asymmetric wavelets with 2 and 6 vanishing moments: the low-pass of the
# decomposition, in the order of PyWavelets; both sum to the root of 2
SYM2 = (-0.12940952255092145, 0.22414386804185735, 0.836516303737469, 0.48296291314469025)
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)


def low_pass() -> np.ndarray:
    """Sym6 scaled to sum 1, `[12]`: what pictures are resampled with."""
    return np.array(SYM6) / sum(SYM6)


def bands() -> np.ndarray:
    """Filters that split a signal into four octaves, `[4, 43]`, the lowest first.

    Every row is symmetric; together they are a unit impulse.

    Source: Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix B, "Image-space
    filtering".
    """
    half = np.array(SYM2)
    other = half * (-1) ** np.arange(len(half))
    low = np.convolve(half, half[::-1]) / 2
    high = np.convolve(other, other[::-1]) / 2
    bank = np.eye(4, 1)
    for band in (1, 2, 3):
        sparse = np.zeros((4, 2 * bank.shape[1] - 1))
        sparse[:, ::2] = bank
        bank = np.stack([np.convolve(row, low) for row in sparse])
        start = (bank.shape[1] - len(high)) // 2
        bank[band, start : start + len(high)] += high
    return bank
