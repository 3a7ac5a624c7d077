"""The swap: every patch of the content's features becomes the style's patch that is most like it.

Patches are `patch` x `patch` positions, one begins at every position. Likeness is their product
with the style's patches divided by their norms; a content patch's own norm would not change which
is the largest.

Source: Chen & Schmidt 2016 (https://arxiv.org/abs/1612.04337), section 3.1; rtqichen/style-swap
@ c1a393a2, lib/NonparametricPatchAutoencoderFactory.lua:20-93.
"""

import functools
import math

import numpy as np
from keras import ops

from core import engine
from core.errors import InputError

BLOCK = 2**22  # products of a content's and a style's position held at once: 16 MiB, a few times
EPSILON = 1e-8  # added to the norms


def style_swap(content, style, patch: int = 3, block: int = BLOCK):
    """The content's features made of the style's patches, averaged where they overlap.

    Args:
        content: `[h, w, C]`.
        style: `[k, l, C]`.
        patch: height and width of a patch.
        block: how many products of positions are held at once.

    Returns:
        `[h, w, C]`, of the style's type.

    Raises:
        InputError: features smaller than a patch.
    """
    best = nearest_patches(content, style, patch, block)
    style = ops.convert_to_tensor(style)
    rows, columns, channels = *best.shape, style.shape[-1]
    first = (best // (style.shape[1] - patch + 1), best % (style.shape[1] - patch + 1))
    flat, total = ops.reshape(style, (-1, channels)), 0.0
    for i in range(patch):
        for j in range(patch):
            place = (first[0] + i) * style.shape[1] + first[1] + j
            part = ops.reshape(ops.take(flat, ops.reshape(place, (-1,)), axis=0),
                               (rows, columns, channels))  # fmt: skip
            around = ((i, patch - 1 - i), (j, patch - 1 - j), (0, 0))
            total = total + ops.pad(part, around)
    return total / ops.cast(_overlaps(content.shape[:2], patch), total.dtype)


def _overlaps(size, patch):
    """How many patches lie over each position, `[h, w, 1]`."""
    ends = (np.minimum(np.arange(n) + 1, min(patch, n - patch + 1)) for n in size)
    counts = [np.minimum(x, x[::-1]) for x in ends]
    return np.outer(*counts)[..., None]


def nearest_patches(content, style, patch: int = 3, block: int = BLOCK):
    """Which patch of the style is most like each one of the content; the first of equal ones.

    A product of patches is a sum of products of positions, so these are computed once and summed
    along the rows and columns, in blocks of rows of both; the best so far is kept. That is
    `patch`² times less arithmetic than products of whole patches.

    Args:
        As of `style_swap`.

    Returns:
        int32 `[h - patch + 1, w - patch + 1]`; patches of the style are counted row by row.

    Raises:
        InputError: features smaller than a patch.
    """
    for what, x in (("content", content), ("style", style)):
        if min(x.shape[:2]) < patch:
            raise InputError(
                f"{what}: {x.shape[1]}x{x.shape[0]} positions of features, but a patch has "
                f"{patch}x{patch}. Take a larger picture or a smaller algorithm.patch."
            )
    content, style = (ops.cast(x, "float32") for x in (content, style))
    rows, columns = (n - patch + 1 for n in style.shape[:2])
    squares = _box_sum(_box_sum(ops.sum(ops.square(style), -1), patch, (0,)), patch, (1,))
    scale = 1 / (ops.sqrt(squares) + EPSILON)
    step = max(1, math.isqrt(block // (content.shape[1] * style.shape[1])) - patch + 1)
    best_of, found = _compiled(tuple(content.shape), tuple(style.shape), patch), []
    for top in range(0, content.shape[0] - patch + 1, step):
        window, best = content[top : top + step + patch - 1], None
        for first in range(0, rows, step):
            value, index = best_of(
                window,
                style[first : first + step + patch - 1],
                scale[first : first + step],
            )
            index = ops.cast(index, "int32") + first * columns
            if best is not None:
                better = value > best[0]
                value = ops.where(better, value, best[0])
                index = ops.where(better, index, best[1])
            best = value, index
        found.append(best[1])
    return ops.concatenate(found)


def _best(content, style, scale):
    """Value and number of the best patch, `[h, w]` each."""
    patch = style.shape[0] - scale.shape[0] + 1
    flat = [ops.reshape(x, (-1, x.shape[-1])) for x in (content, style)]
    products = ops.matmul(flat[0], ops.transpose(flat[1]))
    products = ops.reshape(products, (*content.shape[:2], *style.shape[:2]))
    products = _box_sum(_box_sum(products, patch, (0, 2)), patch, (1, 3)) * scale
    products = ops.reshape(products, (*products.shape[:2], -1))
    return ops.max(products, -1), ops.argmax(products, -1)


def _box_sum(x, patch, axes):
    """Sums of `patch` neighbours along these axes together: the diagonal of a box for two of them;
    each becomes shorter by `patch` - 1."""
    total = 0.0
    for i in range(patch):
        part = [slice(None)] * len(x.shape)
        for axis in axes:
            part[axis] = slice(i, x.shape[axis] - patch + 1 + i)
        total = total + x[tuple(part)]
    return total


@functools.lru_cache(maxsize=16)
def _compiled(content, style, patch):
    """`_best` for features of these shapes: TensorFlow warns where one function sees many."""
    return engine.compile(_best, [])
