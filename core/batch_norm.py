"""Batch normalisation as PyTorch has it, and running a network without moving its averages."""

import keras
from keras import ops

from core.tensors import Tensor


@keras.saving.register_keras_serializable("core")
class BatchNorm(keras.layers.BatchNormalization):
    """Batch normalisation of `[N, H, W, C]` that averages unbiased variances, as PyTorch does.

    In training it normalises with the variance of the batch (squares divided by N * H * W), as
    Keras does, but adds the one divided by N * H * W - 1 to the running variance; Keras adds the
    first. N * H * W must be above 1 in training.

    Sources: PyTorch's BatchNorm2d (epsilon 1e-5; Keras defaults to 1e-3; momentum 0.1 there is
    0.9 here); the scale begins as N(1, 0.02), junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e,
    models/networks.py `init_weights`.
    """

    def __init__(self, momentum=0.9, epsilon=1e-5, **kwargs):
        kwargs = {"gamma_initializer": keras.initializers.RandomNormal(1.0, 0.02)} | kwargs
        super().__init__(momentum=momentum, epsilon=epsilon, **kwargs)

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        x = ops.cast(inputs, "float32")
        if training:
            mean = ops.mean(x, axis=(0, 1, 2))
            variance = ops.mean(ops.square(x - mean), axis=(0, 1, 2))
            count = ops.cast(ops.prod(ops.shape(x)[:3]), "float32")
            self._follow(self.moving_mean, mean)
            self._follow(self.moving_variance, variance * (count / (count - 1)))
        else:
            mean, variance = self.moving_mean.value, self.moving_variance.value
        scale = self.gamma * ops.rsqrt(variance + self.epsilon)
        return ops.cast((x - mean) * scale + self.beta, inputs.dtype)

    def _follow(self, average, value):
        average.assign(average * self.momentum + value * (1 - self.momentum))


def run_unchanged(network: keras.Model, inputs: Tensor, values: dict | None = None) -> Tensor:
    """The output of a network as in training, while no variable of it changes.

    Batch norm takes the statistics of the batch and dropout is on; running averages and the seeds
    of dropout stay as they are.

    Args:
        network: the network.
        inputs: what it takes.
        values: values to use in place of variables that are not trained, by `id(variable)`.
    """
    values = values or {}
    others = [
        ops.convert_to_tensor(values[id(v)], v.dtype) if id(v) in values else v.value
        for v in network.non_trainable_variables
    ]
    trained = [v.value for v in network.trainable_variables]
    return network.stateless_call(trained, others, inputs, training=True)[0]
