"""Networks filled from official files: what the importers of all families share.

A family has a mapping of kinds, such as `gan.importers.KINDS`. A kind is a function: it takes the
arrays of a file under their official names, refuses what it is not for (an InputError that goes on
after the name of the file, without a full stop), and returns a `Plan`. It is given a `NamedState`:
NVIDIA's pickles say how their networks were made, and its `settings` are that. PyTorch's have
`class_name` and the arguments of the class (`core.nvidia_file`), TensorFlow's their `static_kwargs`
(`core.tf1_file`). A `.pth` has those of a `.json` beside it, if there is one with a `class_name`;
of other files they are empty. A reader may give any dict of arrays.

PyTorch's kernels, Conv2d `[O, I, kh, kw]` and ConvTranspose2d `[I, O, kh, kw]`, both become Keras'
by `transpose(2, 3, 1, 0)`, which are `[kh, kw, I, O]` and `[kh, kw, O, I]`. Batch norm's weight and
bias become gamma and beta, its running statistics the moving ones.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from core.errors import InputError
from core.files import open_regular, parse_json
from core.named_state import NamedState
from core.names import hint, reason, short
from core.nvidia_file import is_torch_pickle
from core.nvidia_file import read as read_nvidia
from core.tf1_file import read_networks
from core.torch_file import read_state_dict

State = dict[str, np.ndarray]
# official names of layers in order: convolutions with biases, or each with the names of its parts
Layers = Iterable[str] | Mapping[str, tuple[str, ...]]

Rows = Iterable[tuple[str, keras.Variable, Callable[[np.ndarray], np.ndarray]]]
Shapes = Iterable[tuple[str, tuple[int, ...]]]  # of arrays, by official name and in their layout

CONVOLUTION, UNBIASED_CONVOLUTION = ("weight", "bias"), ("weight",)
BATCH_NORM = ("weight", "bias", "running_mean", "running_var")


class Plan(NamedTuple):
    """How a file becomes a network.

    Attributes:
        build: makes the network, `build(**config)`.
        config: arguments of `build` that the file tells.
        layers: official name of every layer with weights, in the order of the network's layers.
        choices: arguments of `build` that a file does not tell, with their defaults.
        rows: instead of `layers`, a function of the network and its arguments. It gives, for every
            official name that the file holds, the variable, and a function that makes its value of
            the file's array.
        arrays: the arrays by the names that `rows` gives, where the file has other names; None:
            those of the file.
    """

    build: Callable[..., keras.Model]
    config: dict[str, Any]
    layers: Layers = ()
    choices: dict[str, Any] = {}
    rows: Callable[[keras.Model, dict[str, Any]], Rows] | None = None
    arrays: State | None = None


Kinds = Mapping[str, Callable[[State], Plan]]
Location = str | Path | None
Readers = Mapping[str, Callable[[Location], State]]  # of files that only one kind has


def import_network(
    kinds: Kinds,
    kind: str,
    state: Mapping | Location,
    config: Mapping[str, Any],
    readers: Readers | None = None,
) -> keras.Model:
    """A network with the weights of an official file.

    Args:
        kinds: the kinds of a family.
        kind: the name of one of them.
        state: arrays by official name, in their own layout, or a file of them: `.pth` of PyTorch,
            `.pkl` of NVIDIA's networks for TensorFlow 1 or PyTorch (of its generators, the averaged
            one), or what a reader takes.
        config: hyper-parameters of the network. What is left out or None is taken from the file;
            what is given must agree with it, unless the file does not tell.
        readers: read the files of the kinds that have others. They take a path, or None where the
            file comes in a package.

    Raises:
        InputError: an unknown kind or hyper-parameter, an unreadable file, a file of another
            network, or one that disagrees with `config`.
    """
    source, (arrays, plan) = _subject(state), _plan(kinds, kind, state, readers or {})
    config = {key: _plain(value) for key, value in config.items()}
    _check_config(source, kind, plan, config)
    chosen = {k: v for k, v in config.items() if k in plan.choices and v is not None}
    chosen = plan.config | plan.choices | chosen
    try:
        network = plan.build(**chosen)
        if plan.rows is None:
            _fill(network, plan.layers, arrays)
        else:
            named = arrays if plan.arrays is None else plan.arrays
            _fill_rows(list(plan.rows(network, chosen)), named)
    except InputError as error:
        raise InputError(f"{source} {error}.") from error
    return network


def guess_config(
    kinds: Kinds, kind: str, state: Mapping | Location, readers: Readers | None = None
) -> dict[str, Any]:
    """The hyper-parameters that a file tells.

    Raises:
        InputError: as `import_network`.
    """
    return dict(_plan(kinds, kind, state, readers or {})[1].config)


# --- for the kinds


def check_names(state: State, layers: Layers) -> None:
    """Checks that every layer has what it needs, and that nothing is left over.

    Raises:
        InputError: names what is missing and what is unknown.
    """
    if not isinstance(layers, Mapping):
        layers = dict.fromkeys(layers, CONVOLUTION)
    _check_all(state, [f"{layer}.{part}" for layer, parts in layers.items() for part in parts])


def _check_all(state, expected):
    missing, extra = [k for k in expected if k not in state], sorted(set(state) - set(expected))
    if missing or extra:
        raise InputError(
            f"does not hold the {len(expected)} arrays expected (missing: {first_few(missing)}; "
            f"unknown: {first_few(extra)}): is the file complete?"
        )


def array_shape(state: State, name: str, axes: int) -> tuple[int, ...]:
    """The shape of an array.

    Raises:
        InputError: there is no such array, or it has not `axes` sides, all above 0.
    """
    if name not in state:
        raise InputError(f"has no {name}: is the file complete?")
    found = state[name].shape
    if len(found) != axes or 0 in found:
        raise InputError(f"has {short(name)} of shape {found}, expected {axes} numbers above 0")
    return found


def kernel_shape(state: State, layer: str) -> tuple[int, ...]:
    """The shape of a convolution's kernel, in PyTorch's layout.

    Raises:
        InputError: not four numbers, or a zero among them.
    """
    shape = state[f"{layer}.weight"].shape
    if len(shape) != 4 or 0 in shape:
        layer = short(layer)
        raise InputError(f"has {layer}.weight of shape {shape}, expected a convolution's 4 numbers")
    return shape


def check_shapes(state: State, shapes: Shapes) -> None:
    """Checks the shapes of arrays, before a network is built.

    A network is as large as the sizes that are read from a few arrays. Where all kernels agree with
    these sizes, it is no larger than the file, and a small file cannot ask for one that takes the
    machine's memory.

    Raises:
        InputError: names the first array that is missing or has another shape.
    """
    for name, expected in shapes:
        found = array_shape(state, name, len(expected))
        if found != expected:
            raise InputError(f"has {short(name)} of shape {found}, expected {expected}")


def indices(state: State, pattern: str) -> list[int]:
    """The numbers that the first group of `pattern` matches in the names, sorted."""
    return sorted({int(match[1]) for name in state if (match := re.match(pattern, name))})


def first_few(names: Iterable[str]) -> str:
    """The first four names, for a message, and how many more there are."""
    names = [short(name) for name in names] or ["none"]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


# --- steps


def _subject(state) -> str:
    if isinstance(state, Mapping):
        return "the state dict given"
    return "the package" if state is None else str(state)


def _plan(kinds: Kinds, kind: str, state, readers: Readers) -> tuple[State, Plan]:
    """The arrays by official name, and what to do with them."""
    if kind not in kinds:
        known = f"expected one of {', '.join(kinds)}"
        raise InputError(f"kind={kind!r}: {known}.{hint(kind, kinds)}")
    arrays = _read(state, kind, readers)
    try:
        return arrays, kinds[kind](arrays)
    except InputError as error:
        raise InputError(f"{_subject(state)} {error}.") from error


def _read(state, kind: str, readers: Readers) -> State:
    if not isinstance(state, Mapping):
        if kind in readers:
            return readers[kind](state)
        if state is None:
            raise InputError(f"{kind}: comes in no package; give the path of its file.")
        if Path(state).suffix == ".pkl":
            return _read_pickle(state, kind)
        return NamedState(read_state_dict(state), _settings_beside(Path(state)))
    wrapped = bool(state) and all(name.startswith("module.") for name in state)
    arrays = {name[7 * wrapped :]: np.asarray(value) for name, value in state.items()}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub":
            source = f"{_subject(state)} has {short(name)}"
            raise InputError(f"{source} of type {array.dtype}, expected numbers.")
    return NamedState(arrays, getattr(state, "settings", None))


def _settings_beside(path: Path) -> dict[str, Any]:
    """What a `.json` beside a `.pth` says of the network, as `scripts.export_state_dict` writes it;
    {} where there is none."""
    beside = path.with_suffix(".json")
    if not beside.exists():
        return {}
    try:
        with open_regular(beside) as file:
            found = parse_json(file.read())
    except (OSError, ValueError) as error:
        raise InputError(
            f"{beside} cannot be read ({reason(error)}), expected the settings of {path.name}: "
            "mend it, or take it away."
        ) from error
    return found if isinstance(found, dict) and "class_name" in found else {}


def _read_pickle(path: str | Path, kind: str) -> NamedState:
    """A network of NVIDIA's, of its generators the averaged one unless the kind is of a raw one."""
    other = "D" if kind.endswith("discriminator") else "G" if "/raw_" in kind else ""
    if is_torch_pickle(path):
        return NamedState(*read_nvidia(path, other or "G_ema"))
    return read_networks(path)[other or "Gs"]


