"""StyleGAN2's discriminator.

Sources: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), sections 2 and 4 and appendix B;
Karras et al. 2020 (https://arxiv.org/abs/2006.06676), appendix F; NVlabs/stylegan2-ada-pytorch @
d72cc7d, training/networks.py.
"""

import keras
from keras import ops

from core.resample import downsample
from core.tensors import Tensor
from gan.layers import Dense, minibatch_stddev
from gan.stylegan2.blocks import HALF, Blocks, Resolution
from gan.stylegan2.layers import TAPS, FilteredConv, activate
from gan.stylegan2.mapping import Mapping


@keras.saving.register_keras_serializable("stylegan2")
class Discriminator(Blocks):
    """The discriminator: from pictures to one logit each.

    Args:
        resolution: of the pictures, see `gan.stylegan2.blocks`.
        c_dim: how many numbers describe a class; 0: there are no classes.
        num_channels: channels of the pictures.
        channel_base, channel_max: see `gan.stylegan2.blocks.channels`.
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
