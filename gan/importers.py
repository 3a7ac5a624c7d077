"""Networks with the weights of official PyTorch files.

`import_network("cyclegan/resnet_generator", "latest_net_G_A.pth")` builds our network in the size
that the file has and fills it. A kind is a function in `KINDS`: it takes the arrays of the file
under their official names, refuses what it is not for, and returns a `Plan`.

Names and shapes: junyanz/pytorch-CycleGAN-and-pix2pix @ 9f8f61e, models/networks.py and
models/base_model.py:144-174 (what is saved, and what is dropped on loading). PyTorch's kernels,
Conv2d `[O, I, kh, kw]` and ConvTranspose2d `[I, O, kh, kw]`, both become Keras' by
`transpose(2, 3, 1, 0)`, which are `[kh, kw, I, O]` and `[kh, kw, O, I]`.
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
from gan.cyclegan.networks import patch_discriminator, resnet_generator

State = dict[str, np.ndarray]

# of normalisation layers; no parameters, and of instance norm never used (base_model.py:162-174)
_STATISTICS = (".running_mean", ".running_var", ".num_batches_tracked")


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


def import_network(kind: str, state: Mapping | str | Path, **config) -> keras.Model:
    """A network with the weights of an official file.

    Args:
        kind: one of `KINDS`.
        state: arrays by official name, in PyTorch's layout, or a `.pth` file of them.
        config: hyper-parameters of the network (see `guess_config`). What is left out or None is
            taken from the file; what is given must agree with it.

    Returns:
        The network; pictures go in and come out as `[N, H, W, C]`.

    Raises:
        InputError: an unknown kind or hyper-parameter, an unreadable file, a file of another
            network, or one that disagrees with `config`.
    """
    source, (arrays, plan) = _subject(state), _plan(kind, state)
    _check_config(source, kind, plan.config, config)
    network = plan.build(**plan.config)
    try:
        _fill(network, plan.layers, arrays)
    except InputError as error:
        raise InputError(f"{source} {error}.") from error
    return network


def guess_config(kind: str, state: Mapping | str | Path) -> dict[str, Any]:
    """The hyper-parameters that a file has, such as `{"ngf": 64, "n_blocks": 9, ...}`.

    Raises:
        InputError: as `import_network`.
    """
    return dict(_plan(kind, state)[1].config)


# --- kinds


def _resnet_generator(state: State) -> Plan:
    """`model.1` `.4` `.7` convolutions, from `.10` residual blocks, then two transposed
    convolutions and, 7 after the last block, one convolution; trained with dropout, a block's
    second convolution is its layer 6 instead of 5 (networks.py:315-437)."""
    state = _convolutions(state, _RESNET)
    blocks = _indices(state, r"model\.(\d{1,4})\.conv_block\.")
    dropout = f"model.{blocks[0]}.conv_block.6.weight" in state
    after = blocks[-1] + 1
    second = 6 if dropout else 5
    layers = ["model.1", "model.4", "model.7"]
    layers += [f"model.{i}.conv_block.{k}" for i in range(10, after) for k in (1, second)]
    layers += [f"model.{after}", f"model.{after + 3}", f"model.{after + 7}"]
    _check_names(state, layers)
    ngf, channels = _kernel_shape(state, "model.1")[:2]
    config = {"ngf": ngf, "n_blocks": after - 10, "dropout": dropout, "channels": channels}
    return Plan(resnet_generator, config, layers)


def _patch_discriminator(state: State) -> Plan:
    """Convolutions `model.0`, `.2`, `.5`, ... to 2 + 3 * n_layers (networks.py:538-582)."""
    state = _convolutions(state, _PATCH)
    n_layers = max(1, (_indices(state, r"model\.(\d{1,4})\.")[-1] - 2) // 3)
    layers = ["model.0", *(f"model.{2 + 3 * i}" for i in range(n_layers + 1))]
    _check_names(state, layers)
    ndf, channels = _kernel_shape(state, "model.0")[:2]
    config = {"ndf": ndf, "n_layers": n_layers, "channels": channels}
    return Plan(patch_discriminator, config, layers)


KINDS: dict[str, Callable[[State], Plan]] = {
    "cyclegan/patch_discriminator": _patch_discriminator,
    "cyclegan/resnet_generator": _resnet_generator,
}


# --- what a file is

_RESNET = "a ResNet generator (blocks named model.N.conv_block)"
_PATCH = "a PatchGAN discriminator (layers named model.0, model.2, model.5, ...)"
_PIXEL = "a PixelGAN discriminator (layers named net.N)"
_UNET = "a U-Net generator (names starting with model.model.)"
_FILTERED = (
    "an anti-aliased network of contrastive-unpaired-translation (CUT; blur kernels named .filt), "
    "whose layers are others: train it with --no_antialias --no_antialias_up"
)


def _looks_like(state: State) -> str:
    """What network the names belong to, in words."""
    if any(name.endswith(".filt") for name in state):
        return _FILTERED
    if any(name.startswith("model.model.") for name in state):
        return _UNET
    if any(re.match(r"model\.\d{1,4}\.conv_block\.", name) for name in state):
        return _RESNET
    if "model.0.weight" in state:
        return _PATCH
    if "net.0.weight" in state:
        return _PIXEL
    return f"no network known here (its names are {_some(state)})"


def _convolutions(state: State, expected: str) -> State:
    """The convolutions' arrays alone; refuses other networks and learned normalisation."""
    found = _looks_like(state)
    if found != expected:
        raise InputError(f"looks like {found}; expected {expected}")
    learned = [k for k, v in state.items() if k.endswith(".weight") and v.ndim == 1]
    if learned:
        raise InputError(
            f"has weights at its normalisation layers ({_some(learned)}), as batch normalisation "
            "has; expected instance normalisation, which has none (--norm instance)"
        )
    return {name: value for name, value in state.items() if not name.endswith(_STATISTICS)}


