"""Resampling filters against StyleGAN2's, and against plain sums."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine, resample
from core.resample import blur, box, downsample, nearest, upfirdn2d, upsample

pytestmark = pytest.mark.backends

ORACLE = dict(np.load(Path(__file__).parents[1] / "golden/upfirdn2d.npz"))
TAPS = (1, 3, 3, 1)


def nhwc(x):
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1))


@pytest.mark.parametrize(
    ("name", "function"), [("up2", upsample), ("down2", downsample), ("filt", blur)]
)
def test_upfirdn2d_is_the_official_one(name, function):
    found = ops.convert_to_numpy(function(nhwc(ORACLE["x"]), TAPS))
    np.testing.assert_allclose(found, nhwc(ORACLE[name]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("taps", [(1, 2, 1), (1, 3, 3, 1)])
@pytest.mark.parametrize(
    "options", [{"padding": (2, 1)}, {"up": 2, "padding": (2, 1), "gain": 4}, {"down": 2}]
)
def test_both_forms_are_the_same_filter(taps, options, monkeypatch):
    """A matrix product, and shifted copies; their gradients as well."""
    x = np.random.default_rng(3).normal(size=(2, 70, 66, 3)).astype("float32")
    found = []
    for product in (True, False):
        monkeypatch.setattr(resample, "_small_on_cpu", lambda *_, form=product: form)
        gradient = engine.input_grad(
            lambda x: ops.square(upfirdn2d(x, taps, **options)), ops.convert_to_tensor(x)
        )
        found.append([ops.convert_to_numpy(y) for y in (upfirdn2d(x, taps, **options), gradient)])
    for product, shifts in zip(*found, strict=True):
        np.testing.assert_allclose(product, shifts, rtol=0, atol=2e-5)


def test_the_filter_is_a_true_convolution_padded_on_both_sides():
    x = np.zeros((1, 3, 3, 1), "float32")
    x[0, 1, 1, 0] = 1
    found = ops.convert_to_numpy(upfirdn2d(x, (1, 2, 5), padding=(1, 1)))[0, :, :, 0]
    np.testing.assert_allclose(found, np.outer((1, 2, 5), (1, 2, 5)) / 64, atol=1e-7)


def test_gain_up_and_down_in_one_call():
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 3)).astype("float32")
    found = ops.convert_to_numpy(upfirdn2d(x, (1, 1), up=3, down=2, padding=(1, 0), gain=4))
    stuffed = np.zeros((2, 15, 12, 3))
    stuffed[:, ::3, ::3] = x
    padded = np.pad(stuffed, ((0, 0), (1, 0), (1, 0), (0, 0)))
    summed = sum(padded[:, i : i + 15, j : j + 12] for i in (0, 1) for j in (0, 1)) / 4 * 4
    np.testing.assert_allclose(found, summed[:, ::2, ::2], atol=1e-6)


def test_nearest_and_box_are_each_others_adjoint():
    rng = np.random.default_rng(1)
    small = rng.normal(size=(2, 2, 4, 3)).astype("float32")
    large = rng.normal(size=(2, 4, 8, 3)).astype("float32")
    raised = ops.convert_to_numpy(nearest(small))
    np.testing.assert_array_equal(raised, small.repeat(2, 1).repeat(2, 2))
    pooled = ops.convert_to_numpy(box(large))
    np.testing.assert_allclose(pooled, large.reshape(2, 2, 2, 4, 2, 3).mean((2, 4)), atol=1e-6)
    np.testing.assert_allclose((raised * large).sum(), 4 * (small * pooled).sum(), rtol=1e-4)


def test_gradients_of_gradients_pass_through():
    x = ops.convert_to_tensor(np.random.default_rng(2).normal(size=(1, 4, 4, 1)).astype("float32"))

    def first(x):
        return engine.input_grad(lambda x: ops.power(downsample(blur(x), TAPS), 3), x)

    found = engine.input_grad(lambda x: ops.square(first(x)), x)
    assert np.abs(ops.convert_to_numpy(found)).max() > 1e-4


@pytest.mark.parametrize(
    "options", [{"padding": (2, 2)}, {"padding": (2, -1), "down": 2}, {"up": 2, "padding": (1, 0)}]
)
def test_sizes_that_are_known_only_when_it_runs(options):
    call = engine.compile_by_shape(lambda x: upfirdn2d(x, TAPS, **options), [])
    for shape in ((1, 5, 7, 2), (1, 12, 6, 2)):
        x = np.random.default_rng(0).normal(size=shape).astype("float32")
        expected = ops.convert_to_numpy(upfirdn2d(x, TAPS, **options))
        np.testing.assert_allclose(ops.convert_to_numpy(call(x)), expected, atol=1e-6)
