"""ProGAN's generator: a normalised z, then the synthesis that grows.

The discriminator is `gan.progressive.Discriminator`.

Source: tkarras/progressive_growing_of_gans @ 2504c3f, networks.py `G_paper`.
"""

from typing import Any

import keras

from core.tensors import Tensor
from gan.layers import pixel_norm
from gan.progressive import GrowingGenerator, Synthesis


@keras.saving.register_keras_serializable("progan")
class Generator(GrowingGenerator):
    """The generator: from z to a picture.

    Args:
        resolution: height and width of the pictures in pixels, a power of two.
        latent_size: how many numbers a z has.
        fmap_base, fmap_max, blur, num_channels: see `gan.progressive.Synthesis`.
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

    def call(self, z: Tensor, lod: float | None = None) -> Tensor:
        """Pictures at the full resolution.

        Args:
            z: `[N, latent_size]`, normal.
            lod: level of detail, a number; None: `self.lod`.

        Returns:
            Pictures `[N, resolution, resolution, num_channels]`, about -1 to 1, float32.
        """
        return self.synthesis(pixel_norm(z), lod=lod)

    def grown(self, z: Tensor, size: int, fade: Tensor | float = 1.0) -> Tensor:
        """Pictures from the layers up to `size` pixels, see `gan.progressive.Synthesis.grown`."""
        return self.synthesis.grown(pixel_norm(z), size, fade)

    def get_config(self) -> dict[str, Any]:
        own = self.synthesis.get_config()
        names = ("resolution", "fmap_base", "fmap_max", "blur", "num_channels")
        return {k: own[k] for k in names} | {"latent_size": self.latent_size, "name": self.name}
