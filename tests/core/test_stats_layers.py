"""Feature statistics and the shared layers against plain numpy."""

import keras
import numpy as np
import pytest
from keras import ops

from core.layers import InstanceNorm, PaddedConv2D
from core.stats import instance_norm, moments
from gan.cyclegan.networks import resnet_generator

pytestmark = pytest.mark.backends

RNG = np.random.default_rng(0)


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def norm_by_hand(x, epsilon):
    """Every channel of every picture alone, float64."""
    out = np.empty(x.shape)
    for n, c in np.ndindex(x.shape[0], x.shape[3]):
        plane = np.float64(x[n, :, :, c])
        out[n, :, :, c] = (plane - plane.mean()) / np.sqrt(plane.var() + epsilon)
    return out


def test_moments():
    x = np.float32(RNG.normal(3, 2, (2, 4, 5, 3)))
    mean, std = moments(ops.convert_to_tensor(x), epsilon=0.5)
    assert mean.shape == std.shape == (2, 1, 1, 3)
    np.testing.assert_allclose(numpy(mean)[:, 0, 0], x.mean((1, 2)), rtol=1e-5)
    np.testing.assert_allclose(numpy(std)[:, 0, 0], np.sqrt(x.var((1, 2)) + 0.5), rtol=1e-5)


@pytest.mark.parametrize("epsilon", [1e-5, 0.1])
def test_instance_norm(epsilon):
    x = np.float32(RNG.normal(0, [0.01, 1, 30], (2, 6, 5, 3)) + [5, -1, 0])
    found = numpy(instance_norm(ops.convert_to_tensor(x), epsilon))
    np.testing.assert_allclose(found, norm_by_hand(x, epsilon), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("dtype", "bound"), [("bfloat16", 0.02), ("float16", 2e-3)])
def test_instance_norm_computes_in_float32(dtype, bound):
    """The mean of 4096 values near 100 is out of reach of 8 or 11 bits; the result is rounded."""
    x = ops.cast(np.float32(RNG.normal(100, 5, (1, 64, 64, 2))), dtype)
    found = instance_norm(x)
    assert keras.backend.standardize_dtype(found.dtype) == dtype
    seen = numpy(ops.cast(x, "float32"))
    expected = norm_by_hand(seen, 1e-5)
    np.testing.assert_allclose(numpy(ops.cast(found, "float32")), expected, rtol=0, atol=bound)


def test_instance_norm_of_a_flat_picture_is_0():
    assert np.all(numpy(instance_norm(ops.full((1, 4, 4, 2), 7.0))) == 0)


def test_instance_norm_has_no_weights():
    layer = InstanceNorm()
    layer(np.ones((1, 2, 2, 3), "float32"))
    assert layer.weights == []
    assert layer.epsilon == 1e-5


def convolve(x, kernel, bias, strides, pad, mode):
    """What PyTorch's Conv2d computes, `x` [N, H, W, I], `kernel` [kh, kw, I, O]."""
    sides = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    x = np.pad(np.float64(x), sides, mode=mode)
    kh, kw = kernel.shape[:2]
    height, width = ((n - k) // strides + 1 for n, k in zip(x.shape[1:3], (kh, kw), strict=True))
    out = np.empty((len(x), height, width, kernel.shape[3]))
    for i, j in np.ndindex(height, width):
        patch = x[:, i * strides : i * strides + kh, j * strides : j * strides + kw]
        out[:, i, j] = np.tensordot(patch, kernel, 3) + bias
    return out


CASES = [(3, 1, 1), (3, 2, 1), (4, 2, 1), (4, 1, 1), (7, 1, 3), (3, 1, 0)]  # kernel, strides, pad


@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize(("size", "strides", "pad"), CASES)
def test_padded_conv(size, strides, pad, mode):
    x = np.float32(RNG.normal(size=(2, 8, 9, 2)))
    layer = PaddedConv2D(3, size, strides=strides, pad=pad, pad_mode=mode)
    layer.build(x.shape)
    kernel, bias = np.float32(RNG.normal(size=(size, size, 2, 3))), np.float32([1, -2, 3])
    layer.set_weights([kernel, bias])
    expected = convolve(x, kernel, bias, strides, pad, mode)
    np.testing.assert_allclose(numpy(layer(x)), expected, rtol=0, atol=1e-4)
    assert layer.compute_output_shape(x.shape) == expected.shape
    assert layer.compute_output_shape((None, None, 9, 2))[1:] == (None, *expected.shape[2:])


def test_padded_conv_starts_as_dcgan():
    layer = PaddedConv2D(64, 3)
    layer.build((None, None, None, 64))
    kernel, bias = map(numpy, layer.weights)
    assert kernel.mean() == pytest.approx(0, abs=1e-3)
    assert kernel.std() == pytest.approx(0.02, rel=0.02)
    assert np.all(bias == 0)


@pytest.mark.parametrize(
    "layer",
    [
        PaddedConv2D(2, 4, strides=2, pad=1, pad_mode="reflect", use_bias=False, name="c"),
        PaddedConv2D(2, 3, kernel_initializer="ones"),
        InstanceNorm(epsilon=0.25, name="n"),
    ],
    ids=["reflect", "plain", "norm"],
)
def test_layers_survive_serialization(layer):
    config = keras.saving.serialize_keras_object(layer)
    again = keras.saving.deserialize_keras_object(config)
    assert type(again) is type(layer)
    assert again.get_config() == layer.get_config()
    x = np.float32(RNG.normal(size=(1, 8, 8, 2)))
    layer(x), again(x)
    again.set_weights([numpy(w.value) for w in layer.weights])
    np.testing.assert_array_equal(numpy(layer(x)), numpy(again(x)))


@pytest.mark.parametrize("dropout", [False, True])
def test_generator_survives_a_keras_file(tmp_path, dropout):
    network = resnet_generator(ngf=4, n_blocks=1, dropout=dropout)
    network.save(tmp_path / "generator.keras")
    again = keras.saving.load_model(tmp_path / "generator.keras")
    x = np.float32(RNG.uniform(-1, 1, (1, 16, 16, 3)))
    np.testing.assert_array_equal(numpy(network(x)), numpy(again(x)))
    assert again.name == network.name
