"""The augmentation of StyleGAN2-ADA against the official results; its probability; DiffAugment."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from gan.augment import (
    AdaptiveProbability,
    Strengths,
    apply,
    augment,
    diff_apply,
    diff_augment,
    diff_draws,
    percentile_draws,
    random_draws,
    wavelets,
)
from gan.augment.draws import COLOUR, GATES, SETS, TRANSFORMS, chosen
from gan.augment.geometry import inverse_map, warp
from gan.augment.strengths import PAPER
from gan.penalties import squared_gradient

on_both = pytest.mark.backends  # each operation once; eager JAX compiles every one

with np.load(Path(__file__).parents[1] / "golden" / "ada_augment.npz") as file:
    ORACLE = {
        k: v.transpose(0, 2, 3, 1) if v.ndim == 4 and v.shape[2:] == (24, 24) else v
        for k, v in file.items()
    }
IMAGES = ORACLE["images"]
TOLERANCES = dict.fromkeys(COLOUR, 3e-6) | {"imgfilter": 1e-5, "noise": 1e-6, "cutout": 0}


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def assert_close(found, expected, atol):
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=atol)


# --- the official results


def test_filters():
    np.testing.assert_allclose(wavelets.low_pass(), ORACLE["Hz_geom"], atol=1e-7)
    np.testing.assert_allclose(wavelets.bands(), ORACLE["Hz_fbank"], atol=1e-7)
    np.testing.assert_allclose(wavelets.bands().sum(0), np.arange(43) == 21, atol=1e-12)


ON_BOTH = [pytest.param(name, marks=on_both) for name in ("bgc", "bgcfnc")]


@pytest.mark.parametrize("name", [*TRANSFORMS, *ON_BOTH, "bgcf", "gray_bgc"])
def test_every_transform_at_percentiles(name):
    for key in (key for key in ORACLE if key.startswith(f"{name}/")):
        expected, percentile = ORACLE[key], float(key.split("/p")[1].replace("_", "."))
        images = ORACLE["images_gray"] if "gray" in name else IMAGES[: len(expected)]
        transforms = name.removeprefix("gray_")
        draws = percentile_draws(images, percentile, transforms)
        if "noise" in draws:
            draws["noise"] = ORACLE["noise_normal"][: len(images)]
            found = apply(images, 0.0, draws, transforms)
        else:
            found = augment(images, 0.0, transforms, percentile)
        assert_close(found, expected, TOLERANCES.get(name, 1e-4))


@pytest.mark.parametrize(("name", "transforms"), [("bgc", "bgc"), ("fc", ("filter", "cutout"))])
def test_other_strengths(name, transforms):
    found = {k.split("/")[1]: v for k, v in ORACLE.items() if k.startswith("other_arguments/")}
    bands = tuple(map(float, found.pop("imgfilter_bands")))
    values = {key.rsplit("_", 1)[0]: float(value) for key, value in found.items()}
    strengths = Strengths(imgfilter_bands=bands, **values)
    draws = percentile_draws(IMAGES[:1], 0.6, transforms)
    found = apply(IMAGES[:1], 0.0, draws, transforms, strengths)
    assert_close(found, ORACLE[f"{name}_other_arguments/p0_6"], 1e-4)


@on_both
@pytest.mark.parametrize("name", ["bgc", "bgcfnc"])
def test_given_random_numbers(name):
    found = apply(IMAGES, float(ORACLE["random/p"]), official_draws(), name)
    assert_close(found, ORACLE[f"random/{name}"], 1e-4)


def official_draws():
    draws = {k.split("/")[2]: v for k, v in ORACLE.items() if "/draw/" in k}
    field = {"noise": draws.pop("noise")}
    return {
        k: np.squeeze(v, tuple(range(v.ndim))[1 + (v.size > 4) :]) for k, v in draws.items()
    } | field


# --- probability, random numbers


def test_the_probability_counts():
    images = np.zeros((2000, 8, 8, 3), np.float32)
    draws = random_draws(images, seed=1)

    def share(name, p):
        matrix, offset = inverse_map((name,), draws, ops.convert_to_tensor(p), PAPER, (8, 8))
        moved = np.abs(numpy(matrix) - np.eye(2)).sum((1, 2)) + np.abs(numpy(offset)).sum(1)
        return float((moved > 1e-5).mean())

    assert share("xflip", 0.0) == share("rotate", 0.0) == 0
    assert share("scale", 1.5) == share("rotate", 1.5) == 1
    for name, p, expected in (
        ("xflip", 1.0, 1 / 2),
        ("xflip", 0.5, 1 / 4),
        ("rotate90", 1.0, 3 / 4),
        ("rotate", 0.4, 0.4),  # at least one of two
        ("xfrac", 0.4, 0.4),
    ):
        assert abs(share(name, p) - expected) < 0.04


def test_random_numbers_do_not_depend_on_each_other():
    draws = random_draws(np.zeros((4000, 1, 1, 1), np.float32), seed=0)
    table = np.concatenate([numpy(v).reshape(4000, -1) for v in draws.values()], axis=1)
    correlation = np.abs(np.corrcoef(table.T) - np.eye(table.shape[1]))
    assert correlation.max() < 0.08  # 5 deviations
    assert np.isin([f"{name}_gate" for name in GATES], list(draws)).all()


@on_both
def test_colours_stay_at_probability_0():
    draws = random_draws(IMAGES, "color", seed=0)
    assert_close(apply(IMAGES, 0.0, draws, "color"), IMAGES, 2e-7)
    changed = numpy(apply(IMAGES, keras.Variable(1.0), draws, "color")) - IMAGES
    assert (np.abs(changed).mean((1, 2, 3)) > 0.05).all()


@on_both
def test_the_seed_says_what_happens():
    first, again, other = (numpy(augment(IMAGES, 0.8, "bgcfnc", seed=s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1
    seed = keras.random.SeedGenerator(1)
    one, two = (numpy(augment(IMAGES, 0.8, seed=seed)) for _ in range(2))
    assert np.abs(one - two).max() > 0.1


def test_sets_and_their_order():
    assert chosen("bg") + chosen("color") == chosen("bgc") == chosen(["color", "geom", "blit"])
    assert chosen(["cutout", "noise", "xflip"]) == ("xflip", "noise", "cutout")
    assert SETS["bgcfnc"] == TRANSFORMS and SETS["bgcfn"] == TRANSFORMS[:-1]


# --- pictures


def test_the_fourth_channel_and_the_type_are_kept():
    images = np.concatenate([IMAGES, IMAGES[..., :1]], axis=-1).astype("float16")
    found = augment(ops.convert_to_tensor(images), 1.0, "color", seed=3)
    assert keras.backend.standardize_dtype(found.dtype) == "float16"
    np.testing.assert_array_equal(numpy(found)[..., 3], images[..., 3])
    assert np.abs(numpy(found) - images)[..., :3].max() > 0.1


def test_a_picture_is_reflected_once_and_0_beyond():
    images = np.ones((1, 16, 24, 1), np.float32)
    shrunk = numpy(warp(images, 6 * np.eye(2, dtype="float32")[None], np.zeros((1, 2), "float32")))
    np.testing.assert_allclose(shrunk[0, 7:9, 10:14], 1, atol=0.05)
    np.testing.assert_allclose(shrunk[0, 5:11, 7:17], 1, atol=0.2)  # beyond the picture itself
    # 48 x 72 pixels become 8 x 12, and the filter reaches 3 further
    assert np.abs(shrunk[0, :1]).max() == np.abs(shrunk[0, :, :3]).max() == 0


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"transforms": "bgz"}, "expected a set of transforms .blit, geom.* or one of them .xflip"),
        ({"transforms": ("xflip", "mirror")}, "transforms='mirror'"),
        ({"percentile": 1.5}, "percentile=1.5: expected a number from 0 to 1"),
        ({"transforms": "filter", "images": IMAGES[:, :16]}, "16x24 pixels: expected 22"),
        ({"images": IMAGES[..., :2]}, "2 channels: expected 1, 3 or 4"),
    ],
)
def test_refusals(change, message):
    with pytest.raises(InputError, match=message):
        augment(**{"images": IMAGES, "p": 0.5, "seed": 0} | change)
    with pytest.raises(InputError, match="policy='colour': expected some of color"):
        diff_augment(IMAGES, 0, ("colour",))


def test_percentiles_at_the_ends_are_finite():
    for percentile in (0, 1):
        assert np.isfinite(numpy(augment(IMAGES[:1], 0.5, "bgcfnc", percentile, seed=0))).all()


# --- gradients


@on_both
def test_the_gradient_is_that_of_a_linear_map():
    """<A x, y> = <x, gradient of <A x, y>>."""
    draws = {k: ops.convert_to_tensor(v) for k, v in official_draws().items()}
    x, y = ops.convert_to_tensor(IMAGES), ops.convert_to_tensor(IMAGES[::-1].copy())

    def product(x):
        return ops.sum(apply(x, 0.7, draws, ("bg", "filter", "cutout")) * y)

    value, gradient = engine.compile(lambda x: engine.value_and_input_grad(product, x), [])(x)
    np.testing.assert_allclose(float(value), np.sum(numpy(gradient) * IMAGES), rtol=1e-4)
    assert (np.abs(numpy(gradient)).mean((1, 2, 3)) > 0.01).all()


@on_both
def test_r1_before_augmentation_in_a_compiled_step():
    p = keras.Variable(0.8)
    check_r1(
        lambda x, seed: random_draws(x, "bgcfnc", seed),
        lambda x, draws: apply(x, p, draws, "bgcfnc"),
        IMAGES,
        [p],
    )


def check_r1(draw, change, images, variables=()):
    """D = a * sum(changed^2): the penalty goes with a^2, its derivative is twice it over a."""
    a, seed = keras.Variable(0.5), keras.random.SeedGenerator(1)

    def step(images):
        draws = draw(images, seed)

        def discriminator(x):
            return a * ops.sum(ops.square(change(x, draws)), axis=(1, 2, 3))

        def loss():
            return ops.mean(squared_gradient(discriminator, images)[0]), None

        (value, _), (gradient,) = engine.value_and_grad(loss, [a])
        return value, gradient

    compiled = engine.compile(step, [a, seed.state, *variables])
    values = []
    for _ in range(2):
        value, gradient = compiled(ops.convert_to_tensor(images))
        assert np.isfinite(float(value)) and float(value) > 1
        np.testing.assert_allclose(float(gradient), 2 * float(value) / 0.5, rtol=1e-4)
        values.append(float(value))
    assert values[0] != values[1]  # other random numbers in every step


# --- the probability's controller


@on_both
def test_the_probability_follows_the_signs():
    adaptive = AdaptiveProbability(target=0.6, kimg=1)

    def step(logits, due):
        adaptive.observe(logits)
        adaptive.update(images=100, due=due)
        return ops.convert_to_tensor(adaptive.p)

    compiled = engine.compile(step, adaptive.variables)
    nine_of_ten = ops.convert_to_tensor(np.array([1] * 9 + [-3], np.float32))  # mean sign 0.8
    negative = ops.convert_to_tensor(np.full(10, -2, np.float32))

    def after(logits, due):
        return round(float(compiled(logits, ops.convert_to_tensor(due))), 5)

    assert after(nine_of_ten, False) == 0
    assert after(nine_of_ten, True) == 0.1
    assert float(adaptive.count) == float(adaptive.signs) == 0
    assert after(nine_of_ten, False) == 0.1
    assert after(negative, True) == 0  # the mean of both is below the target
    assert after(negative, True) == 0  # never below 0
    adaptive.p.assign(1.0)
    assert after(nine_of_ten, True) == 1.1  # but above 1


@on_both
def test_the_probability_stays_at_the_target_and_where_nothing_was_observed():
    adaptive = AdaptiveProbability(target=0.5, p=0.25)
    adaptive.update(images=64)
    adaptive.observe(np.array([[1.0], [1.0], [1.0], [-1.0]], np.float32))
    adaptive.update(images=64)
    assert float(adaptive.p) == 0.25
    adaptive.observe(np.zeros((4, 1), np.float32))  # the sign of 0 is 0
    adaptive.update(images=64)
    np.testing.assert_allclose(float(adaptive.p), 0.25 - 64 / 500_000, rtol=1e-6)


# --- DiffAugment


@on_both
def test_diff_augment_of_given_numbers():
    middle = dict.fromkeys(diff_draws(IMAGES, 0), 0.5)
    draws = {k: np.full(4, v, np.float32) for k, v in middle.items()}
    assert_close(diff_apply(IMAGES, draws | {"contrast": draws["left"]}, "color"), IMAGES, 1e-6)
    expected = np.zeros_like(IMAGES)
    expected[:, 3:, :-3] = IMAGES[:, :-3, 3:]  # 24 / 8 pixels
    corner = {"left": np.full(4, 0.999, np.float32), "up": np.zeros(4, np.float32)}
    np.testing.assert_array_equal(diff_apply(IMAGES, draws | corner, "translation"), expected)
    hole = np.ones_like(IMAGES)
    hole[:, 6:18, 6:18] = 0
    np.testing.assert_array_equal(diff_apply(IMAGES, draws, "cutout"), IMAGES * hole)
    grey = diff_apply(IMAGES, draws | {"saturation": 0 * draws["left"]}, ("color",))
    assert_close(grey, np.repeat(IMAGES.mean(3, keepdims=True), 3, axis=3), 1e-6)


@on_both
def test_diff_augment_keeps_an_opacity():
    """Colours of RGBA change as those of RGB do."""
    draws = {k: np.full(4, 0.3, np.float32) for k in diff_draws(IMAGES, 0)}
    opacity = IMAGES[..., :1] * IMAGES[..., 1:2]
    made = np.asarray(diff_apply(np.concatenate([IMAGES, opacity], 3), draws, "color"))
    np.testing.assert_array_equal(made[..., 3:], opacity)
    assert_close(made[..., :3], diff_apply(IMAGES, draws, "color"), 1e-6)


@on_both
def test_diff_augment_changes_every_picture_and_has_gradients():
    found = numpy(diff_augment(IMAGES, 0))
    assert found.shape == IMAGES.shape and (found == 0).mean() > 0.1
    np.testing.assert_array_equal(found, numpy(diff_augment(IMAGES, 0)))
    assert np.abs(found - numpy(diff_augment(IMAGES, 1))).max() > 0.1
    check_r1(diff_draws, diff_apply, IMAGES)
