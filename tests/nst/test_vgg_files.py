"""Files of VGG weights in every layout, and what is refused."""

import keras
import numpy as np
import pytest
from keras import ops
from small_vgg import (
    CAFFE,
    FEATURES,
    HED,
    NORMALISED,
    PIXEL,
    TORCH,
    assert_read,
    features,
    hed_file,
    keras_1,
    keras_2,
    keras_file,
    kernels,
    normalised,
    official,
    refusal,
    seen,
    write_h5,
    write_npz,
    write_torch,
)

from nst.features import convolutions, feature_network
from nst.vgg_files import LAYOUTS
from nst.weights import load_weights

# --- what is read


@pytest.mark.parametrize("suffix", [".pth", ".pt"])
def test_normalised(tmp_path, suffix):
    path = write_torch(tmp_path / f"vgg_normalised{suffix}", normalised())
    assert_read(load_weights(str(path)), kernels(), "vgg19", CAFFE, path)


def test_normalised_to_the_encoders_end(tmp_path):
    path = write_torch(tmp_path / "n.pth", normalised("conv4_1"))
    assert_read(load_weights(str(path)), kernels(last="conv4_1"), "vgg19", CAFFE, path)


def test_the_colours_of_a_file_are_its_own(tmp_path):
    """Rows of a 1x1 convolution in PyTorch are its outputs."""
    weight = np.arange(9, dtype="float32").reshape(3, 3, 1, 1)
    path = write_torch(tmp_path / "n.pth", normalised() | {"0.weight": weight})
    weights = load_weights(str(path))
    bias = np.array((-103.939, -116.779, -123.68))
    np.testing.assert_allclose(seen(weights), weight[:, :, 0, 0] @ PIXEL + bias, rtol=1e-5)
    assert "says itself which colours it expects" in refusal(path, colour="torch")


def test_gatys(tmp_path):
    path = write_torch(tmp_path / "vgg_conv.pth", official(convolutions("vgg19")))
    assert_read(load_weights(str(path)), kernels(), "vgg19", CAFFE, path)


@pytest.mark.parametrize("network", FEATURES)
def test_torchvision(tmp_path, network):
    classifier = {f"classifier.{i}.weight": np.zeros((2, 2), "float32") for i in (0, 3, 6)}
    path = write_torch(tmp_path / "vgg.pth", features(network) | classifier)
    assert_read(load_weights(str(path)), kernels(network), network, TORCH, path)
    assert_read(load_weights(str(path), network), kernels(network), network, TORCH, path)


@pytest.mark.parametrize(
    ("name", "classifier"), [("vgg.pth", (1, 4, 6)), ("vgg19-d01eb7cb.pth", (0, 3, 6))]
)
def test_caffe_under_the_names_of_torchvision(tmp_path, name, classifier):
    state = {f"classifier.{i}.weight": np.zeros((2, 2), "float32") for i in classifier}
    path = write_torch(tmp_path / name, features() | state)
    assert_read(load_weights(str(path)), kernels(), "vgg19", CAFFE, path)
    assert_read(load_weights(str(path), colour="torch"), kernels(), "vgg19", TORCH, path)


def test_without_a_classifier_colours_are_torchvisions(tmp_path):
    path = write_torch(tmp_path / "vgg.pth", features())
    assert_read(load_weights(str(path)), kernels(), "vgg19", TORCH, path)
    assert_read(load_weights(str(path), colour="caffe"), kernels(), "vgg19", CAFFE, path)


@pytest.mark.parametrize("network", FEATURES)
@pytest.mark.parametrize("pattern", [keras_1, keras_2])
def test_keras(tmp_path, network, pattern):
    path = write_h5(tmp_path / "vgg.h5", keras_file(pattern, network))
    assert_read(load_weights(str(path)), kernels(network), network, CAFFE, path)


