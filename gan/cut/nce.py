"""The contrastive loss between patches of two pictures."""

from collections.abc import Sequence

import keras
from keras import ops

from core.tensors import Tensor


def draw_positions(
    shapes: Sequence[tuple[int, ...]], count: int, seed: keras.random.SeedGenerator
) -> list[Tensor]:
    """Random positions in each layer, none twice; all of them where there are no more than `count`.

    Args:
        shapes: of the layers, `(N, H, W, C)`.
        count: how many are wanted.
        seed: what draws them.

    Returns:
        For each layer int32 numbers `y * W + x`, `[min(count, H * W)]`.
    """
    drawn = []
    for _, height, width, _ in shapes:
        numbers = keras.random.uniform((height * width,), seed=seed, dtype="float32")
        drawn.append(ops.top_k(numbers, min(count, height * width))[1])
    return drawn


def take_positions(features: Tensor, positions: Tensor) -> Tensor:
    """The features at some positions of each picture.

    Args:
        features: `[N, H, W, C]`.
        positions: `[N, P]`, each `y * W + x`; or `[P]`, the same ones in every picture.

    Returns:
        `[N, P, C]`.
    """
    n, height, width, channels = features.shape
    flat = ops.reshape(features, (n * height * width, channels))
    first = height * width * ops.arange(n, dtype="int32")  # where each picture begins
    return ops.take(flat, positions + first[:, None], axis=0)


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """The mean cross-entropy of finding, among all keys of a picture, that of the same position.

    No gradient passes to the keys. (The official code judges the right key apart and puts -10 in
    its place among the wrong ones, which adds exp(-10 / temperature) to a sum: nothing in float32.)

    Args:
        queries: features of the translation, `[N, P, C]`, each of length 1.
        keys: features of the source at the same positions, `[N, P, C]`, each of length 1.
        temperature: what similarities are divided by.

    Source: Park et al. 2020 (https://arxiv.org/abs/2007.15651), equations 2 and 3;
    taesungp/contrastive-unpaired-translation @ b3ac297, models/patchnce.py.
    """
    keys = ops.stop_gradient(keys)
    logits = ops.matmul(queries, ops.transpose(keys, (0, 2, 1))) / temperature
    right = ops.sum(queries * keys, axis=-1) / temperature
    return ops.mean(ops.logsumexp(logits, axis=-1) - right)
