"""Networks for browsers: TensorFlow.js, by its own converter, from a SavedModel.

The converter asks for an older TensorFlow than the rest of this project, so that it is a program of
its own, in an environment of its own.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import keras

from core import engine
from core.errors import InputError
from core.names import short
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.saved_model import write_saved_model

PROGRAM = "tensorflowjs_converter"
QUANTIZING = {"": (), "float16": ("--quantize_float16=*",), "int8": ("--quantize_uint8=*",)}


def converter() -> str:
    """The path of the converter.

    Raises:
        InputError: it is not installed.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise InputError(
            f"--format=tfjs: the program {PROGRAM} is not on the PATH. It needs an environment of "
            "its own: pipx install tensorflowjs (or give --format=onnx, which browsers run, too)."
        )
    return found


def write_tfjs(
    network: keras.Model, part: Part, parts: Sequence[Part], path: Path, options: Options
) -> None:
    """Writes a folder with `model.json` and the weights; int8 and float16 are of these alone.

    Raises:
        InputError: the converter is not there, or does not know an operation.
    """
    with tempfile.TemporaryDirectory() as folder:
        saved = Path(folder) / "saved"
        with engine.portable():
            write_saved_model(network, part, parts, saved, options)
        words = [converter(), "--input_format=tf_saved_model", *QUANTIZING[options.quantize]]
        ended = subprocess.run([*words, str(saved), str(path)], capture_output=True, text=True)
    if ended.returncode or not (path / "model.json").exists():
        lines = (ended.stderr or ended.stdout).strip().splitlines() or ["it said nothing"]
        raise InputError(
            f"--format=tfjs: {PROGRAM} cannot write {part.name} ({short(lines[-1], 200)}). Give "
            "--format=onnx."
        )
