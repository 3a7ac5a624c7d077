"""GANs whose generators are written by hand."""

import keras

from core.phases import Stage
from gan.latent import LatentGAN


class Fake(LatentGAN):
    """A GAN with the `generator` that a subclass says, and nothing to train."""

    def __init__(self, latent_size: int, latent: str = "normal", size: int = 16):
        inputs = keras.Input((latent_size,))
        nothing = keras.Model(inputs, keras.layers.Identity()(inputs))
        networks = {"G": nothing, "D": nothing}
        super().__init__([Stage(1, size)], networks, latent_size=latent_size, latent=latent)
