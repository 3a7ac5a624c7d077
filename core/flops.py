"""Counting the arithmetic of networks: floating-point operations, two for each multiply-add."""

import math
from functools import singledispatch

import keras


def network_flops(network: keras.Model) -> float:
    """Operations of the convolutions and dense layers in one pass forward.

    Args:
        network: a functional model whose layers know their sizes, batch included, such as
            `core.phases.Algorithm.sized` returns.
    """
    return sum(layer_flops(layer) for layer in network.layers)


@singledispatch
def layer_flops(layer: keras.layers.Layer) -> float:
    """Operations of a layer in one pass forward; 0 for layers without products of matrices.

    A layer of our own that has some registers a function: `@layer_flops.register`.
    """
    return 0.0


@layer_flops.register
def _(layer: keras.layers.Conv2D) -> float:
    return _per_position(layer, layer.output)


@layer_flops.register
def _(layer: keras.layers.Dense) -> float:
    return _per_position(layer, layer.output)


@layer_flops.register
def _(layer: keras.layers.Conv2DTranspose) -> float:
    return _per_position(layer, layer.input)  # a product for every pixel that comes in


def _per_position(layer, tensor):
    return 2.0 * math.prod(tensor.shape[:-1]) * math.prod(layer.kernel.shape)
