"""Reads the constant arrays of an ONNX file, executing nothing.

The package `onnx` parses the file. Arrays that the graph keeps in 8 or 32 bit integers and uses
through a `DequantizeLinear` node are given as the numbers that they stand for.
"""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import InputError
from core.files import open_regular
from core.names import reason, short

LARGEST = 2**30  # bytes of the largest file that is read
_SLACK = 1 << 20  # bytes of arrays that a file of any size may share
_ADVICE = "check the path, or install or copy the file again"


def read_onnx(path: str | Path) -> dict[str, np.ndarray]:
    """The floating-point constants of an ONNX file, float32 by name, in ONNX's own layout.

    A dequantised array has the name of the node's output without `_dequant`; its value is (q - zero
    point) * scale. Its name tells the layer where the name of the integers need not: ONNX shares
    equal constants.

    Raises:
        InputError: the package `onnx` or the file is missing, or the file is something else, too
            large, or keeps arrays outside of itself.
    """
    graph = _graph(path)
    stored = {tensor.name: tensor for tensor in graph.initializer}
    most = 8 * Path(path).stat().st_size + _SLACK
    arrays, total = {}, 0
    try:
        for name, array in chain(_floats(stored), _dequantised(graph, stored)):
            arrays[name] = array
            total += array.nbytes
            if total > most:
                raise InputError(f"repeats its arrays: they are larger than the file. {_ADVICE}")
        return arrays
    except InputError as error:
        raise InputError(f"{path} {error}.") from error
    except (ValueError, TypeError, KeyError, IndexError) as error:
        raise InputError(f"{path} is damaged ({reason(error)}): {_ADVICE}.") from error


def _graph(path):
    try:
        import onnx
    except ImportError as error:
        raise InputError(
            f"{path}: ONNX files are read by a package that is not installed: pip install -e "
            "'.[magenta]'"
        ) from error
    from google.protobuf.message import DecodeError

    try:
        with open_regular(path) as file:
            size = file.seek(0, 2)
            if size > LARGEST:
                raise InputError(f"{path} has {size:,} bytes, expected at most {LARGEST:,}.")
            file.seek(0)
            graph = onnx.load(file, "protobuf", load_external_data=False).graph
    except (OSError, DecodeError, ValueError) as error:
        raise InputError(f"{path} cannot be read as ONNX ({reason(error)}): {_ADVICE}.") from error
    if not graph.initializer:
        raise InputError(f"{path} holds no arrays, expected an ONNX network: {_ADVICE}.")
    return graph


def _floats(stored) -> Iterator[tuple[str, np.ndarray]]:
    from onnx import TensorProto

    kinds = (TensorProto.FLOAT, TensorProto.FLOAT16)
    return ((name, _array(t)) for name, t in stored.items() if t.data_type in kinds)


def _array(tensor: Any) -> np.ndarray:
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL:
        raise InputError(f"keeps {short(tensor.name)} in another file, expected all in one")
    array = numpy_helper.to_array(tensor)
    return array.astype(np.float32) if array.dtype.kind == "f" else array


def _dequantised(graph, stored) -> Iterator[tuple[str, np.ndarray]]:
    """Name and value of every constant that goes through a DequantizeLinear node."""
    for node in graph.node:
        if node.op_type != "DequantizeLinear" or node.input[0] not in stored:
            continue
        values, scale, *zero = (_array(stored[name]).astype(np.float64) for name in node.input)
        axis = next((a.i for a in node.attribute if a.name == "axis"), 1)
        shape = values.shape
        scale, zero_point = (_along(x, axis, shape) for x in (scale, zero[0] if zero else 0))
        with np.errstate(all="ignore"):  # NaN and infinity are the caller's to refuse
            value = ((values - zero_point) * scale).astype(np.float32)
        yield node.output[0].removesuffix("_dequant"), value


def _along(numbers, axis: int, shape: tuple[int, ...]) -> np.ndarray:
    """One number, or one for each index of an axis, in a shape that broadcasts."""
    numbers = np.asarray(numbers)
    if numbers.size == 1:
        return numbers.reshape(())
    if numbers.size != shape[axis]:
        raise InputError(f"has {numbers.size} scales for axis {axis} of {short(shape)}. {_ADVICE}")
    sides = [1] * len(shape)
    sides[axis] = -1
    return numbers.reshape(sides)
