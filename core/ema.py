"""Exponential moving average of a network's weights."""

import keras


class EMA:
    """A copy of `network` whose weights follow it with a half-life counted in images.

    Source: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 4 there with a decay per
    step; a half-life in images is StyleGAN's form of it, and does not depend on the batch size.

    Attributes:
        network: the copy, of the same architecture.
    """

    def __init__(self, network: keras.Model, half_life: float):
        self.source = network
        self.half_life = half_life
        self.network = keras.models.clone_model(network)
        self.network.set_weights(network.get_weights())

    def update(self, images: int) -> None:
        """Moves the copy towards the network after a step of `images` images."""
        decay = 0.5 ** (images / self.half_life)
        for average, value in zip(self.network.weights, self.source.weights, strict=True):
            average.assign(value + (average - value) * decay)
