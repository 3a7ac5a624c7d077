"""Moves pictures by translation and rotation, as the metrics of equivariance compare them with.

Each function also returns the mask of what is valid: where no pixel from outside was needed.
Pictures are float `[N, S, S, C]`, masks bool `[S, S]`. Angles are in radians; x goes right, y down.

Source: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), appendix E; NVlabs/stylegan3 @
c233a91, metrics/equivariance.py.
"""

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.signal import fftconvolve

LOBES = 3  # a of the Lanczos windows, pixels to each side
SUPPORT = 6  # half size of the band-limiting filters, pixels
FIELD = 64  # half size of the grid that they are computed on, pixels
UP = 4  # a picture is rotated at so many times its size


def rotation(angle: float) -> np.ndarray:
    """Returns the rotation `[2, 2]` of positions (x, y)."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])


def shift_whole(images: np.ndarray, right: int, down: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures moved by whole pixels, and the mask."""
    height, width = images.shape[1:3]
    rows, columns = _between(height, down, height + down), _between(width, right, width + right)
    return np.roll(images, (down, right), (1, 2)), np.outer(rows, columns)


def shift(images: np.ndarray, right: float, down: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures moved by fractions of pixels with a Lanczos filter, and the mask."""
    moved, masks = images, []
    for axis, pixels in ((1, down), (2, right)):
        whole, size = int(np.floor(pixels)), images.shape[axis]
        taps = lanczos_taps(pixels - whole)
        offsets = range(1 - LOBES, LOBES + 1)
        moved = sum(
            np.float32(tap) * np.roll(moved, whole + k, axis)
            for k, tap in zip(offsets, taps, strict=True)
        )
        masks.append(_between(size, whole + LOBES, size + whole + 1 - LOBES))
    return moved, np.outer(*masks)


def lanczos_taps(fraction: float) -> np.ndarray:
    """Returns the 6 taps, of sum 1, for the pixels -2 to 3 that move a signal by 0 to 1 pixels."""
    x = np.arange(1 - LOBES, LOBES + 1) - fraction
    taps = np.sinc(x) * _window(x)
    return taps / taps.sum()


def rotate(images: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures rotated about their centre, band-limited before and after, and the mask.

    A position p of the result shows what is at `rotation(-angle) @ p` of the picture.
    """
    size, taps = images.shape[1], band_limit(rotation(angle), UP)
    half, centre = len(taps) // 2, (size - 1) / 2
    apart = np.zeros((len(images), UP * size, UP * size, images.shape[3]), np.float32)
    apart[:, ::UP, ::UP] = images
    large = fftconvolve(apart, np.float32(taps)[None, :, :, None], mode="same", axes=(1, 2))
    y, x = np.mgrid[:size, :size] - centre
    x, y = np.einsum("ij,jhw->ihw", rotation(-angle), np.stack([x, y]))
    places = UP * (np.stack([y, x]) + centre)
    planes = np.moveaxis(large, 3, 1).reshape(-1, *large.shape[1:3])
    sampled = np.stack([map_coordinates(plane, places, order=1) for plane in planes])
    rotated = np.moveaxis(sampled.reshape(len(images), -1, size, size), 1, 3)
    low, high = half + 1 - UP // 2, UP * size - 2 - half - UP // 2
    nearest = np.rint(places)
    return rotated, np.all((nearest >= low) & (nearest <= high), axis=0)


def limit_as_rotated(images: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns pictures with the frequencies alone that `rotate` has left, and the mask.

    The result of `rotate` by an angle is to be compared with this for the same angle.
    """
    size, taps = images.shape[1], band_limit(rotation(-angle))
    half = len(taps) // 2
    limited = fftconvolve(images, np.float32(taps)[None, :, :, None], mode="same", axes=(1, 2))
    inside = _between(size, half, size - half)
    return limited, np.outer(inside, inside)


def band_limit(matrix: np.ndarray, up: int = 1) -> np.ndarray:
    """Returns the filter that keeps what the pixels before and after a transform can both show.

    It is the convolution of two sinc filters, one along the pixels, one along the transformed ones,
    times the convolution of their Lanczos windows. `[n, n]` with n = 2 * 6 * up - 1.

    Args:
        matrix: the transform, `[2, 2]`.
        up: taps per pixel. Each of the `up * up` sets of taps that meet pixels at a time has the
            sum 1.
    """
    line = np.arange(1 - FIELD * up, FIELD * up) / up
    inner = np.stack(np.meshgrid(line, line), axis=2)  # x, y
    pair = (inner, inner @ matrix.T)
    sincs = _convolved(*(np.sinc(x).prod(axis=2) for x in pair))
    windows = _convolved(*(_window(x).prod(axis=2) for x in pair))
    cut = (FIELD - SUPPORT) * up
    taps = np.pad((sincs * windows)[cut:-cut, cut:-cut], ((0, 1), (0, 1)))
    parts = taps.reshape(2 * SUPPORT, up, 2 * SUPPORT, up)
    parts = parts / parts.sum(axis=(0, 2), keepdims=True)
    return parts.reshape(taps.shape)[:-1, :-1]


def _convolved(a, b):
    """Returns the circular convolution of two arrays whose origin is their middle."""
    spectra = [np.fft.fft2(np.fft.ifftshift(x)) for x in (a, b)]
    return np.fft.fftshift(np.fft.ifft2(spectra[0] * spectra[1]).real)


def _window(x):
    """Returns the Lanczos window at positions x in pixels."""
    return np.where(np.abs(x) < LOBES, np.sinc(x / LOBES), 0.0)


def _between(size, start, stop):
    """Returns which of `size` positions are from `start` on and before `stop`, bool `[size]`."""
    positions = np.arange(size)
    return (positions >= start) & (positions < stop)
