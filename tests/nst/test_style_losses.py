"""Losses and statistics of style transfer against golden files and plain numpy."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core.phases import Algorithm, Phase, Stage
from core.schedules import inverse_decay
from core.stats import adain, moments
from nst.losses import (
    content_loss,
    gram,
    moment_loss,
    squared_error,
    style_loss,
    total_variation,
)

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
RNG = np.random.default_rng(0)


def golden(name):
    """Float32, pictures and features `[N, H, W, C]`."""
    with np.load(GOLDEN / f"{name}.npz") as file:
        arrays = {key: np.float32(value) for key, value in file.items()}
    if name.startswith("adain"):
        turn = {k: v.transpose(0, 2, 3, 1) for k, v in arrays.items() if v.ndim == 4}
        arrays |= {k: np.ascontiguousarray(v) for k, v in turn.items()}
    return arrays


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def normal(*shape):
    return RNG.normal(1, 2, shape).astype("float32")


# --- Gatys et al.


@pytest.mark.parametrize(
    ("scaling", "key"),
    [("paper", "style_paper"), ("gatys", "style_gatys_code"), ("johnson", "style_johnson")],
)
def test_style_scalings(scaling, key):
    arrays = golden("gatys_terms")
    grams = gram(arrays["features"]), gram(arrays["style_features"])
    assert float(style_loss(*grams, scaling)) == pytest.approx(arrays[key], rel=1e-5)


@pytest.mark.parametrize(
    ("scaling", "key", "factor"),
    [
        ("paper", "content_paper", 1),
        ("mean", "content_mean", 1),
        ("course", "content_mean", 1 / 4),
    ],
)
def test_content_scalings(scaling, key, factor):
    arrays = golden("gatys_terms")
    error = squared_error(arrays["features"], arrays["content_features"])
    found = content_loss(error, arrays["features"].size, scaling)
    assert float(found) == pytest.approx(factor * arrays[key], rel=1e-5)


def test_style_does_not_know_where():
    x = normal(1, 6, 7, 5)
    shuffled = RNG.permutation(x.reshape(42, 5)).reshape(x.shape)
    twice = np.concatenate([x, x], 1)
    for other in (shuffled, twice):
        np.testing.assert_allclose(numpy(gram(other)), numpy(gram(x)), rtol=1e-4, atol=1e-5)
    assert float(style_loss(gram(shuffled), gram(x), "paper")) == pytest.approx(0, abs=1e-9)
    assert float(squared_error(shuffled, x)) > 1
    assert float(style_loss(gram(2 * x), gram(x), "paper")) > 1


def test_gram_with_maps():
    x, maps = normal(1, 4, 6, 3), np.zeros((2, 4, 6), "float32")
    maps[0, :, :3], maps[1, 2:] = 1 / 12, 1 / 12
    found = numpy(gram(x, maps))
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found[:1], numpy(gram(x[:, :, :3])), rtol=1e-4)
    np.testing.assert_allclose(found[1:], numpy(gram(x[:, 2:])), rtol=1e-4)
    even = np.full((1, 4, 6), 1 / 24, "float32")
    np.testing.assert_allclose(numpy(gram(x, even)), numpy(gram(x)), rtol=1e-4)


def test_grams_add_up_over_styles():
    x, y = gram(normal(1, 4, 4, 3)), gram(normal(1, 4, 4, 3))
    both = style_loss(np.concatenate([numpy(x), numpy(y)]), numpy(y), "gatys")
    assert float(both) == pytest.approx(float(style_loss(x, y, "gatys")), rel=1e-5)


def test_sums_are_of_float32():
    """In bfloat16 the sum would stop growing at 256."""
    x = ops.ones((1, 40, 40, 1), "bfloat16")
    assert float(squared_error(x, 0 * x)) == 1600
    assert float(numpy(gram(x))[0, 0, 0]) == 1


def test_total_variation_by_hand():
    picture = np.zeros((1, 3, 3, 1), "float32")
    picture[0, 1, 1] = 2 / 255  # four neighbours, each 2 levels away: 4 * 4 / 2
    assert float(total_variation(picture)) == pytest.approx(8)
    picture[0, 1, 1], picture[0, 0, 0] = 0, 1 / 255
    assert float(total_variation(picture)) == pytest.approx(1)
    assert float(total_variation(picture + 0.5)) == pytest.approx(1, rel=1e-3)


# --- AdaIN


def test_unbiased_moments():
    arrays = golden("adain_terms")
    for name in "xy":
        mean, std = moments(arrays[name], 1e-5, unbiased=True)
        np.testing.assert_allclose(numpy(mean), arrays[f"mean_{name}"], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(numpy(std), arrays[f"std_{name}"], rtol=1e-5)
        biased = numpy(moments(arrays[name], 1e-5)[1])
        assert np.all(biased < 0.999 * arrays[f"std_{name}"])


@pytest.mark.parametrize(
    ("name", "content", "style", "output"),
    [("adain_terms", "x", "y", "adain"), ("adain_op", "content", "style", "output")],
)
def test_adain(name, content, style, output):
    arrays = golden(name)
    mean, std = moments(arrays[style], 1e-5, unbiased=True)
    found = numpy(adain(arrays[content], mean, std, 1e-5, unbiased=True))
    np.testing.assert_allclose(found, arrays[output], rtol=0, atol=1e-5)


def test_moment_loss_by_mean():
    arrays = golden("adain_terms")
    x, y = (moments(arrays[name], 1e-5, unbiased=True) for name in "xy")
    found = float(moment_loss(x, y, "mean"))
    assert found == pytest.approx(arrays["style_loss_mean_reduction"], rel=1e-5)
    channels = arrays["x"].shape[-1]
    assert float(moment_loss(x, y, "sum")) == pytest.approx(channels * found, rel=1e-5)


def test_moments_by_weights_of_0_and_1_are_those_of_a_part():
    x, weights = normal(2, 6, 5, 3), np.zeros((2, 6, 5, 1), "float32")
    weights[0, :4], weights[1, :, 2:] = 3, 0.5  # the amounts do not matter
    found = [numpy(m) for m in moments(x, 0.1, weights=weights)]
    for i, part in enumerate((x[:1, :4], x[1:, :, 2:])):
        for own, expected in zip(found, moments(part, 0.1), strict=True):
            np.testing.assert_allclose(own[i : i + 1], numpy(expected), rtol=1e-4)
    mean, std = normal(2, 1, 1, 3), np.abs(normal(2, 1, 1, 3))
    result = numpy(adain(x, mean, std, weights=weights))
    np.testing.assert_allclose(result[0, :4].mean((0, 1)), mean[0, 0, 0], atol=1e-4)
    np.testing.assert_allclose(result[0, :4].std((0, 1)), std[0, 0, 0], rtol=1e-3)
    assert np.abs(result[0].mean((0, 1)) - mean[0, 0, 0]).max() > 1e-3


def test_adain_keeps_the_type():
    x = ops.cast(normal(1, 4, 4, 2), "bfloat16")
    assert adain(x, *moments(normal(1, 3, 3, 2))).dtype == x.dtype


# --- what the loop and the schedules have for style transfer


def test_inverse_decay():
    assert float(inverse_decay(1e-4, np.float32(0), 5e-5)) == pytest.approx(1e-4)
    assert float(inverse_decay(1e-4, np.float32(20000), 5e-5)) == pytest.approx(5e-5)
    assert float(inverse_decay(2.0, np.float32(3), 1.0)) == pytest.approx(0.5)


def test_a_phase_runs_in_its_stage_and_what_is_frozen_is_read_only():
    import keras

    class Pull(Algorithm):
        def batch_size(self, batch):
            return 7

        def after_phases(self, batch_size):
            self.sizes.append(batch_size)

    first, last = Stage(1, 4, 0, 7), Stage(1, 8, 7)
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.trainable = False
    network.set_weights([np.full((1, 1), 3.0, "f")])
    variables = [keras.Variable(np.zeros((1, 1), "f"), name=n) for n in "abc"]
    algorithm = Pull([first, last], {}, frozen={"features": network})
    algorithm.extra, algorithm.sizes = {"values": variables}, []
    for variable, stage in zip(variables, (first, last, None), strict=True):
        optimizer = keras.optimizers.SGD(1.0)
        optimizer.build([variable])

        def loss(batch, variable=variable):
            return ops.sum(network(ops.convert_to_tensor(variable))), {}, {}

        phase = Phase(f"P{len(algorithm.phases)}", [variable], optimizer, loss, stage=stage)
        algorithm.phases.append(phase)
    logs = algorithm.step({}, 0)
    assert set(logs) == {"loss/P0", "loss/P2"}
    assert [float(numpy(v.value)[0, 0]) for v in variables] == [-3, 0, -3]
    algorithm.current_stage = last
    assert set(algorithm.step({}, 1)) == {"loss/P1", "loss/P2"}
    assert [float(numpy(v.value)[0, 0]) for v in variables] == [-3, -3, -6]
    assert int(numpy(algorithm.images.value)) == 14
    assert set(algorithm.sizes) == {7}
    frozen = network.variables[0]
    assert any(v is frozen for v in algorithm.variables())
    assert not any(v is frozen for group in algorithm.groups().values() for v in group)
