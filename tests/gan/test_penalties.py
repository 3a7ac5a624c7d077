"""Penalties of discriminators whose gradient is known."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from gan.penalties import gradient_penalty_at, squared_gradient, wgan_gp

pytestmark = pytest.mark.backends

RNG = np.random.default_rng(0)
W = RNG.normal(size=(4, 4, 3)).astype("float32")
X, Y = (ops.convert_to_tensor(RNG.normal(size=(2, 4, 4, 3)).astype("float32")) for _ in range(2))


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def linear(scale):
    return lambda x: ops.sum(x * (W * scale), axis=(1, 2, 3))[:, None]


def test_r1_of_a_linear_discriminator_is_the_squared_norm_of_its_weights():
    penalty, logits = squared_gradient(linear(1.0), X)
    np.testing.assert_allclose(numpy(penalty), [np.square(W).sum()] * 2, rtol=1e-6)
    np.testing.assert_allclose(numpy(logits)[:, 0], (numpy(X) * W).sum((1, 2, 3)), rtol=1e-4)


def test_wgan_gp_of_a_unit_norm_linear_discriminator_is_0():
    norm = float(np.sqrt(np.square(W).sum()))
    seed = keras.random.SeedGenerator(0)
    np.testing.assert_allclose(numpy(wgan_gp(linear(1 / norm), X, Y, seed)), 0, atol=1e-10)
    np.testing.assert_allclose(numpy(wgan_gp(linear(3 / norm), X, Y, seed)), 4, rtol=1e-5)
    for_2 = wgan_gp(linear(3 / norm), X, Y, seed, target=2.0)
    np.testing.assert_allclose(numpy(for_2), 0.25, rtol=1e-5)


def test_wgan_gp_looks_between_reals_and_fakes():
    """The gradient of sum(x^2) / 2 is x itself: its norm tells which point was looked at."""
    reals, fakes = (ops.full((64, 1, 1, 1), value) for value in (3.0, 5.0))
    seed = keras.random.SeedGenerator(0)
    found = wgan_gp(lambda x: ops.sum(x**2, axis=(1, 2, 3)) / 2, reals, fakes, seed)
    points = np.sqrt(numpy(found)) + 1
    assert 3 <= points.min() < 3.4 and 4.6 < points.max() <= 5
    assert len(np.unique(points)) == 64  # each pair a point of its own


def test_a_discriminator_that_ignores_its_input_has_finite_gradients():
    scale = keras.Variable(0.0)

    def loss():
        return ops.mean(gradient_penalty_at(lambda x: linear(1.0)(x) * scale, X)), None

    (value, _), (gradient,) = engine.value_and_grad(loss, [scale])
    assert float(value) == 1.0 and np.isfinite(float(gradient))


def test_gradient_of_the_penalty_is_the_analytic_one_when_compiled():
    """D(x) = a * sum(x^3): the squared gradient is 9 a^2 sum(x^4), its derivative 18 a sum(x^4)."""
    a = keras.Variable(0.5)

    def step(x):
        def loss():
            penalty, _ = squared_gradient(lambda x: a * ops.sum(x**3, axis=(1, 2, 3)), x)
            return ops.mean(penalty), None

        (value, _), (gradient,) = engine.value_and_grad(loss, [a])
        return value, gradient

    value, gradient = engine.compile(step, [a])(X)
    fourth = np.mean(np.sum(numpy(X) ** 4, axis=(1, 2, 3)))
    np.testing.assert_allclose(float(value), 9 * 0.25 * fourth, rtol=1e-5)
    np.testing.assert_allclose(float(gradient), 18 * 0.5 * fourth, rtol=1e-5)
