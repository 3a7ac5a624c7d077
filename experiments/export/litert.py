"""Networks for phones: LiteRT's `.tflite`, by Keras' export through TensorFlow's converter."""

import contextlib
import io
import re
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

from core.errors import InputError
from core.files import read_regular
from core.names import reason
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.samples import calibrating

FLEX = re.compile(rb"Flex[A-Z][A-Za-z0-9]{2}")  # an operation of TensorFlow: phones have none


def write_litert(
    network: keras.Model, part: Part, parts: Sequence[Part], path: Path, options: Options
) -> None:
    """Writes a `.tflite` file of a network for one picture at a time.

    float16 halves the file: weights are stored so, and computed with as the device likes. int8
    stores weights as bytes; with calibrating pictures features are bytes, too, which is what small
    chips compute with.

    Raises:
        InputError: an operation that LiteRT alone cannot run.
    """
    try:
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter calls its own older interpreter
            network.export(path, format="litert", verbose=False, **_settings(part, parts, options))
    except Exception as error:  # of the converter, whatever it is
        raise InputError(
            f"--format=litert: the converter cannot write {part.name} ({reason(error)}). Give "
            "--size, --format=onnx, or no --quantize."
        ) from error
    if FLEX.search(read_regular(path)):
        raise InputError(
            f"--format=litert: {part.name} would need operations of TensorFlow, which LiteRT does "
            "not have. Give --size, so that sizes are fixed, or --format=onnx."
        )


def _settings(part: Part, parts: Sequence[Part], options: Options) -> dict[str, Any]:
    """Attributes of TensorFlow's converter."""
    import tensorflow as tf

    if not options.quantize:
        return {}
    settings: dict[str, Any] = {"optimizations": [tf.lite.Optimize.DEFAULT]}
    if options.quantize == "float16":
        settings["target_spec"] = {"supported_types": [tf.float16]}
    if options.calibration:
        inputs = calibrating(part, parts, options)
        settings["representative_dataset"] = lambda: iter(inputs)
    return settings
