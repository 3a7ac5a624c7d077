"""The two networks of R3GAN, which mirror each other: stages of residual blocks.

Stages are numbered from the lowest resolution (4x4 pixels) on in both networks. From one to the
next, features are resampled by (1, 3, 3, 1) and, where the widths differ, go through a 1x1
convolution on the side of fewer pixels.

Source: Huang et al. 2024 (https://arxiv.org/abs/2501.05441);
brownvc/R3GAN @ 19a7ddf, R3GAN/Networks.py (what it computes).
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

from core.resample import downsample, upsample
from core.tensors import Tensor
from gan.r3gan.layers import SLOPE, TAPS, Basis, Linear, Projection, Residual


def stages(resolution: int) -> int:
    """How many stages a network of pictures of so many pixels a side has.

    Raises:
        ValueError: it is not 4 times a power of two.
    """
    count = max(0, resolution // 4).bit_length()
    if resolution < 4 or resolution != 4 << (count - 1):
        raise ValueError(f"size={resolution}: expected 4 times a power of two, such as 32 or 64")
    return count


def check_stages(
    resolution: int,
    widths: Sequence[int],
    cardinality: Sequence[int],
    blocks: Sequence[int],
    expansion: int = 2,
) -> None:
    """Checks that there are numbers for every stage, and groups that divide the channels.

    Raises:
        ValueError: says which do not fit.
    """
    count = stages(resolution)
    named = {"widths": widths, "cardinality": cardinality, "blocks": blocks}
    for name, values in named.items():
        if len(values) != count:
            raise ValueError(
                f"size={resolution}, {name}={tuple(values)}: expected {count} numbers, one for "
                "each resolution from 4 pixels on"
            )
        if min(values) < 1:
            raise ValueError(f"{name}={tuple(values)}: expected numbers from 1 up")
    for width, groups in zip(widths, cardinality, strict=True):
        if width * expansion % groups:
            raise ValueError(
                f"cardinality={tuple(cardinality)}: {groups} groups cannot share {width} times "
                f"{expansion} channels evenly"
            )


class _Stages(keras.Model):
    """What both networks share.

    Attributes:
        config: the arguments of the constructor.
        blocks: the residual blocks of each stage.
        changes: the 1x1 convolution between a stage and the next one, None where widths agree.
        embed: from a class to its embedding, None without classes.
    """

    config: dict[str, Any]

    def _set(self, **config):
        for name in ("widths", "cardinality", "blocks"):
            config[name] = tuple(int(value) for value in config[name])
        check_stages(
            config["resolution"],
            config["widths"],
            config["cardinality"],
            config["blocks"],
            config["expansion_factor"],
        )
        self.config = config
        self.sides = [4 << i for i in range(len(config["widths"]))]
        total = sum(config["blocks"])
        self._gain = (2 / (1 + SLOPE**2)) ** 0.5 * total**-0.25
        self.blocks = [self._stage(i) for i in range(len(self.sides))]

    def _policy(self, stage):
        """The precision of a stage: the run's in the last ones, float32 in the others."""
        low = stage >= len(self.config["widths"]) - self.config["low_precision_stages"]
        return keras.config.dtype_policy() if low else "float32"

    def _stage(self, i):
        config, side, width = self.config, self.sides[i], self.config["widths"][i]
        made = []
        for k in range(config["blocks"][i]):
            block = Residual(
                config["cardinality"][i],
                config["expansion_factor"],
                self._gain,
                name=f"stage{i}_block{k}",
                dtype=self._policy(i),
            )
            block.build((None, side, side, width))
            made.append(block)
        return made

    def _change(self, i, source, target):
        """The 1x1 convolution from a stage's width to another's, None where they agree; it works
        at the resolution of stage i."""
        widths = self.config["widths"]
        if widths[source] == widths[target]:
            return None
        side = self.sides[i]
        change = Linear(widths[target], name=f"stage{target}_change", dtype=self._policy(target))
        change.build((None, side, side, widths[source]))
        return change

    def _embedding(self, units, gain):
        if not self.config["c_dim"]:
            return None
        embed = Linear(units, gain, name="embed", dtype="float32")
        embed.build((None, self.config["c_dim"]))
        return embed

    def embedded(self, c: Tensor | None) -> Tensor:
        """The embeddings of classes, numbers `[N]` from 0 or descriptions `[N, c_dim]`.

        Raises:
            ValueError: classes are missing.
        """
        if c is None:
            raise ValueError("c: this network was made for classes; give one for each picture")
        c = ops.convert_to_tensor(c)
        if len(c.shape) == 1:
            c = ops.one_hot(ops.cast(c, "int32"), self.config["c_dim"])
        return self.embed(ops.cast(c, "float32"))

    def _through(self, x, i):
        for block in self.blocks[i]:
            x = block(ops.cast(x, block.compute_dtype))
        return x

    def _classes(self, batch_size):
        return [keras.Input((), batch_size=batch_size, dtype="int32")] * bool(self.embed)

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return self.config | {"name": self.name}


