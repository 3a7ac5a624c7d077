"""StyleGAN2's generator: the mapping network, then the synthesis.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), sections 2 and 4 and appendix B;
Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix F; NVlabs/stylegan2-ada-pytorch @
d72cc7d, training/networks.py.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from core.resample import upsample
from core.tensors import Tensor
from gan.progressive import NOISES
from gan.stylegan2.blocks import HALF, Blocks, Resolution
from gan.stylegan2.layers import TAPS, FilteredConv, StyledConv, ToRGB
from gan.stylegan2.mapping import Mapping


@keras.saving.register_keras_serializable("stylegan2")
class Synthesis(Blocks):
    """The layers from w to a picture.

    Args:
        resolution: of the pictures, see `gan.stylegan2.blocks`.
        w_dim: how many features a w has.
        num_channels: channels of the pictures.
        channel_base, channel_max: see `gan.stylegan2.blocks.channels`.
        architecture: "skip" (every block adds to the picture), "resnet" (residual blocks), "orig".
        num_fp16_res: how many of the last blocks compute in the run's precision.
        conv_clamp: see `gan.stylegan2.layers`; None: not clamped.
        use_noise: whether layers add noise.

    Attributes:
        num_ws: how many w a picture takes. Each convolution takes one, and the last layer to RGB;
            the layers to RGB of other blocks share the w of the next convolution.
    """

    def __init__(
        self,
        resolution: Resolution,
        w_dim: int = 512,
        *,
        num_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        architecture: str = "skip",
        num_fp16_res: int = 0,
        conv_clamp: float | None = None,
        use_noise: bool = True,
        name: str = "synthesis",
    ):
        super().__init__(name=name, dtype="float32")
        self._set(
            resolution,
            w_dim=w_dim,
            num_channels=num_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            architecture=architecture,
            num_fp16_res=num_fp16_res,
            conv_clamp=conv_clamp,
            use_noise=use_noise,
        )
        self.w_dim, self.num_ws = w_dim, 2 * len(self.sizes)
        first = (*self.sizes[0], self._fmaps(0))
        normal = keras.initializers.RandomNormal(0.0, 1.0)
        self.const = self.add_weight(name="const", shape=first, initializer=normal)
        self.convs: list[StyledConv] = []  # one in the first block, two in others
        self.skips: list[FilteredConv] = []  # of residual blocks, from the second on
        self.to_rgb: dict[str, ToRGB] = {}  # by number of the block
        for level in range(len(self.sizes)):
            self._add_block(level)
        self.built = True

    def _add_block(self, level):
        config, policy, fmaps = self.config, self._policy(level), self._fmaps(level)
        residual = config["architecture"] == "resnet" and level > 0
        options = {"clamp": config["conv_clamp"], "dtype": policy}
        layer = {"use_noise": config["use_noise"]} | options
        w, here, before = (None, self.w_dim), self.sizes[level], self.sizes[max(level - 1, 0)]
        if level:
            up = StyledConv(fmaps, True, name=f"b{level}_conv0", **layer)
            up.build((None, *before, self._fmaps(level - 1)), w)
            self.convs.append(up)
        gain = HALF if residual else 1.0
        conv = StyledConv(fmaps, gain=gain, name=f"b{level}_conv1", **layer)
        conv.build((None, *here, fmaps), w)
        self.convs.append(conv)
        if residual:
            args = {"gain": HALF, "linear": True, "dtype": policy, "name": f"b{level}_skip"}
            skip = FilteredConv(fmaps, 1, "up", **args)
            skip.build((None, *before, self._fmaps(level - 1)))
            self.skips.append(skip)
        if config["architecture"] == "skip" or level == len(self.sizes) - 1:
            rgb = ToRGB(config["num_channels"], name=f"b{level}_to_rgb", **options)
            rgb.build((None, *here, fmaps), w)
            self.to_rgb[str(level)] = rgb

    def call(
        self,
        ws: Tensor,
        noise: str | Sequence[Tensor] = "const",
        seed: keras.random.SeedGenerator | None = None,
        shift: Tensor | None = None,
    ) -> Tensor:
        """Pictures `[N, H, W, num_channels]`, about -1 to 1, float32.

        Args:
            ws: `[N, num_ws, w_dim]`.
            noise: "const", "random", "none", or the noise of every layer, see `noises`.
            seed: what draws random noise; None: Keras' global generator.
            shift: positions down and to the right by which the constant is moved, integers
                `[N, 2]`, see `shifted`. The noise stays where it is. The authors' code has no
                such argument.

        Raises:
            ValueError: an unknown `noise`, or a `shift` that is not of integers.
        """
        ws = ops.cast(ws, "float32")
        if isinstance(noise, str):
            noise = self.noises(noise, ops.shape(ws)[0], seed)
        if shift is None:
            x = ops.broadcast_to(self.const, (ops.shape(ws)[0], *self.const.shape))
        else:
            x = shifted(self.const, ops.convert_to_tensor(shift))
        return self._pictures(x, ws, noise)

    def _pictures(self, x, ws, noise):
        picture, residual = None, self.config["architecture"] == "resnet"
        for level in range(len(self.sizes)):
            first = 2 * level - 1 if level else 0
            layers = self.convs[first : 2 * level + 1]
            x = ops.cast(x, layers[0].compute_dtype)
            before = x
            for i, layer in enumerate(layers, first):
                x = layer(x, ws[:, i], noise[i])
            if residual and level:
                x = self.skips[level - 1](before) + x
            if picture is not None:
                picture = upsample(picture, TAPS)
            if rgb := self.to_rgb.get(str(level)):
                added = rgb(x, ws[:, 2 * level + 1])
                picture = added if picture is None else picture + added
        return picture

    def noises(
        self, kind: str, count: int = 1, seed: keras.random.SeedGenerator | None = None
    ) -> list[Tensor | None]:
        """The noise of every convolution, `[count or 1, H, W, 1]` each; None where there is none.

        Args:
            kind: "const" (the layers' own, the same for every picture), "random" or "none".
            count: how many pictures random noise is for.
            seed: what draws random noise; None: Keras' global generator.

        Raises:
            ValueError: an unknown kind.
        """
        if kind not in NOISES:
            raise ValueError(f"noise={kind!r}: expected one of {', '.join(NOISES)}")
        if kind == "none" or not self.config["use_noise"]:
            return [None] * len(self.convs)
        if kind == "const":
            return [layer.noise[None, :, :, None] for layer in self.convs]
        sides = [tuple(layer.noise.shape) for layer in self.convs]
        ends = np.cumsum([height * width for height, width in sides])
        drawn = keras.random.normal((count, int(ends[-1])), seed=seed, dtype="float32")
        parts = ops.split(drawn, ends[:-1].tolist(), axis=1)  # one draw compiles sooner than many
        return [ops.reshape(x, (count, *side, 1)) for x, side in zip(parts, sides, strict=True)]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the pictures."""
        return (*self.sizes[-1], self.config["num_channels"])

    def functional(self, batch_size: int) -> keras.Model:
        """The layers as a functional model of known sizes, to count them."""
        ws = keras.Input((self.num_ws, self.w_dim), batch_size=batch_size)
        first = keras.Input(tuple(self.const.shape), batch_size=batch_size)
        return keras.Model([first, ws], self._pictures(first, ws, self.noises("none")))


def shifted(const: Tensor, shift: Tensor) -> Tensor:
    """A grid of features, moved for each picture; its border is repeated where it is left behind.

    Nothing between the positions of the grid can be asked for, since it holds one value for each:
    translations of a picture by fractions of its side over the grid's, such as 1/4, are all that
    its first layer allows. A part of the picture goes out on one side, and what the border's
    features mean comes in on the other.

    Args:
        const: `[H, W, C]`.
        shift: positions down and to the right, integers `[N, 2]`.

    Returns:
        `[N, H, W, C]`.

    Raises:
        ValueError: `shift` is not of integers.
    """
    kind = keras.backend.standardize_dtype(shift.dtype)
    if "int" not in kind:
        raise ValueError(f"shift of {kind}: expected integers, whole positions of the constant")
    height, width, channels = const.shape
    rows = ops.clip(ops.arange(height) - shift[:, :1], 0, height - 1)
    columns = ops.clip(ops.arange(width) - shift[:, 1:], 0, width - 1)
    places = rows[:, :, None] * width + columns[:, None, :]
    return ops.take(ops.reshape(const, (height * width, channels)), places, axis=0)


@keras.saving.register_keras_serializable("stylegan2")
class Generator(keras.Model):
    """The generator: from z through w to a picture.

    Args:
        resolution, num_channels, channel_base, channel_max, architecture, num_fp16_res, conv_clamp,
            use_noise: see `Synthesis`.
        z_dim, c_dim, w_dim, mapping_layers, mapping_lrmul, w_avg_beta: see `Mapping`.

    Attributes:
        mapping: from z to `ws [N, num_ws, w_dim]`.
        synthesis: from `ws` to pictures.
    """

    synthesis_class: type[keras.Model] = Synthesis

    def __init__(
        self,
        resolution: Resolution,
        *,
        z_dim: int = 512,
        c_dim: int = 0,
        w_dim: int = 512,
        mapping_layers: int = 8,
        mapping_lrmul: float = 0.01,
        w_avg_beta: float = 0.995,
        name: str = "generator",
        **synthesis: Any,
    ):
        super().__init__(name=name, dtype="float32")
        self.synthesis: Any = self.synthesis_class(resolution, w_dim, **synthesis)
        self.mapping = Mapping(
            z_dim,
            c_dim,
            w_dim,
            num_ws=self.synthesis.num_ws,
            num_layers=mapping_layers,
            lrmul=mapping_lrmul,
            w_avg_beta=w_avg_beta,
        )
        self.built = True

    def call(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        truncation_cutoff: int | None = None,
        noise: str = "const",
    ) -> Tensor:
        """Pictures of `z [N, z_dim]`: see `Mapping.call` and `Synthesis.call`."""
        ws = self.mapping(z, c, truncation_psi=truncation_psi, truncation_cutoff=truncation_cutoff)
        return self.synthesis(ws, noise=noise)

    def functional(self, batch_size: int) -> keras.Model:
        """The synthesis alone, without the mapping: `Synthesis.functional`."""
        return self.synthesis.functional(batch_size)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        mapping, synthesis = self.mapping.config, self.synthesis.config
        return synthesis | {
            "z_dim": mapping["z_dim"],
            "c_dim": mapping["c_dim"],
            "mapping_layers": mapping["num_layers"],
            "mapping_lrmul": mapping["lrmul"],
            "w_avg_beta": mapping["w_avg_beta"],
            "name": self.name,
        }
