"""pix2pix's networks and one whole step against PyTorch (tests/golden/README.md).

One step gives every number, so the module makes it once.
"""

import json
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from gan.importers import import_network
from gan.pix2pix.algorithm import Pix2Pix
from gan.pix2pix.config import Pix2PixConfig

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = {"G": "pix2pix/unet_generator", "D": "pix2pix/patch_discriminator"}
RUNNING = ("running_mean", "running_var")


def golden(name):
    with np.load(GOLDEN / f"pix2pix_{name}.npz") as file:
        return dict(file)


def part(arrays, prefix):
    """The arrays whose name starts with `prefix`, without it, in the file's order."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def nhwc(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def close(found, wanted, atol, name=""):
    wanted = wanted.transpose(2, 3, 1, 0) if wanted.ndim == 4 and found.ndim == 4 else wanted
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol, err_msg=name)


@pytest.mark.parametrize("mode", ["eval", "train"])
def test_generator_output(mode):
    arrays = golden("unet_generator")
    state = part(arrays, "state/")
    network = import_network(KINDS["G"], state, ngf=4, num_downs=5)
    output = numpy(network(nhwc(arrays["input"]), training=mode == "train"))
    expected = nhwc(arrays[f"output_{mode}"])
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(output, expected, rtol=0, atol=1e-4)


def initial_state(reference):
    """As tests/golden/README.md says: `{"G.<name>": array, …}`."""
    rng, state = np.random.default_rng(int(reference["recipe_seed"])), {}
    for name, shape in json.loads(str(reference["names"])):
        value = rng.standard_normal(shape).astype("float32")
        if len(shape) > 1:
            value /= np.float32(np.sqrt(np.prod(shape[1:])))
        elif name.endswith("running_var"):
            value = np.abs(value) + np.float32(0.5)
        else:
            value = value * np.float32(0.1) + np.float32(name.endswith("weight"))
        state[name] = value
    return state


def imported(reference):
    state = initial_state(reference)
    return {short: import_network(kind, part(state, f"{short}.")) for short, kind in KINDS.items()}


def test_networks_with_running_statistics():
    reference = golden("step")
    networks = imported(reference)
    A, B = nhwc(reference["A"]), nhwc(reference["B"])
    fake = numpy(networks["G"](A))
    np.testing.assert_allclose(fake, nhwc(reference["eval_fake"]), rtol=0, atol=1e-4)
    logits = numpy(networks["D"](np.concatenate([A, B], -1)))
    np.testing.assert_allclose(logits, nhwc(reference["eval_logits"]), rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def step():
    """`(reference arrays, logs, algorithm, official names by network)` after one step."""
    reference = golden("step")
    sizes = {name: int(reference[name]) for name in ("ngf", "num_downs", "ndf", "n_layers")}
    config = Pix2PixConfig(dropout=False, **sizes)
    assert (config.lambda_gan, config.lambda_L1, config.learning_rate) == (1, 100, 2e-4)
    algorithm = Pix2Pix(config, size=32, batch_size=2)
    for short, network in imported(reference).items():
        algorithm.networks[short].set_weights(network.get_weights())
    batch = engine.shard({domain: nhwc(reference[domain]) for domain in "AB"})
    logs = {name: float(value) for name, value in algorithm.step(batch, 0).items()}
    return reference, logs, algorithm


def in_our_order(named, network):
    """Pairs of an official name and our variable; both go layer by layer from input to output."""
    layers = [layer for layer in network.layers if layer.weights]
    names = list(dict.fromkeys(name.rsplit(".", 1)[0] for name in named))
    assert len(names) == len(layers)
    for name, layer in zip(names, layers, strict=True):
        if hasattr(layer, "gamma"):
            yield f"{name}.weight", layer.gamma
            yield f"{name}.bias", layer.beta
            yield f"{name}.running_mean", layer.moving_mean
            yield f"{name}.running_var", layer.moving_variance
        else:
            yield f"{name}.weight", layer.kernel
            if layer.use_bias:
                yield f"{name}.bias", layer.bias


def test_step_losses(step):
    reference, logs, _ = step
    assert set(logs) == {"loss/D", "loss/G", "loss/G_GAN", "loss/G_L1"}
    for name in ("D", "G_GAN", "G_L1"):
        assert logs[f"loss/{name}"] == pytest.approx(reference[f"loss_{name}"], rel=1e-5), name


@pytest.mark.parametrize("short", KINDS)
def test_step_gradients(step, short):
    """The first moment of Adam after one step is half of the gradient (beta_1 = 0.5)."""
    reference, _, algorithm = step
    wanted = part(reference, f"grad/{short}.")
    (phase,) = (p for p in algorithm.phases if p.name == short)
    momenta = [v for v in phase.optimizer.variables if v.name.endswith("_momentum")]
    moments = dict(zip(map(id, phase.variables), momenta, strict=True))
    found = {
        name: 2 * numpy(moments[id(v)])
        for name, v in in_our_order(part(reference, f"after/{short}."), algorithm.networks[short])
        if not name.endswith(RUNNING)
    }
    assert set(found) == set(wanted)
    for name, gradient in found.items():
        largest = np.abs(wanted[name]).max()
        assert largest > 1e-3, name
        close(gradient, wanted[name], 1e-3 * largest, name)


@pytest.mark.parametrize("short", KINDS)
def test_step_weights_and_statistics(step, short):
    """Adam's first step is 2e-4 in the direction of the gradient's sign, which rounding decides
    where the gradient is almost 0."""
    reference, _, algorithm = step
    before, after = part(initial_state(reference), f"{short}."), part(reference, f"after/{short}.")
    gradients = part(reference, f"grad/{short}.")
    seen = set()
    for name, variable in in_our_order(after, algorithm.networks[short]):
        found, wanted = numpy(variable), after[name]
        assert np.abs(wanted - before[name]).max() > 1e-4, name
        seen.add(name)
        if name.endswith(RUNNING):
            np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-6, err_msg=name)
            continue
        size = np.abs(gradients[name])
        sure = (size > 1e-3 * size.max()) | (size == 0)  # 0: at 2x2 pixels a kernel's border
        if wanted.ndim == 4:
            wanted, sure = wanted.transpose(2, 3, 1, 0), sure.transpose(2, 3, 1, 0)
        assert sure.mean() > 0.9, name
        np.testing.assert_allclose(found[sure], wanted[sure], rtol=0, atol=5e-7, err_msg=name)
    assert seen == set(after)
