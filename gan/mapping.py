"""What the mapping networks of the StyleGANs share: the mean of w, and truncation towards it."""

import itertools
from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from core.tensors import Tensor
from gan.layers import Dense


class MappingNetwork(keras.Model):
    """A network from z to w, in float32.

    Attributes:
        config: the arguments of its constructor; `num_ws` and `w_avg_beta` are among them.
        dense: its layers, in the order of their use.
        w_avg: `[w_dim]`, the moving mean of w; not trained by gradient.
    """

    config: dict[str, Any]
    dense: list[Dense]
    w_avg: keras.Variable

    def add_layers(self, widths: Sequence[int], **options: Any) -> None:
        """Makes `dense`, a layer between each two widths; `options` are those of `Dense`."""
        self.dense = []
        for i, (before, width) in enumerate(itertools.pairwise(widths)):
            layer = Dense(width, dtype="float32", name=f"dense{i}", **options)
            layer.build((None, before))
            self.dense.append(layer)

    def add_mean(self, w_dim: int) -> None:
        """Makes `w_avg`."""
        self.w_avg = self.add_weight(
            name="w_avg", shape=(w_dim,), initializer="zeros", trainable=False
        )

    def styles(self, w: Tensor, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """The w of every layer, `[N, num_ws, w_dim]`: `w [N, w_dim]`, repeated and truncated."""
        return self.truncate(ops.repeat(w[:, None], self.config["num_ws"], axis=1), psi, cutoff)

    def truncate(self, ws: Tensor, psi: float, cutoff: int | None = None) -> Tensor:
        """`ws [N, num_ws, w_dim]` moved towards the mean, in the first `cutoff` layers (None: all).

        Source: Karras et al. 2019 (https://arxiv.org/abs/1812.04948), appendix B ("truncation trick
        in W").
        """
        if psi == 1.0:
            return ws
        layers = ops.arange(ws.shape[1])[None, :, None]
        scale = ops.where(layers < (ws.shape[1] if cutoff is None else cutoff), psi, 1.0)
        return self.w_avg + (ws - self.w_avg) * ops.cast(scale, "float32")

    def update_mean(self, w: Tensor) -> None:
        """Moves `w_avg` towards the mean of `[N, w_dim]`."""
        mean = ops.mean(ops.stop_gradient(w), axis=0)
        self.w_avg.assign(mean + (self.w_avg - mean) * self.config["w_avg_beta"])

    def get_config(self) -> dict[str, Any]:
        return self.config | {"name": self.name}
