"""Perceptual losses in the scalings of the codes, and their training of one and many styles."""

import numpy as np
import pytest
from keras import ops

from core.errors import InputError
from nst.dumoulin.algorithm import Dumoulin
from nst.dumoulin.config import DumoulinConfig
from nst.johnson.algorithm import Johnson
from nst.johnson.config import JohnsonConfig
from nst.perceptual import PerceptualLoss
from nst.weights import random_weights

SIZE = 24
LAYERS = {"content_layers": ("relu2_1",), "style_layers": ("relu1_2", "relu2_1")}
WEIGHTS = random_weights("vgg16", width=1 / 32)
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.uniform(0, 1, (6, SIZE, SIZE, 3)).astype("float32")


def config(kind=JohnsonConfig, styles=1, **changes):
    narrow = {"width": 1 / 16, "style": tuple(f"style{i}" for i in range(styles))}
    return kind(**LAYERS | narrow | changes)


def loss(config):
    return PerceptualLoss(config, WEIGHTS, PICTURES[-len(config.style) :])


def johnson(**changes):
    options = {"padding": "reflect", "upsampling": "nearest", "output": "linear"} | changes
    found = config(**options)
    return Johnson(found, loss(found), size=SIZE, batch_size=2)


def dumoulin(styles=3, **changes):
    found = config(DumoulinConfig, styles, **changes)
    return Dumoulin(found, loss(found), size=SIZE, batch_size=2)


def features(perceptual, pictures):
    found = perceptual.features(pictures)
    return {tap: ops.convert_to_numpy(x).astype("float64") for tap, x in found.items()}


def grams(x):
    flat = x.reshape(len(x), -1, x.shape[-1])
    return np.einsum("npc,npd->ncd", flat, flat)


def step(algorithm, count=1):
    batch = {"content": 2 * PICTURES[:2] - 1}
    for i in range(count):
        logs = algorithm.step(batch, i)
    return {name: float(ops.convert_to_numpy(value)) for name, value in logs.items()}


def values(variables):
    return [ops.convert_to_numpy(v.value).copy() for v in variables]


@pytest.mark.backends
@pytest.mark.parametrize("scaling, divisor", [
    ("johnson", lambda c, m: c * m),  # pytorch/examples, utils.py: the Gram matrix / (C H W)
    ("gatys", lambda c, m: m),  # magenta, learning.py: / (H W)
])  # fmt: skip
def test_terms_are_those_of_the_codes(scaling, divisor):
    """Mean squared errors of Gram matrices and features, in float64."""
    perceptual = loss(config(style_scaling=scaling, tv_weight=1.0))
    found = perceptual.terms(PICTURES[:2], PICTURES[2:4])
    made, content, style = (
        features(perceptual, x) for x in (PICTURES[:2], PICTURES[2:4], PICTURES[-1:])
    )
    expected = 0
    for tap in LAYERS["style_layers"]:
        size = made[tap].shape[3], made[tap].shape[1] * made[tap].shape[2]
        error = grams(made[tap]) / divisor(*size) - grams(style[tap]) / divisor(*size)
        expected += np.mean(np.square(error))
    assert float(found["style"]) == pytest.approx(expected, rel=1e-4)
    error = made["relu2_1"] - content["relu2_1"]
    assert float(found["content"]) == pytest.approx(np.mean(np.square(error)), rel=1e-4)
    rows, columns = np.diff(255.0 * PICTURES[:2], axis=1), np.diff(255.0 * PICTURES[:2], axis=2)
    variation = (np.square(rows).sum() + np.square(columns).sum()) / 2
    assert float(found["tv"]) == pytest.approx(variation, rel=1e-4)


def test_each_picture_is_measured_by_its_own_style():
    perceptual = loss(config(DumoulinConfig, 3))
    weights = np.eye(3, dtype="float32")[[2, 0]]
    both = float(perceptual.terms(PICTURES[:2], style_weights=weights)["style"])
    alone = [
        float(perceptual.terms(PICTURES[i : i + 1], style_weights=weights[i : i + 1])["style"])
        for i in range(2)
    ]
    assert both == pytest.approx(np.mean(alone), rel=1e-4)
    assert abs(alone[0] - alone[1]) > 1e-3 * both


def test_the_style_itself_has_no_style_loss():
    perceptual = loss(config())
    assert float(perceptual.terms(PICTURES[-1:], PICTURES[-1:])["style"]) < 1e-8
    assert float(perceptual.terms(PICTURES[-1:], PICTURES[-1:])["content"]) == 0


@pytest.fixture(scope="module", params=["instance", "batch"])
def trained(request):
    """`(algorithm, the first and the last loss, VGG's variables before)` of 31 steps."""
    algorithm = johnson(norm=request.param, tv_weight=0.0, learning_rate=0.03)
    before = values(algorithm.perceptual_loss.features.variables)
    first = step(algorithm)["loss/network"]
    return algorithm, first, step(algorithm, 30)["loss/network"], before


