"""Feature statistics over the picture plane, in float32 whatever the compute type."""

from keras import ops


def moments(x, epsilon: float = 0.0):
    """Mean and standard deviation of each channel of each picture.

    Args:
        x: `[N, H, W, C]`.
        epsilon: added to the (biased) variance before the root.

    Returns:
        `(mean, std)`, both `[N, 1, 1, C]`, float32.
    """
    x = ops.cast(x, "float32")
    mean = ops.mean(x, axis=(1, 2), keepdims=True)
    variance = ops.mean(ops.square(x - mean), axis=(1, 2), keepdims=True)
    return mean, ops.sqrt(variance + epsilon)


def instance_norm(x, epsilon: float = 1e-5):
    """Every channel of every picture to mean 0 and variance 1, `[N, H, W, C]`, type kept.

    Source: Ulyanov et al. 2016 (https://arxiv.org/abs/1607.08022), equation 2.
    """
    mean, std = moments(x, epsilon)
    return ops.cast((ops.cast(x, "float32") - mean) / std, x.dtype)
