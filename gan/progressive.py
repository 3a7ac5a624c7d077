"""The networks that grow: ProGAN's, and StyleGAN's after them.

All layers up to the full resolution exist from the start. `lod`, the level of detail, says which
are in use, as in the official code: 0 is the full resolution R, 1 half of it, and 0.3 is the growth
from R / 2 to R in which the picture is 0.3 parts of the one at R / 2 and 0.7 of the one at R.

Sources: Karras et al. 2018 (https://arxiv.org/abs/1710.10196), section 2 and Table 2;
tkarras/progressive_growing_of_gans @ 2504c3f, networks.py; NVlabs/stylegan @ 1e0d5c7,
training/networks_stylegan.py.
"""

import math
from typing import Any

import keras
from keras import ops

from core.resample import box, nearest
from core.tensors import Tensor
from gan.layers import Blur, Conv, Dense, Epilogue, LeakyReLU, MinibatchStddev

NOISES = ("const", "random", "none")


def channels(resolution: int, fmap_base: int, fmap_max: int) -> int:
    """Feature maps of the layers at a resolution: `fmap_base * 2 / resolution`, at most `fmap_max`.

    Source: `nf` of the official networks (stage log2(resolution) - 1).
    """
    return min(fmap_base * 2 // resolution, fmap_max)


def resolutions(full: int) -> list[int]:
    """The resolutions 4, 8, ... up to `full`, in pixels.

    Raises:
        ValueError: `full` is not a power of two from 4 up.
    """
    if full < 4 or full & (full - 1):
        near = 2 ** max(2, round(math.log2(max(full, 4))))
        raise ValueError(f"resolution={full}: expected a power of two from 4 up, such as {near}")
    return [2**i for i in range(2, full.bit_length())]


def split_lod(lod: float, full: int) -> tuple[int, float]:
    """The resolution that a level of detail works at, and how far this has faded in (0 to 1).

    Args:
        lod: level of detail, see above.
        full: full resolution in pixels.

    Raises:
        ValueError: `lod` is outside of 0 to log2(full / 4).
    """
    deepest = int(math.log2(full // 4))
    if not 0 <= lod <= deepest:
        raise ValueError(f"lod={lod}: expected a number from 0 to {deepest} at {full} pixels")
    return full >> int(lod), 1.0 - (lod - int(lod))


class Progressive(keras.Model):
    """What generator and discriminator share.

    Attributes:
        resolution: the full resolution in pixels.
        lod: the level of detail of calls that give none; training sets it.
    """

    def __init__(self, resolution, fmap_base, fmap_max, blur, num_channels, name):
        # the container casts nothing: the layers have policies of their own
        super().__init__(name=name, dtype="float32")
        if fmap_base * 2 < resolution:
            least = resolution // 2
            raise ValueError(
                f"fmap_base={fmap_base}: expected {least} or more at {resolution} pixels"
            )
        self.resolution, self.fmap_base, self.fmap_max = resolution, fmap_base, fmap_max
        self.blur, self.num_channels = blur, num_channels
        self.lod = 0.0

    def fmaps(self, resolution: int) -> int:
        """Feature maps at a resolution."""
        return channels(resolution, self.fmap_base, self.fmap_max)

    def get_config(self) -> dict[str, Any]:
        names = ("resolution", "fmap_base", "fmap_max", "blur", "num_channels", "name")
        return {name: getattr(self, name) for name in names}

    def _split(self, lod):
        return split_lod(self.lod if lod is None else float(lod), self.resolution)


@keras.saving.register_keras_serializable("gan")
class Synthesis(Progressive):
    """The generator's layers from w, or z, to a picture.

    Args:
        resolution: height and width of the pictures in pixels, a power of two.
        in_dim: how many features a w, or a z, has.
        fmap_base, fmap_max: see `channels`.
        const_input: start from a learned 4x4 constant, not from the input.
        use_styles: the input, one w a layer, sets the mean and deviation of every feature; without
            styles, features are pixel-normalised.
        use_noise: see `gan.layers.Epilogue`.
        blur: filter by (1, 2, 1) after every upsampling.
        num_channels: channels of the pictures.
    """

    def __init__(
        self,
        resolution: int,
        in_dim: int = 512,
        *,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        const_input: bool = False,
        use_styles: bool = False,
        use_noise: bool = False,
        blur: bool = False,
        num_channels: int = 3,
        name: str = "synthesis",
    ):
        super().__init__(resolution, fmap_base, fmap_max, blur, num_channels, name)
        self.in_dim, self.const_input = in_dim, const_input
        self.use_styles, self.use_noise = use_styles, use_noise
        self.num_layers = 2 * len(resolutions(resolution))
        first = self.fmaps(4)
        if const_input:
            self.const = self.add_weight(
                name="const", shape=(1, 4, 4, first), initializer="ones", dtype="float32"
            )
        else:  # gain sqrt(2) / 4, so that features start at variance 1
            self.dense = Dense(16 * first, gain=2**0.5 / 4, use_bias=False, name="4x4_dense")
            self.dense.build((None, in_dim))
        self.convs: list[Any] = []  # two a level; None in place of the first one at 4 px
        self.epilogues: list[Epilogue] = []
        self.to_rgb: list[Conv] = []
        for size in resolutions(resolution):
            self._add_level(size)
        self.blur_layer = Blur(name="blur")
        self.built = True

    def _add_level(self, size):
        before, fmaps = self.fmaps(max(size // 2, 4)), self.fmaps(size)
        up = None if size == 4 else Conv(fmaps, 3, "up", use_bias=False, name=f"{size}x{size}_up")
        conv = Conv(fmaps, 3, use_bias=False, name=f"{size}x{size}_conv")
        if up is not None:
            up.build((None, size // 2, size // 2, before))
        conv.build((None, size, size, fmaps))
        self.convs += [up, conv]
        for i in range(2):
            name = f"{size}x{size}_epilogue{i}"
            layer = Epilogue(self.in_dim * self.use_styles, self.use_noise, name=name)
            layer.build((1, size, size, fmaps))
            self.epilogues.append(layer)
        rgb = Conv(self.num_channels, 1, gain=1.0, name=f"{size}x{size}_to_rgb")
        rgb.build((None, size, size, fmaps))
        self.to_rgb.append(rgb)

    def call(
        self,
        ws: Tensor,
        noise: str = "const",
        lod: float | None = None,
        seed: keras.random.SeedGenerator | None = None,
    ) -> Tensor:
        """Pictures at the full resolution, whatever level of detail they have.

        Args:
            ws: `[N, num_layers, in_dim]`, or, without styles, `[N, in_dim]`.
            noise: "const", "random" or "none".
            lod: level of detail, a number; None: `self.lod`.
            seed: what draws random noise; None: Keras' global generator.

        Returns:
            Pictures `[N, resolution, resolution, num_channels]`, about -1 to 1, float32.

        Raises:
            ValueError: an unknown `noise`, or a `lod` out of range.
        """
        size, fade = self._split(lod)
        return nearest(self.grown(ws, size, fade, noise, seed), self.resolution // size)

    def grown(
        self,
        ws: Tensor,
        size: int,
        fade: Tensor | float = 1.0,
        noise: str = "random",
        seed: keras.random.SeedGenerator | None = None,
    ) -> Tensor:
        """Pictures `[N, size, size, num_channels]` of the layers up to `size` pixels.

        Args:
            ws: see `call`; one w for each layer in use is enough.
            size: height and width in pixels, a power of two.
            fade: how much of the level of `size` pixels is in the pictures, a number or a scalar
                tensor from 0 to 1; the rest is of the level below.
            noise, seed: see `call`.
        """
        if noise not in NOISES:
            raise ValueError(f"noise={noise!r}: expected one of {', '.join(NOISES)}")
        last = resolutions(size)[-1].bit_length() - 3
        x = self._input(ws)
        for level in range(last + 1):
            before = x
            for i in (2 * level, 2 * level + 1):
                x = self._layer(x, i, ws, noise, seed)
        picture = ops.cast(self.to_rgb[last](x), "float32")
        if last == 0 or (isinstance(fade, float) and fade == 1.0):
            return picture
        lower = nearest(ops.cast(self.to_rgb[last - 1](before), "float32"))
        return lower + (picture - lower) * fade

    def functional(self, batch_size: int, size: int | None = None) -> keras.Model:
        """The layers up to `size` pixels as a functional model of known sizes, to count them.

        Args:
            batch_size: pictures at once.
            size: resolution in pixels; None: the full one.
        """
        shape = (self.num_layers, self.in_dim) if self.use_styles else (self.in_dim,)
        ws = keras.Input(shape, batch_size=batch_size)
        return keras.Model(ws, self.grown(ws, size or self.resolution, noise="const"))

    def _input(self, ws):
        """What the first epilogue takes."""
        first = self.fmaps(4)
        dtype = self.convs[1].compute_dtype
        if self.const_input:
            const = ops.cast(self.const, dtype)
            return ops.broadcast_to(const, (ops.shape(ws)[0], 4, 4, first))
        z = ws[:, 0] if len(ws.shape) == 3 else ws
        return ops.reshape(self.dense(ops.cast(z, dtype)), (-1, 4, 4, first))

    def _layer(self, x, i, ws, noise, seed):
        if self.convs[i] is not None:
            x = self.convs[i](x)
            if self.blur and self.convs[i].resample:
                x = self.blur_layer(x)
        w = ws[:, i] if self.use_styles else None
        return self.epilogues[i](x, w, noise=noise, seed=seed)

    def get_config(self) -> dict[str, Any]:
        names = ("in_dim", "const_input", "use_styles", "use_noise")
        return super().get_config() | {name: getattr(self, name) for name in names}


class GrowingGenerator(keras.Model):
    """What generators share whose `synthesis` grows."""

    @property
    def resolution(self) -> int:
        """Height and width of the pictures in pixels, when all levels have grown."""
        return self.synthesis.resolution

    @property
    def lod(self) -> float:
        """The level of detail of calls that give none."""
        return self.synthesis.lod

    @lod.setter
    def lod(self, value: float) -> None:
        self.synthesis.lod = value

    def functional(self, batch_size: int, size: int | None = None) -> keras.Model:
        """The synthesis alone, without the mapping: `Synthesis.functional`."""
        return self.synthesis.functional(batch_size, size)


@keras.saving.register_keras_serializable("gan")
class Discriminator(Progressive):
    """The discriminator: from pictures to one logit each.

    Args:
        resolution: height and width of the pictures in pixels, a power of two.
        fmap_base, fmap_max: see `channels`.
        mbstd_group_size: see `gan.layers.minibatch_stddev`; 1 leaves it out.
        blur: filter by (1, 2, 1) before every downsampling.
        num_channels: channels of the pictures.
    """

    def __init__(
        self,
        resolution: int,
        *,
        fmap_base: int = 8192,
        fmap_max: int = 512,
        mbstd_group_size: int = 4,
        blur: bool = False,
        num_channels: int = 3,
        name: str = "discriminator",
    ):
        super().__init__(resolution, fmap_base, fmap_max, blur, num_channels, name)
        self.mbstd_group_size = mbstd_group_size
        self.from_rgb: list[Conv] = []
        self.convs: list[Conv] = []
        self.downs: list[Any] = []  # None at 4 px
        for size in resolutions(resolution):
            self._add_level(size)
        self.stddev = MinibatchStddev(mbstd_group_size, dtype="float32", name="4x4_stddev")
        fmaps = self.fmaps(4)
        self.dense0 = Dense(self.fmaps(2), dtype="float32", name="4x4_dense0")
        self.dense0.build((None, 16 * fmaps))
        self.dense1 = Dense(1, gain=1.0, dtype="float32", name="4x4_dense1")
        self.dense1.build((None, self.fmaps(2)))
        self.blur_layer, self.activation = Blur(name="blur"), LeakyReLU(name="leaky_relu")
        self.built = True

    def _add_level(self, size):
        fmaps, after = self.fmaps(size), self.fmaps(max(size // 2, 4))
        rgb = Conv(fmaps, 1, name=f"{size}x{size}_from_rgb")
        rgb.build((None, size, size, self.num_channels))
        conv = Conv(fmaps, 3, name=f"{size}x{size}_conv")
        statistics = size == 4 and self.mbstd_group_size > 1
        conv.build((None, size, size, fmaps + statistics))
        down = None
        if size > 4:
            down = Conv(after, 3, "down", name=f"{size}x{size}_down")
            down.build((None, size, size, fmaps))
        self.from_rgb.append(rgb)
        self.convs.append(conv)
        self.downs.append(down)

    def call(self, images: Tensor, lod: float | None = None) -> Tensor:
        """Logits of pictures at the full resolution.

        Args:
            images: `[N, resolution, resolution, num_channels]`, -1 to 1.
            lod: level of detail, a number; None: `self.lod`.

        Returns:
            Logits `[N, 1]`, float32.

        Raises:
            ValueError: a `lod` out of range, or pictures of another size.
        """
        if tuple(images.shape[1:3]) != (self.resolution, self.resolution):
            raise ValueError(
                f"pictures of {images.shape[1]}x{images.shape[2]}: expected "
                f"{self.resolution}x{self.resolution}"
            )
        size, fade = self._split(lod)
        return self.grown(box(images, self.resolution // size), fade)

    def grown(self, images: Tensor, fade: Tensor | float = 1.0) -> Tensor:
        """Logits `[N, 1]` of pictures `[N, size, size, num_channels]`, through the layers up to
        `size`.

        Args:
            images: the pictures, -1 to 1; `size` is a power of two.
            fade: see `Synthesis.grown`.
        """
        last = resolutions(images.shape[1])[-1].bit_length() - 3
        x = self._enter(images, last)
        for level in range(last, 0, -1):
            x = self.activation(self.convs[level](x))
            x = self.blur_layer(x) if self.blur else x
            x = self.activation(self.downs[level](x))
            if level == last and not (isinstance(fade, float) and fade == 1.0):
                lower = self._enter(box(images), last - 1)
                x = lower + (x - lower) * ops.cast(fade, x.dtype)
        return self._logits(x)

    def functional(self, batch_size: int, size: int | None = None) -> keras.Model:
        """The layers from `size` pixels down: `Synthesis.functional`."""
        size = size or self.resolution
        shape = (size, size, self.num_channels)
        images = keras.Input(shape, batch_size=batch_size)
        return keras.Model(images, self.grown(images))

    def _enter(self, images, level):
        layer = self.from_rgb[level]
        return self.activation(layer(ops.cast(images, layer.compute_dtype)))

    def _logits(self, x):
        if self.mbstd_group_size > 1:
            x = self.stddev(x)
        x = self.activation(self.convs[0](ops.cast(x, self.convs[0].compute_dtype)))
        x = ops.reshape(ops.cast(x, "float32"), (-1, 16 * self.fmaps(4)))
        return self.dense1(self.activation(self.dense0(x)))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"mbstd_group_size": self.mbstd_group_size}
