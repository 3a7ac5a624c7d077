"""Ghiasi's training, its augmentation, and its stylizer."""

from functools import cache

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from nst.ghiasi.algorithm import Ghiasi
from nst.ghiasi.augment import FROM_YIQ, TO_YIQ, augment
from nst.ghiasi.config import GhiasiConfig
from nst.ghiasi.networks import CODE, CodeNorm, style_transformer
from nst.ghiasi.stylize import SIDE, GhiasiStylizer, described
from nst.losses import mean_total_variation
from nst.perceptual import FeatureLoss
from nst.weights import random_weights

RANDOM = np.random.default_rng(0)
CONTENT = RANDOM.uniform(0, 1, (30, 41, 3)).astype("float32")
STYLES = [
    (RANDOM.uniform(0, 1, (40, 36, 3)) * colour).astype("float32")
    for colour in ((1, 0.2, 0.1), (0.1, 0.3, 1))
]
SETTINGS = {
    "encoder": "mobilenet",
    "encoder_weights": "random",
    "width": 0.0625,
    "content_layers": ("relu2_1",),
    "style_layers": ("relu1_1", "relu2_1"),
    "learning_rate": 1e-3,
    "network": "vgg16",
}


def algorithm(loss=True, **changes):
    config = GhiasiConfig(**SETTINGS | changes)
    features = FeatureLoss(config, random_weights("vgg16"), mean_total_variation) if loss else None
    return Ghiasi(config, features, size=32, batch_size=2)


@cache
def stylizer():
    keras.utils.set_random_seed(1)
    transformer = style_transformer(0.0625)
    for layer in transformer.layers:
        if isinstance(layer, CodeNorm):
            layer.gamma[1].assign(ops.ones_like(layer.gamma[1]))
    style = keras.Input((None, None, 3))  # in place of a trained encoder: the mean colour
    code = keras.layers.Dense(CODE)(keras.layers.GlobalAveragePooling2D()(style))
    return GhiasiStylizer(keras.Model(style, code), transformer, "mobilenet")


def test_strength_goes_to_the_content_s_own_code():
    made = stylizer()
    own = made.code(described(CONTENT))
    np.testing.assert_array_equal(made(CONTENT, STYLES[:1], alpha=0), made.show(CONTENT, own))
    half = 0.5 * own + 0.5 * made.code(STYLES[0])
    np.testing.assert_allclose(
        made(CONTENT, STYLES[:1], alpha=0.5), made.show(CONTENT, half), atol=1e-6
    )
    assert np.abs(made(CONTENT, STYLES[:1]) - made.show(CONTENT, own)).max() > 1e-3
    assert min(described(CONTENT).shape[:2]) == SIDE


def test_styles_are_mixed_by_their_codes():
    made = stylizer()
    codes = [made.code(style) for style in STYLES]
    found = made(CONTENT, STYLES, style_weights=(3, 1))
    np.testing.assert_allclose(
        found, made.show(CONTENT, 0.75 * codes[0] + 0.25 * codes[1]), atol=1e-4
    )
    assert np.abs(found - made(CONTENT, STYLES[:1])).max() > 1e-3


def test_masks_put_each_style_in_its_place():
    made, left = stylizer(), np.zeros(CONTENT.shape[:2], "float32")
    left[:, :20] = 1
    found = made(CONTENT, STYLES, masks=(left, 1 - left))
    for place, style in ((np.s_[:, :20], STYLES[0]), (np.s_[:, 20:], STYLES[1])):
        np.testing.assert_allclose(found[place], made(CONTENT, [style])[place], atol=1e-6)
    half = made(CONTENT, STYLES[:1], masks=(left,))  # where no style goes, the content's own code
    own = made(CONTENT, STYLES[:1], alpha=0)
    np.testing.assert_allclose(half[:, 20:], own[:, 20:], atol=1e-6)


def test_colours_of_the_content():
    grey = np.repeat(CONTENT.mean(-1, keepdims=True), 3, -1)
    found = stylizer()(grey, STYLES[:1], colours="luminance")
    assert np.abs(found - found.mean(-1, keepdims=True)).max() < 1e-2


