"""The only place that knows which backend runs.

Model code is written in `keras.ops` as if every variable were mutable. These verbs make that true
on TensorFlow (tapes and `tf.function`) and on JAX (a `keras.StatelessScope` over all variables,
`jax.value_and_grad`, `jax.jit`):

    setup(devices, deterministic)        before anything is built
    describe_devices()                   what the networks run on, in words
    missing_accelerator()                a sentence where a GPU of the machine is not used
    value_and_grad(loss_fn, variables)   loss_fn() -> (loss, aux); returns ((loss, aux), gradients)
    input_grad(fn, x)                    d sum(fn(x)) / dx, differentiable again
    value_and_input_grad(fn, x)          the same with fn(x)
    apply(optimizer, gradients, variables)
    compile(fn, variables, xla)          one compiled call; `variables`: all it may read or write
    compile_by_shape(fn, variables)      the same for arrays of many shapes
    shard(batch)                         a batch from the host, spread over the devices
    instance_norm(x, epsilon)            `core.stats.instance_norm`, the fastest way there is
"""

import functools
from collections.abc import Sequence

import keras

from core.tensors import Function, Tensor

if keras.backend.backend() == "tensorflow":
    from core.engine import tensorflow as _engine
elif keras.backend.backend() == "jax":
    from core.engine import jax as _engine  # type: ignore[no-redef]
else:
    raise ImportError(
        f"Keras runs on '{keras.backend.backend()}'; this project runs on 'tensorflow' or 'jax'. "
        "Set KERAS_BACKEND to one of them."
    )

setup = _engine.setup
value_and_grad = _engine.value_and_grad
value_and_input_grad = _engine.value_and_input_grad
apply = _engine.apply
compile = _engine.compile
shard = _engine.shard
describe_devices = _engine.describe_devices
missing_accelerator = _engine.missing_accelerator
instance_norm = _engine.instance_norm


def compile_by_shape(
    fn: Function, variables: Sequence[keras.Variable], *, any_size: bool = False
) -> Function:
    """`fn` compiled once for each of the last sixteen shapes that it was called with.

    `compile` alone would do on JAX; TensorFlow warns where one function sees many shapes.

    Args:
        fn: a function of arrays.
        variables: see `compile`.
        any_size: `fn` works on pictures `[N, H, W, C]` without asking for H and W as numbers, as
            convolutions do. TensorFlow then compiles it once for all sizes. JAX compiles it for a
            size that comes again; compiling takes longer than one call without.
    """
    leave_open, seen = any_size and _engine.OPEN_SIZES, set()

    @functools.lru_cache(16)
    def compiled(*shapes):
        return _engine.compile_open(fn, shapes) if leave_open else compile(fn, variables)

    def call(*arrays):
        shapes = tuple(tuple(x.shape) for x in arrays)
        if leave_open:
            shapes = tuple((s[0], None, None, s[3]) if len(s) == 4 else s for s in shapes)
        elif any_size and shapes not in seen:
            seen.add(shapes)
            return fn(*arrays)
        return compiled(*shapes)(*arrays)

    return call


def input_grad(fn: Function, x: Tensor) -> Tensor:
    """The gradient of `sum(fn(x))` with respect to `x`; it can be differentiated again.

    `fn` must not assign to variables.
    """
    return value_and_input_grad(fn, x)[1]


__all__ = [
    "apply",
    "compile",
    "compile_by_shape",
    "describe_devices",
    "input_grad",
    "instance_norm",
    "missing_accelerator",
    "setup",
    "shard",
    "value_and_grad",
    "value_and_input_grad",
]
