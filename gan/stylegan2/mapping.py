"""StyleGAN2's mapping network.

Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/networks.py.
"""

import keras
from keras import ops

from core.tensors import Tensor
from gan.layers import Dense, pixel_norm
from gan.mapping import MappingNetwork
from gan.stylegan2.layers import activate


@keras.saving.register_keras_serializable("stylegan2")
class Mapping(MappingNetwork):
    """The mapping network: from z, and a class where there are classes, to w. In float32.

    Args:
        z_dim: how many numbers a z has; 0 for the mapping of a discriminator, which sees classes
            alone.
        c_dim: how many numbers describe a class; 0: there are no classes.
        w_dim: how many features a w has, and every layer.
        num_ws: how many layers of the synthesis take a w.
        num_layers: how many dense layers there are.
        lrmul: their learning rate relative to other layers.
        w_avg_beta: how much of the moving mean of w stays at a step, 0 to 1.
    """

    def __init__(
        self,
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        *,
        num_ws: int = 1,
        num_layers: int = 8,
        lrmul: float = 0.01,
        w_avg_beta: float = 0.995,
        name: str = "mapping",
    ):
        super().__init__(name=name, dtype="float32")
        self.config = {
            "z_dim": z_dim,
            "c_dim": c_dim,
            "w_dim": w_dim,
            "num_ws": num_ws,
            "num_layers": num_layers,
            "lrmul": lrmul,
            "w_avg_beta": w_avg_beta,
        }
        self.embed = None
        if c_dim:
            self.embed = Dense(w_dim, gain=1.0, dtype="float32", name="embed")
            self.embed.build((None, c_dim))
        widths = [z_dim + w_dim * bool(c_dim)] + [w_dim] * num_layers
        self.add_layers(widths, gain=1.0, lrmul=lrmul)
        if z_dim:
            self.add_mean(w_dim)
        self.built = True

    def call(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
    ) -> Tensor:
        """The styles of z, `[N, num_ws, w_dim]`, float32.

        Args:
            z: `[N, z_dim]`, normal.
            c: see `w`.
            truncation_psi: w is moved towards the mean: `w_avg + psi * (w - w_avg)`.
            truncation_cutoff: in this many of the first layers; None: in all.
        """
        return self.styles(self.w(z, c), truncation_psi, truncation_cutoff)

    def w(self, z: Tensor | None, c: Tensor | None = None) -> Tensor:
        """The w `[N, w_dim]` of z and c.

        Args:
            z: `[N, z_dim]`; None where z_dim is 0.
            c: classes, numbers `[N]` from 0 or descriptions `[N, c_dim]`; None without classes.

        Raises:
            ValueError: classes are missing.
        """
        parts = [] if z is None else [pixel_norm(ops.cast(z, "float32"))]
        if self.embed is not None:
            if c is None:
                raise ValueError("c: this network was made for classes; give one for each picture")
            c = ops.convert_to_tensor(c)
            if len(c.shape) == 1:
                c = ops.one_hot(ops.cast(c, "int32"), self.config["c_dim"])
            parts.append(pixel_norm(self.embed(ops.cast(c, "float32"))))
        x = ops.concatenate(parts, axis=1)
        for layer in self.dense:
            x = activate(layer(x))
        return x
