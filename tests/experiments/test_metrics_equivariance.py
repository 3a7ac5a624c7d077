"""Equivariance: resampling as published, and generators whose errors are known."""

from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from fakes import Fake
from keras import ops

from core import engine
from core.errors import InputError
from core.tensors import to_numpy
from experiments.metrics import protocols, resampling
from experiments.metrics.equivariance import (
    DIRECTIONS,
    EQUIVARIANCES,
    MOTIONS,
    equivariance,
    psnr,
)
from gan.importers import KINDS, import_network

GOLDEN = np.load(Path(__file__).parents[1] / "golden/stylegan3_layers.npz")
SIDE, STEPS = 32, 4
WAVES = np.float32([2, 1])  # of the pictures, per side, in x and y
OFFSET = 0.25 / SIDE  # to the right, of the generator that is a quarter of a pixel wrong


# --- resampling


def golden(name):
    return GOLDEN[f"eq/{name}"]


def picture(name):
    return golden(name).transpose(0, 2, 3, 1)


def same(found, name):
    moved, mask = found
    assert np.array_equal(mask, golden(f"{name}_mask")[0, 0])
    assert np.abs(moved - picture(f"{name}_y"))[:, mask].max() < 5e-5


def test_resampling_as_published():
    image = picture("image")
    right, down = np.rint(golden("translation_int") * 40).astype(int)
    same(resampling.shift_whole(image, right, down), "int")
    same(resampling.shift(image, *(float(x) * 40 for x in golden("translation"))), "frac")
    for i in "01":
        angle = float(golden(f"angle{i}"))
        matrix = golden(f"rotation_matrix{i}")[:2, :2]
        assert resampling.rotation(angle) == pytest.approx(matrix, abs=1e-6)
        same(resampling.rotate(image, angle), f"rot{i}")
        same(resampling.limit_as_rotated(image, angle), f"pseudo{i}")


@pytest.mark.parametrize(("sign", "up", "name"), [(1, 4, "rot"), (-1, 1, "pseudo")])
def test_filters_as_published(sign, up, name):
    for i in "01":
        taps = resampling.band_limit(resampling.rotation(sign * float(golden(f"angle{i}"))), up)
        assert taps.shape == (12 * up - 1,) * 2
        assert np.abs(taps / up**2 - golden(f"{name}{i}_filter")).max() < 2e-7


@pytest.mark.parametrize("up", [1, 4])
def test_filters_keep_the_mean_and_have_no_direction(up):
    taps = resampling.band_limit(resampling.rotation(0.7), up)
    assert np.allclose(taps, taps[::-1, ::-1], atol=1e-12)
    assert taps.sum() == pytest.approx(up**2)
    for row in range(up):
        for column in range(up):
            assert taps[row::up, column::up].sum() == pytest.approx(1)


def test_the_taps_of_whole_pixels_are_one_pixel():
    assert resampling.lanczos_taps(0.0) == pytest.approx([0, 0, 1, 0, 0, 0], abs=1e-12)
    taps = resampling.lanczos_taps(0.5)
    assert taps == pytest.approx(taps[::-1]) and taps.sum() == pytest.approx(1)


