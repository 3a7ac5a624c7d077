"""The image transformation network of Johnson et al. 2016 and the normalisations put into it.

https://arxiv.org/abs/1603.08155, supplement, table 1: 9x9, two strided 3x3 convolutions, five
residual blocks, two upsamplings, 9x9. The codes differ in padding, upsampling and how it ends.
"""

import keras
from keras import layers, ops

from core import engine
from core.batch_norm import BatchNorm
from core.layers import PaddedConv2D

CHANNELS = (32, 64, 128)
MULTIPLE = 4  # of heights and widths that come out as they went in
START = 40  # pixels reflected around the picture with padding="start"
MEAN = (123.68, 116.779, 103.939)  # of ImageNet, RGB levels
TANH = 150  # levels about the mean
PADDINGS = ("reflect", "start")
UPSAMPLINGS = ("nearest", "transposed")
OUTPUTS = ("linear", "tanh", "sigmoid")
NORMS = ("instance", "batch")
# U(-1/sqrt(fan_in), 1/sqrt(fan_in)), Torch's and PyTorch's
TORCH_INIT = {"class_name": "VarianceScaling",
              "config": {"scale": 1 / 3, "mode": "fan_in", "distribution": "uniform"}}  # fmt: skip


@keras.saving.register_keras_serializable("nst")
class StyleNorm(keras.layers.Layer):
    """Instance normalisation with a scale gamma and an offset beta for each style.

    `norm(x, weights)`: x `[N, H, W, C]`, weights of the styles `[N, styles + added]`: rows of gamma
    and beta are mixed by them; one-hot rows choose. Without weights there is one style.

    Source: Dumoulin et al. 2017 (https://arxiv.org/abs/1610.07629), equation 5; magenta/magenta @
    526d3eb, image_stylization/ops.py:98-109 (epsilon 1e-5). With one style: Ulyanov et al. 2016
    (https://arxiv.org/abs/1607.08022), equation 2.

    Args:
        styles: how many.
        added: styles whose rows are variables of their own, `new_gamma` and `new_beta`, so that
            they can be trained while the others stay as they are.
        gamma_initializer: "ones", or "uniform" on [0, 1] (jcjohnson/fast-neural-style @ 813c834,
            InstanceNormalization.lua:21-27).
        rate: how much faster than other weights they learn: the variables hold them divided by it.
    """

    def __init__(
        self, styles=1, added=0, gamma_initializer="ones", epsilon=1e-5, rate=1.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.styles, self.added, self.epsilon, self.rate = styles, added, epsilon, rate
        self.gamma_initializer = gamma_initializer

    def build(self, shape, *_):
        gamma = gamma_initializer(self.gamma_initializer, self.rate)
        size = (self.styles, shape[-1])
        self.gamma = self.add_weight(name="gamma", shape=size, initializer=gamma)
        self.beta = self.add_weight(name="beta", shape=size, initializer="zeros")
        if self.added:
            size = (self.added, shape[-1])
            self.new_gamma = self.add_weight(name="new_gamma", shape=size, initializer=gamma)
            self.new_beta = self.add_weight(name="new_beta", shape=size, initializer="zeros")
        self.built = True

    def call(self, x, weights=None):
        gamma, beta = (self._rows(name, weights) for name in ("gamma", "beta"))
        normalised = ops.cast(engine.instance_norm(x, self.epsilon), "float32")
        return ops.cast(normalised * gamma + beta, x.dtype)

    def _rows(self, name, weights):
        """`[N or 1, 1, 1, C]`."""
        table = ops.cast(getattr(self, name), "float32")
        if self.added:
            table = ops.concatenate([table, ops.cast(getattr(self, f"new_{name}"), "float32")])
        rows = table if weights is None else ops.matmul(ops.cast(weights, "float32"), table)
        return self.rate * rows[:, None, None, :]

    def compute_output_shape(self, shape, *_):
        return shape

    def get_config(self):
        names = ("styles", "added", "gamma_initializer", "epsilon", "rate")
        return super().get_config() | {name: getattr(self, name) for name in names}


def transformer(
    *,
    norm: str = "instance",
    styles: int = 1,
    added: int = 0,
    conditional: bool = False,
    padding: str = "reflect",
    upsampling: str = "nearest",
    output: str = "linear",
    width: float = 1.0,
    gamma: str = "ones",
    rate: float = 1.0,
    kernel_stddev: float | None = None,
    name: str = "transformer",
) -> keras.Model:
    """The network from content to stylised picture.

    Sources of the two usual forms: jcjohnson/fast-neural-style @ 813c834, train.lua:20 and
    models.lua:10-139, is padding="start", upsampling="transposed", output="tanh", gamma="uniform";
    pytorch/examples @ 77f55b9, fast_neural_style/transformer_net.py:4-99, is the default. Dumoulin
    et al. 2017: magenta/magenta @ 526d3eb, image_stylization/model.py:44-65, is conditional=True,
    output="sigmoid", kernel_stddev=0.01.

    Args:
        norm: "instance" or "batch".
        styles, added: of `StyleNorm`, used with `conditional`.
        conditional: the weights of the styles are a second input; there are no biases then, and the
            last convolution is normalised, too.
        padding: "reflect": each convolution's border; "start": 40 pixels around the picture, then
            zeros, and residual blocks without padding, which takes those pixels off again.
        upsampling: "nearest" and a convolution, or "transposed" convolutions.
        output: "linear" levels; "tanh" times 150 about the mean; "sigmoid".
        width: multiplies the channels 32, 64 and 128.
        gamma, rate: of `StyleNorm`.
        kernel_stddev: of normal kernels; None: Torch's uniform ones.

    Returns:
        A model from `[N, H, W, 3]`, RGB, to the same for H and W in multiples of 4; other sizes
        come out larger. Levels from 0 to 255, not clamped; with "sigmoid" [0, 1] in and out. With
        `conditional` it takes `[pictures, weights]`, weights `[N, styles + added]`. 1,679,235
        parameters by default.
    """
    build = _Builder(padding, kernel_stddev, not conditional)
    picture = keras.Input((None, None, 3), name="rgb")
    weights = keras.Input((styles + added,), name="styles") if conditional else None
    options = {"styles": styles, "added": added, "rate": rate}
    build.norm = _normalisation(norm, gamma, weights, **options)
    first, some, many = (max(1, round(width * n)) for n in CHANNELS)
    x = picture
    if output == "tanh":
        x = layers.Rescaling(1.0, [-m for m in MEAN], dtype="float32")(x)
    if padding == "start":
        x = Reflect(START)(x)
    x = build.conv_norm_relu(x, first, 9)
    x = build.conv_norm_relu(x, some, 3, strides=2)
    x = build.conv_norm_relu(x, many, 3, strides=2)
    for _ in range(5):
        x = build.residual(x)
    x = build.up(x, some, upsampling)
    x = build.up(x, first, upsampling)
    x = build.conv(x, 3, 9, dtype="float32")  # levels need more than the 8 bits of bfloat16
    if conditional:
        x = build.norm(x, dtype="float32")
    if output != "linear":
        x = layers.Activation(output, dtype="float32")(x)
    if output == "tanh":
        x = layers.Rescaling(float(TANH), list(MEAN), dtype="float32")(x)
    return keras.Model([picture, weights] if conditional else picture, x, name=name)


def few(width: float) -> int:
    """Channels of the layers of full size."""
    return max(1, round(width * CHANNELS[0]))


def smallest_size(padding: str) -> int:
    """Height and width from which on there are pixels enough to reflect."""
    return START + MULTIPLE if padding == "start" else 2 * MULTIPLE


@keras.saving.register_keras_serializable("nst")
class Reflect(keras.layers.Layer):
    """`pixels` mirrored on to every side of `[N, H, W, C]`, without the border pixel."""

    def __init__(self, pixels, **kwargs):
        super().__init__(**kwargs)
        self.pixels = pixels

    def call(self, x):
        sides = (self.pixels, self.pixels)
        return ops.pad(x, ((0, 0), sides, sides, (0, 0)), mode="reflect")

    def compute_output_shape(self, shape):
        grown = (None if n is None else n + 2 * self.pixels for n in shape[1:3])
        return (shape[0], *grown, shape[3])

    def get_config(self):
        return super().get_config() | {"pixels": self.pixels}


def gamma_initializer(name: str, rate: float = 1.0) -> keras.initializers.Initializer:
    """Where the scales of norms begin: 1 ("ones"), or U(0, 1) ("uniform"); over `rate`."""
    if name == "uniform":
        return keras.initializers.RandomUniform(0.0, 1 / rate)
    return keras.initializers.Constant(1 / rate)


def _normalisation(norm, gamma, weights, **options):
    def apply(x, **kwargs):
        if norm == "batch":
            return BatchNorm(gamma_initializer=gamma_initializer(gamma), **kwargs)(x)
        layer = StyleNorm(gamma_initializer=gamma, **options, **kwargs)
        return layer(x) if weights is None else layer(x, weights)

    return apply


class _Builder:
    """Layers in one of the codes' manners."""

    def __init__(self, padding, kernel_stddev, biased):
        normal = keras.initializers.RandomNormal(0.0, kernel_stddev) if kernel_stddev else None
        self.options = {"kernel_initializer": normal or TORCH_INIT, "use_bias": biased}
        self.mode = "reflect" if padding == "reflect" else "constant"
        self.shaves = padding == "start"
        self.norm = None

    def conv(self, x, filters, size, strides=1, pad=None, **kwargs):
        pad = size // 2 if pad is None else pad
        options = self.options | kwargs
        layer = PaddedConv2D(filters, size, pad, self.mode, strides=strides, **options)
        return layer(x)

    def conv_norm_relu(self, x, filters, size, **kwargs):
        return layers.ReLU()(self.norm(self.conv(x, filters, size, **kwargs)))

    def residual(self, x):
        """conv-norm-ReLU-conv-norm and the sum, of the middle where the convolutions take from the
        border; no ReLU after the sum."""
        filters, pad = x.shape[-1], 0 if self.shaves else None
        y = self.conv_norm_relu(x, filters, 3, pad=pad)
        y = self.norm(self.conv(y, filters, 3, pad=pad))
        return layers.Add()([layers.Cropping2D(2)(x) if self.shaves else x, y])

    def up(self, x, filters, upsampling):
        if upsampling == "nearest":
            return self.conv_norm_relu(layers.UpSampling2D(interpolation="nearest")(x), filters, 3)
        # PyTorch's ConvTranspose2d(3, stride=2, padding=1, output_padding=1)
        x = layers.Conv2DTranspose(filters, 3, 2, padding="valid", **self.options)(x)
        return layers.ReLU()(self.norm(layers.Cropping2D(((1, 0), (1, 0)))(x)))