@keras.saving.register_keras_serializable("r3gan")
class Generator(_Stages):
    """The generator: from z, and a class where there are classes, to a picture.

    Args:
        resolution: height and width of the pictures in pixels, 4 times a power of two.
        widths: the channels of each stage, from the lowest resolution on.
        cardinality: the groups of its grouped convolutions.
        blocks: how many residual blocks it has.
        noise_dim: how many numbers a z has.
        c_dim: how many classes there are; 0: none.
        condition_dim: how many numbers the embedding of a class has.
        expansion_factor: how many times wider a block is inside.
        num_channels: channels of the pictures.
        low_precision_stages: how many of the last stages compute in the run's precision.
    """

    def __init__(
        self,
        resolution: int,
        *,
        widths: Sequence[int],
        cardinality: Sequence[int],
        blocks: Sequence[int],
        noise_dim: int = 64,
        c_dim: int = 0,
        condition_dim: int = 64,
        expansion_factor: int = 2,
        num_channels: int = 3,
        low_precision_stages: int = 0,
        name: str = "generator",
    ):
        super().__init__(name=name, dtype="float32")
        self._set(
            resolution=resolution,
            widths=widths,
            cardinality=cardinality,
            blocks=blocks,
            noise_dim=noise_dim,
            c_dim=c_dim,
            condition_dim=condition_dim if c_dim else 0,
            expansion_factor=expansion_factor,
            num_channels=num_channels,
            low_precision_stages=low_precision_stages,
        )
        widths = self.config["widths"]
        self.embed = self._embedding(condition_dim, 1.0)
        self.enter = Linear(widths[0], name="enter", dtype="float32")
        self.enter.build((None, noise_dim + self.config["condition_dim"]))
        self.basis = Basis(name="basis", dtype="float32")
        self.basis.build((None, widths[0]))
        self.changes = [self._change(i, i, i + 1) for i in range(len(widths) - 1)]
        self.to_rgb = Linear(num_channels, name="to_rgb", dtype="float32")
        self.to_rgb.build((None, resolution, resolution, widths[-1]))
        self.built = True

    def call(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Pictures `[N, H, W, num_channels]`, float32, nominally in [-1, 1].

        Args:
            z: `[N, noise_dim]`, normal.
            c: see `embedded`; None without classes.
        """
        z = ops.cast(z, "float32")
        if self.embed is not None:
            z = ops.concatenate([z, self.embedded(c)], axis=1)
        x = self.basis(self.enter(z))
        for i in range(len(self.blocks)):
            if i:
                x = self._raised(x, i)
            x = self._through(x, i)
        return self.to_rgb(ops.cast(x, "float32"))

    def _raised(self, x, i):
        change = self.changes[i - 1]
        if change is not None:
            x = change(ops.cast(x, change.compute_dtype))
        return upsample(x, TAPS)

    def functional(self, batch_size: int) -> keras.Model:
        """The layers as a functional model of known sizes, to count them."""
        z = keras.Input((self.config["noise_dim"],), batch_size=batch_size)
        classes = self._classes(batch_size)
        return keras.Model([z, *classes], self.call(z, *classes))


@keras.saving.register_keras_serializable("r3gan")
class Discriminator(_Stages):
    """The discriminator: from pictures to one logit each.

    With classes, the logit is the sum of the last features times the embedding of the class
    (Miyato & Koyama 2018, https://arxiv.org/abs/1802.05637, without the term of no class).

    Args:
        condition_dim: how many numbers the embedding of a class has; 0: as many as the first width.
        others: see `Generator`.
    """

    def __init__(
        self,
        resolution: int,
        *,
        widths: Sequence[int],
        cardinality: Sequence[int],
        blocks: Sequence[int],
        c_dim: int = 0,
        condition_dim: int = 0,
        expansion_factor: int = 2,
        num_channels: int = 3,
        low_precision_stages: int = 0,
        name: str = "discriminator",
    ):
        super().__init__(name=name, dtype="float32")
        self._set(
            resolution=resolution,
            widths=widths,
            cardinality=cardinality,
            blocks=blocks,
            c_dim=c_dim,
            condition_dim=(condition_dim or int(widths[0])) if c_dim else 0,
            expansion_factor=expansion_factor,
            num_channels=num_channels,
            low_precision_stages=low_precision_stages,
        )
        widths, features = self.config["widths"], self.config["condition_dim"] or 1
        self.embed = self._embedding(features, features**-0.5)
        last = len(widths) - 1
        self.from_rgb = Linear(widths[-1], name="from_rgb", dtype=self._policy(last))
        self.from_rgb.build((None, resolution, resolution, num_channels))
        self.changes = [self._change(i, i + 1, i) for i in range(last)]
        self.projection = Projection(name="projection", dtype="float32")
        self.projection.build((None, 4, 4, widths[0]))
        self.leave = Linear(features, name="leave", dtype="float32")
        self.leave.build((None, widths[0]))
        self.built = True

    def call(self, images: Tensor, c: Tensor | None = None) -> Tensor:
        """Logits `[N, 1]`, float32.

        Args:
            images: `[N, H, W, num_channels]`, in [-1, 1].
            c: see `embedded`; None without classes.
        """
        x = self.from_rgb(ops.cast(images, self.from_rgb.compute_dtype))
        for i in range(len(self.blocks) - 1, -1, -1):
            x = self._through(x, i)
            if i:
                x = self._lowered(x, i - 1)
        x = self.leave(self.projection(ops.cast(x, "float32")))
        if self.embed is None:
            return x
        return ops.sum(x * self.embedded(c), axis=1, keepdims=True)

    def _lowered(self, x, i):
        x, change = downsample(x, TAPS), self.changes[i]
        return x if change is None else change(ops.cast(x, change.compute_dtype))

    def functional(self, batch_size: int) -> keras.Model:
        """The layers as a functional model of known sizes, to count them."""
        side = self.config["resolution"]
        shape = (side, side, self.config["num_channels"])
        images, classes = keras.Input(shape, batch_size=batch_size), self._classes(batch_size)
        return keras.Model([images, *classes], self.call(images, *classes))
