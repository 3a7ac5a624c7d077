"""Reads the weights of a `.tflite` file, executing nothing in it.

Such a file is a flatbuffer of the schema tensorflow/lite/schema/schema.fbs, which TensorFlow brings
for Python. A tensor has a name, a shape, a type and the number of a buffer. If the buffer has data,
the tensor is a constant. A quantised one stands for `scale * (stored - zero_point)`, with one scale
for all or one for each index of an axis.

Layouts are TFLite's own. Into Keras' they go by

    CONV_2D             [O, kh, kw, I]   transpose(1, 2, 3, 0)
    DEPTHWISE_CONV_2D   [1, kh, kw, C]   transpose(1, 2, 3, 0), for a depth multiplier of 1
    FULLY_CONNECTED     [O, I]           transpose(1, 0)
"""

import math
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from core.errors import InputError
from core.files import open_regular
from core.names import reason, short

_ADVICE = "Give a .tflite file as TensorFlow's converter writes it"
_IDENTIFIER = b"TFL3"
_MAX_BYTES = 2**28
_MAX_VALUES = 2**25  # of all constants; Magenta's have 2.5 million
_MAX_COUNT = 10_000  # of tensors, and of operators; MobileNet-v2 has 200
_MAX_NAME = 10_000
_MAX_RANK = 8
_DTYPES = {
    "FLOAT32": "<f4",
    "FLOAT16": "<f2",
    "INT8": "i1",
    "UINT8": "u1",
    "INT16": "<i2",
    "INT32": "<i4",
    "INT64": "<i8",
}
_LAYERS = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")  # inputs: data, kernel, bias


class _Constant(NamedTuple):
    """A constant as stored: its values lie flat, scale and zero point broadcast over `shape`."""

    name: str
    shape: tuple[int, ...]
    stored: np.ndarray
    scale: np.ndarray
    zero_point: np.ndarray


class _Layer(NamedTuple):
    """An operator with weights: the numbers of two tensors and the name of its output."""

    kernel: int
    bias: int
    output: str


def read_tflite(path: str | Path) -> dict[str, np.ndarray]:
    """The constants of a `.tflite` file, by name and in TFLite's layout.

    Of each, quantised or not, the real values are given. What has no scale and is no
    floating-point number, such as a shape, is left out.

    The name is that of the tensor in the file. The converter of TensorFlow 1 makes names that tell
    the layer and are the same for every quantisation: `MobilenetV2/Conv/weights`,
    `MobilenetV2/Conv/Conv2D_bias`. The converter of TensorFlow 2 does not, it numbers what would
    have one name. Where the name of an operator's kernel does not end in `weights`, its arrays
    are therefore called `<layer>/kernel` and `<layer>/bias`; an array that two layers share comes
    twice.

    Returns:
        float32 arrays of any shape, in the file's order, of its first graph.

    Raises:
        InputError: no such file, not a TFLite file, damaged, sparse or too large.
    """
    try:
        return _read(Path(path))
    except InputError as error:
        raise InputError(f"{path} {error}.") from error
    except Exception as error:  # no such file, or whatever a damaged offset makes flatbuffers raise
        raise InputError(
            f"{path} cannot be read ({reason(error)}), expected a "
            "TFLite file: check the path, or copy a truncated or damaged file again."
        ) from error


@np.errstate(all="ignore")  # NaN and infinity are the caller's to refuse
def _read(path: Path) -> dict[str, np.ndarray]:
    raw = _load(path)
    # not above: importing TensorFlow takes seconds, and with JAX most runs do without
    from tensorflow.lite.python import schema_py_generated as schema

    model = schema.Model.GetRootAs(raw)
    graph = _at(model, "Subgraphs", 0)
    kinds = {number: name for name, number in vars(schema.TensorType).items()}
    constants = _constants(model, graph, kinds)
    layers = _layers(model, graph, vars(schema.BuiltinOperator), constants)
    arrays = {number: _real_values(constant) for number, constant in constants.items()}
    return {name: arrays[number] for name, number in _names(constants, layers)}


