"""ProGAN's generator: a normalised z, and the growing synthesis. The discriminator is
`gan.progressive.Discriminator` as it is.

Source: tkarras/progressive_growing_of_gans @ 2504c3f, networks.py `G_paper`.
"""

import keras

from gan.layers import pixel_norm
from gan.progressive import GrowingGenerator, Synthesis


@keras.saving.register_keras_serializable("progan")
class Generator(GrowingGenerator):
    """From z to a picture.

    Args:
        resolution: of the pictures, a power of two.
        latent_size: of z.
        fmap_base, fmap_max, blur, num_channels: as of `gan.progressive.Synthesis`.
    """

    def __init__(
        self,
        resolution: int,
        *,
        latent_size: int = 512,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        blur: bool = False,
        num_channels: int = 3,
        name: str = "generator",
    ):
        super().__init__(name=name, dtype="float32")
        self.latent_size = latent_size
        self.synthesis = Synthesis(
            resolution,
            latent_size,
            fmap_base=fmap_base,
            fmap_max=fmap_max,
            blur=blur,
            num_channels=num_channels,
        )
        self.built = True

    def call(self, z, lod=None):
        """Args:
        z: `[N, latent_size]`, normal.
        lod: level of detail, a number; None: `self.lod`.

        Returns:
            Pictures `[N, resolution, resolution, num_channels]`, about -1 to 1, float32.
        """
        return self.synthesis(pixel_norm(z), lod=lod)

    def grown(self, z, size: int, fade=1.0):
        """Pictures of the layers up to `size` pixels: `gan.progressive.Synthesis.grown`."""
        return self.synthesis.grown(pixel_norm(z), size, fade)

    def get_config(self):
        own = self.synthesis.get_config()
        names = ("resolution", "fmap_base", "fmap_max", "blur", "num_channels")
        return {k: own[k] for k in names} | {"latent_size": self.latent_size, "name": self.name}
