"""Copies of networks whose layers know the sizes of what passes through them, to be counted."""

from collections.abc import Sequence

import keras


def input_shapes(network: keras.Model, pictures: tuple[int, ...]) -> list[tuple[int, ...]]:
    """The shapes of what a network takes, one for each of its inputs.

    Args:
        network: a functional model.
        pictures: `(N, H, W, C)` of the pictures in a step. An input of unknown height and width
            gets this N, H and W with the channels that it has, any other one this N.
    """
    return [
        (*pictures[:3], x.shape[3]) if None in x.shape[1:] else (pictures[0], *x.shape[1:])
        for x in network.inputs
    ]


def code_shape(decoder: keras.Model, pictures: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the features that a decoder makes pictures of at least this size from.

    Args:
        decoder: a functional model from `[N, h, w, c]` to pictures, h and w a fixed fraction of
            theirs.
        pictures: `(N, H, W, C)` of the pictures that come out.
    """
    n, height, width, _ = pictures
    channels = decoder.inputs[0].shape[-1]
    factor = decoder.compute_output_shape((1, height, width, channels))[1] // height
    return n, -(-height // factor), -(-width // factor), channels


def at_shapes(network: keras.Model, shapes: Sequence[tuple[int, ...]]) -> keras.Model:
    """A copy of a functional model with inputs of these shapes, each with its batch size."""
    inputs = [
        keras.Input(shape[1:], shape[0], x.dtype)
        for shape, x in zip(shapes, network.inputs, strict=True)
    ]
    return keras.models.clone_model(network, inputs if inputs[1:] else inputs[0])
