"""StyleGAN3's generator: the mapping network of StyleGAN2, and a synthesis free of aliasing.

The discriminator is `gan.stylegan2.discriminator.Discriminator`.

Sources: Karras et al. 2021 (https://arxiv.org/abs/2106.12423), section 3 and appendix C;
NVlabs/stylegan3 @ c233a91, training/networks_stylegan3.py.
"""

import dataclasses
from typing import Any

import keras
from keras import ops

from core.tensors import Tensor
from gan.stylegan2 import networks as stylegan2
from gan.stylegan3.layers import FilteredLayer, FourierFeatures
from gan.stylegan3.schedule import LayerPlan, Schedule


@keras.saving.register_keras_serializable("stylegan3")
class Synthesis(keras.Model):
    """The layers from w to a picture.

    Args:
        resolution: height and width of the pictures, pixels.
        w_dim: how many features a w has.
        conv_clamp: the largest magnitude of features; None: any.
        output_scale: what the last layer's result is multiplied by.
        magnitude_ema_beta: how much of the moving mean squares of features stays at a step.
        schedule: see `gan.stylegan3.schedule.Schedule`.

    Attributes:
        schedule: what its layers work at.
        num_ws: how many w a picture takes: one for the Fourier features, and one for each layer.
        features: the Fourier features.
        blocks: the layers in their order, the last one to RGB.
    """

    def __init__(
        self,
        resolution: int,
        w_dim: int = 512,
        *,
        conv_clamp: float | None = 256.0,
        output_scale: float = 0.25,
        magnitude_ema_beta: float = 0.999,
        name: str = "synthesis",
        **schedule: Any,
    ):
        super().__init__(name=name, dtype="float32")
        self.schedule = Schedule(resolution, **schedule)
        self.config = dataclasses.asdict(self.schedule) | {
            "w_dim": w_dim,
            "conv_clamp": conv_clamp,
            "output_scale": output_scale,
            "magnitude_ema_beta": magnitude_ema_beta,
        }
        self.w_dim, self.num_ws = w_dim, self.schedule.num_layers + 2
        self.features = FourierFeatures(self.schedule, w_dim, name="input")
        self.blocks = [self._block(plan) for plan in self.schedule.layers()]
        self.built = True

    def _block(self, plan: LayerPlan) -> FilteredLayer:
        return FilteredLayer(
            plan,
            self.w_dim,
            self.config["conv_clamp"],
            self.config["magnitude_ema_beta"],
            dtype=keras.config.dtype_policy() if plan.narrow else "float32",
            name=f"L{plan.index}",
        )

    def call(
        self,
        ws: Tensor,
        noise: Any = "const",
        seed: Any = None,
        transform: Tensor | None = None,
        update: bool = False,
    ) -> Tensor:
        """Pictures `[N, H, W, num_channels]`, about -1 to 1, float32.

        Args:
            ws: `[N, num_ws, w_dim]`.
            noise, seed: ignored, as there are no noise inputs.
            transform: the inverse of what is to be done to the picture, `[3, 3]` or `[N, 3, 3]`,
                with translations in sides of the picture; None: the network's own, which does
                nothing unless an imported file says so.
            update: move the moving mean squares of features, as in training.
        """
        ws = ops.cast(ws, "float32")
        return self._pictures(self.features(ws[:, 0], transform), ws, update)

    def _pictures(self, x, ws, update=False):
        for i, layer in enumerate(self.blocks, 1):
            x = layer(x, ws[:, i], update=update)
        return x * self.config["output_scale"]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the pictures."""
        size = self.schedule.resolution
        return (size, size, self.schedule.num_channels)

    def functional(self, batch_size: int) -> keras.Model:
        """The layers as a functional model of known sizes, to count them."""
        ws = keras.Input((self.num_ws, self.w_dim), batch_size=batch_size)
        return keras.Model(ws, self._pictures(self.features(ws[:, 0]), ws))

    def get_config(self) -> dict[str, Any]:
        return self.config | {"name": self.name}


@keras.saving.register_keras_serializable("stylegan3")
class Generator(stylegan2.Generator):
    """The generator: from z through w to a picture.

    Args:
        resolution: height and width of the pictures, pixels.
        mapping_layers, w_avg_beta: see `gan.stylegan2.mapping.Mapping`.
        options: the other arguments of StyleGAN2's generator, and those of `Synthesis`.

    Attributes:
        mapping: from z to `ws [N, num_ws, w_dim]`.
        synthesis: from `ws` to pictures.
    """

    synthesis_class = Synthesis

    def __init__(
        self, resolution: int, *, mapping_layers: int = 2, w_avg_beta: float = 0.998, **options: Any
    ):
        super().__init__(
            resolution, mapping_layers=mapping_layers, w_avg_beta=w_avg_beta, **options
        )

    def call(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise: str = "const",
        transform: Tensor | None = None,
    ) -> Tensor:
        """Pictures of `z [N, z_dim]`: see `Mapping.call` and `Synthesis.call`."""
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, noise=noise, transform=transform)
