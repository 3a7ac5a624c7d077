"""Networks as ONNX, by Keras' export with tf2onnx; quantised by ONNX Runtime's own tools."""

import logging
import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.names import reason
from experiments.export.networks import assemble
from experiments.export.options import Options
from experiments.export.parts import Part
from experiments.export.samples import calibrating


def write_onnx(part: Part, parts: Sequence[Part], path: Path, options: Options) -> None:
    """Writes an `.onnx` file for any number of pictures.

    float16 halves the file: weights and features, but not what goes in and comes out. int8 stores
    weights as bytes; with calibrating pictures features, too.

    Raises:
        InputError: an operation that the converter does not know.
    """
    network = assemble(part, size=options.size, uint8=options.uint8)
    network(network.input)  # Keras exports networks that were called
    logging.getLogger("tf2onnx").setLevel(logging.CRITICAL)  # it says much, and raises what counts
    with warnings.catch_warnings(), tempfile.TemporaryDirectory() as folder:
        warnings.simplefilter("ignore")  # Keras' patch of tf2onnx asks NumPy for an old name
        whole = Path(folder) / "network.onnx"
        try:
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


def _to_float16(source: Path, target: Path) -> None:
    import onnx
    from onnxruntime.transformers.float16 import convert_float_to_float16

    model = onnx.load(str(source))
    onnx.save(convert_float_to_float16(model, keep_io_types=True), str(target))


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
