"""The engine on JAX.

`jax.value_and_grad` and `jax.jit` take pure functions. Code that assigns to variables becomes one
inside a `keras.StatelessScope` that maps every variable to its value.
"""

import contextlib
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
import numpy as np

from core.engine import processes
from core.engine.accelerators import unused_gpu
from core.engine.compiled_files import keep_compiled
from core.errors import SettingError
from core.memory import keep_freed_memory
from core.stats import instance_norm  # noqa: F401 XLA fuses it by itself
from core.tensors import Batch, Function, Tensor


class _Scope(keras.StatelessScope):
    """A scope that starts from the values of the scope around it and knows what was assigned."""

    def __init__(self, values):
        super().__init__(initialize_variables=False)
        outer = keras.src.backend.common.stateless_scope.get_stateless_scope()
        self.state_mapping = dict(outer.state_mapping) if outer else {}
        self.state_mapping |= values
        self.assigned = {}

    def add_update(self, update):
        super().add_update(update)
        self.assigned[id(update[0])] = update[0]

    def updates(self):
        """`{id: new value}` of the variables that were assigned to."""
        return {key: self.state_mapping[key] for key in self.assigned}


def _by_id(variables, values):
    return {id(v): x for v, x in zip(variables, values, strict=True)}


# mesh: of the devices of several processes; None where there is one process. Its arrays are made
# here, as Keras would compare each of them with those of the other processes
_settings: dict[str, Any] = {"deterministic": False, "mesh": None}


OPEN_SIZES = False  # XLA knows all sizes


def setup(devices: int | str | None = None, deterministic: bool = True, branches: int = 1) -> int:
    """Spreads the batch over `devices` (a number or "all"); returns how many that are.

    Every device holds all variables and a share of each batch; a step gives the result that one
    device would give on the whole batch. Must run before the first variable is made.

    Args:
        devices: a number, or "all"; None: 1, or all where several processes train together, which
            take no other number.
        deterministic: the same command on the same machine gives the same bits. On a CPU and a TPU
            XLA does so anyway, at no cost. On a GPU the functions that are compiled from now on
            take slower kernels, the same ones at every start; one that has an operation without a
            deterministic kernel is compiled without this, with a warning.
        branches: for TensorFlow; XLA needs nothing of the kind.

    Raises:
        SettingError: more devices than the machine has.
    """
    keep_freed_memory()
    keep_compiled()
    _settings["deterministic"] = deterministic
    if processes.share()[1] > 1:
        return _set_up_together(devices)
    devices = 1 if devices is None else devices
    available = keras.distribution.list_devices()
    count = len(available) if devices == "all" else int(devices)
    if not 1 <= count <= len(available):
        shown = ", ".join(available[:4]) + ", …" * (len(available) > 4)
        raise SettingError(
            "devices",
            devices,
            f"a number from 1 to {len(available)} or 'all', as JAX sees {len(available)} ({shown})",
            "For a trial on several devices of a CPU set "
            "XLA_FLAGS=--xla_force_host_platform_device_count=4.",
        )
    if count > 1:
        parallel = keras.distribution.DataParallel(devices=available[:count])
        keras.distribution.set_distribution(parallel)
    return count


def _set_up_together(devices):
    """Spreads the batch over all devices of all processes; returns how many that are."""
    available = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    if devices not in (None, "all") and int(devices) != len(available):
        raise SettingError(
            "devices",
            devices,
            f"'all' or {len(available)}, the devices of all {processes.share()[1]} processes",
            "Leave it out.",
        )
    processes.agree("machine", {"number of devices": jax.local_device_count()})
    _settings["mesh"] = jax.sharding.Mesh(np.array(available), ("batch",))
    return len(available)


def value_and_grad(
    loss_fn: Function, variables: Sequence[keras.Variable]
) -> tuple[tuple[Tensor, Any], list[Tensor]]:
    """`((loss, aux), gradients)` of `loss_fn() -> (loss, aux)` with respect to `variables`."""
    (result, _), gradients = _value_and_grads(lambda _: loss_fn(), variables, {})
    return result, gradients


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
    pure, keep = _pure(fn, variables)
    tensors, pull_back, (rest, updates) = jax.vjp(pure, _values(variables), has_aux=True)
    keep(updates)

    def finish(loss_fn):
        (result, onward), direct = _value_and_grads(loss_fn, variables, tensors)
        (through,) = pull_back(onward)
        return result, [a + b for a, b in zip(direct, through, strict=True)]

    return tensors, rest, finish