@pytest.mark.thorough
@pytest.mark.backends
@pytest.mark.parametrize("config", ["t", "r"])
def test_whole_metrics_as_published(config):
    """Two batches of two pictures by a small network, with the random numbers of that run."""
    if "stylegan3/generator" not in KINDS:
        pytest.skip("there is no StyleGAN3 yet")
    begin = f"metric_{config}/"
    names = [name for name in GOLDEN.files if name.startswith(f"{begin}state/")]
    state = {name.removeprefix(f"{begin}state/"): GOLDEN[name] for name in names}
    network = import_network("stylegan3/generator", state)
    make = engine.compile(lambda z, m: network(z, transform=m), network.variables)
    numbers = {"int": slice(0, 2), "frac": slice(2, 4), "rotation": slice(4, 5)}
    results = {"int": ("eqt_int", 0.1), "frac": ("eqt_frac", 0.01), "rotation": ("eqr", 0.01)}
    errors = {motion: [] for motion in numbers}
    for z, uniform in zip(GOLDEN[f"{begin}z"], GOLDEN[f"{begin}uniform"], strict=True):
        still = to_numpy(make(z, np.eye(3, dtype="float32")))
        for motion, part in numbers.items():
            move = MOTIONS[motion](np.float64(uniform[part]), still.shape[1], 0)
            moved = to_numpy(make(z, move.given["transform"]))
            expected, found, mask = move.compare(still, moved)
            errors[motion].append(np.square(np.float64(expected) - found)[:, mask].ravel())
    for motion, (name, within) in results.items():
        found = psnr(np.concatenate(errors[motion]).mean())
        assert found == pytest.approx(float(GOLDEN[begin + name]), abs=within)


# --- generators whose errors are known


class Mapping:
    def __call__(self, z, truncation_psi=1.0, truncation_cutoff=None):
        return z[:, None, :1]


class Synthesis:
    """Waves that move exactly as they should; the phase is w, and a third of a turn per channel.

    At every pixel, the mean over the channels of the squared change of a wave by the angle `a` is
    `1 - cos(a)`.
    """

    @staticmethod
    def changed(transform):
        return transform

    def __call__(self, ws, noise="const", seed=None, transform=None):
        assert noise == "const"
        line = (np.arange(SIDE, dtype="float32") + 0.5) / SIDE - 0.5
        x, y = np.meshgrid(line, line)
        places = np.stack([x, y, np.ones_like(x)])
        moved = np.eye(3, dtype="float32")[None] if transform is None else self.changed(transform)
        x, y, _ = ops.unstack(ops.einsum("nij,jhw->inhw", moved, places))
        waves = (x * WAVES[0] + y * WAVES[1])[..., None]
        phases = ws[:, None] + np.float32([0, 1 / 3, 2 / 3])
        return ops.sin(2 * np.pi * (waves + phases))


class Sticking(Synthesis):
    @staticmethod
    def changed(transform):
        return ops.tile(np.eye(3, dtype="float32")[None], (ops.shape(transform)[0], 1, 1))


class Late(Synthesis):
    @staticmethod
    def changed(transform):
        return transform + np.float32([[0, 0, -OFFSET], [0, 0, 0], [0, 0, 0]])


