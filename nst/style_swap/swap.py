"""The swap: every patch of the content's features is replaced by the style's patch most like it.

A patch is a square of `patch` x `patch` positions, and one begins at every position. Likeness is
the normalised cross-correlation: the product of the two patches over the norm of the style's.
Dividing by the norm of the content's, too, would not change which patch is most alike.

Source: Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), section 3.1; rtqichen/style-swap
@ c1a393a2, lib/NonparametricPatchAutoencoderFactory.lua:20-93.
"""

import functools
import math

import numpy as np
from keras import ops

from core import engine
from core.errors import InputError
from core.tensors import Tensor

BLOCK = 2**22  # products of two positions held at once: 16 MiB, and a few copies
EPSILON = 1e-8  # added to the norms


def style_swap(content: Tensor, style: Tensor, patch: int = 3, block: int = BLOCK) -> Tensor:
    """The content's features put together from patches of the style, averaged where they overlap.

    Args:
        content: features, `[h, w, C]`.
        style: features, `[k, l, C]`.
        patch: height and width of the patches, positions.
        block: how many products of positions are held at once; it bounds the memory.

    Returns:
        `[h, w, C]`, of the style's type.

    Raises:
        InputError: features smaller than a patch.
    """
    best = nearest_patches(content, style, patch, block)
    style = ops.convert_to_tensor(style)
    (rows, columns), channels = best.shape, style.shape[-1]
    first = (best // (style.shape[1] - patch + 1), best % (style.shape[1] - patch + 1))
    flat = ops.reshape(style, (-1, channels))
    total: Tensor = 0.0
    for i in range(patch):
        for j in range(patch):
            place = (first[0] + i) * style.shape[1] + first[1] + j
            part = ops.take(flat, ops.reshape(place, (-1,)), axis=0)
            part = ops.reshape(part, (rows, columns, channels))
            around = ((i, patch - 1 - i), (j, patch - 1 - j), (0, 0))
            total = total + ops.pad(part, around)
    return total / ops.cast(_overlaps(content.shape[:2], patch), total.dtype)


def _overlaps(size, patch):
    """How many patches lie over each position, `[h, w, 1]`."""
    ends = (np.minimum(np.arange(n) + 1, min(patch, n - patch + 1)) for n in size)
    counts = [np.minimum(x, x[::-1]) for x in ends]
    return np.outer(*counts)[..., None]


def nearest_patches(content: Tensor, style: Tensor, patch: int = 3, block: int = BLOCK) -> Tensor:
    """For each patch of the content, the number of the style's patch that is most like it.

    The product of two patches is a sum of products of positions. These are computed once, for
    blocks of rows of both, and summed along rows and columns; the best patch so far is kept. That
    takes `patch`² times less arithmetic than products of whole patches.

    Args:
        content, style, patch, block: see `style_swap`.

    Returns:
        int32 `[h - patch + 1, w - patch + 1]`. The style's patches are counted row by row, from 0;
        of equal ones it is the first.

    Raises:
        InputError: features smaller than a patch.
    """
    for what, x in (("content", content), ("style", style)):
        if min(x.shape[:2]) < patch:
            raise InputError(
                f"{what}: {x.shape[1]}x{x.shape[0]} positions of features, but a patch has "
                f"{patch}x{patch}. Take a larger picture or a smaller patch."
            )
    content, style = (ops.cast(x, "float32") for x in (content, style))
    rows, columns = (n - patch + 1 for n in style.shape[:2])
    squares = _box_sum(_box_sum(ops.sum(ops.square(style), -1), patch, (0,)), patch, (1,))
    scale = 1 / (ops.sqrt(squares) + EPSILON)
    step = max(1, math.isqrt(block // (content.shape[1] * style.shape[1])) - patch + 1)
    best_of, blocks = _compiled(tuple(content.shape), tuple(style.shape), patch), []
    for top in range(0, content.shape[0] - patch + 1, step):
        window = content[top : top + step + patch - 1]
        best, number = best_of(window, style[: step + patch - 1], scale[:step])
        number = ops.cast(number, "int32")
        for first in range(step, rows, step):
            last = first + step
            value, index = best_of(window, style[first : last + patch - 1], scale[first:last])
            better = value > best
            best = ops.where(better, value, best)
            number = ops.where(better, ops.cast(index, "int32") + first * columns, number)
        blocks.append(number)
    return ops.concatenate(blocks)


def _best(content, style, scale):
    """The likeness of the best patch, and its number in this block, `[h, w]` each."""
    patch = style.shape[0] - scale.shape[0] + 1
    flat = [ops.reshape(x, (-1, x.shape[-1])) for x in (content, style)]
    products = ops.matmul(flat[0], ops.transpose(flat[1]))
    products = ops.reshape(products, (*content.shape[:2], *style.shape[:2]))
    products = _box_sum(_box_sum(products, patch, (0, 2)), patch, (1, 3)) * scale
    products = ops.reshape(products, (*products.shape[:2], -1))
    return ops.max(products, -1), ops.argmax(products, -1)


def _box_sum(x, patch, axes):
    """Sums over `patch` neighbours, where the index moves along all of these axes at once (with two
    axes: along a diagonal). Each of the axes becomes shorter by `patch` - 1."""
    total = 0.0
    for i in range(patch):
        part = [slice(None)] * len(x.shape)
        for axis in axes:
            part[axis] = slice(i, x.shape[axis] - patch + 1 + i)
        total = total + x[tuple(part)]
    return total


@functools.lru_cache(maxsize=16)
def _compiled(content, style, patch):
    """`_best` compiled for features of these shapes; TensorFlow warns if one function sees many."""
    return engine.compile(_best, [])
