"""core.tflite_file against files of TensorFlow's converter, and files built tensor by tensor."""

import struct
import time
import warnings

import flatbuffers
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated as schema

from core import tflite_file
from core.errors import InputError
from core.tflite_file import read_tflite

KINDS = ("float32", "float16", "int8", "int8_per_tensor")
TYPES = {
    np.dtype("f4"): schema.TensorType.FLOAT32,
    np.dtype("f2"): schema.TensorType.FLOAT16,
    np.dtype("i1"): schema.TensorType.INT8,
    np.dtype("u1"): schema.TensorType.UINT8,
    np.dtype("i4"): schema.TensorType.INT32,
}
CONV, DEQUANTIZE = schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEQUANTIZE


def write(tmp_path, content):
    path = tmp_path / "file.tflite"
    path.write_bytes(content)
    return path


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_tflite(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


# --- files of the converter


def keras_weights():
    """The layers' weights in TFLite's layouts, by the names that the reader gives."""
    rng = np.random.default_rng(0)
    shapes = {
        "net/first/kernel": (4, 3, 3, 3),
        "net/first/bias": (4,),
        "net/second/kernel": (1, 3, 3, 4),
        "net/second/bias": (4,),
        "net/third/kernel": (5, 1, 1, 4),
        "net/last/kernel": (2, 5),
        "net/last/bias": (2,),
    }
    return {name: rng.normal(size=shape).astype("float32") for name, shape in shapes.items()}


def keras_network(weights):
    import keras

    layers = [
        keras.layers.Conv2D(4, 3, activation="relu", name="first"),
        keras.layers.DepthwiseConv2D(3, name="second"),
        keras.layers.Conv2D(5, 1, use_bias=False, name="third"),
        keras.layers.GlobalAveragePooling2D(),
        keras.layers.Dense(2, name="last"),
    ]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers], name="net")
    for name, value in weights.items():
        _, layer, part = name.split("/")
        axes = {"kernel": {4: (1, 2, 3, 0), 2: (1, 0)}, "bias": {1: (0,)}}[part][value.ndim]
        getattr(network.get_layer(layer), part).assign(value.transpose(axes))
    return network


def convert(network, kind):
    import tensorflow as tf

    signature = [tf.TensorSpec((1, 8, 8, 3))]
    function = tf.function(lambda x: network(x), input_signature=signature)
    function = function.get_concrete_function()  # in which variables become constants
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
    if kind != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if kind.startswith("int8"):
        pictures = np.random.default_rng(1).random((4, 1, 8, 8, 3), "float32")
        converter.representative_dataset = lambda: ([picture] for picture in pictures)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter._experimental_disable_per_channel = kind == "int8_per_tensor"
    return converter.convert()


@pytest.fixture(scope="module")
def converted():
    network = keras_network(keras_weights())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that tf.lite moves, that input types were not given
        return {kind: convert(network, kind) for kind in KINDS}


def steps(content):
    """The largest scale of every quantised constant's shape, twice the error of rounding."""
    model = schema.Model.GetRootAs(content)
    graph, found = model.Subgraphs(0), {}
    for number in range(graph.TensorsLength()):
        tensor = graph.Tensors(number)
        if model.Buffers(tensor.Buffer()).DataLength() and tensor.Quantization().ScaleLength():
            shape = tuple(tensor.ShapeAsNumpy())
            largest = float(tensor.Quantization().ScaleAsNumpy().max())
            found[shape] = max(found.get(shape, 0), largest)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_the_converter(converted, tmp_path, kind):
    expected = keras_weights()
    arrays = read_tflite(write(tmp_path, converted[kind])).items()
    found = {name.replace("_1/", "/"): value for name, value in arrays}  # Keras counts its calls
    # the converter gives a convolution without bias one of zeros
    np.testing.assert_array_equal(found.pop("net/third/bias"), 0)
    assert set(found) == set(expected)
    step = steps(converted[kind])
    assert len(step) == (7 if kind.startswith("int8") else 0)  # the shapes of kernels and biases
    for name, value in expected.items():
        bound = {"float32": 0, "float16": 2e-3}.get(kind) or step.get(value.shape, 0) * 0.501
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], value, rtol=0, atol=bound, err_msg=name)


# --- files built here, as the converter of TensorFlow 1 wrote them


def tensor(name, value, scale=(), zero_point=(), axis=0):
    made = schema.TensorT()
    made.name, made.shape = name, list(value.shape)
    made.type, made.data = TYPES[value.dtype], value
    made.quantization = schema.QuantizationParametersT()
    made.quantization.scale, made.quantization.zeroPoint = list(scale), list(zero_point)
    made.quantization.quantizedDimension = axis
    return made


