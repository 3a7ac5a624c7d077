"""ONNX Runtime Web, which runs networks in browsers: one version, downloaded once, checked."""

import tarfile
from pathlib import Path
from typing import Any

import keras

from core.errors import InputError
from core.files import sha256
from core.names import reason
from core.paths import keras_folder

VERSION = "1.30.0"
NAME = f"onnxruntime-web-{VERSION}.tgz"  # as `npm pack` calls it
URL = f"https://registry.npmjs.org/onnxruntime-web/-/{NAME}"
SHA256 = "d2228df7e4616bc3348bf504ee888f3bec43789a273f0a63f3e68d203ce3bf71"
FOLDER = "web"  # of Keras' folder of downloads
# its files that a page needs, by their names there
FILES = {
    "ort.js": "package/dist/ort.wasm.bundle.min.mjs",
    "ort.wasm": "package/dist/ort-wasm-simd-threaded.wasm",
}


def archive() -> Path:
    """The path of npm's package, 33 MB, downloaded where it is missing, and checked.

    Raises:
        InputError: it could not be downloaded, or is another file.
    """
    path = Path(keras_folder(), FOLDER, NAME)
    if not path.is_file():
        try:
            got = keras.utils.get_file(NAME, URL, cache_dir=keras_folder(), cache_subdir=FOLDER)
        except Exception as error:  # Keras raises a plain Exception when a download fails
            raise InputError(
                f"--format=web: {URL} could not be downloaded ({reason(error)}). Go online once, "
                f"or put {NAME}, which 'npm pack onnxruntime-web@{VERSION}' gets, into "
                f"{path.parent}."
            ) from error
        path = Path(got)
    if sha256(path) != SHA256:
        raise InputError(f"{path}: another or a damaged file. Delete it and try again.")
    return path


def copy_runtime(folder: Path) -> None:
    """Writes the files of the runtime into a folder.

    Raises:
        InputError: see `archive`.
    """
    with tarfile.open(archive()) as package:
        for name, member in FILES.items():
            packed: Any = package.extractfile(member)
            (folder / name).write_bytes(packed.read())
