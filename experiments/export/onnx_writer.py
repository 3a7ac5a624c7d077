"""Networks as ONNX, by Keras' export with tf2onnx; quantised by ONNX Runtime's own tools."""

import contextlib
import logging
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from core import engine
from core.errors import InputError
from core.names import reason
from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.samples import calibrating

SMALL = 64  # numbers of the smallest constant that is stored in float16
LARGEST = 60_000  # its largest magnitude; float16 reaches 65,504


def write_onnx(part: Part, parts: Sequence[Part], path: Path, options: Options) -> None:
    """Writes an `.onnx` file for any number of pictures.

    float16 halves the file: weights are stored so, and computed with in float32, as squares of
    features leave the range of float16. int8 stores weights as bytes; with calibrating pictures
    features, too.

    Raises:
        InputError: an operation that the converter does not know.
    """
    network = assemble(part, size=options.size, uint8=options.uint8)
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
    import onnx
    from onnx import numpy_helper

    graph = (model := onnx.load(str(source))).graph
    for stored in list(graph.initializer):
        array = numpy_helper.to_array(stored)
        if array.dtype != np.float32 or array.size < SMALL or np.abs(array).max() > LARGEST:
            continue
        half = numpy_helper.from_array(array.astype(np.float16), f"{stored.name}/float16")
        cast = onnx.helper.make_node("Cast", [half.name], [stored.name], to=onnx.TensorProto.FLOAT)
        graph.initializer.remove(stored)
        graph.initializer.append(half)
        graph.node.insert(0, cast)
    onnx.save(model, str(target))


def _weights_to_int8(source: Path, target: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(str(source), str(target), weight_type=QuantType.QUInt8)


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
