"""Style mixing: some layers of a picture's generator take the w of another z."""

import keras
from keras import ops

from core.tensors import Tensor


def layers_of_the_first_w(
    layers: int, probability: float, seed: keras.random.SeedGenerator
) -> Tensor:
    """Which layers take the first of two w: those before a random layer, or all of them.

    One draw serves the whole batch, as in the official code.

    Args:
        layers: how many layers of the generator are in use, 2 or more.
        probability: how often styles are mixed, 0 to 1; otherwise every layer takes the first w.
        seed: what draws, once for both numbers.

    Returns:
        Bool `[1, layers, 1]`, to choose between two `ws [N, layers, w_dim]`.

    Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 3.1;
    NVlabs/stylegan @ 1e0d5c7, training/networks_stylegan.py:345-353.
    """
    draw = keras.random.uniform((2,), seed=seed, dtype="float32")
    crossover = 1 + ops.floor(draw[1] * (layers - 1))  # 1 to layers - 1
    first = ops.where(draw[0] < probability, crossover, float(layers))
    return (ops.arange(layers, dtype="float32") < first)[None, :, None]