def operator(code, inputs, outputs):
    made = schema.OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = code, inputs, outputs
    return made


def build(tensors, operators=()):
    """The bytes of a file; a tensor's `data` becomes its buffer, operator codes are CONV, DEQ."""
    model, graph = schema.ModelT(), schema.SubGraphT()
    model.version, model.buffers = 3, [schema.BufferT()]
    for made in tensors:
        if made.data is not None:
            made.buffer = len(model.buffers)
            model.buffers.append(schema.BufferT())
            model.buffers[-1].data = np.frombuffer(made.data.tobytes(), np.uint8)
    model.operatorCodes = [schema.OperatorCodeT(), schema.OperatorCodeT()]
    for code, number in zip(model.operatorCodes, (CONV, DEQUANTIZE), strict=True):
        code.deprecatedBuiltinCode = number  # as old files have it, which lack the other
    graph.tensors, graph.operators = list(tensors), list(operators)
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def activation(name):
    made = tensor(name, np.zeros((1, 4, 4, 3), "f4"))
    made.data = None
    return made


KERNEL = np.random.default_rng(2).integers(-127, 128, (2, 3, 3, 3)).astype("i1")
SCALES = np.array([0.5, 0.01], "f4")
NAMES = ("MobilenetV2/Conv/weights", "MobilenetV2/Conv/Conv2D_bias")


def quantised():
    return build(
        [
            activation("picture"),
            tensor(NAMES[0], KERNEL, SCALES, [0, 0]),
            tensor(NAMES[1], np.array([2**31 - 1, -7], "i4"), [1e-25, 2.0], [0, 0]),
            activation("MobilenetV2/Conv/Relu6"),
            tensor("shape", np.array([1, 2], "i4")),
        ],
        [operator(0, [0, 1, 2], [3])],
    )


def half():
    kernel = (KERNEL * SCALES[:, None, None, None]).astype("f2")
    return build(
        [
            activation("picture"),
            tensor(NAMES[0], kernel),
            tensor(NAMES[1], np.array([0, -14], "f2")),
            activation("MobilenetV2/Conv/Relu6"),
            activation(f"{NAMES[0]}_dequantize"),
            activation(f"{NAMES[1]}_dequantize"),
        ],
        [operator(1, [1], [4]), operator(1, [2], [5]), operator(0, [0, 4, 5], [3])],
    )


def test_names_of_the_old_converter_are_kept(tmp_path):
    by_kind = [read_tflite(write(tmp_path, content)) for content in (quantised(), half())]
    assert [list(found) for found in by_kind] == [list(NAMES), list(NAMES)]
    exact = KERNEL * SCALES.astype("f8")[:, None, None, None]
    np.testing.assert_allclose(by_kind[0][NAMES[0]], exact, rtol=1e-7)
    np.testing.assert_allclose(by_kind[1][NAMES[0]], exact, rtol=1e-3)
    for found in by_kind:
        np.testing.assert_allclose(found[NAMES[1]], [0, -14], atol=1e-15)
    np.testing.assert_allclose(by_kind[0][NAMES[1]][0], (2**31 - 1) * 1e-25, rtol=1e-6)


def test_zero_points_and_axes(tmp_path):
    bytes_ = np.array([[0, 255], [128, 3]], "u1")
    both = [tensor("all", bytes_, [0.5], [128]), tensor("columns", bytes_, [1, 2], [1, 3], 1)]
    scalar = tensor("scalar", np.array(5, "i1"), [3.0])
    found = read_tflite(write(tmp_path, build([*both, scalar])))
    np.testing.assert_array_equal(found["all"], [[-64, 63.5], [0, -62.5]])
    np.testing.assert_array_equal(found["columns"], [[-1, 504], [127, 0]])
    np.testing.assert_array_equal(found["scalar"], 15)
    assert found["scalar"].shape == ()


def test_nan_is_read_without_a_warning(tmp_path):
    signalling = np.array([0x7FA00000], "u4").view("f4")
    scaled = tensor("scaled", np.array([2**31 - 1], "i4"), [3e38])
    odd = tensor("odd", np.array([1], "i1"), [0.0])
    content = build([tensor("plain", signalling), scaled, odd])
    found = read_tflite(write(tmp_path, content.replace(struct.pack("<f", 3e38), signalling.data)))
    assert np.isnan(found["plain"]).all() and np.isnan(found["scaled"]).all()


# --- what is refused