class Constant(Synthesis):
    """Grids of 4x4 squares from w, moved without noise; a border that is left behind repeats."""

    def __call__(self, ws, noise="const", seed=None, shift=None):
        assert noise == "none"
        grid = ops.sin(ws * np.arange(1, 17, dtype="float32")[None])
        grid = ops.reshape(grid, (ws.shape[0], STEPS, STEPS))
        if shift is not None:
            rows = ops.clip(np.arange(STEPS) - shift[:, :1], 0, STEPS - 1)
            columns = ops.clip(np.arange(STEPS) - shift[:, 1:], 0, STEPS - 1)
            grid = ops.take_along_axis(grid, rows[:, :, None], axis=1)
            grid = ops.take_along_axis(grid, columns[:, None, :], axis=2)
        large = ops.repeat(ops.repeat(grid, SIDE // STEPS, axis=1), SIDE // STEPS, axis=2)
        return ops.tile(large[..., None], (1, 1, 1, 3))


def model(synthesis=Synthesis, **changes):
    """A GAN with such a synthesis; `changes` are attributes of it."""
    generator = SimpleNamespace(mapping=Mapping(), synthesis=synthesis())
    attributes = {"generator": generator, "has_mapping": True, "has_styles": True}
    attributes |= {"has_transform": synthesis is not Constant} | changes
    return type("Moving", (Fake,), attributes)(1, size=SIDE)


def measured(name, monkeypatch, count=12, **options):
    monkeypatch.setitem(EQUIVARIANCES, name, EQUIVARIANCES[name]._replace(count=count))
    algorithm = model(**options)
    assert protocols.check(name, SIDE, algorithm=algorithm) == count
    return protocols.compute(name, None, algorithm=algorithm)[name]


@pytest.mark.backends
@pytest.mark.parametrize(("name", "least"), [("eqt1k_int", 90), ("eqt1k_frac", 40), ("eqr1k", 40)])
def test_what_moves_exactly_has_many_decibels(name, least, monkeypatch):
    assert measured(name, monkeypatch) > least


@pytest.mark.parametrize(("name", "within"), [("eqt1k_int", 1e-3), ("eqt1k_frac", 0.5)])
def test_a_quarter_of_a_pixel_too_far(name, within, monkeypatch):
    error = 1 - np.cos(2 * np.pi * WAVES[0] * OFFSET)
    expected = 10 * np.log10(4 / error)
    assert measured(name, monkeypatch, synthesis=Late) == pytest.approx(expected, abs=within)


def test_a_picture_that_sticks_to_the_pixels(monkeypatch):
    """Three groups of four pictures, each with a translation and a number of valid pixels."""
    squares = pixels = 0
    for group in range(3):
        step = np.rint(0.125 * (2 * np.random.default_rng(group).random(2) - 1) * SIDE)
        valid = np.prod(SIDE - np.abs(step))
        squares += valid * (1 - np.cos(2 * np.pi * step @ WAVES / SIDE))
        pixels += valid
    expected = 10 * np.log10(4 * pixels / squares)
    found = measured("eqt1k_int", monkeypatch, synthesis=Sticking)
    assert found == pytest.approx(expected, abs=1e-3)
    assert measured("eqr1k", monkeypatch, synthesis=Sticking) < 10


def test_the_wrong_direction_is_noticed(monkeypatch):
    """Both for translations and for rotations: what turns to the other side is not equivariant."""

    class Inverse(Synthesis):
        changed = staticmethod(lambda transform: ops.linalg.inv(transform))

    for name in ("eqt1k_int", "eqr1k"):
        assert measured(name, monkeypatch, synthesis=Inverse) < 15


@pytest.mark.backends
def test_a_constant_is_moved_by_whole_positions(monkeypatch):
    found = measured("eqt_coarse1k", monkeypatch, synthesis=Constant, shift_steps=STEPS)
    assert found == pytest.approx(10 * np.log10(4 * 2.0**48))  # no error at all
    assert len(set(DIRECTIONS)) == 8


def test_pictures_that_are_left_over_share_a_transform_too():
    assert np.isfinite(equivariance(model(Late), "int", 5))


# --- what is refused, and what is known of the numbers


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("eqt1k_int", {"has_transform": False}, "takes no transform. Leave it out"),
        (
            "eqr50k",
            {"has_transform": False, "shift_steps": 4},
            "eqr50k: this model takes no transform. Take eqt_coarse1k.",
        ),
        ("eqt_coarse1k", {}, "no constant .* Take eqt1k_int or eqt1k_frac or eqr1k."),
    ],
)
def test_models_that_cannot_be_moved_so(name, changes, message):
    with pytest.raises(InputError, match=message):
        protocols.check(name, SIDE, algorithm=model(**changes))


def test_half_precision_and_tiny_pictures_are_refused():
    with pytest.raises(InputError, match="have 8 pixels, expected 16 or more"):
        protocols.check("eqt50k_int", 8, algorithm=model())
    keras.config.set_dtype_policy("mixed_bfloat16")
    with pytest.raises(InputError, match="need --precision=float32, got mixed_bfloat16"):
        protocols.check("eqt50k_int", SIDE, algorithm=model())


def test_more_is_better_and_no_real_pictures_are_needed():
    for name in EQUIVARIANCES:
        assert protocols.better(name) == 1 and protocols.split_of(name) is None
        assert protocols.value_names(name) == [name]
    assert {"eqt50k_int", "eqt50k_frac", "eqr50k"} <= set(protocols.NAMES)
