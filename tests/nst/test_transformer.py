"""The transformer: as the official code computes it, files of it, and norms of many styles."""

import json
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from nst.importers import guess_config, import_network
from nst.transformer import StyleNorm, transformer

GOLDEN = Path(__file__).parents[1] / "golden"
KIND = "johnson/transformer"
SMALL = {"width": 1 / 32}


def load(name):
    """`(state, arrays)`: the weights as the file's recipe makes them, and what else it holds."""
    with np.load(GOLDEN / f"johnson_{name}.npz") as file:
        arrays = dict(file)
    random, state = np.random.default_rng(int(arrays.pop("recipe_seed"))), {}
    for key, shape in json.loads(str(arrays.pop("names"))):
        value = random.standard_normal(shape).astype("float32")
        scale = 1 / np.sqrt(np.prod(shape[1:])) if len(shape) > 1 else 0.1
        state[key] = value * np.float32(scale)
        if len(shape) == 1 and key.endswith("weight"):
            state[key] += np.float32(1)
    return state, {key: value.transpose(0, 2, 3, 1) for key, value in arrays.items()}


@pytest.mark.backends
@pytest.mark.parametrize("name", ["transformer", "original"])
def test_a_file_computes_what_its_code_does(name):
    state, arrays = load(name)
    network = import_network(KIND, state)
    found = ops.convert_to_numpy(network(arrays["input"]))
    assert np.abs(found - arrays["output"]).max() < 1e-4 * np.abs(arrays["output"]).max()


def test_running_statistics_of_old_files_are_passed_over():
    state, arrays = load("transformer")
    old = state | {"in1.running_mean": np.zeros(32), "res2.in1.running_var": np.ones(128)}
    found = import_network(KIND, old)(arrays["input"])
    np.testing.assert_array_equal(found, import_network(KIND, state)(arrays["input"]))


def test_batch_norm_of_the_authors_file():
    """The same network with running statistics: gamma (x - mean) / root(variance + 1e-5) + beta."""
    state, arrays = load("original")
    norms = [k.removesuffix(".bias") for k, v in state.items() if k.endswith(".bias")][1:-1:2]
    random = np.random.default_rng(0)
    for name in norms:
        shape = state[f"{name}.bias"].shape
        state[f"{name}.running_mean"] = random.normal(size=shape).astype("float32")
        state[f"{name}.running_var"] = random.uniform(0.5, 2, shape).astype("float32")
        state[f"{name}.num_batches_tracked"] = np.array(7)
    network = import_network(KIND, state)
    (norm, *_) = [x for x in network.layers if isinstance(x, keras.layers.BatchNormalization)]
    np.testing.assert_array_equal(norm.moving_variance, state[f"{norms[0]}.running_var"])
    np.testing.assert_array_equal(norm.gamma, state[f"{norms[0]}.weight"])
    assert network(arrays["input"]).shape == arrays["output"].shape


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_scales_begin_uniform_where_torch_does(norm):
    spread = [np.std(layer.gamma) for layer in transformer(norm=norm, gamma="uniform").layers
              if hasattr(layer, "gamma")]  # fmt: skip
    assert len(spread) == 15 and all(0.2 < s < 0.4 for s in spread)


def test_what_a_file_tells():
    assert guess_config(KIND, load("transformer")[0]) == {"width": 1.0}
    assert guess_config(KIND, load("original")[0]) == {
        "width": 1 / 8, "norm": "instance", "padding": "start", "upsampling": "transposed",
        "output": "tanh",
    }  # fmt: skip


def test_another_network_is_refused():
    state, _ = load("transformer")
    del state["conv1.conv2d.weight"]
    with pytest.raises(InputError, match="no transformer of Johnson"):
        import_network(KIND, state)
    state, _ = load("transformer")
    del state["in4.bias"]
    with pytest.raises(InputError, match=r"missing: in4\.bias"):
        import_network(KIND, state)


def test_parameters_of_the_published_sizes():
    assert transformer().count_params() == 1_679_235
    many = transformer(styles=32, conditional=True, output="sigmoid")
    pairs = 32 + 64 + 128 + 10 * 128 + 64 + 32 + 3
    biases_and_one_style = 1603 + 2 * 1600  # the last convolution of the other has no norm
    assert many.count_params() == 1_679_235 - biases_and_one_style + 32 * 2 * pairs


@pytest.mark.parametrize("options", [
    {}, {"padding": "start", "upsampling": "transposed", "output": "tanh"}, {"norm": "batch"},
])  # fmt: skip
def test_sizes_come_out_as_they_went_in(options):
    network = transformer(**SMALL, **options)
    assert network(np.zeros((1, 48, 60, 3), "float32")).shape == (1, 48, 60, 3)


def test_tanh_is_about_the_mean():
    """Of levels: 150 to each side."""
    network = transformer(**SMALL, output="tanh", norm="batch")
    network.layers[-3].set_weights([w * 1e6 for w in network.layers[-3].get_weights()])
    found = ops.convert_to_numpy(network(np.random.default_rng(0).uniform(0, 255, (1, 16, 16, 3))))
    ends = np.array([123.68, 116.779, 103.939])[:, None] + np.array([-150, 150])
    for channel in range(3):
        distance = np.abs(found[..., channel, None] - ends[channel]).min(-1)
        assert np.median(distance) < 1e-2


def rows(layer, *tables):
    for variable, table in zip((layer.gamma, layer.beta), tables, strict=True):
        variable.assign(table)


@pytest.mark.backends
@pytest.mark.parametrize("rate", [1, 4])
def test_style_norm_is_equation_5(rate):
    random = np.random.default_rng(0)
    x = random.normal(3, 2, (2, 6, 5, 4)).astype("float32")
    layer = StyleNorm(styles=3, rate=rate)
    layer.build((None, None, None, 4))
    np.testing.assert_array_equal(rate * ops.convert_to_numpy(layer.gamma), 1)
    gamma, beta = random.normal(size=(2, 3, 4)).astype("float32")
    rows(layer, gamma / rate, beta / rate)
    weights = np.array([[0, 1, 0], [0.25, 0, 0.75]], "float32")
    z = (x - x.mean((1, 2), keepdims=True)) / np.sqrt(x.var((1, 2), keepdims=True) + 1e-5)
    expected = z * (weights @ gamma)[:, None, None] + (weights @ beta)[:, None, None]
    np.testing.assert_allclose(layer(x, weights), expected, rtol=1e-4, atol=1e-4)


def test_added_styles_are_variables_of_their_own():
    layer = StyleNorm(styles=2, added=1)
    layer.build((None, None, None, 4))
    layer.new_beta.assign(np.full((1, 4), 7.0))
    x = np.random.default_rng(0).normal(size=(1, 4, 4, 4)).astype("float32")
    old, new = (ops.convert_to_numpy(layer(x, row[None])) for row in np.eye(3, dtype="float32")[1:])
    np.testing.assert_allclose(new - old, 7, rtol=1e-5)
