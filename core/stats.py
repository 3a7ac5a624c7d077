"""Feature statistics over the picture plane, in float32 whatever the compute type."""

from keras import ops

from core.tensors import Tensor


def moments(
    x: Tensor, epsilon: float = 0.0, *, unbiased: bool = False, weights: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of each channel of each picture.

    Args:
        x: `[N, H, W, C]`.
        epsilon: added to the variance before the root.
        unbiased: divide the squares by H * W - 1 instead of H * W.
        weights: how much each position counts, `[N, H, W, 1]`, not all 0; None: all alike. (A
            weighted variance is the biased one.)

    Returns:
        `(mean, std)`, both `[N, 1, 1, C]`, float32.
    """
    x = ops.cast(x, "float32")
    if weights is not None:
        shares = weights / ops.sum(weights, axis=(1, 2), keepdims=True)
        mean = ops.sum(shares * x, axis=(1, 2), keepdims=True)
        variance = ops.sum(shares * ops.square(x - mean), axis=(1, 2), keepdims=True)
        return mean, ops.sqrt(variance + epsilon)
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)
    if unbiased:
        pixels = ops.cast(ops.shape(x)[1] * ops.shape(x)[2], "float32")
        variance = variance * (pixels / (pixels - 1))
    return mean, ops.sqrt(variance + epsilon)


def instance_norm(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Every channel of every picture to mean 0 and variance 1, `[N, H, W, C]`, type kept.

    Source: Ulyanov et al. 2016 (https://arxiv.org/abs/1607.08022), equation 2.
    """
    mean, std = moments(x, epsilon)
    return ops.cast((ops.cast(x, "float32") - mean) / std, x.dtype)


def adain(
    x: Tensor,
    mean: Tensor,
    std: Tensor,
    epsilon: float = 1e-5,
    *,
    unbiased: bool = False,
    weights: Tensor | None = None,
) -> Tensor:
    """Adaptive instance normalisation: every channel of every picture to a given mean and std.

    A style picture gives its own `moments`; StyleGAN gives an affine map of its w.

    Args:
        x: `[N, H, W, C]`.
        mean, std: `[N, 1, 1, C]` (or 1 in place of N).
        epsilon: added to the variance of `x` before the root.
        unbiased, weights: how the moments of `x` are taken, see `moments`.

    Returns:
        `[N, H, W, C]`, of the type of `x`.

    Source: Huang & Belongie 2017 (https://arxiv.org/abs/1703.06868), equation 8.
    """
    own_mean, own_std = moments(x, epsilon, unbiased=unbiased, weights=weights)
    normalised = (ops.cast(x, "float32") - own_mean) / own_std
    return ops.cast(normalised * std + mean, x.dtype)
