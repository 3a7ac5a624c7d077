"""The losses of style transfer, each in the scalings that were published.

Features are `[N, H, W, C]`. Sums and means are taken in float32, whatever type the features have.
"""

from keras import ops

from core.tensors import Tensor

# The style term of a layer is `scale(C) * Σ(G - A)²`. G and A are the mean outer products of the C
# channels, FFᵀ / M over M positions. The scales differ by factors of C² and more, so a "style
# weight" means nothing without its scaling:
STYLE_SCALINGS = {
    # Gatys et al. 2016 (https://arxiv.org/abs/1508.06576), equation 4: Σ(FFᵀ - AAᵀ)² / (4 C² M²)
    "paper": lambda channels: 1 / (4 * channels**2),
    # the mean square of leongatys/PytorchNeuralStyleTransfer @ be6c8e2, whose weights hold 1 / C²
    "gatys": lambda channels: 1 / channels**2,
    # jcjohnson/neural-style @ 07c4b82, neural_style.lua:534: the Gram matrix is divided by C, too
    "johnson": lambda channels: 1 / channels**4,
}
# The content term is `scale(number of features) * Σ(F - P)²`.
CONTENT_SCALINGS = {
    "paper": lambda count: 1 / 2,  # Gatys et al. 2016, equation 1
    "mean": lambda count: 1 / count,  # both codes above
    "course": lambda count: 1 / (4 * count),  # often taught in lectures
}


def gram(features: Tensor, maps: Tensor | None = None) -> Tensor:
    """Gram matrices: outer products of the channels, averaged over the positions.

    Args:
        features: `[N, H, W, C]`.
        maps: how much each position of a single picture (N = 1) counts for each of S styles,
            `[S, H, W]`; each map sums to 1 over the picture. None: all positions count alike.

    Returns:
        `[N, C, C]` float32; with maps `[S, C, C]`.
    """
    channels = features.shape[-1]
    features = ops.cast(features, "float32")
    if maps is None:
        flat = ops.reshape(features, (ops.shape(features)[0], -1, channels))
        positions = ops.cast(ops.shape(flat)[1], "float32")
        return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / positions
    flat = ops.reshape(features, (-1, channels))
    rows = ops.reshape(maps, (ops.shape(maps)[0], -1, 1))
    return ops.matmul(ops.transpose(flat * rows, (0, 2, 1)), flat)


def style_loss(gram: Tensor, target: Tensor, scaling: str, channels: int | None = None) -> Tensor:
    """The style term of one layer, summed over styles: a scalar.

    Args:
        gram: the picture's Gram matrices, `[S, C, C]`, see the function `gram`.
        target: those of the styles, `[S, C, C]`.
        scaling: a key of `STYLE_SCALINGS`.
        channels: how many channels the layer has; None: C. It differs from C if the matrices were
            reduced to fewer components.
    """
    scale = STYLE_SCALINGS[scaling](channels or target.shape[-1])
    return scale * ops.sum(ops.square(gram - target))


def squared_error(features: Tensor, target: Tensor) -> Tensor:
    """The sum Σ(F - P)² over two arrays of features of one shape: a scalar."""
    return ops.sum(ops.square(ops.cast(features, "float32") - ops.cast(target, "float32")))


def content_loss(error: Tensor, count: int | Tensor, scaling: str) -> Tensor:
    """The content term of one layer: a scalar.

    Args:
        error: the layer's `squared_error`.
        count: how many numbers the layer's features are.
        scaling: a key of `CONTENT_SCALINGS`.
    """
    return CONTENT_SCALINGS[scaling](count) * error


def total_variation(images: Tensor) -> Tensor:
    """Half the sum of the squared differences between neighbouring pixels, in 8-bit levels.

    Source: jcjohnson/neural-style @ 07c4b82, neural_style.lua:567-597, which computes its gradient.

    Args:
        images: RGB in [0, 1], `[N, H, W, 3]`.
    """
    levels = 255 * ops.cast(images, "float32")
    down = levels[:, 1:, :, :] - levels[:, :-1, :, :]
    right = levels[:, :, 1:, :] - levels[:, :, :-1, :]
    return (ops.sum(ops.square(down)) + ops.sum(ops.square(right))) / 2


def mean_total_variation(images: Tensor) -> Tensor:
    """Half the mean squared differences between neighbours in rows and in columns, summed.

    Source: magenta/magenta @ 526d3eb, image_stylization/learning.py, `total_variation_loss`.

    Args:
        images: RGB in [0, 1], `[N, H, W, 3]`.
    """
    images = ops.cast(images, "float32")
    down = images[:, 1:, :, :] - images[:, :-1, :, :]
    right = images[:, :, 1:, :] - images[:, :, :-1, :]
    return (ops.mean(ops.square(down)) + ops.mean(ops.square(right))) / 2


def moment_loss(
    moments: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor], reduction: str
) -> Tensor:
    """AdaIN's style term of one layer, a scalar: the squared differences of the channels' means and
    standard deviations.

    Args:
        moments: `(mean, std)` of the pictures' features, each `[N, 1, 1, C]`, see
            `core.stats.moments`.
        target: those of the styles' features.
        reduction: "sum" is the sum over channels and the mean over pictures
            (xunhuang1995/AdaIN-style @ 6d8ac28, StyleINLossModule.lua), "mean" the mean over both
            (naoto0804/pytorch-AdaIN @ 47950d0, net.py:130-136). They differ by the number of
            channels, 64 to 512: a weight of 0.01 with "sum" is like 0.64 to 5.12 with "mean",
            depending on the layer.
    """
    reduce = ops.mean if reduction == "mean" else ops.sum
    count = 1 if reduction == "mean" else ops.cast(ops.shape(target[0])[0], "float32")
    return sum(reduce(ops.square(a - b)) / count for a, b in zip(moments, target, strict=True))