def _load(path: Path) -> bytes:
    """The bytes of the file, which begins as a TFLite file does."""
    with open_regular(path) as file:
        raw = file.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise InputError(f"is too large, expected at most {_MAX_BYTES >> 20} MiB. {_ADVICE}")
    if raw[4:8] != _IDENTIFIER:
        raise InputError(f"is {'not a TFLite' if raw else 'an empty'} file. {_ADVICE}")
    return raw


def _counted(count: int, what: str) -> range:
    if count > _MAX_COUNT:
        raise InputError(f"has {count} {what}, expected at most {_MAX_COUNT}. {_ADVICE}")
    return range(count)


def _at(table: Any, field: str, index: int) -> Any:
    """An element of a list in the file; the schema's own functions take any index."""
    count = getattr(table, f"{field}Length")()
    if not 0 <= index < count:
        raise InputError(
            f"is damaged: number {index} of {count} {field}. Download or copy it again"
        )
    return getattr(table, field)(index)


# --- constants


def _constants(model: Any, graph: Any, kinds: dict) -> dict[int, _Constant]:
    """The constants of a graph by the number of their tensor, in the file's order."""
    found, values = {}, 0
    for number in _counted(graph.TensorsLength(), "tensors"):
        tensor = graph.Tensors(number)
        data = _at(model, "Buffers", tensor.Buffer())
        if data.DataIsNone() or not data.DataLength():
            continue
        constant = _constant(tensor, data, kinds.get(tensor.Type()))
        if constant is not None:
            found[number] = constant
            values += constant.stored.size
            if values > _MAX_VALUES:
                raise InputError(f"has more than {_MAX_VALUES} weights, too many. {_ADVICE}")
    return found


def _constant(tensor: Any, data: Any, kind: str | None) -> _Constant | None:
    """The constant of a tensor, or None if its values are no real numbers."""
    name, quantisation = _name(tensor), tensor.Quantization()
    scaled = quantisation is not None and quantisation.ScaleLength() > 0
    if kind not in ("FLOAT32", "FLOAT16") and not scaled:
        return None
    packed = tensor.Sparsity() is not None or (scaled and quantisation.DetailsType())
    if kind not in _DTYPES or packed:
        raise InputError(
            f"has {short(name)} of type {kind or tensor.Type()}{', packed' if packed else ''}, "
            f"expected {', '.join(_DTYPES)}, each value by itself. {_ADVICE}"
        )
    shape = _shape(tensor)
    stored = _stored(data.DataAsNumpy(), np.dtype(_DTYPES[kind]), shape, name)
    if not scaled or kind.startswith("FLOAT"):
        return _Constant(name, shape, stored, np.ones(()), np.zeros(()))
    axis, zeros = quantisation.QuantizedDimension(), np.zeros(1)
    if quantisation.ZeroPointLength():
        zeros = quantisation.ZeroPointAsNumpy()
    scale = _along(quantisation.ScaleAsNumpy(), axis, shape, name)
    return _Constant(name, shape, stored, scale, _along(zeros, axis, shape, name))


def _stored(raw: np.ndarray, dtype: np.dtype, shape: tuple[int, ...], name: str) -> np.ndarray:
    if min(shape, default=0) < 0 or len(raw) != math.prod(shape) * dtype.itemsize:
        raise InputError(
            f"is truncated or damaged: {len(raw)} bytes of {short(name)}, expected "
            f"{list(shape)} x {dtype.itemsize}. Download or copy it again"
        )
    return raw.view(dtype)


def _name(tensor: Any) -> str:
    name = tensor.Name() or b""
    if len(name) > _MAX_NAME:
        raise InputError(f"has a name of {len(name)} letters, expected {_MAX_NAME}. {_ADVICE}")
    return name.decode()


