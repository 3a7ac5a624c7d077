"""Networks as ONNX, by Keras' export with tf2onnx; quantised by ONNX Runtime's own tools."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core import engine
from core.errors import InputError
from core.names import reason
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.samples import calibrating

SMALL = 64  # numbers of the smallest constant that is stored in fewer bits
CHANNELS = {"Conv": 0, "ConvTranspose": 1}  # the axis of weights that is the channels they make
FLOAT = 1  # float32, in ONNX's numbers of types
LARGEST = 60_000  # its largest magnitude; float16 reaches 65,504


def write_onnx(
    network: keras.Model, part: Part, parts: Sequence[Part], path: Path, options: Options
) -> None:
    """Writes an `.onnx` file for any number of pictures.

    float16 halves the file: weights are stored so, and computed with in float32, as squares of
    features leave the range of float16. int8 stores weights as bytes, and computes in float32;
    with calibrating pictures features are bytes, too.

    Raises:
        InputError: an operation that the converter does not know.
    """
    network(network.input)  # Keras exports networks that were called
    with _silence(), tempfile.TemporaryDirectory() as folder:
        whole = Path(folder) / "network.onnx"
        try:
            with engine.portable():
                network.export(whole, format="onnx", verbose=False)
        except Exception as error:  # of the converter, whatever it is
            raise InputError(
                f"--format=onnx: the converter cannot write {part.name} ({reason(error)}). Give "
                "--size, or --format=saved_model."
            ) from error
        if options.quantize == "float16":
            _to_float16(whole, path)
        elif options.calibration:
            _to_int8(whole, path, calibrating(part, parts, options))
        elif options.quantize:
            _weights_to_int8(whole, path)
        else:
            path.write_bytes(whole.read_bytes())


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Without what the converter and ONNX Runtime say; they raise what counts."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def _to_float16(source: Path, target: Path) -> None:
    """Stores large constants in float16, each with a cast to float32 behind it."""
    from onnx import helper, numpy_helper

    def smaller(name, array):
        if np.abs(array).max() > LARGEST:
            return [], []
        half = numpy_helper.from_array(array.astype(np.float16), f"{name}/float16")
        return [half], [helper.make_node("Cast", [half.name], [name], to=FLOAT)]

    _store(source, target, lambda name, array, uses: smaller(name, array))


def _weights_to_int8(source: Path, target: Path) -> None:
    """Stores weights as bytes, -127 to 127, with a scale for each channel that they make.

    ONNX Runtime's own `quantize_dynamic` also makes bytes of features, by one range for all
    channels: MobileNet's numbers of a style were lost in that.
    """
    from onnx import helper, numpy_helper

    def smaller(name, array, uses):
        if array.ndim < 2:
            return [], []
        axis = next((axis for kind, axis in CHANNELS.items() if kind in uses), array.ndim - 1)
        others = tuple(i for i in range(array.ndim) if i != axis)
        scale = np.maximum(np.abs(array).max(others, keepdims=True), 1e-30) / 127
        stored = {
            f"{name}/int8": np.round(array / scale).astype(np.int8),
            f"{name}/scale": scale.ravel().astype(np.float32),
        }
        node = helper.make_node("DequantizeLinear", [*stored], [name], axis=axis)
        return [numpy_helper.from_array(x, key) for key, x in stored.items()], [node]

    _store(source, target, smaller)


def _store(source: Path, target: Path, smaller: Callable[..., tuple[list, list]]) -> None:
    """Replaces large constants of float32.

    Args:
        source, target: files.
        smaller: from a constant's name, its array and the operations that take it to the constants
            to be stored and the nodes that make it of them; empty to leave it.
    """
    import onnx
    from onnx import numpy_helper

    graph = (model := onnx.load(str(source))).graph
    for stored in list(graph.initializer):
        array = numpy_helper.to_array(stored)
        if array.dtype != np.float32 or array.size < SMALL:
            continue
        uses = {node.op_type for node in graph.node if stored.name in node.input}
        constants, nodes = smaller(stored.name, array, uses)
        if nodes:
            graph.initializer.remove(stored)
            graph.initializer.extend(constants)
            graph.node.insert(0, nodes[0])
    onnx.save(model, str(target))


def _to_int8(source: Path, target: Path, inputs: list[dict[str, Any]]) -> None:
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_static

    quantize_static(
        str(source),
        str(target),
        _Reader(inputs),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["Conv", "ConvTranspose", "Gemm", "MatMul"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


class _Reader:
    """Gives calibrating inputs one after the other, as ONNX Runtime asks for them."""

    def __init__(self, inputs: list[dict[str, Any]]):
        self._left = iter(inputs)

    def get_next(self) -> dict[str, Any] | None:
        """The next input by name; None after the last."""
        return next(self._left, None)