def _value_and_grads(loss_fn, variables, tensors):
    """`(((loss, aux), gradients of the tensors), gradients of the variables)`."""
    pure, keep = _pure(loss_fn, variables)
    both = jax.value_and_grad(pure, argnums=(0, 1), has_aux=True)
    (loss, (aux, updates)), (direct, onward) = both(_values(variables), tensors)
    keep(updates)
    return ((loss, aux), onward), direct


def _pure(fn, variables):
    """`fn(*args) -> (value, aux)` as a pure function `(values, *args) -> (value, (aux, updates))`,
    and a function that makes the updates last."""
    assigned = {}

    def pure(values, *args):
        with _Scope(_by_id(variables, values)) as scope:
            value, aux = fn(*args)
        assigned.update(scope.assigned)
        return value, (aux, scope.updates())

    def keep(updates):
        for key, variable in assigned.items():
            variable.assign(updates[key])

    return pure, keep


def _values(variables):
    with keras.src.backend.common.variables.AutocastScope(None):
        return [v.value for v in variables]


def value_and_input_grad(fn: Function, x: Tensor) -> tuple[Tensor, Tensor]:
    """`(fn(x), gradient)`: the gradient of `sum(fn(x))` with respect to `x` has the shape of `x`.

    Both can be differentiated again.

    What `fn` assigns to variables is dropped.
    """

    def total(x):
        with _Scope({}):
            value = fn(x)
        return jnp.sum(value.astype("float32")), value

    (_, value), gradient = jax.value_and_grad(total, has_aux=True)(x)
    return value, gradient


def apply(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[Tensor],
    variables: Sequence[keras.Variable],
) -> None:
    """Updates `variables` once by their `gradients`, in the same order."""
    own = optimizer.variables
    new, new_own = optimizer.stateless_apply(
        [v.value for v in own], list(gradients), [v.value for v in variables]
    )
    for variable, value in zip([*variables, *own], [*new, *new_own], strict=True):
        variable.assign(value)


def compile(fn: Function, variables: Sequence[keras.Variable], xla: bool = True) -> Function:
    """`fn` as one compiled call that reads and writes `variables`.

    The memory of the old values is given to the compiler to reuse (donated), so that there is only
    one copy of each variable.

    Args:
        fn: a function of tensors.
        variables: all variables that `fn` reads or writes.
        xla: for TensorFlow; JAX always compiles with XLA.

    Raises:
        ValueError: when it is called, if `fn` assigns to another variable.
    """
    variables = list(variables)

    def pure(values, args):
        with _Scope(_by_id(variables, values)) as scope:
            out = fn(*args)
        known = {id(v) for v in variables}
        if unknown := [v.path for key, v in scope.assigned.items() if key not in known]:
            raise ValueError(f"assigned, but not among the variables given: {unknown[:3]}")
        mapping = scope.state_mapping
        return out, [mapping[id(v)] for v in variables]

    compiled: dict[Any, Function] = {}

    def call(*args):
        mesh = _settings["mesh"]
        if mesh not in compiled:
            compiled[mesh] = _jit(pure, mesh)
        values = [_replicated(mesh, v.value) for v in variables]
        out, values = compiled[mesh](_distinct(values), args)
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return out

    return call


def calls_at_once() -> int:
    """1: a compiled call gives its variables away until it has returned (they are donated)."""
    return 1


def _jit(pure, mesh):
    """`pure` compiled, its first argument donated; deterministic where `setup` asked for it."""
    # each process needs the whole of every variable
    layout: dict[str, Any] = {"out_shardings": (None, _everywhere(mesh))} if mesh else {}
    free = jax.jit(pure, donate_argnums=0, **layout)
    options = _deterministic_options()
    if not options:
        return free
    compiled = [jax.jit(pure, donate_argnums=0, compiler_options=options, **layout)]

    def call(*args):
        try:
            return compiled[0](*args)
        except jax.errors.JaxRuntimeError as error:  # of the compiler: nothing was donated yet
            if compiled[0] is free or "determinis" not in str(error):
                raise
            warnings.warn(f"not deterministic: {error}", stacklevel=3)
            compiled[0] = free
            return free(*args)

    return call


