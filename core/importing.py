"""Networks filled from official PyTorch files: what the importers of all families share.

A family has a mapping of kinds, such as `gan.importers.KINDS`. A kind is a function: it takes the
arrays of a file under their official names, refuses what it is not for (an InputError that goes on
after the name of the file, without a full stop), and returns a `Plan`.

PyTorch's kernels, Conv2d `[O, I, kh, kw]` and ConvTranspose2d `[I, O, kh, kw]`, both become Keras'
by `transpose(2, 3, 1, 0)`, which are `[kh, kw, I, O]` and `[kh, kw, O, I]`.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from core.errors import InputError
from core.torch_file import read_state_dict

State = dict[str, np.ndarray]


class Plan(NamedTuple):
    """How a file becomes a network.

    Attributes:
        build: makes the network, `build(**config)`.
        config: what the file has: the arguments of `build`.
        layers: official name of every layer with weights, in the order of the network's layers.
    """

    build: Callable[..., keras.Model]
    config: dict[str, Any]
    layers: list[str]


Kinds = Mapping[str, Callable[[State], Plan]]


def import_network(
    kinds: Kinds, kind: str, state: Mapping | str | Path, config: Mapping[str, Any]
) -> keras.Model:
    """A network with the weights of an official file.

    Args:
        kinds: of the family.
        kind: one of them.
        state: arrays by official name, in PyTorch's layout, or a `.pth` file of them.
        config: hyper-parameters of the network. What is left out or None is taken from the file;
            what is given must agree with it.

    Raises:
        InputError: an unknown kind or hyper-parameter, an unreadable file, a file of another
            network, or one that disagrees with `config`.
    """
    source, (arrays, plan) = _subject(state), _plan(kinds, kind, state)
    _check_config(source, kind, plan.config, config)
    network = plan.build(**plan.config)
    try:
        _fill(network, plan.layers, arrays)
    except InputError as error:
        raise InputError(f"{source} {error}.") from error
    return network


def guess_config(kinds: Kinds, kind: str, state: Mapping | str | Path) -> dict[str, Any]:
    """The hyper-parameters that a file has.

    Raises:
        InputError: as `import_network`.
    """
    return dict(_plan(kinds, kind, state)[1].config)


# --- for the kinds


def check_names(state: State, layers: Iterable[str]) -> None:
    """Every layer has its weight and bias, and nothing is left over.

    Raises:
        InputError: names what is missing and what is unknown.
    """
    expected = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    missing, extra = [k for k in expected if k not in state], sorted(set(state) - set(expected))
    if missing or extra:
        raise InputError(
            f"does not hold the {len(expected)} arrays expected (missing: {first_few(missing)}; "
            f"unknown: {first_few(extra)}): is the file complete?"
        )


def kernel_shape(state: State, layer: str) -> tuple[int, ...]:
    """Of a convolution, in PyTorch's layout.

    Raises:
        InputError: not four numbers, or a zero among them.
    """
    shape = state[f"{layer}.weight"].shape
    if len(shape) != 4 or 0 in shape:
        raise InputError(f"has {layer}.weight of shape {shape}, expected a convolution's 4 numbers")
    return shape


def indices(state: State, pattern: str) -> list[int]:
    """The numbers that `pattern` finds in the names, sorted."""
    return sorted({int(match[1]) for name in state if (match := re.match(pattern, name))})


def first_few(names: Iterable[str]) -> str:
    """The first four names, for a message, and how many more there are."""
    names = [name[:60] for name in names] or ["none"]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


# --- steps


def _subject(state) -> str:
    return "the state dict given" if isinstance(state, Mapping) else str(state)


def _plan(kinds: Kinds, kind: str, state) -> tuple[State, Plan]:
    """The arrays by official name, and what to do with them."""
    if kind not in kinds:
        near = difflib.get_close_matches(kind, kinds, 1, 0.4)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"kind={kind!r}: expected one of {', '.join(kinds)}.{advice}")
    arrays = _read(state)
    try:
        return arrays, kinds[kind](arrays)
    except InputError as error:
        raise InputError(f"{_subject(state)} {error}.") from error


def _read(state) -> State:
    if not isinstance(state, Mapping):
        return read_state_dict(state)
    wrapped = bool(state) and all(name.startswith("module.") for name in state)
    return {name[7 * wrapped :]: np.asarray(value) for name, value in state.items()}


def _check_config(source: str, kind: str, found: dict, asked: Mapping) -> None:
    unknown = [key for key in asked if key not in found]
    if unknown:
        raise InputError(f"{kind} has no {', '.join(unknown)}; expected {', '.join(found)}.")
    wrong = {k: v for k, v in asked.items() if v is not None and v != found[k]}
    if wrong:
        has, given, right = map(_pairs, (found, wrong, {k: found[k] for k in wrong}))
        raise InputError(f"{source} has {has}; asked for {given}: pass {right}, or leave it out.")


def _fill(network: keras.Model, layers: list[str], state: State) -> None:
    """Assigns every layer's weight and bias, after a check of all of them."""
    targets = [layer for layer in network.layers if layer.weights]
    pairs = []
    for name, layer in zip(layers, targets, strict=True):
        for part, variable in (("weight", layer.kernel), ("bias", layer.bias)):
            pairs.append((variable, _to_keras(f"{name}.{part}", state, tuple(variable.shape))))
    for variable, value in pairs:
        variable.assign(value)


def _to_keras(name: str, state: State, shape: tuple[int, ...]) -> np.ndarray:
    """The array of that name in Keras' layout, float32, of the shape wanted and finite."""
    value = state[name]
    official = tuple(shape[axis] for axis in (3, 2, 0, 1)) if len(shape) == 4 else shape
    if value.shape != official:
        raise InputError(f"has {name} of shape {value.shape}, expected {official}")
    if not np.isfinite(value).all():
        raise InputError(f"has NaN or infinity in {name}: the training diverged, or it is damaged")
    return np.asarray(value.transpose(2, 3, 1, 0) if value.ndim == 4 else value, "float32")


def _pairs(config: Mapping) -> str:
    return ", ".join(f"{key}={value}" for key, value in config.items())
