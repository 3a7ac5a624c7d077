"""The two networks of Ghiasi et al. 2017, of the paper and of the edition for phones.

A style network turns a style picture into a code of 100 numbers. A transformer, which is that of
Dumoulin et al. 2017, shows a content in that style: a linear map of the code gives the scale and
the offset of each of its normalised layers. Pictures are RGB in [0, 1], `[N, H, W, 3]`.

Source: magenta/magenta @ 526d3eb, arbitrary_image_stylization/
arbitrary_image_stylization_build_model.py (`style_prediction`), nza_model.py (`transform`) and
arbitrary_image_stylization_build_mobilenet_model.py.
"""

from functools import partial

import keras
from keras import layers, ops

from core import engine
from core.tensors import Shape, Tensor
from nst.ghiasi.bodies import BODIES
from nst.transformer import CHANNELS, Builder, at_any_size

CODE = 100  # numbers that describe a style
BLOCKS = 5  # residual blocks


@keras.saving.register_keras_serializable("nst")
class CodeNorm(keras.layers.Layer):
    """Instance normalisation whose scale and offset are linear in a code.

    `norm(x, code)` takes x `[N, H, W, C]` and one code for each picture, `[N, K]`.

    Source: Ghiasi et al. 2017, equation 3; image_stylization/ops.py, `conditional_style_norm`.

    Args:
        epsilon: added to the variances.
        kernel_initializer: how the linear maps begin.
        start: what the bias of the scale begins with; that of the offset begins with 0.
    """

    def __init__(
        self,
        epsilon: float = 1e-5,
        kernel_initializer: str = "glorot_uniform",
        start: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.epsilon, self.kernel_initializer, self.start = epsilon, kernel_initializer, start

    def build(self, x_shape: Shape, code_shape: Shape) -> None:
        """Makes the kernels `[K, C]` and biases `[C]` of offset (beta) and scale (gamma)."""
        for name, start in (("beta", 0.0), ("gamma", self.start)):
            kernel = self.add_weight(
                name=f"{name}_kernel",
                shape=(code_shape[-1], x_shape[-1]),
                initializer=self.kernel_initializer,
            )
            bias = self.add_weight(
                name=f"{name}_bias",
                shape=(x_shape[-1],),
                initializer=keras.initializers.Constant(start),
            )
            setattr(self, name, (kernel, bias))
        self.built = True

    def call(self, x: Tensor, code: Tensor) -> Tensor:
        """The normalised, scaled and shifted features, of the shape and type of x."""
        code = ops.cast(code, "float32")
        beta, gamma = (ops.matmul(code, kernel) + bias for kernel, bias in (self.beta, self.gamma))
        normalised = ops.cast(engine.instance_norm(x, self.epsilon), "float32")
        return ops.cast(normalised * gamma[:, None, None] + beta[:, None, None], x.dtype)

    def compute_output_shape(self, shape: Shape, *_: object) -> Shape:
        """The shape of the features."""
        return shape

    def get_config(self) -> dict:
        """The arguments of the constructor."""
        names = ("epsilon", "kernel_initializer", "start")
        return super().get_config() | {name: getattr(self, name) for name in names}


def style_network(
    kind: str = "inception", *, blank: bool = False, momentum: float | None = None
) -> keras.Model:
    """The network that describes a style.

    Args:
        kind: a key of `nst.ghiasi.bodies.BODIES`: "inception", of the paper (9,052,164 parameters
            in all), or "mobilenet", for phones (2,386,084).
        blank: zeros in place of random kernels, for a network that is to be filled.
        momentum: of the batch normalisations' averages; None: the published one.

    Returns:
        A model from styles `[N, H, W, 3]`, not smaller than `SMALLEST_STYLE` of
        `nst.ghiasi.bodies`, to codes `[N, 100]`.
    """
    style = keras.Input((None, None, 3), name="style")
    x = BODIES[kind](style, blank, momentum)
    x = ops.mean(ops.cast(x, "float32"), axis=(1, 2))
    options = {"kernel_initializer": "zeros"} if blank else {}
    code = layers.Dense(CODE, name="code", dtype="float32", **options)(x)
    return keras.Model(style, code, name="style_network")


def style_transformer(
    width: float = 1.0,
    *,
    blank: bool = False,
    momentum: float | None = None,
    gamma: float = 0.0,
) -> keras.Model:
    """The network that shows a content in the style of a code.

    The three convolutions before the residual blocks are batch-normalised and know no style; all
    later ones are normalised by the code.

    Args:
        width: multiplies the channels 32, 64 and 128: 1 in the paper, 0.25 on phones.
        blank: zeros in place of random kernels, for a network that is to be filled.
        momentum: of the batch normalisations' averages; None: the published 0.999.
        gamma: what the scales of the normalised layers begin near: 0 as published.

    Returns:
        A model from `[contents, codes]`, contents `[N, H, W, 3]` with H and W multiples of 4 and
        codes `[N, 100]`, to pictures of the contents' size. For width 1 it has 1,953,662
        parameters.
    """
    first, some, many = (int(width * n) for n in CHANNELS)
    build = Builder("reflect", 0.01, biased=False)
    if blank:
        build.options["kernel_initializer"] = "zeros"
    content = keras.Input((None, None, 3), name="content")
    code = keras.Input((CODE,), name="code")
    build.norm = partial(_batch_norm, momentum or 0.999)
    x = build.conv_norm_relu(content, first, 9)
    x = build.conv_norm_relu(x, some, 3, strides=2)
    x = build.conv_norm_relu(x, many, 3, strides=2)
    build.norm = partial(_code_norm, code, "zeros" if blank else "glorot_uniform", gamma)
    for _ in range(BLOCKS):
        x = build.residual(x)
    x = build.up(x, some, "nearest")
    x = build.up(x, first, "nearest")
    x = build.norm(build.conv(x, 3, 9, dtype="float32"), dtype="float32")
    x = layers.Activation("sigmoid", dtype="float32")(x)
    return keras.Model([content, code], x, name="transformer")


def _batch_norm(momentum, x):
    return layers.BatchNormalization(scale=False, epsilon=1e-3, momentum=momentum)(x)


def _code_norm(code, initializer, gamma, x, **options):
    return CodeNorm(kernel_initializer=initializer, start=gamma, **options)(x, code)


class StyleTransfer(keras.Model):
    """Both networks together: any picture in the style of any other.

    Args:
        encoder: see `style_network`.
        width: see `style_transformer`.
        blank: zeros in place of random kernels, for networks that are to be filled.

    Attributes:
        encoder: from styles to codes.
        transformer: from `[contents, codes]` to pictures.
    """

    def __init__(
        self,
        encoder: str = "mobilenet",
        width: float = 0.25,
        *,
        blank: bool = False,
        name: str = "ghiasi",
    ):
        super().__init__(name=name, dtype="float32")
        self.encoder = style_network(encoder, blank=blank)
        self.transformer = style_transformer(width, blank=blank)
        self.built = True

    def call(self, content: Tensor, style: Tensor) -> Tensor:
        """Contents in the style of styles, one for each: see `encode` and `stylize`."""
        return self.stylize(content, self.encode(style))

    def encode(self, style: Tensor) -> Tensor:
        """The codes of styles, `[N, 100]`.

        Args:
            style: RGB in [0, 1], `[N, H, W, 3]`; the networks were trained on 128 to 300 pixels.
        """
        return self.encoder(style, training=False)

    def stylize(self, content: Tensor, code: Tensor) -> Tensor:
        """Contents in the style of codes, RGB in [0, 1], `[N, H, W, 3]` float32.

        Args:
            content: RGB in [0, 1], `[N, H, W, 3]`, of any size, see `nst.transformer.at_any_size`.
            code: one for each content, or one for all, `[1, 100]`.
        """
        codes = (ops.shape(content)[0], CODE)
        code = ops.broadcast_to(ops.convert_to_tensor(code, "float32"), codes)
        return at_any_size(lambda x: self.transformer([x, code], training=False), content)
