"""Official state dicts of pix2pix, and what is refused."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from gan.importers import guess_config, import_network

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
GENERATOR, DISCRIMINATOR = "pix2pix/unet_generator", "pix2pix/patch_discriminator"
INNERMOST = "model.model.1.model.3.model.3.model.3.model"


def unet():
    with np.load(GOLDEN / "pix2pix_unet_generator.npz") as file:
        return {k.removeprefix("state/"): file[k] for k in file if k.startswith("state/")}


def patch(n_layers=2, ndf=2, channels=6):
    """A discriminator's state of random numbers."""
    rng, widths = np.random.default_rng(0), [ndf * min(2**i, 8) for i in range(n_layers + 1)]
    state = {"model.0.weight": rng.normal(size=(ndf, channels, 4, 4)), "model.0.bias": np.ones(ndf)}
    for i in range(n_layers):
        shape = (widths[i + 1], widths[i], 4, 4)
        state[f"model.{2 + 3 * i}.weight"] = rng.normal(size=shape)
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"model.{3 + 3 * i}.{part}"] = rng.uniform(1, 2, widths[i + 1])
        state[f"model.{3 + 3 * i}.num_batches_tracked"] = np.array(7)
    last = 2 + 3 * n_layers
    state[f"model.{last}.weight"] = rng.normal(size=(1, widths[-1], 4, 4))
    return state | {f"model.{last}.bias": np.ones(1)}


def refusal(kind, state, **config):
    with pytest.raises(InputError) as caught:
        import_network(kind, state, **config)
    return str(caught.value)


def test_guess_config():
    expected = {"ngf": 4, "num_downs": 5, "in_channels": 3, "out_channels": 3}
    assert guess_config(GENERATOR, unet()) == expected
    assert guess_config(DISCRIMINATOR, patch(3)) == {"ndf": 2, "n_layers": 3, "channels": 6}


@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_depth_of_the_discriminator(n_layers):
    network = import_network(DISCRIMINATOR, patch(n_layers), n_layers=n_layers)
    logits = network(np.zeros((1, 64, 64, 6), "float32"))
    assert logits.shape[1] == 64 // 2**n_layers - 2


def deeper():
    """A block more inside: 6 halvings, the least that have dropout."""
    state, inner, width = unet(), f"{INNERMOST}.3.model", 32
    moved = {k: v for k, v in state.items() if k.startswith(INNERMOST)}
    state = {k: v for k, v in state.items() if k not in moved}
    state |= {k.replace(INNERMOST, inner): v for k, v in moved.items()}
    state[f"{INNERMOST}.1.weight"] = np.zeros((width, width, 4, 4), "float32")
    state[f"{INNERMOST}.5.weight"] = np.ones((2 * width, width, 4, 4), "float32")
    for layer in "26":
        for part in ("weight", "bias", "running_mean", "running_var"):
            state[f"{INNERMOST}.{layer}.{part}"] = np.ones(width, "float32")
    return state


def test_dropout_is_a_choice():
    """A file does not tell. Without, training=True is the published network with --no_dropout."""

    def dropouts(**config):
        layers = import_network(GENERATOR, deeper(), num_downs=6, **config).layers
        return sum(isinstance(layer, keras.layers.Dropout) for layer in layers)

    assert dropouts() == dropouts(dropout=None) == dropouts(dropout=False) == 0
    assert dropouts(dropout=True) == 1
    network = import_network(GENERATOR, deeper())
    x = np.float32(np.random.default_rng(0).uniform(-1, 1, (1, 64, 64, 3)))
    one, two = (np.array(ops.convert_to_numpy(network(x, training=True))) for _ in "ab")
    np.testing.assert_array_equal(one, two)


def test_unknown_hyper_parameter():
    message = refusal(GENERATOR, unet(), drop=True)
    assert "has no drop; expected ngf, num_downs, in_channels, out_channels, dropout" in message


def test_prefix_and_other_float_types():
    state = {f"module.{name}": value.astype("float64") for name, value in unet().items()}
    network = import_network(GENERATOR, state)
    assert {w.dtype for w in network.weights} == {"float32"}


def test_counters_of_batches_are_dropped_or_missing():
    state = {k: v for k, v in unet().items() if not k.endswith("num_batches_tracked")}
    import_network(GENERATOR, state)


def test_sizes_that_do_not_agree():
    message = refusal(GENERATOR, unet(), ngf=64, num_downs=8)
    assert "asked for ngf=64, num_downs=8: pass ngf=4, num_downs=5, or leave it out" in message
    assert "pass n_layers=2" in refusal(DISCRIMINATOR, patch(), n_layers=3)


def test_other_networks():
    found = "looks like {}; expected {}".format
    u_net = "a U-Net generator (names starting with model.model.)"
    discriminator = "a PatchGAN discriminator (layers named model.0, model.2, model.5, ...)"
    assert found(discriminator, u_net) in refusal(GENERATOR, patch())
    assert found(u_net, discriminator) in refusal(DISCRIMINATOR, unet())
    resnet = {"model.10.conv_block.1.weight": np.zeros((4, 4, 3, 3), "float32")}
    for kind in (GENERATOR, DISCRIMINATOR):
        assert "looks like a ResNet generator" in refusal(kind, resnet)
        assert "no network known here (its names are none)" in refusal(kind, {})


def test_instance_norm():
    """Its layers have no weights, and the convolutions have biases."""
    for kind, state in ((GENERATOR, unet()), (DISCRIMINATOR, patch())):
        state = {k: v for k, v in state.items() if v.ndim == 4}
        message = refusal(kind, state)
        assert "no weights at its normalisation layers" in message
        assert "expected batch normalisation (--norm batch)" in message


@pytest.mark.parametrize(
    "name", ["model.model.0.weight", "model.model.3.bias", f"{INNERMOST}.4.running_var"]
)
def test_missing_array(name):
    state = unet()
    del state[name]
    assert f"arrays expected (missing: {name}; unknown: none)" in refusal(GENERATOR, state)


def test_unknown_arrays():
    state = patch() | {"model.2.bias": np.ones(4)}
    assert "missing: none; unknown: model.2.bias" in refusal(DISCRIMINATOR, state)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_statistics_that_are_not_finite(value):
    state = unet()
    name = "model.model.1.model.2.running_var"
    state[name] = np.full_like(state[name], value)
    assert f"has NaN or infinity in {name}" in refusal(GENERATOR, state)


def test_wrong_shapes():
    name = "model.model.1.model.6.running_mean"
    state = unet() | {name: np.zeros(5, "float32")}
    assert f"has {name} of shape (5,), expected (4,)" in refusal(GENERATOR, state)
