"""VGG's taps: what they are, how far they see, and what keras.applications makes of the same."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from nst.features import (
    CHANNELS,
    Weights,
    check_size,
    check_taps,
    convolutions,
    feature_network,
    field,
    layer_names,
    normalise,
)
from nst.vgg_files import COLOURS
from nst.weights import random_weights

pytestmark = pytest.mark.backends

RNG = np.random.default_rng(0)
WEIGHTS = random_weights(width=1 / 16)
PLAIN = (np.eye(3, dtype="float32"), np.zeros(3, "float32"))


def noise(height, width):
    return RNG.random((1, height, width, 3)).astype("float32")


def run(taps, images, weights=WEIGHTS, **settings):
    found = feature_network(weights, taps, **settings)(images, training=False)
    return {name: np.array(ops.convert_to_numpy(x)) for name, x in found.items()}


def positive():
    """Kernels without a sign: every pixel that a position sees changes it."""
    kernels, below = {}, 3
    for name in convolutions("vgg19"):
        kernels[name] = (np.full((3, 3, below, 2), 1 / (9 * below), "float32"), np.zeros(2, "f"))
        below = 2
    return Weights("positive", "vgg19", kernels, PLAIN)


def test_names_of_layers():
    names = layer_names("vgg16")
    assert names[:6] == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]
    assert (len(names), names[-2:]) == (2 * 13 + 5, ["relu5_3", "pool5"])
    assert len(layer_names("vgg19")) == 2 * 16 + 5
    assert set(convolutions("vgg19")) == {n for n in layer_names("vgg19") if n[0] == "c"}


@pytest.mark.parametrize(
    ("tap", "nearest"),
    [
        ("conv3_5", "conv3_4"),
        ("block4_conv2", "conv4_2"),
        ("relu6_1", "relu5_1"),
        ("pool9", "pool5"),
        ("Relu2_2", "relu2_2"),
    ],
)
def test_a_layer_that_is_not_there(tap, nearest):
    with pytest.raises(ValueError, match=f"'{tap}': vgg19 has no such .* nearest is '{nearest}'"):
        check_taps("vgg19", ["relu1_1", tap])
    check_taps("vgg19", ["relu1_1", nearest])


def test_vgg16_is_shorter():
    with pytest.raises(ValueError, match="vgg16 has no such layer, the nearest is 'conv3_3'"):
        check_taps("vgg16", ["conv3_4"])


def test_a_tap_deeper_than_the_weights():
    first = {name: WEIGHTS.kernels[name] for name in ("conv1_1", "conv1_2")}
    short = Weights("a file", "vgg19", first, WEIGHTS.colour)
    assert run(["pool1"], noise(6, 6), short)["pool1"].shape == (1, 3, 3, 4)
    with pytest.raises(ValueError, match="'conv2_1': the weights 'a file' end at 'conv1_2'"):
        feature_network(short, ["relu2_1"])


def test_one_model_gives_every_tap():
    taps, picture = ["pool2", "conv1_2", "relu1_2", "relu3_1"], noise(17, 22)
    found = run(taps, picture)
    assert set(found) == set(taps)
    assert found["conv1_2"].shape == (1, 17, 22, 4)
    assert found["relu3_1"].shape == (1, 4, 5, 16)
    assert found["conv1_2"].min() < 0
    np.testing.assert_array_equal(found["relu1_2"], np.maximum(found["conv1_2"], 0))
    for tap in taps:
        np.testing.assert_allclose(run([tap], picture)[tap], found[tap], rtol=1e-5, atol=1e-4)


def test_nothing_is_trainable():
    model = feature_network(WEIGHTS, ["relu2_1", "pool1"], padding="reflect", name="seen")
    assert model.trainable_variables == []
    assert (model.name, len(model.variables)) == ("seen", 2 * 4)  # three convolutions and colours


@pytest.mark.parametrize("pooling", ["max", "average"])
@pytest.mark.parametrize("ceil", [False, True])
def test_pooling_of_odd_sizes(pooling, ceil):
    found = run(["relu1_2", "pool1"], noise(7, 9), pooling=pooling, ceil=ceil)
    x, reduce = found["relu1_2"], np.nanmax if pooling == "max" else np.nanmean
    x = np.pad(x, [(0, 0), (0, 1), (0, 1), (0, 0)], constant_values=np.nan)
    expected = reduce(x.reshape(1, 4, 2, 5, 2, -1), axis=(2, 4))
    expected = expected if ceil else expected[:, :3, :4]
    np.testing.assert_allclose(found["pool1"], expected, rtol=1e-5)


def test_paddings_differ_near_the_border_only():
    """relu2_2 lies 2 pixels apart; each position sees 6 before and 7 after it."""
    picture = noise(40, 44)
    zeros, reflect = (
        run(["relu2_2"], picture, padding=kind)["relu2_2"][0] for kind in ("zeros", "reflect")
    )
    differ = np.abs(zeros - reflect).max(-1) > 1e-3
    assert differ[0].any() and differ[-1].any() and differ[:, 0].any() and differ[:, -1].any()
    assert not differ[3:-3, 3:-3].any()
    assert differ[2].any() and differ[-3].any()


def test_reflection_by_hand():
    picture = noise(5, 6)
    padded = np.pad(picture, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")
    inside = run(["conv1_1"], padded)["conv1_1"][:, 1:-1, 1:-1]
    found = run(["conv1_1"], picture, padding="reflect")["conv1_1"]
    np.testing.assert_allclose(found, inside, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("tap", ["relu1_1", "conv2_1", "pool2", "relu3_1", "pool3", "conv4_2"])
def test_the_field_is_what_a_position_sees(tap):
    """Gradients of two neighbours far from the border, with respect to the picture."""
    known, model = field("vgg19", tap), feature_network(positive(), [tap], pooling="average")
    side = 4 * known.stride + 2 * known.size
    side, at = side // known.stride * known.stride, side // (2 * known.stride)
    picture = ops.ones((1, side, side, 3))
    starts = []
    for i in (at, at + 1):
        seen = engine.input_grad(lambda x, i=i: model(x)[tap][:, i, at, :], picture)
        rows, columns = np.nonzero(np.array(ops.convert_to_numpy(seen))[0].sum(-1))
        assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == known.size
        starts.append(rows.min())
    assert starts[1] - starts[0] == known.stride


def test_the_field_of_the_deepest():
    assert field("vgg19", "relu5_1") == (156, 16)
    assert field("vgg16", "pool5") == (212, 32)
    with pytest.raises(ValueError, match="no layer 'relu5_4'"):
        field("vgg16", "relu5_4")


def test_a_picture_must_fill_the_field():
    check_size("vgg19", ["relu1_1", "conv5_1"], 156, 400, "x")
    with pytest.raises(InputError, match="^'a.jpg': 400x155 pixels, but conv5_1 .* 156x156"):
        check_size("vgg19", ["conv5_1", "relu1_1"], 155, 400, "'a.jpg'")


def test_colours_reach_the_first_layer_exactly():
    """A convolution that passes on its centre shows what the network sees: BGR less a mean."""
    kernel = np.zeros((3, 3, 3, 3), "float32")
    kernel[1, 1] = np.eye(3)
    weights = Weights("x", "vgg19", {"conv1_1": (kernel, np.zeros(3, "f"))}, COLOURS["caffe"])
    picture = noise(4, 5)
    expected = np.float64(255 * picture)[..., ::-1] - (103.939, 116.779, 123.68)
    found = run(["conv1_1"], picture, weights)["conv1_1"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("network", ["vgg16", "vgg19"])
def test_agrees_with_keras_applications(network):
    build = {"vgg16": keras.applications.VGG16, "vgg19": keras.applications.VGG19}[network]
    reference = build(include_top=False, weights=None, input_shape=(37, 45, 3))
    layers = [x for x in reference.layers if "conv" in x.name or "pool" in x.name]
    kernels = {}
    for layer in layers[: -len([x for x in layers if "block5" in x.name])]:
        if "conv" in layer.name:
            kernel, bias = layer.get_weights()
            bias = RNG.normal(0, 5, bias.shape).astype("float32")
            layer.set_weights([kernel, bias])
            kernels[f"conv{layer.name[5]}_{layer.name[11]}"] = (kernel, bias)
    assert kernels["conv4_1"][0].shape == (3, 3, *CHANNELS[2:4])
    names = {"block1_conv1": "relu1_1", "block2_conv2": "relu2_2", "block3_pool": "pool3"}
    names |= {"block3_conv3": "relu3_3", "block4_conv2": "relu4_2", "block4_pool": "pool4"}
    inner = keras.Model(reference.input, [reference.get_layer(n).output for n in names])
    picture = noise(37, 45)
    process = keras.applications.vgg19.preprocess_input
    expected = inner(process(255 * picture, data_format="channels_last"), training=False)
    found = run(names.values(), picture, Weights("keras", network, kernels, COLOURS["caffe"]))
    for tap, x in zip(names.values(), expected, strict=True):
        x = np.array(ops.convert_to_numpy(x))
        assert x.std() > 0.1
        np.testing.assert_allclose(found[tap], x, rtol=0, atol=1e-4 * x.max(), err_msg=tap)


# --- normalise


def _until(name):
    """As far as this convolution, with biases."""
    kernels = {}
    for own, (kernel, _) in WEIGHTS.kernels.items():
        kernels[own] = (kernel, RNG.normal(0, 20, kernel.shape[-1]).astype("float32"))
        if own == name:
            break
    return Weights("random", "vgg19", kernels, WEIGHTS.colour)


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_normalised_filters_have_a_mean_of_1_and_the_same_output(pooling):
    weights, images = _until("conv3_1"), [noise(25, 19)[0] for _ in range(3)]
    taps = [f"relu{n[4:]}" for n in weights.kernels]
    after = normalise(weights, images, floor=0)
    assert after.source == "random, normalised"
    means = [run(taps, x[None], after) for x in images]
    old = [run(taps, x[None], weights) for x in images]
    picture = noise(25, 19)
    before, now = (run(taps, picture, w, pooling=pooling) for w in (weights, after))
    for tap in taps:
        wanted = np.mean([x[tap].mean((0, 1, 2)) for x in old], axis=0)
        found = np.mean([x[tap].mean((0, 1, 2)) for x in means], axis=0)
        assert (wanted > 0).sum() >= 2
        np.testing.assert_allclose(found, np.where(wanted > 0, 1, 0), rtol=1e-4)
        factor = np.where(wanted > 0, wanted, 1)
        bound = 1e-4 * before[tap].max()
        np.testing.assert_allclose(now[tap] * factor, before[tap], rtol=0, atol=bound)


def test_a_silent_filter_is_not_made_to_shout():
    weights, images = _until("conv2_1"), [noise(20, 20)[0]]
    kernel, bias = weights.kernels["conv2_1"]
    bias = bias.copy()
    bias[0] = -1e6  # never active
    weights.kernels["conv2_1"] = (kernel, bias)
    own = run(["relu2_1"], images[0][None], weights)["relu2_1"].mean((0, 1, 2))
    after = normalise(weights, images, floor=0.5)
    found = run(["relu2_1"], images[0][None], after)["relu2_1"].mean((0, 1, 2))
    expected = own / np.maximum(own, 0.5 * own.mean())
    assert found[0] == 0 and (expected < 1).sum() >= 2
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert np.isfinite(normalise(weights, images, floor=0).kernels["conv2_1"][0]).all()


def test_normalising_needs_an_image():
    with pytest.raises(InputError, match="at least one image"):
        normalise(_until("conv1_1"), [])
