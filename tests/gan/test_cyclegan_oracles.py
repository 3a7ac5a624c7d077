"""CycleGAN's networks, losses and gradients against the official layers (tests/golden/README.md).

One run of the step gives every number, so the module runs it once.
"""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from gan.cyclegan.algorithm import CycleGAN
from gan.cyclegan.config import CycleGANConfig
from gan.importers import import_network

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
NETWORKS = {"GA": "G_A", "GB": "G_B", "DA": "D_A", "DB": "D_B"}
KINDS = {"G": "cyclegan/resnet_generator", "D": "cyclegan/patch_discriminator"}
LOSSES = ("D_A", "D_B", "G_A", "G_B", "cycle_A", "cycle_B", "idt_A", "idt_B")
# the bias of these convolutions reaches the loss; all others are undone by instance normalisation
LIVE_BIASES = {"G": ("model.18.bias",), "D": ("model.0.bias", "model.11.bias")}


def golden(name):
    with np.load(GOLDEN / f"cyclegan_{name}.npz") as file:
        return dict(file)


def part(arrays, prefix):
    """The arrays whose name starts with `prefix`, without it, in the file's order."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def nhwc(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def in_keras_layout(x):
    return x.transpose(2, 3, 1, 0) if x.ndim == 4 else x


def to_numpy(tree):
    if isinstance(tree, dict):
        return {k: to_numpy(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [to_numpy(x) for x in tree]
    return np.array(ops.convert_to_numpy(tree))


@pytest.mark.parametrize(
    ("name", "kind"), [("resnet_generator", KINDS["G"]), ("patch_discriminator", KINDS["D"])]
)
def test_network_output(name, kind):
    arrays = golden(name)
    network = import_network(kind, part(arrays, "state/"))
    output = to_numpy(network(nhwc(arrays["input"])))
    assert np.abs(arrays["output"]).max() > 0.1
    np.testing.assert_allclose(output, nhwc(arrays["output"]), rtol=0, atol=1e-4)


@pytest.fixture(scope="module")
def step():
    """`(reference arrays, (logs, fakes, gradients))` of one compiled step without updates."""
    reference = golden("step")
    config = CycleGANConfig(ngf=4, n_blocks=1, ndf=4, n_layers=3)
    assert (config.lambda_A, config.lambda_B, config.lambda_identity) == (10, 10, 0.5)
    cyclegan = CycleGAN(config, size=64)
    for short, name in NETWORKS.items():
        imported = import_network(KINDS[name[0]], part(reference, f"state/{short}."))
        cyclegan.networks[name].set_weights(imported.get_weights())

    def differentiate(batch):
        logs, gradients = {}, {}
        for phase in cyclegan.phases:

            def loss_fn(phase=phase, batch=batch):
                loss, logs, outputs = phase.loss(batch)
                return loss, (logs, outputs)

            (_, (new, outputs)), found = engine.value_and_grad(loss_fn, phase.variables)
            logs |= new
            batch = batch | outputs
            gradients[phase.name] = list(found)
        return logs, {"A": batch["fake_A"], "B": batch["fake_B"]}, gradients

    compiled = engine.compile(differentiate, cyclegan.variables())
    batch = engine.shard({"A": nhwc(reference["A"]), "B": nhwc(reference["B"])})
    logs, fakes, by_phase = map(to_numpy, compiled(batch))
    by_variable = {
        id(v): gradient
        for phase in cyclegan.phases
        for v, gradient in zip(phase.variables, by_phase[phase.name], strict=True)
    }
    gradients = {
        short: [by_variable[id(v)] for v in cyclegan.networks[name].trainable_variables]
        for short, name in NETWORKS.items()
    }
    return reference, (logs, fakes, gradients)


def test_step_fakes(step):
    reference, (_, fakes, _) = step
    for domain in "AB":
        expected = nhwc(reference[f"fake_{domain}"])
        np.testing.assert_allclose(fakes[domain], expected, rtol=0, atol=1e-4)


def test_step_losses(step):
    reference, (logs, _, _) = step
    assert set(logs) == {f"loss/{name}" for name in LOSSES}
    for name in LOSSES:
        assert logs[f"loss/{name}"] == pytest.approx(reference[f"loss_{name}"], abs=1e-4), name


@pytest.mark.parametrize("network", NETWORKS)
def test_step_gradients(step, network):
    reference, (_, _, gradients) = step
    expected = part(reference, f"grad/{network}.")
    assert list(expected) == list(part(reference, f"state/{network}."))
    for (name, wanted), found in zip(expected.items(), gradients[network], strict=True):
        wanted, largest = in_keras_layout(wanted), np.abs(wanted).max()
        if name.endswith("bias") and name not in LIVE_BIASES[network[0]]:
            # 0 in exact arithmetic; the kernels' gradients are of the size of 0.1 to 1
            assert largest < 1e-6, name
            np.testing.assert_allclose(found, 0, rtol=0, atol=1e-5, err_msg=name)
        else:
            assert largest > 0.05, name
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-3 * largest, err_msg=name)