def test_training_lowers_the_loss(trained):
    _, first, last, _ = trained
    assert last < 0.9 * first


def test_vgg_does_not_change(trained):
    after = values(trained[0].perceptual_loss.features.variables)
    assert len(after) > 4
    assert all(np.array_equal(a, b) for a, b in zip(trained[3], after, strict=True))


def test_measures_are_the_losses_in_use():
    """Also after the network has changed, and of a loss that came later."""
    algorithm, contents = johnson(), PICTURES[:1]

    def compared():
        expected = {name: float(x) for name, x in algorithm.losses(contents).items()}
        found = {name: float(x) for name, x in algorithm.measure(contents).items()}
        assert found == pytest.approx(expected, rel=1e-4) and set(found) == {
            "style",
            "content",
            "tv",
        }
        return found

    first = compared()
    bias = algorithm.networks["network"].trainable_variables[-1]
    bias.assign(bias + np.float32((50, 0, -50)))
    second = compared()
    assert second["style"] != pytest.approx(first["style"], rel=1e-2)
    other = loss(algorithm.config)
    other.targets = {tap: 2 * x for tap, x in other.targets.items()}
    algorithm.attach(other)
    assert compared()["style"] != pytest.approx(second["style"], rel=1e-2)


def test_an_algorithm_without_its_loss_says_so():
    algorithm = Johnson(config(padding="reflect"), None, size=SIZE, batch_size=1)
    with pytest.raises(ValueError, match="built without its perceptual loss"):
        algorithm.losses(PICTURES[:1])


def test_measures_in_several_styles():
    algorithm, rows = dumoulin(), np.eye(3, dtype="float32")
    found = [float(algorithm.measure(PICTURES[:1], rows[i : i + 1])["style"]) for i in range(3)]
    expected = [float(algorithm.losses(PICTURES[:1], rows[i : i + 1])["style"]) for i in range(3)]
    assert found == pytest.approx(expected, rel=1e-4) and len(set(found)) == 3


def test_styles_are_drawn_evenly_and_again_by_the_seed():
    drawn = [np.argmax(ops.convert_to_numpy(dumoulin().draw(300)), 1) for _ in range(2)]
    assert np.array_equal(*drawn)
    assert min(np.bincount(drawn[0], minlength=3)) > 70


def added(base):
    found = config(DumoulinConfig, 2, base="somewhere", learned=base.config.style)
    algorithm = Dumoulin(found, loss(found), size=SIZE, batch_size=2)
    algorithm.start_from(base)
    return algorithm


@pytest.mark.backends
def test_a_style_is_added_with_the_rest_frozen_bit_for_bit():
    base = dumoulin()
    for variable in base.networks["network"].variables:  # as if trained: no two styles are alike
        variable.assign(variable + RANDOM.normal(0, 0.01, variable.shape))
    algorithm = added(base)
    row = np.eye(5, dtype="float32")[1:2]
    old = ops.convert_to_numpy(base.stylise(PICTURES[:1], row[:, :3]))
    frozen = {v.path: x for v, x in _not_new(algorithm)}
    new = values(algorithm.phases[0].variables)
    step(algorithm, 3)
    assert all(np.array_equal(frozen[v.path], x) for v, x in _not_new(algorithm))
    changed = values(algorithm.phases[0].variables)
    assert all(not np.array_equal(a, b) for a, b in zip(new, changed, strict=True))
    np.testing.assert_array_equal(algorithm.stylise(PICTURES[:1], row), old)


def _not_new(algorithm):
    variables = algorithm.networks["network"].variables
    return [(v, ops.convert_to_numpy(v.value)) for v in variables if "new_" not in v.path]


def test_styles_are_added_to_added_ones():
    base = added(dumoulin())
    algorithm = Dumoulin(
        again := config(DumoulinConfig, 1, base="x", learned=("a", "b", "c", "d", "e")),
        loss(again), size=SIZE, batch_size=2,
    )  # fmt: skip
    algorithm.start_from(base)
    rows = np.eye(6, dtype="float32")
    for i in (1, 4):
        found = algorithm.stylise(PICTURES[:1], rows[i : i + 1])
        np.testing.assert_array_equal(found, base.stylise(PICTURES[:1], rows[i : i + 1, :5]))


def test_bad_settings():
    with pytest.raises(ValueError, match="this network learns one"):
        config(styles=2)
    with pytest.raises(ValueError, match="style_scaling='sum'"):
        config(style_scaling="sum")
    with pytest.raises(ValueError, match="nearest is 'relu2_2'"):
        loss(config(style_layers=("relu2_3",)))
    with pytest.raises(InputError, match="'style0': 24x24 pixels"):
        loss(config(style_layers=("relu4_1",)))
