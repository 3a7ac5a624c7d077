"""Adversarial losses: from logits of any shape to a scalar, their mean, float32."""

from keras import ops

from core.tensors import Tensor

FREE_MODES = ("lsgan", "vanilla", "hinge", "minimax")  # for any discriminator
MODES = (*FREE_MODES, "wgan")  # that one for a discriminator that is kept Lipschitz


def generator_loss(mode: str, fake_logits: Tensor) -> Tensor:
    """The loss that the generator minimises, a scalar.

    `lsgan`: (D - 1)^2, Mao et al. 2017 equation 9 without the factor 1/2. `vanilla`: the
    non-saturating softplus(-D), Goodfellow et al. 2014. `hinge`: -D, Lim & Ye 2017. `minimax`:
    -softplus(D), which is log(1 - sigmoid(D)), Goodfellow et al. 2014 equation 1; its gradient
    vanishes where D is sure. `wgan`: -D, Arjovsky et al. 2017, for a D that is kept Lipschitz.
    """
    if mode == "lsgan":
        return ops.mean(ops.square(fake_logits - 1.0))
    if mode == "vanilla":
        return ops.mean(ops.softplus(-fake_logits))
    if mode in ("hinge", "wgan"):
        return -ops.mean(fake_logits)
    if mode == "minimax":
        return -ops.mean(ops.softplus(fake_logits))
    raise ValueError(f"gan_mode={mode!r}: expected one of {', '.join(MODES)}")


def discriminator_loss(mode: str, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """The loss that the discriminator minimises: the term on reals plus that on fakes, not halved.

    `lsgan`: (D(real) - 1)^2 + D(fake)^2. `vanilla`, `minimax`: softplus(-D(real)) +
    softplus(D(fake)). `hinge`: relu(1 - D(real)) + relu(1 + D(fake)). `wgan`: D(fake) - D(real).
    """
    if mode == "lsgan":
        return ops.mean(ops.square(real_logits - 1.0)) + ops.mean(ops.square(fake_logits))
    if mode in ("vanilla", "minimax"):
        return ops.mean(ops.softplus(-real_logits)) + ops.mean(ops.softplus(fake_logits))
    if mode == "hinge":
        return ops.mean(ops.relu(1.0 - real_logits)) + ops.mean(ops.relu(1.0 + fake_logits))
    if mode == "wgan":
        return ops.mean(fake_logits) - ops.mean(real_logits)
    raise ValueError(f"gan_mode={mode!r}: expected one of {', '.join(MODES)}")


def relativistic_loss(better: Tensor, worse: Tensor) -> Tensor:
    """softplus(worse - better), mean over pairs: the logits `better` should be the higher ones.

    D's loss is `relativistic_loss(real, fake)`, G's is `relativistic_loss(fake, real)`; the i-th
    real is compared with the i-th fake.

    Source: Jolicoeur-Martineau 2019 (https://arxiv.org/abs/1807.00734); Huang et al. 2024
    (https://arxiv.org/abs/2501.05441).
    """
    return ops.mean(ops.softplus(worse - better))
