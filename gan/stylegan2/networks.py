"""StyleGAN2's generator and discriminator.

A resolution R is a power of two, or a pair (height, width). There is a block for every doubling
from the smallest size, whose shorter side has 4 to 7 pixels, and blocks are numbered from 0. Half
precision, where the run has it, is for the last `num_fp16_res` of them.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), sections 2 and 4 and appendix B;
Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix F; NVlabs/stylegan2-ada-pytorch @
d72cc7d, training/networks.py.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from core.resample import downsample, upsample
from core.tensors import Tensor
from gan.layers import Dense, minibatch_stddev, pixel_norm
from gan.mapping import MappingNetwork
from gan.progressive import NOISES
from gan.stylegan2.layers import TAPS, FilteredConv, StyledConv, ToRGB, activate

ARCHITECTURES = ("skip", "resnet", "orig")
HALF = 0.5**0.5  # both branches of a residual block are scaled by it
Resolution = int | Sequence[int]


def sizes(resolution: Resolution) -> list[tuple[int, int]]:
    """The heights and widths of the blocks, from the smallest to the full one, in pixels.

    Raises:
        ValueError: a side is below 4, or cannot be halved as often as the shorter one.
    """
    height, width = (resolution,) * 2 if isinstance(resolution, int) else resolution
    levels = max(0, (min(height, width) // 4).bit_length() - 1)
    if min(height, width) < 4 or height % 2**levels or width % 2**levels:
        raise ValueError(
            f"resolution={height}x{width}: expected sides from 4 up that are multiples of "
            f"{2**levels}, such as {_near(height, levels)}x{_near(width, levels)}"
        )
    return [(height >> i, width >> i) for i in range(levels, -1, -1)]


def _near(side, levels):
    return max(4, side >> levels) << levels


def channels(level: int, channel_base: int, channel_max: int) -> int:
    """Features of a block: `channel_base / (4 * 2**level)`, at most `channel_max`."""
    return max(1, min(channel_base // (4 << level), channel_max))


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
        self.dense = []
        for i in range(num_layers):
            layer = Dense(widths[i + 1], gain=1.0, lrmul=lrmul, dtype="float32", name=f"dense{i}")
            layer.build((None, widths[i]))
            self.dense.append(layer)
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


class _Blocks(keras.Model):
    """What synthesis and discriminator share."""

    def _set(self, resolution, **config):
        self.resolution = resolution if isinstance(resolution, int) else tuple(resolution)
        self.sizes = sizes(resolution)
        self.config = {"resolution": self.resolution} | config
        if config["architecture"] not in ARCHITECTURES:
            raise ValueError(
                f"architecture={config['architecture']!r}: expected one of "
                f"{', '.join(ARCHITECTURES)}"
            )

    def _fmaps(self, level):
        return channels(level, self.config["channel_base"], self.config["channel_max"])

    def _policy(self, level):
        """The precision of a block: the run's, or float32."""
        low = level >= max(1, len(self.sizes) - self.config["num_fp16_res"])
        return keras.config.dtype_policy() if low else "float32"

    def get_config(self) -> dict[str, Any]:
        return self.config | {"name": self.name}


