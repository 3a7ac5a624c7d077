"""Penalties on the gradient of a discriminator with respect to its input.

Each returns `[N]`, float32: a penalty for every picture. A discriminator is here a function from
`[N, H, W, C]` to logits `[N, ...]` that assigns to no variable.
"""

import keras
from keras import ops

from core import engine
from core.tensors import Function, Tensor


def squared_gradient(discriminator: Function, images: Tensor) -> tuple[Tensor, Tensor]:
    """The squared norm of the gradient at each image, and the logits: R1 on reals, R2 on fakes.

    The published loss is `gamma / 2` times the mean of the penalty. One pass forward serves both.

    Args:
        discriminator: see above.
        images: `[N, H, W, C]`, reals or fakes.

    Returns:
        `(penalty [N], logits)`.

    Source: Mescheder et al. 2018 (https://arxiv.org/abs/1801.04406), equation 9;
    NVlabs/stylegan @ 1e0d5c7, training/loss.py `D_logistic_simplegp`.
    """
    logits, gradient = engine.value_and_input_grad(discriminator, images)
    return _squared_norm(gradient), logits


def wgan_gp(
    discriminator: Function,
    reals: Tensor,
    fakes: Tensor,
    seed: keras.random.SeedGenerator,
    target: float = 1.0,
) -> Tensor:
    """`(|gradient| - target)^2 / target^2` at a random point between each real and its fake.

    The published loss is `lambda` (10) times the mean.

    Args:
        discriminator: see above.
        reals, fakes: `[N, H, W, C]`.
        seed: what draws the points.
        target: the norm that the gradient should have.

    Source: Gulrajani et al. 2017 (https://arxiv.org/abs/1704.00028), equation 3;
    tkarras/progressive_growing_of_gans @ 2504c3f, loss.py `D_wgangp_acgan` with its `target`.
    """
    mix = keras.random.uniform((ops.shape(reals)[0], 1, 1, 1), seed=seed, dtype="float32")
    return gradient_penalty_at(discriminator, reals + (fakes - reals) * mix, target)


def gradient_penalty_at(discriminator: Function, images: Tensor, target: float = 1.0) -> Tensor:
    """`(|gradient| - target)^2 / target^2` at each image, for `wgan_gp`."""
    gradient = engine.input_grad(discriminator, images)
    # the root has no gradient at 0, where a discriminator that ignores its input would be
    norm = ops.sqrt(ops.maximum(_squared_norm(gradient), 1e-20))
    return ops.square(norm - target) / target**2


def _squared_norm(gradient):
    return ops.sum(ops.square(ops.cast(gradient, "float32")), axis=(1, 2, 3))
