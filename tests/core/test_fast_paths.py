"""What the engine does faster than the plain code does the same."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.layers import InstanceNorm
from core.optimizers import Adam
from core.stats import instance_norm

pytestmark = pytest.mark.backends


def _adam(value, gradients, *, outside, rate=0.01, b1=0.5, b2=0.9, epsilon=1e-3):
    """Kingma & Ba, Algorithm 1 (epsilon outside of the correction) or the remark below it."""
    m = v = 0.0
    for t, g in enumerate(gradients, 1):
        m, v = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g**2
        if outside:
            value = value - rate * (m / (1 - b1**t)) / (np.sqrt(v / (1 - b2**t)) + epsilon)
        else:
            value = value - rate * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + epsilon)
    return value


@pytest.mark.parametrize("options", [{}, {"global_clipnorm": 1e6}], ids=["fused", "plain"])
@pytest.mark.parametrize(("kind", "outside"), [(Adam, True), (keras.optimizers.Adam, False)])
def test_adam_is_the_published_formula(kind, outside, options):
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 2)), rng.normal(size=(4, 3, 2)) * 1e-3
    variable = keras.Variable(start.astype("float32"))
    optimizer = kind(0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-3, **options)
    optimizer.build([variable])

    def step(gradient):
        engine.apply(optimizer, [gradient], [variable])
        return ops.sum(variable.value)

    compiled = engine.compile(step, [variable, *optimizer.variables])
    for gradient in gradients:
        compiled(ops.convert_to_tensor(gradient.astype("float32")))
    expected = _adam(start, gradients, outside=outside)
    other = _adam(start, gradients, outside=not outside)
    np.testing.assert_allclose(variable.numpy(), expected, atol=1e-6)
    assert np.abs(expected - other).max() > 1e-4  # the two forms can be told apart here
    assert int(optimizer.iterations.numpy()) == 4


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fast_instance_norm_has_the_values_and_both_gradients_of_the_plain_one(n):
    x = np.random.default_rng(n).normal(2, 3, (n, 5, 4, 3)).astype("float32")
    weight = np.random.default_rng(9).normal(size=x.shape).astype("float32")

    def measure(norm):
        def first(x):
            return engine.input_grad(lambda x: ops.power(norm(x, 1e-5), 3) * weight, x)

        def both(x):
            return first(x), engine.input_grad(lambda x: ops.square(first(x)), x)

        x_ = ops.convert_to_tensor(x)
        return [ops.convert_to_numpy(v) for v in (norm(x_, 1e-5), *engine.compile(both, [])(x_))]

    for fast, plain in zip(measure(engine.instance_norm), measure(instance_norm), strict=True):
        np.testing.assert_allclose(fast, plain, atol=2e-4 * np.abs(plain).max())


def test_fast_instance_norm_of_unknown_sizes():
    inputs = keras.Input((None, None, 3))
    network = keras.Model(inputs, InstanceNorm()(inputs))
    x = np.random.default_rng(0).normal(size=(4, 6, 5, 3)).astype("float32")
    run = engine.compile(lambda x: network(x), [])
    np.testing.assert_allclose(
        ops.convert_to_numpy(run(ops.convert_to_tensor(x))),
        ops.convert_to_numpy(instance_norm(ops.convert_to_tensor(x))),
        atol=1e-5,
    )
