"""Resampling of pictures and features by short symmetric filters, `[N, H, W, C]`.

Filters are separable: a row of taps stands for its outer product with itself, such as (1, 3, 3, 1)
for the 4x4 filter of StyleGAN2. Along an axis of few pixels a filter is a product with a matrix;
else shifted copies are added up, which XLA joins to one operation and TensorFlow does not. Every
backend differentiates both as often as asked. Products need fewer operations: a step of StyleGAN2
at 32 pixels compiles in half the time and less. A filter that is not separable is one product for
each row of its upper half; for large pictures a depthwise convolution.
"""

from collections.abc import Sequence

import numpy as np
from keras import ops

from core import engine
from core.tensors import Tensor

MATRIX_SIZE = 16  # pixels along an axis for each tap, up to which a filter is a matrix product
CPU_MATRIX_SIZE = 256  # pixels along an axis, up to which it is one on a CPU with TensorFlow


def upfirdn2d(
    x: Tensor,
    taps: Sequence[float] | np.ndarray,
    *,
    up: int = 1,
    down: int = 1,
    padding: tuple[int, int] = (0, 0),
    gain: float = 1.0,
) -> Tensor:
    """Upsamples with zeros, pads, filters, and keeps every `down`-th row and column.

    Args:
        x: `[N, H, W, C]`.
        taps: the filter along one axis, or `[n, n]`, n even, for one that is not separable but
            the same turned upside down and transposed; it is scaled so that its taps sum to 1.
        up: the factor of the upsampling; `up - 1` zeros come after every pixel.
        down: the factor of the downsampling.
        padding: zeros before and after, on both axes, counted after the upsampling; negative where
            pixels are cut off.
        gain: the factor of the result.

    Returns:
        `[N, (H * up + before + after - len(taps)) // down + 1, likewise, C]`, type kept.

    Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, torch_utils/ops/upfirdn2d.py (what it computes).
    """
    if np.ndim(taps) == 2:
        return _plane(x, np.asarray(taps) * gain / np.sum(taps), up, down, padding)
    taps = _scaled(taps, gain**0.5)
    for axis in (1, 2):
        size = x.shape[axis]
        product = _small(size, up, taps) or _small_on_cpu(size, up)
        x = (_product if product else _shifts)(x, axis, taps, up, down, padding)
    return x