def _deterministic_options():
    """Options of the compiler that give the same bits at every start; only a GPU needs any."""
    wanted = _settings["deterministic"] and jax.default_backend() == "gpu"
    return {"xla_gpu_deterministic_ops": True} if wanted else {}


def _distinct(values):
    """The arrays, with a copy in place of one that comes again: a buffer can be donated once."""
    seen, distinct = set(), []
    for x in values:
        distinct.append(jnp.copy(x) if id(x) in seen else x)
        seen.add(id(x))
    return distinct


def shard(batch: Batch) -> Batch:
    """A batch on the device, or its rows spread over the devices of `setup`.

    Of several processes each gives the rows of its `processes.share`.
    """
    if mesh := _settings["mesh"]:
        rows = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("batch"))
        return {
            name: jax.make_array_from_process_local_data(rows, np.asarray(value))
            for name, value in batch.items()
        }
    distribution = keras.distribution.distribution()
    if distribution is None:
        return {name: jnp.asarray(value) for name, value in batch.items()}
    return {name: _spread(distribution, jnp.asarray(value)) for name, value in batch.items()}


def _spread(distribution, value):
    layout = distribution.get_data_layout(value.shape)
    return jax.device_put(value, layout.backend_layout)


def _everywhere(mesh):
    return jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec())


def _replicated(mesh, value):
    """An array that all devices of all processes hold, from one that this process holds."""
    if mesh is None or not value.is_fully_addressable:
        return value
    return jax.make_array_from_process_local_data(_everywhere(mesh), np.asarray(value), value.shape)


def give_all(variables: Sequence[keras.Variable]) -> None:
    """Gives the variables of all processes the values that they have in the first one.

    Bytes are sent, so that they are the same bits. All processes must call it.
    """
    from jax.experimental import multihost_utils

    if _settings["mesh"] is None:
        return
    arrays = [np.asarray(v.value) for v in variables]
    sent = np.concatenate([np.frombuffer(a.tobytes(), np.uint8) for a in arrays])
    received = np.asarray(multihost_utils.broadcast_one_to_all(sent))
    start = 0
    for variable, array in zip(variables, arrays, strict=True):
        part = received[start : start + array.nbytes].tobytes()
        variable.assign(np.frombuffer(part, array.dtype).reshape(array.shape))
        start += array.nbytes


@contextlib.contextmanager
def own_arrays(variables: Sequence[keras.Variable]) -> Iterator[None]:
    """In a `with` block the variables are arrays of this process alone.

    It can compute with them while the other processes do not. What it assigns is dropped.
    """
    mesh = _settings["mesh"]
    if mesh is None:
        yield
        return
    kept = [v.value for v in variables]
    try:
        separate(variables)
        yield
    finally:
        _settings["mesh"] = mesh
        for variable, value in zip(variables, kept, strict=True):
            variable.assign(value)


def separate(variables: Sequence[keras.Variable]) -> None:
    """Turns the variables into arrays of this process alone, which computes alone from now on."""
    if _settings["mesh"] is not None:
        _settings["mesh"] = None
        for variable in variables:
            variable.assign(np.array(variable.value))


def on_cpu() -> bool:
    """Whether the networks run on CPUs."""
    return jax.default_backend() == "cpu"


def fuses() -> bool:
    """Whether a compiler makes one operation of several on elements."""
    return True


def describe_devices() -> str:
    """What the networks run on, such as "CPU (JAX)" or "4 x NVIDIA H100 (JAX)"."""
    distribution = keras.distribution.distribution()
    count = 1 if distribution is None else distribution.device_mesh.devices.size
    device, among = jax.devices()[0], ""
    if (together := processes.share()[1]) > 1:
        count, among = jax.device_count(), f" in {together} processes"
    name = "CPU" if device.platform == "cpu" else device.device_kind
    return f"{f'{count} x ' if count > 1 else ''}{name}{among} (JAX)"


def missing_accelerator() -> str | None:
    """A sentence where this machine has a GPU that JAX does not see, else None."""
    return unused_gpu("jax", "JAX") if jax.default_backend() == "cpu" else None
