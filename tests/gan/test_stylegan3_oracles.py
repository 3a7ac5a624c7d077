"""StyleGAN3's schedule, filters, layers and generators against the official PyTorch code."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from core.importing import _fill_rows
from gan.importers import guess_config, import_network
from gan.nvidia_exporters import settings, state_dict
from gan.nvidia_importers import CONVOLUTION, DENSE, SAME, dense_rows
from gan.stylegan3.filters import radial_lowpass
from gan.stylegan3.layers import FilteredLayer, FourierFeatures, filtered_leaky_relu, filters
from gan.stylegan3.schedule import LayerPlan, Schedule

both = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
PICKLE = GOLDEN / "nvidia_pickle_stylegan3_t.pkl"
CONFIGS = pytest.mark.parametrize("config", ["t", "r"])


def load(name):
    with np.load(GOLDEN / f"{name}.npz") as file:
        return dict(file)


@pytest.fixture(scope="module")
def layers():
    return load("stylegan3_layers")


def part(arrays, prefix):
    found = {k: v for k, v in arrays.items() if k.startswith(prefix)}
    return {k.removeprefix(prefix): v for k, v in found.items()}


def nhwc(array):
    return np.ascontiguousarray(array.transpose(0, 2, 3, 1))


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def assert_near(found, expected, rel):
    """Within a fraction of the largest entry."""
    atol = rel * np.abs(expected).max()
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=atol)


def compiled(network, *arrays, **options):
    """Its result; eager layers take JAX long."""
    call = engine.compile(lambda *rows: network(*rows, **options), network.variables)
    return numpy(call(*map(ops.convert_to_tensor, arrays)))


NAMES = {
    "in_sampling_rate": "in_rate", "out_sampling_rate": "out_rate",
    "tmp_sampling_rate": "inner_rate", "conv_kernel": "kernel_size", "is_torgb": "to_rgb",
    "down_radial": "radial", "up_factor": "up", "down_factor": "down",
}  # fmt: skip
NAMES |= {
    name: name
    for name in ("in_cutoff", "out_cutoff", "in_half_width", "out_half_width", "up_taps",
                 "down_taps", "in_channels", "out_channels", "in_size", "out_size")
}  # fmt: skip


@CONFIGS
def test_the_schedule_and_the_filters_of_all_layers(layers, config):
    base = int(layers[f"channel_base_{config}"])
    plans = Schedule(64, config, channel_base=base, channel_max=12).layers()
    for official, ours in NAMES.items():
        found = [float(getattr(plan, ours)) for plan in plans]
        np.testing.assert_allclose(found, layers[f"{config}/table/{official}"], rtol=1e-12)
    table = part(layers, f"{config}/table/")
    paddings = zip(table["padding_lo"], table["padding_hi"], strict=True)
    assert [plan.padding for plan in plans] == list(paddings)
    assert [plan.name for plan in plans] == list(table["names"])
    for plan in plans:
        for name, taps in zip(("up", "down"), filters(plan), strict=True):
            expected = layers.get(f"{config}/{name}_filter/{plan.index}")
            assert (taps is None) == (expected is None)
            if taps is not None:
                np.testing.assert_allclose(taps, expected, rtol=0, atol=1e-7)


def test_an_odd_radial_filter_has_a_middle():
    taps = radial_lowpass(5, 4.0, 3.0, 32.0)
    assert np.isfinite(taps).all() and taps.argmax() == 12 and abs(taps.sum() - 1) < 1e-12


def layer_of(layers, config, name):
    """A layer with the weights of the oracle, and that part of the oracle."""
    found = part(layers, f"{config}/{name}/")
    state = part(found, "state/")
    out_channels, in_channels, size, _ = state["weight"].shape
    numbers = ("in_size", "out_size", "in_cutoff", "out_cutoff", "in_half_width", "out_half_width")
    rates = int(found["in_sampling_rate"]), int(found["out_sampling_rate"])
    plan = LayerPlan(
        index=0, in_channels=in_channels, out_channels=out_channels, in_rate=rates[0],
        out_rate=rates[1], inner_rate=rates[0] * int(found["up_factor"]), stopband=0.0,
        kernel_size=size, taps=6, to_rgb=bool(found["is_torgb"]),
        radial=state.get("down_filter", np.empty(0)).ndim == 2,
        **{name: found[name].item() for name in numbers},
    )  # fmt: skip
    assert plan.padding == tuple(found["padding"][:2])
    layer = FilteredLayer(plan, 12)
    rows = [("weight", layer.kernel, CONVOLUTION), *dense_rows("affine", layer.affine)]
    rows += [("bias", layer.bias, SAME), ("magnitude_ema", layer.magnitude, SAME)]
    _fill_rows(rows, {k: v for k, v in state.items() if "filter" not in k})
    return layer, found


@CONFIGS
@pytest.mark.parametrize("name", ["layer_up4", "layer_last", "layer_torgb"])
def test_a_layer(layers, config, name):
    layer, oracle = layer_of(layers, config, name)
    found = compiled(layer, nhwc(oracle["x"]), oracle["w"])
    np.testing.assert_allclose(found, nhwc(oracle["y"]), rtol=0, atol=3e-5)


@both
@CONFIGS
def test_the_filtered_leaky_relu_and_its_gradient(layers, config):
    layer, _ = layer_of(layers, config, "layer_up4")
    oracle = part(layers, f"{config}/filtered_lrelu_clamp_2_5/")
    options = {"up": 4, "down": 2, "padding": layer.plan.padding, "clamp": 2.5}

    def of(x, bias):
        return filtered_leaky_relu(x, bias, layer.up_filter, layer.down_filter, **options)

    def gradients(x, bias):
        def loss(x):
            return ops.mean(ops.square(of(x, bias)))

        by_bias = engine.input_grad(lambda b: ops.mean(ops.square(of(x, b))), bias)
        return of(x, bias), engine.input_grad(loss, x), by_bias

    arrays = ops.convert_to_tensor(nhwc(oracle["x"])), ops.convert_to_tensor(oracle["b"])
    found = engine.compile(gradients, [])(*arrays)
    np.testing.assert_allclose(numpy(found[0]), nhwc(oracle["y"]), rtol=0, atol=3e-5)
    assert_near(found[1], nhwc(oracle["grad_mean_square_x"]), 1e-5)
    assert_near(found[2], oracle["grad_mean_square_b"], 1e-5)


@both
@CONFIGS
def test_the_gradient_of_the_gradient(layers, config):
    """Without a bias, twice the x gives twice the result, kinks or not: so the second derivative
    of half the sum of squares, along x, is that sum."""
    layer, _ = layer_of(layers, config, "layer_last")
    options = {"up": 2, "down": 2, "padding": layer.plan.padding, "clamp": 256.0}
    side = layer.plan.in_size + layer.plan.kernel_size - 1
    x = np.random.default_rng(0).normal(size=(1, side, side, 1)).astype("float32")
    bias = ops.zeros((1,))

    def of(x):
        return filtered_leaky_relu(x, bias, layer.up_filter, layer.down_filter, **options)

    def twice(x):
        def along(y):
            slope = engine.input_grad(lambda y: ops.sum(ops.square(of(y))) / 2, y)
            return ops.sum(slope * ops.stop_gradient(x))

        return ops.sum(engine.input_grad(along, x) * x), ops.sum(ops.square(of(x)))

    found, expected = map(numpy, engine.compile(twice, [])(ops.convert_to_tensor(x)))
    assert expected > 1 and abs(found - expected) < 1e-4 * expected


@both
@pytest.mark.parametrize("kind", ["identity", "rigid", "scaled"])
def test_the_fourier_features(layers, kind):
    oracle = part(layers, "input/")
    schedule = Schedule(32, channel_base=64, channel_max=3)
    features = FourierFeatures(schedule, 12)
    rows = [("weight", features.kernel, DENSE), *dense_rows("affine", features.affine)]
    rows += [(name, getattr(features, name), SAME) for name in ("transform", "freqs", "phases")]
    _fill_rows(rows, part(oracle, "state/"))
    transform = oracle[f"transform_{kind}"]
    found = compiled(features, oracle["w"], transform=transform)
    np.testing.assert_allclose(found, nhwc(oracle[f"y_{kind}"]), rtol=0, atol=3e-5)
    if kind == "rigid":  # one for each picture, and as the network's own
        several = np.stack([np.eye(3, dtype="float32"), transform])
        mixed = compiled(features, oracle["w"], transform=several)
        np.testing.assert_allclose(mixed[1], found[1], atol=1e-6)
        np.testing.assert_allclose(mixed[0], nhwc(oracle["y_identity"])[0], rtol=0, atol=3e-5)
        features.transform.assign(transform)
        np.testing.assert_allclose(compiled(features, oracle["w"]), found, atol=1e-6)


def imported(config):
    oracle = load(f"stylegan3_{config}_generator")
    state = part(oracle, "state/")
    given = {"resolution": 32, "z_dim": 32, "c_dim": 0, "w_dim": 24, "mapping_layers": 2,
             "num_layers": 6, "channel_base": 512, "channel_max": 24}  # fmt: skip
    network = import_network("stylegan3/generator", dict(state), config=config, **given)
    return oracle, state, network, given


@both
@CONFIGS
def test_a_generator(config):
    oracle, state, network, given = imported(config)
    np.testing.assert_allclose(compiled(network.mapping, oracle["z"]), oracle["ws"], atol=1e-5)
    made = compiled(network.synthesis, oracle["ws"], noise="const")
    assert_near(made, nhwc(oracle["image"]), 1e-5)
    told = guess_config("stylegan3/generator", dict(state))
    assert told | {"config": config} == told
    assert {k: told[k] for k in told if k in given} == {k: given[k] for k in told if k in given}
    written = state_dict(network)
    assert set(written) == set(state)
    for name, value in state.items():
        np.testing.assert_allclose(written[name], value, atol=1e-7, err_msg=name)
    expected = {"img_resolution": 32, "num_layers": 6, "channel_base": 512, "channel_max": 24}
    assert expected.items() <= settings(network).items()


@both
def test_moving_means(layers):
    """The mean squares of features and the mean of w, in one pass as in training."""
    state = part(layers, "metric_r/state/")
    betas = {"magnitude_ema_beta": float(layers["ema_r/beta_magnitude"])}
    network = import_network("stylegan3/generator", state, **betas)
    network.mapping.config["w_avg_beta"] = float(layers["ema_r/beta_w_avg"])

    def train(z):
        w = network.mapping.w(z)
        network.mapping.update_mean(w)
        return network.synthesis(network.mapping.styles(w), update=True)

    z = ops.convert_to_tensor(layers["metric_r/z"][0])
    image = engine.compile(train, network.variables)(z)
    assert_near(image, nhwc(layers["ema_r/image"]), 3e-5)
    assert_near(network.mapping.w_avg, layers["ema_r/w_avg"], 1e-5)
    found = np.array([numpy(layer.magnitude) for layer in network.synthesis.blocks])
    assert_near(found, layers["ema_r/magnitude_ema"], 1e-5)


def test_the_pickle():
    oracle = load("nvidia_pickle_stylegan3_t")
    network = import_network("stylegan3/generator", PICKLE)
    synthesis = engine.compile(network.synthesis, network.variables)
    assert_near(synthesis(network.mapping(oracle["z"])), nhwc(oracle["image"]), 1e-5)
    ws = network.mapping(oracle["z"], truncation_psi=0.7)
    assert_near(synthesis(ws), nhwc(oracle["image_truncation_0_7"]), 1e-5)
    judge = import_network("stylegan3/discriminator", PICKLE)
    logits = compiled(judge, nhwc(oracle["input"]))
    np.testing.assert_allclose(logits, oracle["logits"], rtol=0, atol=1e-5)
    config = network.synthesis.config
    assert config["magnitude_ema_beta"] == 0.9997227795604651
    assert (config["channel_base"], config["channel_max"]) == (128, 12)