def blur(x: Tensor, taps: Sequence[float] = (1, 2, 1)) -> Tensor:
    """The pictures filtered at the same size, with zeros beyond the border.

    Source: StyleGAN (https://arxiv.org/abs/1812.04948), appendix C for (1, 2, 1).
    """
    n = len(taps)
    return upfirdn2d(x, taps, padding=(n // 2, (n - 1) // 2))


def upsample(x: Tensor, taps: Sequence[float], factor: int = 2) -> Tensor:
    """Pictures of `factor` times the height and width and of the same mean.

    Source: `upsample2d` of NVlabs/stylegan2-ada-pytorch @ d72cc7d, torch_utils/ops/upfirdn2d.py.
    """
    n = len(taps)
    padding = ((n + factor - 1) // 2, (n - factor) // 2)
    return upfirdn2d(x, taps, up=factor, padding=padding, gain=factor**2)


def downsample(x: Tensor, taps: Sequence[float], factor: int = 2) -> Tensor:
    """Pictures of the height and width divided by `factor`.

    Source: `downsample2d` of NVlabs/stylegan2-ada-pytorch @ d72cc7d,
    torch_utils/ops/upfirdn2d.py.
    """
    n = len(taps)
    padding = ((n - factor + 1) // 2, (n - factor) // 2)
    return upfirdn2d(x, taps, down=factor, padding=padding)


def nearest(x: Tensor, factor: int = 2) -> Tensor:
    """Every pixel as a square of `factor` x `factor` pixels."""
    return ops.repeat(ops.repeat(x, factor, axis=1), factor, axis=2) if factor > 1 else x


def box(x: Tensor, factor: int = 2) -> Tensor:
    """The mean of every square of `factor` x `factor` pixels; sizes are multiples of `factor`."""
    if factor == 1:
        return x
    n, h, w, c = x.shape
    x = ops.reshape(x, (-1 if n is None else n, h // factor, factor, w // factor, factor, c))
    return ops.mean(x, axis=(2, 4))


def _scaled(taps, gain):
    total = sum(taps)
    return [gain * tap / total for tap in taps]


def _small(size, up, taps):
    """Whether a product is the better form on any device."""
    return size is not None and up * size <= MATRIX_SIZE * len(taps) and len(taps) > 3


def _small_on_cpu(size, up):
    """Whether it is the better form on a CPU where copies are not joined: 4 to 20 times as fast."""
    small = size is not None and up * size <= CPU_MATRIX_SIZE
    return small and engine.on_cpu() and not engine.fuses()


def _plane(x, taps, up, down, padding):
    """The filter along both axes at once."""
    x = _padded(_padded(x, 1, up, padding), 2, up, padding)
    n, (width, channels) = len(taps), x.shape[2:]
    if not _small(width, 1, taps):
        kernel = ops.cast(np.tile(taps[..., None, None], (1, 1, channels, 1)), x.dtype)
        return ops.depthwise_conv(x, kernel, down, "valid")
    span = x.shape[1] - n + 1
    rows = [x[:, i : i + span : down] + x[:, n - 1 - i : n - 1 - i + span : down]
            for i in range(n // 2)]  # fmt: skip
    matrices = [_matrix(width, tuple(row), 1, down, (0, 0)) for row in taps[: n // 2]]
    matrix = ops.cast(np.concatenate(matrices, axis=1), x.dtype)
    joined = ops.reshape(ops.concatenate(rows, axis=2), (-1, matrix.shape[1], channels))
    made = ops.matmul(matrix, joined)
    return ops.reshape(made, (-1, rows[0].shape[1], matrix.shape[0], channels))


def _product(x, axis, taps, up, down, padding):
    """The filter along one axis, as a matrix `[pixels out, pixels in]`."""
    matrix = ops.cast(_matrix(x.shape[axis], tuple(taps), up, down, padding), x.dtype)
    shape = list(x.shape)
    rows = [-1, shape[1], shape[2] * shape[3]] if axis == 1 else [-1, *shape[2:]]
    made = ops.matmul(matrix, ops.reshape(x, rows))
    shape[axis] = matrix.shape[0]
    return ops.reshape(made, [-1, *shape[1:]])


def _matrix(size, taps, up, down, padding):
    """What the filter makes of each single pixel, as columns."""
    pixels = np.zeros((size, size * up), "float32")
    pixels[np.arange(size), up * np.arange(size)] = 1
    before, after = padding
    pixels = np.pad(pixels, ((0, 0), (max(before, 0), max(after, 0))))
    pixels = pixels[:, max(-before, 0) : pixels.shape[1] - max(-after, 0)]
    filtered = [np.convolve(row, taps, "valid")[::down] for row in pixels]
    return np.stack(filtered, axis=1).astype("float32")


def _padded(x, axis, up, padding):
    """The pixels along one axis with `up - 1` zeros after each, padded or cut off."""
    size, (before, after) = ops.shape(x)[axis], padding  # may be known only when it runs
    if up > 1:
        x = ops.expand_dims(x, axis + 1)
        x = ops.pad(x, [(0, up - 1) if i == axis + 1 else (0, 0) for i in range(5)])
        shape = [*ops.shape(x)[:axis], size * up, *ops.shape(x)[axis + 2 :]]
        x = ops.reshape(x, [-1 if s is None else s for s in shape])
    if max(padding) > 0:
        width = (max(before, 0), max(after, 0))
        x = ops.pad(x, [width if i == axis else (0, 0) for i in range(4)])
    if min(padding) < 0:
        slices = [slice(None)] * 4
        slices[axis] = slice(max(-before, 0), ops.shape(x)[axis] - max(-after, 0))
        x = x[tuple(slices)]
    return x


def _shifts(x, axis, taps, up, down, padding):
    """The filter along one axis. True convolution: the taps are read backwards."""
    x = _padded(x, axis, up, padding)
    span = ops.shape(x)[axis] - len(taps) + 1
    slices = [slice(None)] * 4
    total = None
    for start, tap in enumerate(reversed(taps)):
        slices[axis] = slice(start, start + span, down)
        part = x[tuple(slices)] * tap
        total = part if total is None else total + part
    return total