def _check_config(source: str, kind: str, plan: Plan, asked: Mapping) -> None:
    actual = plan.config
    known = [*actual, *plan.choices]
    unknown = [key for key in asked if key not in known]
    if unknown:
        raise InputError(f"{kind} has no {', '.join(unknown)}; expected {', '.join(known)}.")
    wrong = {k: v for k, v in asked.items() if k in actual and v not in (None, actual[k])}
    if wrong:
        has, given, right = map(_pairs, (actual, wrong, {k: actual[k] for k in wrong}))
        raise InputError(f"{source} has {has}; asked for {given}: pass {right}, or leave it out.")


def _fill(network: keras.Model, layers: Layers, state: State) -> None:
    """Assigns every layer's variables, when all have been checked."""
    targets = [layer for layer in network.layers if layer.weights]
    pairs = []
    for name, layer in zip(layers, targets, strict=True):
        for part, variable in _parts(layer).items():
            pairs.append((variable, _to_keras(f"{name}.{part}", state, tuple(variable.shape))))
    for variable, value in pairs:
        variable.assign(value)


def _fill_rows(rows: list, state: State) -> None:
    """Assigns every variable, when all have been checked."""
    _check_all(state, [name for name, _, _ in rows])
    pairs = []
    for name, variable, convert in rows:
        value = _float32(name, state)
        wrong = InputError(
            f"has {short(name)} of shape {value.shape}, which does not fit "
            f"{tuple(variable.shape)} here"
        )
        try:
            value = convert(value)
        except (ValueError, IndexError, TypeError) as error:  # of another rank
            raise wrong from error
        if value.shape != tuple(variable.shape):
            raise wrong
        pairs.append((variable, value))
    for variable, value in pairs:
        variable.assign(np.asarray(value, "float32"))


