"""Random corruptions of pictures: amplified octaves, noise, and a hole."""

import functools

import numpy as np
from keras import ops

from core.errors import InputError
from core.tensors import Tensor
from gan.augment import wavelets
from gan.augment.draws import BANDS, Draws, amount
from gan.augment.strengths import Strengths

POWER = np.array((10, 1, 1, 1)) / 13  # of the octaves of natural pictures, expected


def filter_octaves(images: Tensor, draws: Draws, p: Tensor, strengths: Strengths) -> Tensor:
    """The pictures with each of four octaves amplified or damped, at the same overall power.

    Along an axis, a filter with reflection at the border is a matrix: the sum of a constant one per
    octave, times the picture's gains.

    Args:
        images: `[N, H, W, C]`, float32, sides of 22 or more.
        draws, p, strengths: see `gan.augment.apply`.

    Raises:
        InputError: a side is shorter than 22 pixels, where the filter's reflection ends.
    """
    _, height, width, _ = images.shape
    if min(height, width) < 22:
        raise InputError(
            f"pictures of {height}x{width} pixels: expected 22 or more on either side for "
            "'imgfilter'. Leave it out, or take larger pictures."
        )
    gains = _gains(draws, p, strengths)
    rows = ops.einsum("nb,boi->noi", gains, _band_matrices(height))
    columns = ops.einsum("nb,boi->noi", gains, _band_matrices(width))
    return ops.einsum("noh,nhwc,npw->nopc", rows, images, columns)


def add_noise(images: Tensor, draws: Draws, p: Tensor, strengths: Strengths) -> Tensor:
    """The pictures and white noise, whose deviation is itself drawn for each picture."""
    sigma = amount(draws, "noise", p, strengths.noise * ops.abs(draws["noise_sigma"]))
    return images + sigma[:, None, None, None] * draws["noise"]


def cut_out(images: Tensor, draws: Draws, p: Tensor, strengths: Strengths) -> Tensor:
    """The pictures with a hole of 0 at a random place, cut off by the border."""
    center = draws["cutout_center"]
    half = amount(draws, "cutout", p, ops.full_like(center[:, 0], strengths.cutout)) / 2
    half = half[:, None]
    _, height, width, _ = images.shape
    beside = ops.abs(_centres(width) - center[:, :1]) >= half
    above = ops.abs(_centres(height) - center[:, 1:]) >= half
    keep = ops.logical_or(beside[:, None, :, None], above[:, :, None, None])
    return images * ops.cast(keep, images.dtype)


def _gains(draws, p, strengths):
    """`[N, 4]`. Each octave that is changed changes all, because the power is kept."""
    gains = ops.ones_like(draws[BANDS[0]])[:, None] * np.ones(4, np.float32)
    for i, band in enumerate(BANDS):
        if not strengths.imgfilter_bands[i]:
            continue
        log = amount(draws, band, p * strengths.imgfilter_bands[i], draws[band])
        change = 2.0 ** (strengths.imgfilter * log)[:, None]
        factors = ops.where(np.arange(4) == i, change, 1.0)
        power = ops.sum(ops.square(factors) * POWER.astype("float32"), axis=1, keepdims=True)
        gains = gains * factors * ops.rsqrt(power)
    return gains


@functools.cache
def _band_matrices(size):
    """Each octave's filter along an axis of `size` pixels, reflected: `[4, size, size]`."""
    bank = wavelets.bands()
    reach = bank.shape[1] // 2
    source = np.pad(np.arange(size), reach, mode="reflect")
    matrices = np.zeros((len(bank), size, size), np.float32)
    for row in range(size):
        for tap in range(bank.shape[1]):
            matrices[:, row, source[row + tap]] += bank[:, tap]
    return matrices


def _centres(size):
    return ((np.arange(size) + 0.5) / size).astype("float32")
