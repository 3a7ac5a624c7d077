"""Exponential moving average of a network's weights."""

import keras


class EMA:
    """A copy of `network` whose weights follow it.

    Trainable weights are averaged; the others (running statistics, the mean w, constant noise) are
    copied, as in the official code (`beta_nontrainable` 0).

    Sources: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 4: a decay per step; a
    half-life in images is StyleGAN's form of it, and does not depend on the batch size
    (NVlabs/stylegan @ 1e0d5c7, training/training_loop.py:167).

    Args:
        network: to follow.
        half_life: of a weight's share, in images, or
        decay: factor of the average at each step, whatever the batch size.

    Attributes:
        network: the copy, of the same architecture.
    """

    def __init__(self, network: keras.Model, half_life: float = 0.0, *, decay: float = 0.0):
        self.source = network
        self.half_life, self.decay = half_life, decay
        self.network = keras.models.clone_model(network)
        self.network.set_weights(network.get_weights())

    def update(self, images: int) -> None:
        """Moves the copy towards the network after a step of `images` images."""
        decay = self.decay or 0.5 ** (images / self.half_life)
        for average, value in zip(self.network.weights, self.source.weights, strict=True):
            if value.trainable:
                average.assign(value + (average - value) * decay)
            else:
                average.assign(value)