def _float32(name: str, state: State) -> np.ndarray:
    """The array of that name as float32, finite."""
    with np.errstate(over="ignore"):  # an overflow gives infinity
        value = state[name].astype("float32", copy=False)
    if not np.isfinite(value).all():
        raise InputError(
            f"has NaN or infinity in {short(name)}, or numbers beyond float32: the training "
            "diverged, or it is damaged"
        )
    return value


def _parts(layer: keras.layers.Layer) -> dict[str, keras.Variable]:
    """The variables of a layer by their official name."""
    if isinstance(layer, keras.layers.BatchNormalization):
        variables = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
        return dict(zip(BATCH_NORM, variables, strict=True))
    return {"weight": layer.kernel} | ({"bias": layer.bias} if layer.use_bias else {})


def _to_keras(name: str, state: State, shape: tuple[int, ...]) -> np.ndarray:
    """The array of that name in Keras' layout, float32, of the shape wanted and finite."""
    value = _float32(name, state)
    official = tuple(shape[axis] for axis in (3, 2, 0, 1)) if len(shape) == 4 else shape
    if value.shape != official:
        raise InputError(f"has {short(name)} of shape {value.shape}, expected {official}")
    return value.transpose(2, 3, 1, 0) if value.ndim == 4 else value


def _plain(value: Any) -> Any:
    """A hyper-parameter as networks keep them: numbers of NumPy as Python's, several as a tuple."""
    value = value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value
    return tuple(value) if isinstance(value, list) else value


def _pairs(config: Mapping) -> str:
    return ", ".join(f"{key}={value}" for key, value in config.items())