def test_keras_model_with_classifier_and_optimizer(tmp_path):
    state = keras_file(lambda layer, part: f"model_weights/{keras_2(layer, part)}")
    state["model_weights/fc1/fc1/kernel:0"] = np.zeros((2, 2))
    state["optimizer_weights/Adam/block1_conv1/kernel/m:0"] = np.zeros((2, 2))
    path = write_h5(tmp_path / "vgg.h5", state)
    assert_read(load_weights(str(path)), kernels(), "vgg19", CAFFE, path)


@pytest.mark.backends
def test_file_that_keras_writes(tmp_path):
    """Of its own layers, under their names."""
    expected = kernels("vgg19", "conv1_2")
    model = keras.Sequential([keras.Input((None, None, 3))])
    for name, (_, bias) in expected.items():
        layer = f"block{name[4]}_conv{name[6]}"
        model.add(keras.layers.Conv2D(bias.size, 3, padding="same", name=layer))
        model.layers[-1].set_weights(expected[name])
    model.save(tmp_path / "m.h5")
    weights = load_weights(str(tmp_path / "m.h5"), "vgg19")
    assert_read(weights, expected, "vgg19", CAFFE, tmp_path / "m.h5")


def test_file_of_hed(tmp_path):
    path = write_h5(tmp_path / "hed.h5", hed_file())
    assert_read(load_weights(str(path)), kernels("vgg16"), "vgg16", HED, path)


def test_numbered_arrays(tmp_path):
    state = list(official(NORMALISED).values())
    path = write_npz(tmp_path / "v.npz", {f"arr_{i}": value for i, value in enumerate(state)})
    assert_read(load_weights(str(path)), kernels(), "vgg19", CAFFE, path)


def test_float64_becomes_float32(tmp_path):
    state = {f"arr_{i}": v.astype("float64") for i, v in enumerate(official(NORMALISED).values())}
    path = write_npz(tmp_path / "v.npz", state)
    assert_read(load_weights(str(path)), kernels(), "vgg19", CAFFE, path)


def test_half_a_network_does_not_tell_which(tmp_path):
    path = write_torch(tmp_path / "v.pth", features(last="conv3_1"))
    assert "ends at conv3_1, up to which vgg16 and vgg19 have the same" in refusal(path)
    assert load_weights(str(path), "vgg16").network == "vgg16"
    assert list(load_weights(str(path), "vgg19").kernels)[-1] == "conv3_1"


@pytest.mark.backends
@pytest.mark.parametrize("kind", ["torch", "caffe"])
def test_the_colours_that_the_network_sees(tmp_path, kind):
    """A first convolution that lets its inputs through shows them."""
    state = features(last="conv1_1")
    state["features.0.weight"] = np.zeros((3, 3, 3, 3), "float32")
    state["features.0.weight"][range(3), range(3), 1, 1] = 1
    state["features.0.bias"] = np.zeros(3, "float32")
    path = write_torch(tmp_path / "v.pth", state)
    network = feature_network(load_weights(str(path), "vgg19", kind), ["conv1_1"])
    picture = np.broadcast_to(PIXEL.astype("float32"), (1, 2, 2, 3))
    found = ops.convert_to_numpy(network(np.array(picture))["conv1_1"])[0, 0, 0]
    np.testing.assert_allclose(found, {"torch": TORCH, "caffe": CAFFE}[kind], rtol=1e-5, atol=1e-4)


# --- what is refused


def test_no_such_file(tmp_path):
    for name in ("v.pth", "v.h5", "v.npz"):
        assert refusal(tmp_path / name).startswith(f"{tmp_path / name} is not there")
    assert "is a directory" in refusal(tmp_path)
    (tmp_path / "v.mat").write_bytes(b"MATLAB")
    assert "ends in '.mat', expected one of .pth" in refusal(tmp_path / "v.mat")