def _indices(state: State, pattern: str) -> list[int]:
    """The numbers that `pattern` finds in the names, sorted."""
    return sorted({int(match[1]) for name in state if (match := re.match(pattern, name))})


def _check_names(state: State, layers: Iterable[str]) -> None:
    """Every layer has its weight and bias, and nothing is left over."""
    expected = [f"{layer}.{part}" for layer in layers for part in ("weight", "bias")]
    missing, extra = [k for k in expected if k not in state], sorted(set(state) - set(expected))
    if missing or extra:
        raise InputError(
            f"does not hold the {len(expected)} arrays expected (missing: {_some(missing)}; "
            f"unknown: {_some(extra)}): is the file complete?"
        )


def _kernel_shape(state: State, layer: str) -> tuple[int, ...]:
    shape = state[f"{layer}.weight"].shape
    if len(shape) != 4 or 0 in shape:
        raise InputError(f"has {layer}.weight of shape {shape}, expected a convolution's 4 numbers")
    return shape


# --- helpers of every kind


def _subject(state) -> str:
    return "the state dict given" if isinstance(state, Mapping) else str(state)


def _plan(kind: str, state) -> tuple[State, Plan]:
    """The arrays by official name, and what to do with them."""
    if kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, 1, 0.4)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(f"kind={kind!r}: expected one of {', '.join(KINDS)}.{advice}")
    arrays = _read(state)
    try:
        return arrays, KINDS[kind](arrays)
    except InputError as error:
        raise InputError(f"{_subject(state)} {error}.") from error


def _read(state) -> State:
    if not isinstance(state, Mapping):
        return read_state_dict(state)
    wrapped = bool(state) and all(name.startswith("module.") for name in state)
    return {name[7 * wrapped :]: np.asarray(value) for name, value in state.items()}


def _check_config(source: str, kind: str, found: dict, asked: dict) -> None:
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


def _some(names: Iterable[str]) -> str:
    """The first few names."""
    names = [name[:60] for name in names] or ["none"]
    return ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")


def _pairs(config: dict) -> str:
    return ", ".join(f"{key}={value}" for key, value in config.items())
