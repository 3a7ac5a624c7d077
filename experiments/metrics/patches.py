"""Sliced Wasserstein distance (SWD) between the patches of two sets of pictures, by scale."""

import zlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from scipy.ndimage import correlate1d

from core.errors import InputError
from core.picture_size import Size, in_words, sides
from experiments.metrics.checks import blocks, check_features, check_pictures, check_whole

PATCH, PATCHES = 7, 128  # side of a patch in pixels; patches of each picture and scale
SMALLEST = 16  # height and width at the last scale, pixels
TAPS = np.array([1, 4, 6, 4, 1], np.float32) / 16
ROWS = 2**15  # patches that are projected together
CHUNK = 16  # directions whose projections are in memory together


def swd(real: np.ndarray, generated: np.ndarray) -> dict[int, float]:
    """Returns the SWD at each scale of the Laplacian pyramid, times 1000.

    The positions of the patches are drawn with a seed that the picture itself gives. So neither the
    order of the pictures nor the batches matter, and equal sets have 0.

    Args:
        real: real pictures, uint8 `[N, H, W, 3]`.
        generated: as many generated pictures, of the same size.

    Returns:
        `{H: distance, H / 2: ..., 16: ...}`. Coarse scales compare shapes, fine ones texture.

    Raises:
        InputError: there are not as many of both, they have another type or different sizes, or
            their size is not 16, 32, 64, ...

    Source: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 5;
    tkarras/progressive_growing_of_gans @ 2504c3f, metrics/sliced_wasserstein.py.
    """
    real, generated = check_pictures(real, "SWD"), check_pictures(generated, "SWD")
    if real.shape != generated.shape:
        raise InputError(
            f"SWD: got pictures of shapes {real.shape} and {generated.shape}, "
            "expected as many of one size."
        )
    descriptors = [patches(real), patches(generated)]
    return {size: distance(*(d[size] for d in descriptors)) for size in descriptors[0]}


def distance(real: np.ndarray, generated: np.ndarray) -> float:
    """Returns the SWD between patches of one scale, times 1000.

    First, each colour is normalised to mean 0 and deviation 1 over all patches. The patches may be
    in files: memory holds `ROWS` of them, and M projections on `CHUNK` directions.

    Args:
        real: patches of real pictures, float32 `[M, 147]`.
        generated: as many of generated pictures.

    Raises:
        InputError: there are none, not as many of both, or all have a single colour.
    """
    return 1000 * _sliced(*(_normalised(x) for x in _checked(real, generated)))


