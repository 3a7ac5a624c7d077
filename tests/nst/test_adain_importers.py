"""AdaIN's official files: our networks compute what theirs do, and other files are refused."""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from nst.adain.networks import TAPS
from nst.importers import VGG_NORMALISED, guess_config, import_network

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
ENCODER, DECODER = ADAIN = "adain/encoder", "adain/decoder"


def load(kind):
    """`(state, arrays)`: the weights as the file's recipe makes them, and what else it holds."""
    with np.load(GOLDEN / f"{kind.replace('/', '_')}.npz") as file:
        arrays = dict(file)
    random, state = np.random.default_rng(int(arrays.pop("recipe_seed"))), {}
    for name, shape in json.loads(str(arrays.pop("names"))):
        value = random.standard_normal(shape).astype("float32")
        scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        state[name] = value * np.float32(scale)
    return state, {name: value.transpose(0, 2, 3, 1) for name, value in arrays.items()}


def small(kind, channels=(2, 3, 4, 5)):
    """A state dict in small; the encoder's has all of VGG-19."""
    if kind == DECODER:
        c1, c2, c3, c4 = channels
        widths = (c4, c3, c3, c3, c3, c2, c2, c1, c1, 3)
        indices, kernels = (1, 5, 8, 11, 14, 18, 21, 25, 28), [3] * 9
    else:
        widths = (3, 3, *np.repeat((*channels, channels[3]), (2, 2, 4, 4, 4)))
        indices, kernels = (0, *VGG_NORMALISED), [1] + [3] * 16
    random, state = np.random.default_rng(0), {}
    for i, (index, k) in enumerate(zip(indices, kernels, strict=True)):
        shape = (widths[i + 1], widths[i], k, k)
        state[f"{index}.weight"] = random.standard_normal(shape).astype("float32")
        state[f"{index}.bias"] = random.standard_normal(shape[0]).astype("float32")
    return state


def refusal(kind, state, **config):
    with pytest.raises(InputError) as caught:
        import_network(kind, state, **config)
    return str(caught.value)


def assert_close(found, expected):
    found = ops.convert_to_numpy(found)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_encoder():
    """Of a picture whose sides are odd at every pooling."""
    state, arrays = load(ENCODER)
    features = import_network(ENCODER, state)(np.ascontiguousarray(arrays["input"]))
    assert set(features) == set(TAPS)
    for tap in TAPS:
        assert_close(features[tap], arrays[tap])


def test_decoder():
    state, arrays = load(DECODER)
    network = import_network(DECODER, state)
    assert network.count_params() == 3_505_219
    assert_close(network(np.ascontiguousarray(arrays["input"])), arrays["output"])


def test_encoder_of_the_whole_file():
    """As published, to layer 51: what lies beyond relu4_1 makes no difference."""
    whole = small(ENCODER)
    part = {name: value for name, value in whole.items() if int(name.split(".")[0]) <= 29}
    assert len(whole) == 34
    assert len(part) == 20
    picture = np.random.default_rng(1).random((1, 16, 16, 3), np.float32)
    expected = import_network(ENCODER, part)(picture)
    found = import_network(ENCODER, whole)(picture)
    for tap in TAPS:
        assert np.array_equal(*map(ops.convert_to_numpy, (found[tap], expected[tap])))


def test_encoder_is_not_trainable():
    assert not import_network(ENCODER, small(ENCODER)).trainable_variables


@pytest.mark.parametrize("kind", ADAIN)
def test_guess_config(kind):
    state = small(kind)
    assert guess_config(kind, state) == {"channels": (2, 3, 4, 5)}
    import_network(kind, state, channels=(2, 3, 4, 5))
    assert "pass channels=(2, 3, 4, 5)" in refusal(kind, state, channels=(64, 128, 256, 512))
    assert "has no width; expected channels" in refusal(kind, state, width=1)


def test_other_networks():
    encoder, decoder = small(ENCODER), small(DECODER)
    message = refusal(ENCODER, decoder)
    assert "looks like AdaIN's decoder" in message
    assert "expected AdaIN's normalised VGG-19" in message
    assert "looks like AdaIN's normalised VGG-19" in refusal(DECODER, encoder)
    for kind in ADAIN:
        for name, look in (
            ("features.0.weight", "torchvision's VGG"),
            ("conv1_1.weight", "Gatys' VGG-19"),
            ("conv1.conv2d.weight", "the transformer of pytorch/examples"),
            ("model.1.weight", "a network of CycleGAN"),
            ("fc.weight", "no network known here (its names are fc.weight)"),
            ("3.weight", "no network known here (its names are 3.weight)"),
        ):
            assert look in refusal(kind, {name: np.zeros((4, 3, 3, 3), "float32")})
        assert "no network known here (its names are none)" in refusal(kind, {})


@pytest.mark.parametrize(
    ("kind", "name"),
    [(ENCODER, "0.weight"), (ENCODER, "29.bias"), (DECODER, "1.weight"), (DECODER, "28.bias")],
)
def test_missing_array(kind, name):
    state = small(kind)
    del state[name]
    assert f"arrays expected (missing: {name}; unknown: none)" in refusal(kind, state)


@pytest.mark.parametrize("kind", ADAIN)
def test_unknown_array(kind):
    state = small(kind) | {"99.weight": np.zeros((1, 1, 3, 3), "float32")}
    assert "missing: none; unknown: 99.weight" in refusal(kind, state)


@pytest.mark.parametrize(
    ("kind", "name", "shape", "expected"),
    [
        (ENCODER, "0.weight", (3, 3, 3, 3), (3, 3, 1, 1)),
        (ENCODER, "19.weight", (4, 3, 3, 3), (4, 4, 3, 3)),
        (DECODER, "28.weight", (1, 2, 3, 3), (3, 2, 3, 3)),
        (DECODER, "8.bias", (5,), (4,)),
    ],
)
def test_wrong_shape(kind, name, shape, expected):
    state = small(kind) | {name: np.zeros(shape, "float32")}
    assert f"has {name} of shape {shape}, expected {expected}" in refusal(kind, state)


@pytest.mark.parametrize("kind", ADAIN)
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(kind, value):
    state = small(kind)
    state["25.bias"][1] = value
    assert "has NaN or infinity in 25.bias" in refusal(kind, state)


def test_unknown_kind():
    assert "Did you mean 'adain/decoder'?" in refusal("adain/decode", {})


def test_a_file_that_is_not_there(tmp_path):
    assert "nowhere.pth" in refusal(ENCODER, tmp_path / "nowhere.pth")


def test_a_file_of_another_network_is_named():
    path = GOLDEN / "latest_net_G_A.pth"
    assert refusal(DECODER, path).startswith(f"{path} looks like a network of CycleGAN")
