"""The losses of style transfer, each in the scalings that were published.

Features are `[N, H, W, C]`; sums and means are taken in float32.
"""

from keras import ops

# The style term of a layer is `scale(C) * Σ(G - A)²` with G and A the mean outer products of the
# C channels (FFᵀ / M over M positions). These differ by C² and more, so a "style weight" means
# nothing without its scaling:
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
    "course": lambda count: 1 / (4 * count),  # as it is taught in lectures
}


def gram(features, weights=None):
    """Outer products of the channels, averaged over the positions.

    Args:
        features: `[N, H, W, C]`.
        weights: of the positions of a single picture, `[S, H, W]`, one map a style; each sums to 1
            over the picture. None: all alike.

    Returns:
        `[N, C, C]` float32, `[S, C, C]` with weights.
    """
    channels = features.shape[-1]
    features = ops.cast(features, "float32")
    if weights is None:
        flat = ops.reshape(features, (ops.shape(features)[0], -1, channels))
        positions = ops.cast(ops.shape(flat)[1], "float32")
        return ops.matmul(ops.transpose(flat, (0, 2, 1)), flat) / positions
    flat = ops.reshape(features, (-1, channels))
    rows = ops.reshape(weights, (ops.shape(weights)[0], -1, 1))
    return ops.matmul(ops.transpose(flat * rows, (0, 2, 1)), flat)


def style_loss(gram, target, scaling: str, channels: int | None = None):
    """The style term of one layer, summed over styles.

    Args:
        gram, target: `[S, C, C]`, see `gram`.
        scaling: of `STYLE_SCALINGS`.
        channels: of the layer, where the matrices are of fewer components.
    """
    return STYLE_SCALINGS[scaling](channels or target.shape[-1]) * ops.sum(
        ops.square(gram - target)
    )


def squared_error(features, target):
    """Σ(F - P)², what the content scalings multiply."""
    return ops.sum(ops.square(ops.cast(features, "float32") - ops.cast(target, "float32")))


def content_loss(error, count: int, scaling: str):
    """The content term of one layer.

    Args:
        error: see `squared_error`.
        count: numbers in the layer's features.
        scaling: of `CONTENT_SCALINGS`.
    """
    return CONTENT_SCALINGS[scaling](count) * error


def total_variation(images):
    """Half the summed squares of the differences between neighbours, in 8-bit levels.

    Source: jcjohnson/neural-style @ 07c4b82, neural_style.lua:567-597, which has its gradient.

    Args:
        images: `[N, H, W, 3]` in [0, 1].
    """
    levels = 255 * ops.cast(images, "float32")
    down = levels[:, 1:, :, :] - levels[:, :-1, :, :]
    right = levels[:, :, 1:, :] - levels[:, :, :-1, :]
    return (ops.sum(ops.square(down)) + ops.sum(ops.square(right))) / 2


def moment_loss(moments, target, reduction: str):
    """AdaIN's style term of one layer: squared differences of means and standard deviations.

    Args:
        moments, target: `(mean, std)`, each `[N, 1, 1, C]`, see `core.stats.moments`.
        reduction: "sum" over channels, mean over pictures (xunhuang1995/AdaIN-style @ 6d8ac28,
            StyleINLossModule.lua); "mean" over both (naoto0804/pytorch-AdaIN @ 47950d0,
            net.py:130-136). They differ by the number of channels, 64 to 512, so a weight of 0.01
            with "sum" is 0.64 to 5.12 with "mean", by layer.
    """
    reduce = ops.mean if reduction == "mean" else ops.sum
    count = 1 if reduction == "mean" else ops.cast(ops.shape(target[0])[0], "float32")
    return sum(reduce(ops.square(a - b)) / count for a, b in zip(moments, target, strict=True))
