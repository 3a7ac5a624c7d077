"""Official state dicts of CUT, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from core.errors import InputError
from gan.importers import guess_config, import_network

GOLDEN = Path(__file__).parents[1] / "golden"
GENERATOR, DISCRIMINATOR, MLP = "cut/generator", "cut/discriminator", "cut/patch_mlp"
CYCLEGAN = {
    GENERATOR: "cyclegan/resnet_generator",
    DISCRIMINATOR: "cyclegan/patch_discriminator",
}
NAMES = {GENERATOR: "G", DISCRIMINATOR: "D", MLP: "F"}
LAYERS = (0, 4, 8, 12, 13)


def state(kind):
    with np.load(GOLDEN / "cut_step.npz") as file:
        prefix = f"state/{NAMES[kind]}."
        return {k.removeprefix(prefix): file[k] for k in file if k.startswith(prefix)}


def blur(taps, channels):
    taps = np.array(taps, "float32")
    kernel = np.outer(taps, taps) / taps.sum() ** 2 * (4 if len(taps) == 4 else 1)
    return np.tile(kernel, (channels, 1, 1, 1))


def saved(kind):
    """As the authors' code saves it, with the kernels of its blurs."""
    blurs = {}
    if kind == GENERATOR:
        blurs = {7: ((1, 2, 1), 8), 11: ((1, 2, 1), 16), 14: ((1, 3, 3, 1), 16)}
        blurs |= {18: ((1, 3, 3, 1), 8)}
    elif kind == DISCRIMINATOR:
        blurs = {2: ((1, 2, 1), 4), 6: ((1, 2, 1), 8), 10: ((1, 2, 1), 16)}
    return state(kind) | {f"model.{i}.filt": blur(*sizes) for i, sizes in blurs.items()}


def refusal(kind, arrays, **config):
    with pytest.raises(InputError) as caught:
        import_network(kind, arrays, **config)
    return str(caught.value)


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (GENERATOR, {"ngf": 4, "n_blocks": 2, "channels": 3}),
        (DISCRIMINATOR, {"ndf": 4, "n_layers_D": 3, "channels": 3}),
        (MLP, {"netF_nc": 8, "widths": (3, 8, 16, 16, 16)}),
    ],
)
def test_what_a_file_tells(kind, config):
    assert guess_config(kind, state(kind)) == guess_config(kind, saved(kind)) == config
    network = import_network(kind, saved(kind), **config)
    plain = import_network(kind, {f"module.{k}": v for k, v in state(kind).items()})
    for one, two in zip(network.weights, plain.weights, strict=True):
        np.testing.assert_array_equal(one, two)
    assert network.count_params() == sum(v.size for v in state(kind).values())


def test_every_weight_of_the_mlps_is_in_its_place():
    arrays = state(MLP)
    network = import_network(MLP, arrays, ngf=4, nce_layers=LAYERS)
    for i in range(5):
        for k in (0, 2):
            layer = network.get_layer(f"mlp_{i}_{k}")
            np.testing.assert_array_equal(layer.kernel, arrays[f"mlp_{i}.{k}.weight"].T)
            np.testing.assert_array_equal(layer.bias, arrays[f"mlp_{i}.{k}.bias"])


def test_layers_that_the_mlps_are_not_for():
    message = refusal(MLP, state(MLP), nce_layers=(0, 4))
    assert "has 5 MLPs, and nce_layers names 2 layers" in message
    message = refusal(MLP, state(MLP), ngf=8, nce_layers=LAYERS)
    assert "is for layers of (3, 8, 16, 16, 16) channels; those of nce_layers have" in message


@pytest.mark.parametrize("kind", CYCLEGAN)
@pytest.mark.parametrize("blurs", [True, False])
def test_cyclegan_refuses_cut_and_the_reverse(kind, blurs):
    """Also without the kernels of blurs, by the numbers of the layers."""
    arrays = saved(kind) if blurs else state(kind)
    message = refusal(CYCLEGAN[kind], arrays)
    assert "looks like an anti-aliased network of contrastive-unpaired-translation" in message
    assert f"({kind}); expected a " in message
    name = CYCLEGAN[kind].replace("/", "_")
    with np.load(GOLDEN / f"{name}.npz") as file:
        other = {k.removeprefix("state/"): file[k] for k in file if k.startswith("state/")}
    message = refusal(kind, other)
    assert "expected an anti-aliased network of contrastive-unpaired-translation" in message
    assert "looks like a ResNet" in message or "looks like a PatchGAN" in message


def test_other_networks_of_cut():
    assert "looks like the patch MLPs of CUT" in refusal(GENERATOR, state(MLP))
    assert "expected the patch MLPs of CUT" in refusal(MLP, state(DISCRIMINATOR))
    assert "(cut/discriminator); expected" in refusal(GENERATOR, state(DISCRIMINATOR))
    assert "no network known here" in refusal(MLP, {})


@pytest.mark.parametrize(
    ("kind", "name"),
    [(GENERATOR, "model.8.bias"), (GENERATOR, "model.13.conv_block.5.weight"),
     (DISCRIMINATOR, "model.7.weight"), (MLP, "mlp_3.2.bias")],
)  # fmt: skip
def test_missing_and_unknown_arrays(kind, name):
    arrays = saved(kind)
    del arrays[name]
    assert f"missing: {name}; unknown: none" in refusal(kind, arrays)
    more = saved(kind) | {name.replace("weight", "more").replace("bias", "more"): np.zeros(3)}
    assert "missing: none; unknown: " in refusal(kind, more)


@pytest.mark.parametrize(
    ("kind", "name", "shape"),
    [
        (GENERATOR, "model.15.weight", (16, 8, 3, 3)),
        (GENERATOR, "model.4.weight", (9, 4, 3, 3)),
        (DISCRIMINATOR, "model.11.weight", (32, 16, 3, 3)),
        (MLP, "mlp_2.0.weight", (9, 16)),
        (MLP, "mlp_2.2.weight", (8,)),
        (MLP, "mlp_4.2.bias", (9,)),
    ],
)
def test_wrong_shapes(kind, name, shape):
    arrays = saved(kind) | {name: np.zeros(shape, "float32")}
    assert f"has {name} of shape {shape}" in refusal(kind, arrays)


def test_other_blurs():
    for kernel in (blur((1, 1, 1), 8), np.ones((8, 1, 5, 5)), np.ones(3)):
        message = refusal(GENERATOR, saved(GENERATOR) | {"model.7.filt": kernel})
        assert "has another blur in model.7.filt than (1, 2, 1) or (1, 3, 3, 1)" in message


@pytest.mark.parametrize("kind", NAMES)
def test_values_that_are_not_finite(kind):
    arrays = {name: value.copy() for name, value in saved(kind).items()}
    name = next(iter(arrays))
    arrays[name].flat[0] = np.nan
    assert f"has NaN or infinity in {name}" in refusal(kind, arrays)


def test_keywords_that_do_not_agree():
    assert "pass ngf=4" in refusal(GENERATOR, saved(GENERATOR), ngf=64)
    assert "pass n_layers_D=3" in refusal(DISCRIMINATOR, saved(DISCRIMINATOR), n_layers_D=2)
    assert "pass netF_nc=8" in refusal(MLP, saved(MLP), netF_nc=256)
    assert "has no depth; expected" in refusal(GENERATOR, saved(GENERATOR), depth=3)
