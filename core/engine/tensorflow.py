"""The engine on TensorFlow: gradient tapes and `tf.function`, one accelerator."""

import tensorflow as tf

from core.errors import InputError


def setup(devices: int | str = 1, deterministic: bool = True) -> int:
    """Prepares the process; returns the number of devices that will be used (always 1).

    Raises:
        InputError: more than one device is asked for.
    """
    if devices not in (1, "1", "all"):
        raise InputError(
            f"--devices={devices} on the TensorFlow backend: it runs on one accelerator. For data "
            f"parallelism over several use JAX: --backend=jax --devices={devices}."
        )
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    return 1


def value_and_grad(loss_fn, variables):
    """`((loss, aux), gradients)` of `loss_fn() -> (loss, aux)` with respect to `variables`."""
    with tf.GradientTape() as tape:
        loss, aux = loss_fn()
    gradients = tape.gradient(loss, [v.value for v in variables])
    missing = [v.path for v, g in zip(variables, gradients, strict=True) if g is None]
    if missing:
        raise ValueError(f"the loss does not depend on {len(missing)} variables: {missing[:3]}")
    return (loss, aux), gradients


def input_grad(fn, x):
    """Gradient of `sum(fn(x))` with respect to `x`, of the shape of `x`; differentiable again."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        total = tf.reduce_sum(tf.cast(fn(x), tf.float32))
    return tape.gradient(total, x)


def apply(optimizer, gradients, variables):
    """One update of `variables`."""
    optimizer.apply(gradients, variables)


def compile(fn, variables, xla: bool = False):
    """`fn` as one graph; `variables` are not needed here, a graph updates them in place."""
    return tf.function(fn, jit_compile=xla)


def shard(batch):
    """A batch as tensors."""
    return {name: tf.convert_to_tensor(value) for name, value in batch.items()}


def describe_devices() -> str:
    """What the networks run on, in words."""
    gpus = tf.config.list_logical_devices("GPU") + tf.config.list_logical_devices("TPU")
    return f"{gpus[0].name} (TensorFlow)" if gpus else "CPU (TensorFlow)"


def on_cpu() -> bool:
    """No accelerator is in use."""
    return not tf.config.list_physical_devices("GPU") + tf.config.list_physical_devices("TPU")
