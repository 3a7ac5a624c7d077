"""The convolution to few channels against Keras' own: values, gradients and their gradients."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine, layers
from core.layers import PaddedConv2D
from core.tensors import to_numpy

pytestmark = pytest.mark.backends

SHAPES = {  # channels in and out, height and width of the kernel
    "7x7 to colours": (6, 3, 7, 7),
    "4x4 to one channel": (8, 1, 4, 4),
    "3x5 from colours to colours": (3, 3, 3, 5),
}


def _arrays(shape):
    channels, units, height, width = shape
    rng = np.random.default_rng(0)
    x = keras.Variable(rng.normal(size=(2, 9, 11, channels)).astype(np.float32))
    kernel = rng.normal(size=(height, width, channels, units)) / np.sqrt(height * width * channels)
    return x, keras.Variable(kernel.astype(np.float32))


def _values(conv, x, kernel):
    return [conv(x, kernel)]


def _gradients(conv, x, kernel):
    """Of a loss in which every value counts differently."""
    return engine.value_and_grad(lambda: (ops.sum(ops.sin(conv(x, kernel))), None), [x, kernel])[1]


def _gradients_of_gradient(conv, x, kernel):
    """Of the squared gradient with respect to the input, as in R1."""

    def penalty():
        of_x = engine.input_grad(lambda y: ops.sin(conv(y, kernel)), x + 0)
        return ops.sum(ops.square(of_x)), None

    return engine.value_and_grad(penalty, [x, kernel])[1]


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("of", [_values, _gradients, _gradients_of_gradient])
def test_the_same_as_the_usual_convolution(of, shape):
    arrays = _arrays(shape)
    found, expected = (of(conv, *arrays) for conv in (layers.conv_to_few, ops.conv))
    for ours, usual in zip(map(to_numpy, found), map(to_numpy, expected), strict=True):
        np.testing.assert_allclose(ours, usual, rtol=0, atol=1e-5 * np.abs(usual).max())


@pytest.mark.parametrize(
    ("units", "options", "taken"),
    [
        (3, {}, True),
        (1, {"pad": 1, "pad_mode": "reflect"}, True),
        (3, {"strides": 2}, False),
        (8, {}, False),
        (3, {"dtype": "mixed_bfloat16"}, False),
    ],
)
def test_layers_that_take_it(monkeypatch, units, options, taken):
    calls = []
    usual = layers.conv_to_few
    monkeypatch.setattr(layers, "conv_to_few", lambda *a: calls.append(a) or usual(*a))
    PaddedConv2D(units, 3, **options)(np.zeros((1, 8, 8, 6), np.float32))
    assert bool(calls) == taken


def test_pictures_of_any_size():
    """A network for unknown sizes, compiled."""
    inputs = keras.Input((None, None, 6))
    layer = PaddedConv2D(3, 3)
    network = keras.Model(inputs, layer(inputs))
    run = engine.compile_by_shape(network, network.variables)
    for size in (5, 8):
        x = np.random.default_rng(size).normal(size=(1, size, size + 1, 6)).astype(np.float32)
        expected = to_numpy(ops.conv(x, layer.kernel))
        np.testing.assert_allclose(to_numpy(run(x)), expected, rtol=0, atol=1e-5)
