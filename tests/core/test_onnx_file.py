"""Constants of ONNX files, and files that are none."""

import numpy as np
import pytest

from core.errors import InputError
from core.onnx_file import read_onnx

onnx = pytest.importorskip("onnx")
KERNEL = np.arange(24, dtype=np.int8).reshape(2, 3, 2, 2) - 12


def write(path, external=False):
    """A graph with a float constant, and an int8 kernel with a scale for each output channel."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    constants = {
        "bias": np.float32((1, 2)),
        "zero_point__7": np.zeros(2, np.int32),
        "kernel": KERNEL,
        "scale": np.float32((0.5, 2)),
        "kernel_zero": np.int8((0, 1)),
        "bias_scale": np.float32((1e-20, 1)),
        "shape": np.int64((1, 2)),
    }
    nodes = [
        helper.make_node(
            "DequantizeLinear", ["kernel", "scale", "kernel_zero"], ["conv/weights_dequant"], axis=0
        ),
        helper.make_node(
            "DequantizeLinear", ["zero_point__7", "bias_scale"], ["conv/bias_dequant"], axis=0
        ),
    ]
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    if external:
        tensors[0].data_location = onnx.TensorProto.EXTERNAL
        entry = tensors[0].external_data.add()
        entry.key, entry.value = "location", "/etc/hostname"
    graph = helper.make_graph(nodes, "test", [], [], tensors)
    path.write_bytes(helper.make_model(graph).SerializeToString())
    return path


def test_floats_and_dequantised_integers(tmp_path):
    arrays = read_onnx(write(tmp_path / "a.onnx"))
    assert set(arrays) == {"bias", "scale", "bias_scale", "conv/weights", "conv/bias"}
    assert all(array.dtype == np.float32 for array in arrays.values())
    np.testing.assert_array_equal(arrays["conv/weights"][0], KERNEL[0] * 0.5)
    np.testing.assert_array_equal(arrays["conv/weights"][1], (KERNEL[1].astype(float) - 1) * 2)
    np.testing.assert_array_equal(arrays["conv/bias"], (0, 0))


def test_data_in_other_files_is_not_read(tmp_path):
    with pytest.raises(InputError, match="keeps bias in another file"):
        read_onnx(write(tmp_path / "a.onnx", external=True))


@pytest.mark.parametrize("content", [b"", b"not ONNX at all", b"\x08\x07"])
def test_other_files(tmp_path, content):
    (tmp_path / "a.onnx").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.onnx (cannot be read as ONNX|holds no arrays)"):
        read_onnx(tmp_path / "a.onnx")


def test_no_file(tmp_path):
    with pytest.raises(InputError, match="cannot be read as ONNX"):
        read_onnx(tmp_path / "a.onnx")


def test_damage_ends_in_one_sentence(tmp_path):
    """Every flipped byte gives the arrays of the same names, or a refusal."""
    good = write(tmp_path / "good.onnx").read_bytes()
    random, path = np.random.default_rng(0), tmp_path / "bad.onnx"
    refused = 0
    for _ in range(300):
        data = bytearray(good)
        data[random.integers(len(data))] = random.integers(256)
        path.write_bytes(bytes(data))
        try:
            read_onnx(path)
        except InputError:
            refused += 1
    assert refused > 20


def test_constants_that_many_nodes_share_do_not_fill_the_memory(tmp_path):
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    stored = {
        "q": np.zeros((1, 1 << 16), "i1"),
        "many": np.ones(1000, "f4"),
        "one": np.ones(1, "f4"),
    }
    tensors = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    shared = [([f"q{i}/weights"], "one") for i in range(200)]
    for nodes in (shared, [(["q/weights"], "many")]):  # the second one would grow along an axis
        made = [
            helper.make_node("DequantizeLinear", ["q", scale], output, axis=0)
            for output, scale in nodes
        ]
        graph = helper.make_graph(made, "test", [], [], tensors)
        (tmp_path / "a.onnx").write_bytes(helper.make_model(graph).SerializeToString())
        with pytest.raises(InputError, match="repeats its arrays|has 1000 scales for axis 0"):
            read_onnx(tmp_path / "a.onnx")