@keras.saving.register_keras_serializable("stylegan2")
class Synthesis(_Blocks):
    """The layers from w to a picture.

    Args:
        resolution: of the pictures, see above.
        w_dim: how many features a w has.
        num_channels: channels of the pictures.
        channel_base, channel_max: see `channels`.
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
    ) -> Tensor:
        """Pictures `[N, H, W, num_channels]`, about -1 to 1, float32.

        Args:
            ws: `[N, num_ws, w_dim]`.
            noise: "const", "random", "none", or the noise of every layer, see `noises`.
            seed: what draws random noise; None: Keras' global generator.

        Raises:
            ValueError: an unknown `noise`.
        """
        ws = ops.cast(ws, "float32")
        if isinstance(noise, str):
            noise = self.noises(noise, ops.shape(ws)[0], seed)
        x = ops.broadcast_to(self.const, (ops.shape(ws)[0], *self.const.shape))
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
        return [layer.drawn_noise(count, seed) for layer in self.convs]

    @property
    def picture_shape(self) -> tuple[int, int, int]:
        """Height, width and channels of the pictures."""
        return (*self.sizes[-1], self.config["num_channels"])

    def functional(self, batch_size: int) -> keras.Model:
        """The layers as a functional model of known sizes, to count them."""
        ws = keras.Input((self.num_ws, self.w_dim), batch_size=batch_size)
        return keras.Model(ws, self.call(ws))


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
        self.synthesis = Synthesis(resolution, w_dim, **synthesis)
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


@keras.saving.register_keras_serializable("stylegan2")
class Discriminator(_Blocks):
    """The discriminator: from pictures to one logit each.

    Args:
        resolution: of the pictures, see above.
        c_dim: how many numbers describe a class; 0: there are no classes.
        num_channels: channels of the pictures.
        channel_base, channel_max: see `channels`.
        architecture: "resnet", "skip" or "orig".
        mbstd_group_size: see `gan.layers.minibatch_stddev`; 1 leaves it out.
        mapping_layers: dense layers of the mapping of classes.
        num_fp16_res, conv_clamp: see `Synthesis`.
    """

    def __init__(
        self,
        resolution: Resolution,
        *,
        c_dim: int = 0,
        num_channels: int = 3,
        channel_base: int = 32768,
        channel_max: int = 512,
        architecture: str = "resnet",
        mbstd_group_size: int = 4,
        mapping_layers: int = 8,
        num_fp16_res: int = 0,
        conv_clamp: float | None = None,
        name: str = "discriminator",
    ):
        super().__init__(name=name, dtype="float32")
        self._set(
            resolution,
            c_dim=c_dim,
            num_channels=num_channels,
            channel_base=channel_base,
            channel_max=channel_max,
            architecture=architecture,
            mbstd_group_size=mbstd_group_size,
            mapping_layers=mapping_layers,
            num_fp16_res=num_fp16_res,
            conv_clamp=conv_clamp,
        )
        self.from_rgb: dict[str, FilteredConv] = {}  # by number of the block
        self.convs: list[FilteredConv] = []  # two a block, from the last block to the second
        self.skips: list[FilteredConv] = []
        for level in range(len(self.sizes) - 1, -1, -1):
            self._add_block(level)
        first = self._fmaps(0)
        options = {"dtype": "float32"}
        self.dense = Dense(first, gain=1.0, name="b0_dense", **options)
        self.dense.build((None, self.sizes[0][0] * self.sizes[0][1] * first))
        self.out = Dense(first if c_dim else 1, gain=1.0, name="b0_out", **options)
        self.out.build((None, first))
        self.mapping = None
        if c_dim:
            self.mapping = Mapping(0, c_dim, first, num_layers=mapping_layers)
        self.built = True

    def _add_block(self, level):
        config, here, fmaps = self.config, self.sizes[level], self._fmaps(level)
        below = self._fmaps(max(level - 1, 0))
        options = {"clamp": config["conv_clamp"], "dtype": self._policy(level)}
        if config["architecture"] == "skip" or level == len(self.sizes) - 1:
            rgb = FilteredConv(fmaps, 1, name=f"b{level}_from_rgb", **options)
            rgb.build((None, *here, config["num_channels"]))
            self.from_rgb[str(level)] = rgb
        if level == 0:
            self.last = FilteredConv(fmaps, name="b0_conv", **options)
            self.last.build((None, *here, fmaps + (config["mbstd_group_size"] > 1)))
            return
        residual = config["architecture"] == "resnet"
        conv0 = FilteredConv(fmaps, name=f"b{level}_conv0", **options)
        gain = HALF if residual else 1.0
        conv1 = FilteredConv(below, 3, "down", gain, name=f"b{level}_conv1", **options)
        for conv in (conv0, conv1):
            conv.build((None, *here, fmaps))
            self.convs.append(conv)
        if residual:
            args = {"gain": HALF, "linear": True, "dtype": options["dtype"]}
            skip = FilteredConv(below, 1, "down", name=f"b{level}_skip", **args)
            skip.build((None, *here, fmaps))
            self.skips.append(skip)

    def call(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits `[N, 1]`, float32.

        Args:
            images: `[N, H, W, num_channels]` in [-1, 1], N known.
            c: classes, see `Mapping.w`.
        """
        picture, x = ops.cast(images, "float32"), None
        for i, level in enumerate(range(len(self.sizes) - 1, 0, -1)):
            x = self._enter(picture, x, level)
            y = self.convs[2 * i + 1](self.convs[2 * i](x))
            x = self.skips[i](x) + y if self.skips else y
            if self.config["architecture"] == "skip":
                picture = downsample(picture, TAPS)
        x = ops.cast(self._enter(picture, x, 0), "float32")
        if self.config["mbstd_group_size"] > 1:
            x = minibatch_stddev(x, self.config["mbstd_group_size"])
        x = self.last(x)
        x = activate(self.dense(ops.reshape(x, (-1, self.dense.kernel.shape[0]))))
        x = self.out(x)
        if self.mapping is None:
            return x
        known = self.mapping.w(None, c)
        return ops.sum(x * known, axis=1, keepdims=True) / known.shape[1] ** 0.5

    def trained_after(self, frozen: int) -> list[keras.Variable]:
        """The variables that are trained when layers at the picture's end stay as they are.

        Args:
            frozen: how many of them: convolutions, from the picture on, in the order from RGB,
                first, second, and that of the other branch of a block.

        Raises:
            ValueError: there are fewer.

        Source: NVlabs/stylegan2-ada-pytorch @ d72cc7d, training/networks.py (`freeze_layers`).
        """
        layers = []
        for i, level in enumerate(range(len(self.sizes) - 1, 0, -1)):
            layers += [self.from_rgb[str(level)]] if str(level) in self.from_rgb else []
            layers += [self.convs[2 * i], self.convs[2 * i + 1]] + self.skips[i : i + 1]
        if frozen > len(layers):
            raise ValueError(f"freeze_d={frozen}: expected at most {len(layers)}, of all blocks")
        kept = {id(v) for layer in layers[:frozen] for v in layer.trainable_variables}
        return [v for v in self.trainable_variables if id(v) not in kept]

    def _enter(self, picture, x, level):
        """The features at a block, with what the block takes from the picture, if it does."""
        rgb = self.from_rgb.get(str(level))
        policy = (rgb or self.convs[-2 * level] if level else self.last).compute_dtype
        if x is not None:
            x = ops.cast(x, policy)
        if rgb is None:
            return x
        entered = rgb(ops.cast(picture, policy))
        return entered if x is None else x + entered

    def functional(self, batch_size: int) -> keras.Model:
        """The layers as a functional model of known sizes, to count them."""
        shape = (*self.sizes[-1], self.config["num_channels"])
        images = keras.Input(shape, batch_size=batch_size)
        classes = [keras.Input((), batch_size=batch_size, dtype="int32")] * bool(self.mapping)
        return keras.Model([images, *classes], self.call(images, *classes))