def packed():
    made = tensor("packed", np.zeros(2, "i1"), [1.0])
    made.type = schema.TensorType.INT4
    return made


def sparse():
    made = tensor("sparse", np.zeros(2, "f4"))
    made.sparsity = schema.SparsityParametersT()
    return made


def of_shape(*shape):
    made = tensor("w", np.zeros(2, "f4"))
    made.shape = list(shape)
    return made


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ([packed()], "has packed of type INT4, expected FLOAT32"),
        ([sparse()], "has sparse of type FLOAT32, packed, expected"),
        ([of_shape(3)], r"8 bytes of w, expected \[3\] x 4"),
        ([of_shape(-1, -2)], r"8 bytes of w, expected \[-1, -2\] x 4"),
        ([of_shape(*[1] * 8, 2)], "has w of 9 axes, expected at most 8"),
        ([tensor("w", np.zeros(3, "i1"), [1, 2])], "has 2 scales .* along axis 0 of w"),
        ([tensor("w", np.zeros(3, "i1"), [1, 2, 3], axis=4)], "has 3 scales .* along axis 4 of w"),
        ([tensor("w", np.zeros(1, "f4"))] * 2, "has 2 arrays of name 'w', expected one"),
        ([tensor("w" * 20_000, np.zeros(1, "f4"))], "has a name of 20000 letters"),
    ],
    ids=["packed", "sparse", "short", "negative", "axes", "scales", "axis", "twice", "name"],
)
def test_other_tensors_are_refused(tmp_path, tensors, message):
    path = write(tmp_path, build(tensors))
    with pytest.raises(InputError, match=f"file.tflite .*{message}.*\\.$"):
        read_tflite(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is an empty file. Give a .tflite"),
        (b"<html>not weights</html>", "is not a TFLite file. Give a .tflite"),
        (b"\0\0\0\0TFL3", "is damaged: number 0 of 0 Subgraphs"),
        (b"\xff\xff\xff\xffTFL3" + bytes(100), "cannot be read"),
    ],
    ids=["empty", "page", "start", "offset"],
)
def test_other_files_are_refused(tmp_path, content, message):
    assert message in refusal(write(tmp_path, content))


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "none.tflite", tmp_path):
        assert "cannot be read" in refusal(path)


def test_truncated_files(tmp_path):
    content = quantised()
    for size in range(8, len(content) - 8, 40):
        assert "damaged" in refusal(write(tmp_path, content[:size]))


def position(content, table, field):
    """Where a list of a table begins with its length."""
    return table._tab.Vector(table._tab.Offset(4 + 2 * field)) - 4


def test_counts_larger_than_the_file(tmp_path):
    content = quantised()
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    for table, field, message in (
        (graph, 0, "has 1000000 tensors, expected at most 10000"),
        (graph, 3, "has 1000000 operators, expected at most 10000"),
        (model.Buffers(1), 0, "buffer is smaller than requested size"),
    ):
        damaged = bytearray(content)
        struct.pack_into("<I", damaged, position(content, table, field), 10**6)
        assert message in refusal(write(tmp_path, damaged))


def test_numbers_of_what_is_not_there(tmp_path):
    made = activation("w")
    made.data, made.buffer = None, 7
    assert "number 7 of 1 Buffers" in refusal(write(tmp_path, build([made])))
    content = build([tensor("w", np.zeros(1, "f4"))], [operator(9, [0], [0])])
    assert "number 9 of 2 OperatorCodes" in refusal(write(tmp_path, content))


def test_sizes_are_bounded(tmp_path, monkeypatch):
    path = write(tmp_path, quantised())
    monkeypatch.setattr(tflite_file, "_MAX_VALUES", 50)
    assert "has more than 50 weights, too many" in refusal(path)
    monkeypatch.setattr(tflite_file, "_MAX_BYTES", 500)
    assert "is too large" in refusal(path)


@pytest.mark.parametrize("make", [quantised, half])
def test_mutations(tmp_path, make):
    content = np.frombuffer(make(), np.uint8)
    rng, refused, start = np.random.default_rng(0), 0, time.process_time()
    for _ in range(150):
        damaged, places = content.copy(), rng.integers(8, len(content), 3)
        damaged[places] = rng.choice([0, 1, 127, 255, rng.integers(256)], 3)
        try:
            found = read_tflite(write(tmp_path, damaged.tobytes()))
            assert all(value.dtype == np.float32 for value in found.values())
        except InputError:
            refused += 1
    assert 30 < refused < 150
    assert time.process_time() - start < 10  # takes 0.2 s
