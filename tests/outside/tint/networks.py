"""A network that changes every pixel by itself."""

import keras
from keras import layers


def tinter(channels: int, name: str) -> keras.Model:
    """A network from pictures `[N, H, W, 3]` in [-1, 1] to the same, of any size."""
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(channels, 1, activation="relu", name="hidden")(inputs)
    x = layers.Conv2D(3, 1, activation="tanh", name="colours")(x)
    return keras.Model(inputs, x, name=name)