def test_a_style_that_is_too_small():
    with pytest.raises(InputError, match="the style is 40x20 pixels; its network needs 32x32"):
        stylizer()(CONTENT, [np.zeros((20, 40, 3), "float32")])


def test_total_variation():
    """Half the mean squared step between rows, and between columns: of a ramp, their squares."""
    ramp = np.zeros((2, 4, 5, 3), "float32") + 0.1 * np.arange(5)[:, None]
    assert float(mean_total_variation(ramp)) == pytest.approx(0.1**2 / 2)
    assert float(mean_total_variation(ramp.transpose(0, 2, 1, 3))) == pytest.approx(0.1**2 / 2)


def test_augmentation():
    """Values stay in [0, 1]; a uniform grey stays uniform; the same seed gives the same."""
    styles = RANDOM.uniform(0, 1, (3, 16, 20, 3)).astype("float32")
    found, again, other = (
        ops.convert_to_numpy(augment(styles, keras.random.SeedGenerator(seed)))
        for seed in (1, 1, 2)
    )
    assert found.shape == styles.shape and found.min() >= 0 and found.max() <= 1
    np.testing.assert_array_equal(found, again)
    assert np.abs(found - other).max() > 0.01
    grey = ops.convert_to_numpy(augment(0 * styles + 0.5, keras.random.SeedGenerator(3)))
    assert (np.ptp(grey, axis=(1, 2, 3)) < 1e-5).all() and np.ptp(grey) > 0.01
    np.testing.assert_allclose(TO_YIQ @ FROM_YIQ, np.eye(3), atol=1e-5)


def batch():
    pictures = {
        role: RANDOM.uniform(-1, 1, (2, 32, 32, 3)).astype("float32")
        for role in ("content", "style")
    }
    return engine.shard(pictures)


def moved(trained, steps=1):
    """Which networks a step changes, moving averages aside."""
    before = {name: network.get_weights() for name, network in trained.networks.items()}
    logs = [trained.step(batch(), step) for step in range(steps)]
    changed = {
        name
        for name, network in trained.networks.items()
        if any((a != b).any() for a, b in zip(before[name], network.get_weights(), strict=True))
    }
    return changed, logs


@pytest.mark.thorough
def test_an_encoder_learns_the_codes_of_a_teacher():
    """Only the encoder moves, and it comes nearer."""
    teacher, pupil = algorithm(loss=False), algorithm(loss=False, teacher="runs/teacher")
    pupil.learn_from(teacher)
    for own, theirs in zip(
        pupil.networks["transformer"].get_weights(),
        teacher.networks["transformer"].get_weights(),
        strict=True,
    ):
        np.testing.assert_array_equal(own, theirs)
    changed, logs = moved(pupil, steps=8)
    assert changed == {"encoder"}
    assert float(logs[-1]["loss/code"]) < float(logs[0]["loss/code"])


@pytest.mark.thorough
def test_an_encoder_that_is_kept():
    """With `encoder_from` not a bit of the encoder moves, its averages included."""
    changed, logs = moved(algorithm(encoder_from="runs/other"))
    assert changed == {"transformer"} and set(logs[0]) >= {"loss/style", "loss/content", "loss/tv"}


@pytest.mark.parametrize(("changes", "message"), [
    ({"encoder": "resnet"}, "encoder='resnet': expected one of inception, mobilenet"),
    ({"encoder_weights": "magenta"}, "encoder_weights='magenta': expected one of imagenet"),
    ({"width": 0}, "width=0: expected 0.03125"),
    ({"teacher": "a", "encoder_from": "b"}, "teacher and encoder_from"),
])  # fmt: skip
def test_settings_that_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        GhiasiConfig(**SETTINGS | changes)


def test_a_size_that_is_refused():
    with pytest.raises(ValueError, match=r"data.size=30: expected a multiple of 4, from 32 up"):
        Ghiasi(GhiasiConfig(**SETTINGS), None, size=30, batch_size=2)
