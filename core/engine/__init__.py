"""The only place that knows which backend runs.

Model code is written in `keras.ops` as if every variable were mutable. These verbs make that true
on TensorFlow (tapes and `tf.function`) and on JAX (a `keras.StatelessScope` over all variables,
`jax.value_and_grad`, `jax.jit`):

    setup(devices, deterministic)        before anything is built
    describe_devices()                   what the networks run on, in words
    on_cpu()                             whether the networks run on CPUs
    fuses()                              whether a compiler joins operations on elements
    missing_accelerator()                a sentence where a GPU of the machine is not used
    value_and_grad(loss_fn, variables)   loss_fn() -> (loss, aux); returns ((loss, aux), gradients)
    forward(fn, variables)               the first half of a loss, kept for its gradients
    input_grad(fn, x)                    d sum(fn(x)) / dx, differentiable again
    value_and_input_grad(fn, x)          the same with fn(x)
    apply(optimizer, gradients, variables)
    compile(fn, variables, xla)          one compiled call; `variables`: all it may read or write
    compile_by_shape(fn, variables)      the same for pictures of many sizes
    calls_at_once()                      how many compiled calls may run side by side
    shard(batch)                         a batch from the host, spread over the devices
    give_all(variables)                  all processes get the values of the first one
    alone(work, variables)               what the first process alone does, while the others wait
    separate(variables)                  each process computes alone from now on
    instance_norm(x, epsilon)            `core.stats.instance_norm`, the fastest way there is
    portable()                           a `with` block: what is traced can run elsewhere, too

`core.engine.processes` lets several processes train one model.
"""

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras

from core import stats
from core.engine import processes
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
forward = _engine.forward
value_and_input_grad = _engine.value_and_input_grad
apply = _engine.apply
compile = _engine.compile
calls_at_once = _engine.calls_at_once
shard = _engine.shard
give_all = _engine.give_all
separate = _engine.separate
describe_devices = _engine.describe_devices
missing_accelerator = _engine.missing_accelerator
on_cpu = _engine.on_cpu
fuses = _engine.fuses


_PORTABLE: list[bool] = []  # not empty within `portable`


@contextlib.contextmanager
def portable() -> Iterator[None]:
    """Within a `with` block, graphs are traced in operations that most runtimes have.

    TensorFlow's fused instance norm is none of them: TensorFlow.js cannot run it.
    """
    _PORTABLE.append(True)
    try:
        yield
    finally:
        _PORTABLE.pop()


def instance_norm(x: Tensor, epsilon: float = 1e-5) -> Tensor:
    """`core.stats.instance_norm`, the fastest way there is."""
    return (stats if _PORTABLE else _engine).instance_norm(x, epsilon)


def compile_by_shape(fn: Function, variables: Sequence[keras.Variable]) -> Function:
    """`fn` compiled for pictures of any size; memory does not grow with the number of sizes.

    TensorFlow compiles it once for all heights and widths. JAX has to know them: it compiles `fn`
    for each size and keeps the last sixteen. (Without compiling, JAX takes still longer for a new
    size, as it compiles every operation, and keeps all of these.)

    Args:
        fn: a function of float32 arrays. It must not ask for the height and width of pictures
            `[N, H, W, C]` as numbers; convolutions, pooling and padding do not.
        variables: see `compile`.
    """

    lock = threading.Lock()  # two threads may ask for one size

    @functools.lru_cache(16)
    def compiled(*shapes):
        return _engine.compile_open(fn, shapes) if _engine.OPEN_SIZES else compile(fn, variables)

    def call(*arrays):
        shapes = [tuple(x.shape) for x in arrays]
        if _engine.OPEN_SIZES:
            shapes = [(s[0], None, None, s[3]) if len(s) == 4 else s for s in shapes]
        with lock:
            run = compiled(*shapes)
        return run(*arrays)

    return call


def alone(work: Callable[[], Any], variables: Sequence[keras.Variable]) -> Any:
    """What `work()` returns in the first process, while the others wait; they return None.

    Args:
        work: may compute with the variables, but not change them.
        variables: all that it may read.

    Raises:
        Interrupted: in all processes, if `work` raises it.
    """

    def work_here():
        with _engine.own_arrays(variables):
            return work()

    return processes.alone(work_here)


def input_grad(fn: Function, x: Tensor) -> Tensor:
    """The gradient of `sum(fn(x))` with respect to `x`; it can be differentiated again.

    `fn` must not assign to variables.
    """
    return value_and_input_grad(fn, x)[1]


__all__ = [
    "alone",
    "apply",
    "calls_at_once",
    "compile",
    "compile_by_shape",
    "describe_devices",
    "forward",
    "fuses",
    "give_all",
    "input_grad",
    "instance_norm",
    "missing_accelerator",
    "on_cpu",
    "portable",
    "separate",
    "setup",
    "shard",
    "value_and_grad",
    "value_and_input_grad",
]
