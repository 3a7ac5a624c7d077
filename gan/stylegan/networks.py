"""StyleGAN's generator: the mapping network, then the synthesis, which grows and has styles.

The discriminator is `gan.progressive.Discriminator` with blur.

Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), section 2;
NVlabs/stylegan @ 1e0d5c7, training/networks_stylegan.py:302-384 (`G_style`, `G_mapping`).
"""

from typing import Any

import keras
from keras import ops

from core.tensors import Tensor
from gan.layers import pixel_norm
from gan.mapping import MappingNetwork
from gan.progressive import GrowingGenerator, Synthesis


@keras.saving.register_keras_serializable("stylegan")
class Mapping(MappingNetwork):
    """The mapping network: from z to w, which is the same for every layer. In float32.

    Args:
        latent_size: how many numbers a z has.
        w_dim: how many features a w has.
        num_ws: how many layers of the synthesis take a w.
        num_layers: how many dense layers there are; 0: w is the normalised z.
        fmaps: how many features the hidden layers have.
        lrmul: their learning rate relative to other layers.
        w_avg_beta: how much of the moving mean of w stays at a step, 0 to 1.
    """

    def __init__(
        self,
        latent_size: int = 512,
        w_dim: int = 512,
        *,
        num_ws: int,
        num_layers: int = 8,
        fmaps: int = 512,
        lrmul: float = 0.01,
        w_avg_beta: float = 0.995,
        name: str = "mapping",
    ):
        super().__init__(name=name, dtype="float32")
        self.config = {
            "latent_size": latent_size,
            "w_dim": w_dim,
            "num_ws": num_ws,
            "num_layers": num_layers,
            "fmaps": fmaps,
            "lrmul": lrmul,
            "w_avg_beta": w_avg_beta,
        }
        widths = [latent_size] + [fmaps] * (num_layers - 1) + [w_dim] * (num_layers > 0)
        self.add_layers(widths, lrmul=lrmul)
        self.add_mean(w_dim)
        self.built = True

    def call(
        self, z: Tensor, truncation_psi: float = 1.0, truncation_cutoff: int | None = None
    ) -> Tensor:
        """The styles of z.

        Args:
            z: `[N, latent_size]`, normal.
            truncation_psi: w is moved towards the mean: `w_avg + psi * (w - w_avg)`.
            truncation_cutoff: in this many of the first layers; None: in all.

        Returns:
            `[N, num_ws, w_dim]`, float32.
        """
        return self.styles(self.w(z), truncation_psi, truncation_cutoff)

    def w(self, z: Tensor) -> Tensor:
        """The w `[N, w_dim]` of z `[N, latent_size]`."""
        x = pixel_norm(ops.cast(z, "float32"))
        for layer in self.dense:
            x = ops.leaky_relu(layer(x), 0.2)
        return x


@keras.saving.register_keras_serializable("stylegan")
class Generator(GrowingGenerator):
    """The generator: from z through w to a picture.

    Args:
        resolution: height and width of the pictures in pixels, a power of two.
        latent_size, w_dim, mapping_layers, mapping_fmaps, mapping_lrmul, w_avg_beta: see `Mapping`.
        use_styles, const_input, use_noise, fmap_base, fmap_max, blur, num_channels: see
            `gan.progressive.Synthesis`.

    Attributes:
        mapping: z to `ws [N, layers, w_dim]`.
        synthesis: `ws` to pictures.
    """

    def __init__(
        self,
        resolution: int,
        *,
        latent_size: int = 512,
        w_dim: int = 512,
        mapping_layers: int = 8,
        mapping_fmaps: int = 512,
        mapping_lrmul: float = 0.01,
        w_avg_beta: float = 0.995,
        use_styles: bool = True,
        const_input: bool = True,
        use_noise: bool = True,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        blur: bool = True,
        num_channels: int = 3,
        name: str = "generator",
    ):
        super().__init__(name=name, dtype="float32")
        self.synthesis = Synthesis(
            resolution,
            w_dim,
            fmap_base=fmap_base,
            fmap_max=fmap_max,
            const_input=const_input,
            use_styles=use_styles,
            use_noise=use_noise,
            blur=blur,
            num_channels=num_channels,
        )
        self.mapping = Mapping(
            latent_size,
            w_dim,
            num_ws=self.synthesis.num_layers,
            num_layers=mapping_layers,
            fmaps=mapping_fmaps,
            lrmul=mapping_lrmul,
            w_avg_beta=w_avg_beta,
        )
        self.built = True

    @property
    def latent_size(self) -> int:
        """How many numbers a z has."""
        return self.mapping.config["latent_size"]

    def call(
        self,
        z: Tensor,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise: str = "const",
        lod: float | None = None,
    ) -> Tensor:
        """Pictures of `z [N, latent_size]`: see `Mapping.call` and `Synthesis.call`."""
        options = {"truncation_psi": truncation_psi, "truncation_cutoff": truncation_cutoff}
        ws = self.mapping(z, **options)
        return self.synthesis(ws, noise=noise, lod=lod)

    def get_config(self) -> dict[str, Any]:
        mapping, synthesis = self.mapping.config, self.synthesis.get_config()
        names = ("resolution", "use_styles", "const_input", "use_noise", "fmap_base", "fmap_max",
                 "blur", "num_channels")  # fmt: skip
        return {
            "latent_size": mapping["latent_size"],
            "w_dim": mapping["w_dim"],
            "mapping_layers": mapping["num_layers"],
            "mapping_fmaps": mapping["fmaps"],
            "mapping_lrmul": mapping["lrmul"],
            "w_avg_beta": mapping["w_avg_beta"],
            "name": self.name,
        } | {name: synthesis[name] for name in names}