def _shape(tensor: Any) -> tuple[int, ...]:
    if tensor.ShapeLength() > _MAX_RANK:
        raise InputError(
            f"has {short(_name(tensor))} of {tensor.ShapeLength()} axes, expected at most "
            f"{_MAX_RANK}. {_ADVICE}"
        )
    return tuple(int(tensor.Shape(axis)) for axis in range(tensor.ShapeLength()))


def _along(values: np.ndarray, axis: int, shape: tuple[int, ...], name: str) -> np.ndarray:
    """One value, or one for each index of an axis, so that it broadcasts over the shape."""
    values = values.astype(np.float64)
    if len(values) == 1:
        return values.reshape(())
    if not 0 <= axis < len(shape) or len(values) != shape[axis]:
        raise InputError(
            f"has {len(values)} scales or zero points along axis {axis} of {short(name)} of shape "
            f"{list(shape)}, expected one, or one for each index. {_ADVICE}"
        )
    return values.reshape([-1 if i == axis else 1 for i in range(len(shape))])


def _real_values(constant: _Constant) -> np.ndarray:
    """The float32 array of a constant.

    Calculated in float64: the bias of a channel that is always 0 is near 2**31 with a scale of
    1e-25 in Magenta's files.
    """
    stored = constant.stored.reshape(constant.shape)
    if stored.dtype.kind == "f":
        return stored.astype(np.float32)
    values = stored.astype(np.float64)
    values -= constant.zero_point
    values *= constant.scale
    return values.astype(np.float32)


# --- names


def _layers(model: Any, graph: Any, operators: Any, constants: dict) -> list[_Layer]:
    """The operators of the graph whose kernel is a constant.

    A constant in float16 goes through an operator DEQUANTIZE, which is looked through.
    """
    wanted = {operators[name] for name in _LAYERS}
    layers, source = [], {}
    for number in _counted(graph.OperatorsLength(), "operators"):
        operator = graph.Operators(number)
        code = _at(model, "OperatorCodes", operator.OpcodeIndex())
        # old files have the first only, new ones the second, too
        kind = max(code.DeprecatedBuiltinCode(), code.BuiltinCode())
        if kind == operators["DEQUANTIZE"]:
            source[_at(operator, "Outputs", 0)] = _at(operator, "Inputs", 0)
        elif kind in wanted:
            inputs = [int(operator.Inputs(i)) for i in range(min(operator.InputsLength(), 3))]
            kernel, bias = (source.get(i, i) for i in (*inputs[1:], -1, -1)[:2])
            if kernel in constants:
                output = _at(graph, "Tensors", _at(operator, "Outputs", 0))
                layers.append(_Layer(kernel, bias, _name(output)))
    return layers


def _names(constants: dict[int, _Constant], layers: Iterable[_Layer]) -> list[tuple[str, int]]:
    """The names to give, each with the number of a constant; the file's own, or by layer."""
    by_layer: dict[int, list[str]] = {}
    for layer in layers:
        scope = _scope(constants[layer.kernel].name, layer.output)
        for number, part in ((layer.kernel, "kernel"), (layer.bias, "bias")):
            if scope and number in constants:
                by_layer.setdefault(number, []).append(f"{scope}/{part}")
    pairs = [
        (name, number)
        for number, constant in constants.items()
        for name in dict.fromkeys(by_layer.get(number, [constant.name]))
    ]
    name, count = Counter(name for name, _ in pairs).most_common(1)[0] if pairs else ("", 1)
    if count > 1:
        raise InputError(f"has {count} arrays of name {short(name)!r}, expected one. {_ADVICE}")
    return pairs


def _scope(kernel: str, output: str) -> str:
    """The layer that the names of a kernel and of the operator's output tell, or "".

    A name of what the converter has fused is of the form `a/Relu;a/BiasAdd;a/Conv2D`.
    """
    if kernel.endswith("weights"):
        return ""
    parts = [part for name in (output, kernel) for part in name.split(";") if "/" in part]
    return parts[-1].rpartition("/")[0] if parts else ""
