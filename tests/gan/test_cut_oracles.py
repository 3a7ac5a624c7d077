"""CUT's and FastCUT's networks, losses, gradients and one whole step against the official code
(tests/golden/README.md).

One step gives every number, so each is made once.
"""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from gan.cut.algorithm import CUT
from gan.cut.config import CUTConfig
from gan.importers import import_network

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
KINDS = {"G": "cut/generator", "D": "cut/discriminator", "F": "cut/patch_mlp"}
KEYWORDS = {"G": ("ngf", "n_blocks"), "D": ("ndf", "n_layers_D"), "F": ("netF_nc", "nce_layers")}
FAST = {"lambda_nce": 10.0, "nce_idt": False, "flip_equivariance": True}
# the phase that trains each network
PHASES = {"D": "D", "G": "G", "F": "G"}


def part(arrays, prefix):
    """The arrays whose name starts with `prefix`, without it, in the file's order."""
    return {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}


def golden(prefix=""):
    """The arrays of CUT, or those of FastCUT, and the numbers that both have."""
    with np.load(GOLDEN / "cut_step.npz") as file:
        arrays = dict(file)
    return arrays | part(arrays, prefix)


def nhwc(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def in_keras_layout(x):
    return x.transpose(2, 3, 1, 0) if x.ndim == 4 else x.T


def imported(reference, short):
    sizes = {name: reference[name] for name in KEYWORDS[short]}
    return import_network(KINDS[short], part(reference, f"state/{short}."), **sizes)


def named(short, network):
    """Our variables by their official name."""
    found, numbers = {}, {"G": [1, 4, 8, 0, 0, 0, 0, 15, 19, 23], "D": [0, 3, 7, 11, 14]}
    blocks = [f"model.{i}.conv_block.{k}" for i in (12, 13) for k in (1, 5)]
    for i, layer in enumerate(layer for layer in network.layers if layer.weights):
        if short == "F":
            name = layer.name.replace("mlp_", "mlp").replace("_", ".").replace("mlp", "mlp_")
        else:
            name = blocks[i - 3] if not numbers[short][i] and i else f"model.{numbers[short][i]}"
        found |= {f"{name}.weight": layer.kernel, f"{name}.bias": layer.bias}
    return found


@pytest.fixture(scope="module", params=["", "fastcut/"], ids=["CUT", "FastCUT"])
def step(request):
    """`(reference arrays, logs, algorithm)` after one step with the positions of the reference."""
    reference = golden(request.param)
    sizes = {name: int(reference[name]) for name in ("ngf", "ndf", "n_blocks", "num_patches")}
    sizes |= {"n_layers": int(reference["n_layers_D"]), "nce_width": int(reference["netF_nc"])}
    layers = tuple(int(i) for i in reference["nce_layers"])
    config = CUTConfig(nce_layers=layers, **sizes, **(FAST if request.param else {}))
    assert (config.lambda_gan, config.nce_T, config.learning_rate) == (1, 0.07, 2e-4)
    algorithm = CUT(config, size=32)
    for short in KINDS:
        algorithm.networks[short].set_weights(imported(reference, short).get_weights())
    drawn = iter([[reference[f"patch_ids/{xy}{i}"] for i in range(5)] for xy in "XY"])
    algorithm.draw = lambda shapes: [ops.convert_to_tensor(ids) for ids in next(drawn)]
    algorithm.toss = lambda: ops.convert_to_tensor(True)
    batch = engine.shard({domain: nhwc(reference[domain]) for domain in "AB"})
    logs = {name: float(value) for name, value in algorithm.step(batch, 0).items()}
    return reference, logs, algorithm


def test_generator_and_discriminator_output():
    reference = golden()
    fakes = numpy(imported(reference, "G")(nhwc(np.concatenate([reference["A"], reference["B"]]))))
    for fake, name in zip(fakes, ("fake_B", "idt_B"), strict=True):
        assert np.abs(reference[name]).max() > 0.1
        np.testing.assert_allclose(fake, nhwc(reference[name])[0], rtol=0, atol=5e-5)
    logits = numpy(imported(reference, "D")(nhwc(reference["B"])))
    assert reference["loss_D_real"] == pytest.approx(np.mean((logits - 1) ** 2), abs=5e-5)


def test_features_of_patches():
    """Those of the source and of the translation at the positions of the reference."""
    reference = golden()
    algorithm = CUT(
        CUTConfig(ngf=4, n_blocks=2, nce_layers=(0, 4, 8, 12, 13), nce_width=8, ndf=2), size=32
    )
    for short in "GF":
        algorithm.networks[short].set_weights(imported(reference, short).get_weights())
    positions = [ops.convert_to_tensor(reference[f"patch_ids/X{i}"]) for i in range(5)]
    for name, picture in (("feat_k", "A"), ("feat_q", "fake_B")):
        features = algorithm._features(ops.convert_to_tensor(nhwc(reference[picture])))
        found = algorithm._patches(features, positions)
        shapes = [(*x.shape[1:3], x.shape[3]) for x in features]
        assert shapes == [(h, w, c) for c, h, w in reference["feature_shapes"]]
        for i, feature in enumerate(found):
            wanted = reference[f"{name}/{i}"]
            np.testing.assert_allclose(numpy(feature)[0], wanted, rtol=0, atol=5e-5)


def test_step_losses(step):
    reference, logs, algorithm = step
    names = {"D", "G", "G_GAN", "NCE"} | ({"NCE_Y"} if algorithm.config.nce_idt else set())
    assert set(logs) == {f"loss/{name}" for name in names}
    for name in names:
        assert logs[f"loss/{name}"] == pytest.approx(reference[f"loss_{name}"], rel=1e-5), name


@pytest.mark.parametrize("short", KINDS)
def test_step_gradients(step, short):
    """The first moment of Adam after one step is half of the gradient (beta_1 = 0.5)."""
    reference, _, algorithm = step
    loss = "D" if short == "D" else "G"
    fast = algorithm.config.flip_equivariance
    wanted = part(reference, f"{'fastcut/' * fast}grad_loss_{loss}/{short}.")
    assert wanted or (fast and short == "D")
    (phase,) = (p for p in algorithm.phases if p.name == PHASES[short])
    momenta = [v for v in phase.optimizer.variables if v.name.endswith("_momentum")]
    moments = dict(zip(map(id, phase.variables), momenta, strict=True))
    for name, variable in named(short, algorithm.networks[short]).items():
        if name in wanted:
            gradient, expected = 2 * numpy(moments[id(variable)]), in_keras_layout(wanted[name])
            near = 3e-4 * np.abs(expected).max()
            np.testing.assert_allclose(gradient, expected, rtol=0, atol=near, err_msg=name)


@pytest.mark.parametrize("short", KINDS)
def test_step_weights(step, short):
    """Adam's first step is 2e-4 in the direction of the gradient's sign, which rounding decides
    where the gradient is almost 0."""
    reference, _, algorithm = step
    if algorithm.config.flip_equivariance:
        return  # the reference has CUT's alone
    gradients = part(reference, f"grad_loss_{PHASES[short]}/{short}.")
    after, before = part(reference, f"after/{short}."), part(reference, f"state/{short}.")
    variables = named(short, algorithm.networks[short])
    assert set(before) == set(variables) and after
    for name, wanted in after.items():
        size = np.abs(gradients[name])
        sure = in_keras_layout(size > 1e-3 * size.max())
        assert np.abs(wanted - before[name]).max() > 1e-4 and sure.mean() > 0.8, name
        found = numpy(variables[name])[sure]
        np.testing.assert_allclose(found, in_keras_layout(wanted)[sure], rtol=0, atol=1e-6)
