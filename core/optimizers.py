"""Optimizers as the official implementations have them."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from core.tensors import Tensor


@keras.saving.register_keras_serializable("core")
class Adam(keras.optimizers.Adam):
    """Adam with epsilon added to the root of the bias-corrected second moment.

    That is Kingma & Ba 2015 (https://arxiv.org/abs/1412.6980), Algorithm 1, and PyTorch;
    `keras.optimizers.Adam`, as TensorFlow 1, adds it before the correction (the remark that ends
    section 2 of the paper). Use this one for papers whose code is Torch or PyTorch.

    Args:
        learning_rate, beta_1, beta_2: as in the paper.
        epsilon: 1e-8, PyTorch's default (Keras' is 1e-7).
    """

    def __init__(self, learning_rate=0.001, beta_1=0.9, beta_2=0.999, epsilon=1e-8, **kwargs):
        super().__init__(learning_rate, beta_1, beta_2, epsilon, **kwargs)

    def second_decay(self) -> Any:
        """The decay of the second moment at this step."""
        return float(self.beta_2)

    def update_step(
        self, gradient: Tensor, variable: keras.Variable, learning_rate: Tensor
    ) -> None:
        index = self._get_variable_index(variable)
        m, v = self._momentums[index], self._velocities[index]
        self.assign_add(m, (gradient - m) * (1 - self.beta_1))
        beta_2 = self.second_decay()
        self.assign_add(v, (ops.square(gradient) - v) * (1 - beta_2))
        step = ops.cast(self.iterations + 1, "float32")
        unbiased_m = m / (1 - ops.power(float(self.beta_1), step))
        unbiased_v = v / (1 - ops.power(beta_2, step))
        change = learning_rate * unbiased_m / (ops.sqrt(unbiased_v) + self.epsilon)
        self.assign_sub(variable, change)


class ScheduledAdam(Adam):
    """Adam whose second decay changes in training; the correction of the bias uses that of now.

    Args:
        schedule: called without arguments, gives the decay, a scalar.
        kwargs: see `Adam`.
    """

    def __init__(self, *, schedule: Callable[[], Tensor], **kwargs):
        super().__init__(**kwargs)
        self.schedule = schedule

    def second_decay(self) -> Tensor:
        return self.schedule()


def built(
    optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable]
) -> keras.optimizers.Optimizer:
    """The optimizer, built for `variables`; in mixed_float16 it is wrapped to scale the loss."""
    if keras.config.dtype_policy().name == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    optimizer.build(variables)
    return optimizer


def reset(optimizer: keras.optimizers.Optimizer) -> None:
    """Sets moments and the count of steps to 0; learning rate and loss scale stay."""
    for variable in getattr(optimizer, "inner_optimizer", optimizer).variables:
        if variable.name != "learning_rate":
            variable.assign(ops.zeros_like(variable.value))


def lazily(interval: int, learning_rate: float, beta_1: float, beta_2: float) -> dict[str, float]:
    """Arguments of Adam for an optimizer whose regularisation runs at every `interval`-th step.

    Args:
        interval: steps from one regularisation to the next.
        learning_rate, beta_1, beta_2: what Adam would have without regularisation.

    The regularisation is one more step in `interval` ones: with c = interval / (interval + 1),
    `c * learning_rate`, `beta_1 ** c` and `beta_2 ** c` leave the pace as it was. Its loss is to be
    multiplied by `interval`.

    Source: Karras et al. 2020 (https://arxiv.org/abs/1912.04958), appendix B.
    """
    c = interval / (interval + 1)
    return {"learning_rate": c * learning_rate, "beta_1": beta_1**c, "beta_2": beta_2**c}