def scales(size: Size) -> list[int]:
    """Returns the sizes of the scales: `[size, size / 2, ..., 16]`.

    Raises:
        InputError: the size is not 16, 32, 64, ..., the side of squares.
    """
    side, width = sides(size)
    if side != width or side < SMALLEST or side & (side - 1):
        raise InputError(
            f"SWD: got pictures of {in_words(size)}, expected squares whose side is a power of "
            f"two, {SMALLEST} or more."
        )
    return [side >> i for i in range((side // SMALLEST).bit_length())]


def patches(images: Iterable[np.ndarray]) -> dict[int, np.ndarray]:
    """Returns the patches of pictures at every scale.

    Args:
        images: pictures, uint8 `[size, size, 3]` each.

    Returns:
        `{size: float32 [N * 128, 147], ..., 16: ...}`, 75 kB for each picture and scale.
    """
    by_size: dict[int, list[np.ndarray]] = {}
    for image in images:
        if image.shape[0] != image.shape[1]:
            raise InputError(f"SWD: got a picture of shape {image.shape}, expected square ones.")
        random = np.random.default_rng(zlib.crc32(np.ascontiguousarray(image).data))
        for level in laplacian_pyramid(image[None], len(scales(image.shape[0]))):
            by_size.setdefault(len(level[0]), []).append(_cut(level[0], random))
    return {size: np.concatenate(parts) for size, parts in by_size.items()}


def _cut(level, random):
    """Returns random patches that lie inside a level, `[128, 147]`, one colour after the other."""
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH, PATCH), (0, 1))
    rows, columns = random.integers(0, len(windows), (2, PATCHES))
    return windows[rows, columns].reshape(PATCHES, -1)


class _Rows(NamedTuple):
    """Rows `[M, D]`, and the mean and deviation, `[D]`, that normalise them."""

    rows: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def along(self, lines):
        """Returns the projections of the rows on lines `[L, D]`: float32 `[L, M]`, sorted."""
        lines = lines / self.deviation
        parts = [lines @ (block - self.mean).T for block in blocks(self.rows, ROWS, np.float32)]
        return np.sort(np.concatenate(parts, axis=1))


def _normalised(descriptors):
    """Returns the patches with what normalises each colour to mean 0 and deviation 1."""
    count, width = descriptors.shape
    pixels = width // 3
    mean = descriptors.mean(0, np.float64).reshape(3, pixels).mean(1).repeat(pixels)
    squares = sum(np.square(block - mean).sum(0) for block in blocks(descriptors, ROWS))
    deviation = np.sqrt(squares.reshape(3, pixels).mean(1) / count).repeat(pixels)
    if not deviation.all():
        raise InputError("SWD: all patches of a scale have one colour, expected pictures.")
    return _Rows(descriptors, np.float32(mean), np.float32(deviation))


def sliced_wasserstein(
    a: np.ndarray, b: np.ndarray, repeats: int = 4, directions: int = 128, seed: int = 0
) -> float:
    """Returns the 1-Wasserstein distance along random directions, mean over all directions.

    Args:
        a: the first set, `[M, D]`.
        b: the second set, of the same shape.
        repeats: how many times directions are drawn.
        directions: how many directions are drawn each time.
        seed: the seed of the `numpy.random.RandomState` that draws them.

    Raises:
        InputError: the sets are empty, of different shapes or not finite, or an option is not a
            whole number in range.
    """
    check_whole(0, seed=seed)
    check_whole(1, repeats=repeats, directions=directions)
    first, second = (_Rows(x, np.float32(0), np.float32(1)) for x in _checked(a, b))
    return _sliced(first, second, repeats, directions, seed)


def _checked(a, b):
    a, b = (check_features(x, "sliced Wasserstein distance", 1) for x in (a, b))
    if a.shape != b.shape:
        raise InputError(
            f"sliced Wasserstein distance: got arrays of shapes {a.shape} and "
            f"{b.shape}, expected [M, D] twice."
        )
    return a, b


def _sliced(a, b, repeats=4, directions=128, seed=0):
    random, total = np.random.RandomState(seed), 0.0
    for _ in range(repeats):
        lines = random.randn(a.rows.shape[1], directions)
        lines = (lines / np.linalg.norm(lines, axis=0)).astype(np.float32)
        for start in range(0, directions, CHUNK):
            some = lines[:, start : start + CHUNK].T
            away = np.abs(a.along(some) - b.along(some))
            total += away.mean(1, np.float64).sum()
    return float(total / (repeats * directions))


def laplacian_pyramid(images: np.ndarray, levels: int) -> list[np.ndarray]:
    """Returns the Laplacian pyramid: what each scale adds to the coarser ones, and the coarsest.

    Args:
        images: pictures `[N, H, W, 3]` in [0, 255], whose sides can be halved `levels - 1` times.
        levels: how many scales.

    Returns:
        Arrays float32 `[N, H, W, 3]`, `[N, H / 2, W / 2, 3]`, ...

    Source: Burt & Adelson 1983, "The Laplacian pyramid as a compact image code".
    """
    pyramid = [np.asarray(images, np.float32)]
    for _ in range(levels - 1):
        pyramid.append(_blurred(pyramid[-1], TAPS)[:, ::2, ::2])
        wide = np.zeros_like(pyramid[-2])
        wide[:, ::2, ::2] = pyramid[-1]
        pyramid[-2] = pyramid[-2] - _blurred(wide, 2 * TAPS)
    return pyramid


def _blurred(x, taps):
    return correlate1d(correlate1d(x, taps, 1, mode="mirror"), taps, 2, mode="mirror")