@pytest.mark.parametrize("suffix", [".pth", ".h5", ".npz"])
def test_empty_and_damaged_files(tmp_path, suffix):
    path = tmp_path / f"v{suffix}"
    path.write_bytes(b"")
    assert "is an empty file" in refusal(path)
    path.write_bytes(b"PK\x03\x04 nothing that anybody wrote" * 9)
    assert str(path) in refusal(path)
    write = {".pth": write_torch, ".h5": write_h5, ".npz": write_npz}[suffix]
    whole = write(path, features()).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert "cannot be read" in refusal(path)


def test_pickled_arrays_are_not_loaded(tmp_path):
    state = {"arr_0": np.array([print], dtype=object), "arr_1": np.zeros(4)}
    path = write_npz(tmp_path / "v.npz", state)
    assert "cannot be read (ValueError: Object arrays cannot be loaded" in refusal(path)
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    assert "holds one array" in refusal(tmp_path / "one.npz")


def test_another_network(tmp_path):
    state = {"model.1.weight": np.zeros((8, 3, 7, 7), "float32")}
    for path in (
        write_torch(tmp_path / "v.pth", state),
        write_h5(tmp_path / "v.h5", state),
        write_npz(tmp_path / "v.npz", state),
    ):
        message = refusal(path)
        assert message.startswith(f"{path} has model.1.weight; expected VGG weights: ")
        assert all(layout.title in message for layout in LAYOUTS)


def test_batch_norm(tmp_path):
    """vgg19_bn of torchvision."""
    extra = {f"features.1.{part}": np.ones(4, "float32") for part in ("weight", "bias")}
    message = refusal(write_torch(tmp_path / "v.pth", features() | extra))
    assert "looks like torchvision's VGG" in message
    assert "has the unknown features.1.weight, features.1.bias" in message


@pytest.mark.parametrize("name", ["features.0.weight", "features.16.weight", "features.34.bias"])
def test_missing_array(tmp_path, name):
    state = features()
    del state[name]
    assert f"lacks {name} and has the unknown" in refusal(write_torch(tmp_path / "v.pth", state))


def test_another_network_than_asked_for(tmp_path):
    path = write_torch(tmp_path / "v.pth", features("vgg16"))
    message = refusal(path, "vgg19")
    assert "has the weights of vgg16; asked for network='vgg19'" in message
    assert "pass network='vgg16', or leave it out" in message
    path = write_torch(tmp_path / "n.pth", normalised())
    assert "has the weights of vgg19; asked for network='vgg16'" in refusal(path, "vgg16")


@pytest.mark.parametrize(
    ("name", "shape", "expected"),
    [
        ("features.0.weight", (4, 1, 3, 3), (4, 3, 3, 3)),
        ("features.5.weight", (5, 4, 5, 5), (5, 4, 3, 3)),
        ("features.10.weight", (6, 6, 3, 3), (6, 5, 3, 3)),
        ("features.10.weight", (6,), (6, 5, 3, 3)),
        ("features.7.bias", (5, 1), "one number a filter"),
    ],
)
def test_wrong_shape(tmp_path, name, shape, expected):
    path = write_torch(tmp_path / "v.pth", features() | {name: np.zeros(shape, "float32")})
    assert f"has {name} of shape {shape}, expected {expected}" in refusal(path)


def test_wrong_colours_of_a_file(tmp_path):
    state = normalised() | {"0.weight": np.zeros((3, 3, 3, 3), "float32")}
    message = refusal(write_torch(tmp_path / "v.pth", state))
    assert "expected (3, 3, 1, 1) and (3,)" in message


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, value):
    state = features()
    state["features.12.weight"][1, 0, 2, 2] = value
    message = refusal(write_torch(tmp_path / "v.pth", state))
    assert "has NaN or infinity in features.12.weight" in message


def test_text_for_numbers(tmp_path):
    state = {f"arr_{i}": value for i, value in enumerate(official(NORMALISED).values())}
    path = write_npz(tmp_path / "v.npz", state | {"arr_3": np.array("text")})
    assert "has arr_3 of type <U4, expected real numbers" in refusal(path)
