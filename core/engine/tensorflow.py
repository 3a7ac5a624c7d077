"""The engine on TensorFlow: gradient tapes and `tf.function`, one accelerator."""

import contextlib
import functools
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from core.engine.accelerators import unused_gpu
from core.errors import SettingError
from core.memory import keep_freed_memory
from core.optimizers import Adam
from core.tensors import Batch, Function, Tensor

OPEN_SIZES = True  # `compile_open` is there


def setup(devices: int | str | None = None, deterministic: bool = True, branches: int = 1) -> int:
    """Prepares the process; returns the number of devices that will be used (always 1).

    Args:
        devices: 1, "1", "all" or None.
        deterministic: the same command on the same machine gives the same bits. On a CPU this is
            needed for that (some kernels add up in the order in which threads end) and costs
            nothing that could be measured in a step of CycleGAN. On a GPU it takes slower kernels,
            the same ones at every start, and an operation that has no deterministic kernel raises
            an error. It stays on to the end of the process: a later `deterministic=False` does
            not turn it off.
        branches: parts of the model's step that do not wait for each other (two generators, two
            discriminators). They run side by side, each on its share of the cores, which uses
            these better than splitting every small operation over all of them.

    Raises:
        SettingError: more than one device is asked for.
    """
    keep_freed_memory()
    if devices not in (1, "1", "all", None):
        raise SettingError(
            "devices",
            devices,
            "1, as TensorFlow runs on one accelerator here",
            "Data parallelism over several devices needs the JAX backend.",
        )
    with contextlib.suppress(RuntimeError):  # too late: TensorFlow is running already
        if not tf.config.threading.get_intra_op_parallelism_threads():
            threads = max(1, (os.cpu_count() or 1) // branches)
            tf.config.threading.set_intra_op_parallelism_threads(threads)
    # this pass cannot handle the gradient of LeakyReLU: it gives up on the whole step, noisily
    tf.config.optimizer.set_experimental_options({"remapping": False})
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    return 1


def value_and_grad(
    loss_fn: Function, variables: Sequence[keras.Variable]
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """`((loss, aux), gradients)` of `loss_fn() -> (loss, aux)` with respect to `variables`."""
    with tf.GradientTape() as tape:
        loss, aux = loss_fn()
    gradients = tape.gradient(loss, [v.value for v in variables])
    if all(g is None for g in gradients):
        raise ValueError("the loss does not depend on any of the variables")
    return (loss, aux), _with_zeros(gradients, variables)


def forward(
    fn: Function, variables: Sequence[keras.Variable]
) -> tuple[dict[str, Tensor], Any, Function]:
    """`(tensors, rest, finish)` of `fn() -> (tensors, rest)`: a loss whose first half is kept.

    Args:
        fn: makes named tensors, through which gradients can flow, and whatever else.
        variables: what gradients are wanted of, in `fn` or in the loss.

    Returns:
        What `fn` made, and `finish(loss_fn)`, which can be called once, after other work:
        `((loss, aux), gradients)` of `loss_fn(tensors) -> (loss, aux)`.
    """
    with tf.GradientTape() as first:
        tensors, rest = fn()
    values = [v.value for v in variables]

    def finish(loss_fn):
        with tf.GradientTape() as second:
            second.watch(tensors)
            loss, aux = loss_fn(tensors)
        direct, onward = second.gradient(loss, [values, tensors])
        used = {name: g for name, g in onward.items() if g is not None}
        made = [tensors[name] for name in used]
        through = first.gradient(made, values, output_gradients=list(used.values()))
        pairs = zip(_with_zeros(direct, variables), _with_zeros(through, variables), strict=True)
        return (loss, aux), [a + b for a, b in pairs]

    return tensors, rest, finish


def _with_zeros(gradients, variables):
    """A loss need not depend on all variables: an input gradient does not on the last bias."""
    pairs = zip(gradients, variables, strict=True)
    return [tf.zeros_like(v.value) if g is None else g for g, v in pairs]


def value_and_input_grad(fn: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    """`(fn(x), gradient)`: the gradient of `sum(fn(x))` with respect to `x` has the shape of `x`.

    Both can be differentiated again.

    `fn` must not assign to variables: here that would last, on JAX it would not.
    """
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = fn(x)
        total = tf.reduce_sum(tf.cast(value, tf.float32))
    return value, tape.gradient(total, x)


def apply(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """Updates `variables` once by their `gradients`, in the same order."""
    if _plain_adam(optimizer, variables):
        _fused_adam(optimizer, gradients, variables)
    else:
        optimizer.apply(gradients, variables)


def _plain_adam(optimizer, variables):
    """Whether the update is Adam alone, without clipping, decay, averages or constraints, which is
    what one TensorFlow kernel computes."""
    if any(v.constraint is not None for v in variables):
        return False
    if type(optimizer) not in (keras.optimizers.Adam, Adam) or optimizer.amsgrad:
        return False
    extras = ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm", "use_ema",
              "loss_scale_factor", "gradient_accumulation_steps")  # fmt: skip
    return not any(getattr(optimizer, name) for name in extras)


def _fused_adam(optimizer, gradients, variables):
    """The same update as `optimizer.apply` in one operation a variable instead of some forty.

    A step takes as long as without; the smaller graph is ready in about two thirds of the time.
    """
    step = tf.cast(optimizer.iterations.value + 1, tf.float32)
    power_1, power_2 = (tf.pow(float(b), step) for b in (optimizer.beta_1, optimizer.beta_2))
    epsilon = tf.constant(optimizer.epsilon)
    if isinstance(optimizer, Adam):  # the kernel adds epsilon before the bias correction
        epsilon *= tf.sqrt(1 - power_2)
    learning_rate = tf.convert_to_tensor(optimizer.learning_rate)
    beta_1, beta_2 = tf.constant(optimizer.beta_1), tf.constant(optimizer.beta_2)
    for gradient, variable in zip(gradients, variables, strict=True):
        index = optimizer._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=optimizer._momentums[index].value.handle,
            v=optimizer._velocities[index].value.handle,
            beta1_power=power_1,
            beta2_power=power_2,
            lr=learning_rate,
            beta1=beta_1,
            beta2=beta_2,
            epsilon=epsilon,
            grad=gradient,
        )
    optimizer.iterations.assign_add(1)


def compile(fn: Function, variables: Sequence[keras.Variable], xla: bool = False) -> Function:
    """`fn` as one compiled call that reads and writes `variables`.

    Args:
        fn: a function of tensors.
        variables: not needed here, as a graph updates variables in place; JAX needs them.
        xla: compile with XLA.
    """
    # TensorFlow warns of retracing by code: the steps of several levels share theirs, partials none
    fn = functools.partial(fn)
    return tf.function(fn, jit_compile=xla, autograph=False)  # there is nothing to convert


def compile_open(fn: Function, shapes: Sequence[tuple[int | None, ...]]) -> Function:
    """`fn` of float32 arrays as one graph, for every size where a shape has None."""
    signature = [tf.TensorSpec(shape, tf.float32) for shape in shapes]
    return tf.function(functools.partial(fn), input_signature=signature, autograph=False)


def calls_at_once() -> int:
    """How many calls of compiled functions are worth having at the same time, in threads.

    Two even where each splits its operations over all cores: small ones do not fill them.
    """
    if _accelerator():
        return 1
    cores = os.cpu_count() or 1
    each = tf.config.threading.get_intra_op_parallelism_threads() or cores
    return min(8, max(2, cores // each))


def shard(batch: Batch) -> Batch:
    """A batch as tensors."""
    return {name: tf.convert_to_tensor(value) for name, value in batch.items()}


def give_all(variables: Sequence[keras.Variable]) -> None:
    """Nothing: there is one process."""


def own_arrays(variables: Sequence[keras.Variable]) -> contextlib.AbstractContextManager:
    """Nothing for a `with` block: there is one process."""
    return contextlib.nullcontext()


def separate(variables: Sequence[keras.Variable]) -> None:
    """Nothing: there is one process."""


def instance_norm(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """Every channel of every picture to mean 0 and variance 1, as `core.stats.instance_norm`.

    The fused kernel of batch norm does it, with each picture as a batch of its own; it reads and
    writes memory a third as often.

    Args:
        x: `[N, H, W, C]`; it is fastest where N is known to be 1 or 2.
        epsilon: added to the variance before the root.
    """
    if x.shape[0] == 1:
        return _fused_norm(x, epsilon)
    if x.shape[0] == 2:
        return tf.concat([_fused_norm(half, epsilon) for half in tf.split(x, 2)], 0)
    shape = tf.shape(x)
    n, pixels, channels = shape[0], shape[1] * shape[2], shape[3]
    rows = tf.transpose(tf.reshape(x, [n, pixels, channels]), [1, 0, 2])
    rows = _fused_norm(tf.reshape(rows, [1, pixels, 1, n * channels]), epsilon)
    rows = tf.transpose(tf.reshape(rows, [pixels, n, channels]), [1, 0, 2])
    return tf.ensure_shape(tf.reshape(rows, shape), x.shape)


def _fused_norm(x, epsilon):
    """Every channel of `[1, H, W, C]` to mean 0 and variance 1."""
    channels = x.shape[3]
    known = channels is not None  # NumPy arrays become one constant each: a smaller graph
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=np.ones(channels, np.float32) if known else tf.ones(tf.shape(x)[3:]),
        offset=np.zeros(channels, np.float32) if known else tf.zeros(tf.shape(x)[3:]),
        mean=np.zeros(0, np.float32),
        variance=np.zeros(0, np.float32),
        epsilon=epsilon,
        is_training=True,
    ).y


def on_cpu() -> bool:
    """Whether the networks run on the CPU."""
    return _accelerator() is None


def fuses() -> bool:
    """Whether a compiler makes one operation of several on elements: not without XLA."""
    return False


def describe_devices() -> str:
    """What the networks run on, such as "CPU (TensorFlow)" or "NVIDIA H100 (TensorFlow)"."""
    return f"{_accelerator() or 'CPU'} (TensorFlow)"


def _accelerator():
    """The name of the GPU or TPU that TensorFlow uses, or None."""
    if tf.config.list_logical_devices("GPU"):
        card = tf.config.get_visible_devices("GPU")[0]
        details = tf.config.experimental.get_device_details(card)
        return details.get("device_name", "GPU")
    return "TPU" if tf.config.list_logical_devices("TPU") else None


def missing_accelerator() -> str | None:
    """A sentence where this machine has a GPU that TensorFlow does not see, else None."""
    return None if _accelerator() else unused_gpu("tensorflow", "TensorFlow")
