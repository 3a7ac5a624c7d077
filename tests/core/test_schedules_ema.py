"""Learning rate over the images seen, and moving averages of weights."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.ema import EMA
from core.schedules import linear_decay

pytestmark = pytest.mark.backends


def rate(images, base=1.0, epoch=1000, epochs=200, decay_from=0.5):
    images = ops.convert_to_tensor(np.float32(images))
    return float(linear_decay(base, images, epoch=epoch, epochs=epochs, decay_from=decay_from))


@pytest.mark.parametrize(
    ("number", "factor"), [(1, 1), (100, 1), (101, 100 / 101), (150, 51 / 101), (200, 1 / 101)]
)
def test_rate_in_an_epoch(number, factor):
    """The same from the first to the last image of the epoch."""
    for images in ((number - 1) * 1000, number * 1000 - 1):
        assert rate(images, base=2e-4) == pytest.approx(2e-4 * factor, rel=1e-4)


def test_rate_of_a_short_run():
    rates = [rate(4 * e, epoch=4, epochs=4) for e in range(4)]
    assert rates == pytest.approx([1, 1, 2 / 3, 1 / 3])


def test_rate_of_epochs_that_are_not_whole():
    assert rate(0, epoch=10, epochs=0.5) == pytest.approx(0.4)  # 1 - 0.75 / 1.25
    assert rate(2500, epochs=2.5) == pytest.approx(1 - 1.75 / 2.25)


def test_rate_without_decay_and_with_decay_from_the_start():
    assert rate(199_999, decay_from=1.0) == 1
    assert rate(0, decay_from=0.0) == pytest.approx(200 / 201)


@pytest.mark.parametrize("xla", [False, True])
def test_epochs_change_at_whole_multiples_when_compiled(xla):
    """A compiler may divide by multiplying with the reciprocal, which floors k * epoch / epoch to
    k - 1 for some k."""
    epoch = 1067
    compiled = engine.compile(
        lambda x: linear_decay(1.0, x, epoch=epoch, epochs=200, decay_from=0.0), [], xla
    )
    starts = np.arange(200) * epoch
    images = ops.convert_to_tensor(np.float32(starts))
    expected = 1 - (np.arange(200) + 1) / 201
    found = ops.convert_to_numpy(compiled(images))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def network():
    keras.utils.set_random_seed(0)
    return keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])


def values(model):
    return [np.array(ops.convert_to_numpy(v.value)) for v in model.variables]


def test_ema_starts_at_the_network_and_stays_while_it_rests():
    source = network()
    ema = EMA(source, 10)
    assert not {id(v) for v in ema.network.variables} & {id(v) for v in source.variables}
    ema.update(5)
    for average, value in zip(values(ema.network), values(source), strict=True):
        np.testing.assert_array_equal(average, value)


@pytest.mark.parametrize(("images", "updates"), [(1, 4), (2, 2), (4, 1), (20, 1)])
def test_ema_halves_the_distance_every_half_life(images, updates):
    """Whatever the size of the batch."""
    source = network()
    start = values(source)
    ema = EMA(source, 20)
    for variable in source.variables:
        variable.assign(variable.value + 1.0)
    update = engine.compile(lambda: ema.update(images), source.variables + ema.network.variables)
    for _ in range(updates):
        update()
    decay = 0.5 ** (images * updates / 20)
    for average, value in zip(values(ema.network), start, strict=True):
        np.testing.assert_allclose(average, value + (1 - decay), rtol=1e-5, atol=1e-6)


def test_ema_leaves_the_network_alone():
    source = network()
    start = values(source)
    ema = EMA(source, 3)
    for variable in ema.network.variables:
        variable.assign(variable.value + 1.0)
    ema.update(1)
    for before, after in zip(start, values(source), strict=True):
        np.testing.assert_array_equal(before, after)


def test_ema_of_a_network_with_dropout():
    """The state of its random numbers is an integer and is not averaged."""
    inputs = keras.Input((2,))
    source = keras.Model(inputs, keras.layers.Dropout(0.5)(keras.layers.Dense(3)(inputs)))
    ema = EMA(source, 3)
    states = [v for v in ema.network.variables if not keras.backend.is_float_dtype(v.dtype)]
    assert len(states) == 1
    start = np.array(ops.convert_to_numpy(states[0].value))
    source(np.ones((1, 2), "float32"), training=True)
    kernel = np.array(ops.convert_to_numpy(source.weights[0].value))
    source.weights[0].assign(kernel + 1)
    ema.update(3)
    np.testing.assert_array_equal(ops.convert_to_numpy(states[0].value), start)
    found = ops.convert_to_numpy(ema.network.weights[0].value)
    np.testing.assert_allclose(found, kernel + 0.5, rtol=1e-6)
