"""The layers of the progressive GANs against their definitions."""

import keras
import numpy as np
import pytest
from keras import ops

from core.resample import box, nearest
from gan.layers import Conv, Dense, Epilogue, minibatch_stddev, pixel_norm

pytestmark = pytest.mark.backends

RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def numpy(x):
    return np.array(ops.convert_to_numpy(x), "float64")


def test_dense_is_scaled_where_it_is_used():
    layer = Dense(5, gain=3.0, lrmul=0.01)
    x = normal(2, 16)
    layer.build(x.shape)
    assert 50 < numpy(layer.kernel).std() < 150  # N(0, 1 / lrmul)
    layer.bias.assign(normal(5))
    expected = x @ numpy(layer.kernel) * 3.0 / 4 * 0.01 + 0.01 * numpy(layer.bias)
    np.testing.assert_allclose(numpy(layer(x)), expected, rtol=1e-4, atol=1e-5)


def convolve(x, kernel):
    """3x3, zeros beyond the border, by its definition."""
    padded = np.pad(numpy(x), ((0, 0), (1, 1), (1, 1), (0, 0)))
    h, w = x.shape[1:3]
    shifted = ((i, j, padded[:, i : i + h, j : j + w]) for i in range(3) for j in range(3))
    return sum(part @ kernel[i, j] for i, j, part in shifted)


@pytest.mark.parametrize("resample", [None, "up", "down"])
def test_resampling_convolutions_are_the_two_steps(resample):
    layer = Conv(4, 3, resample, use_bias=False)
    x = normal(2, 4, 6, 3)
    layer.build(x.shape)
    kernel = numpy(layer.kernel) * 2**0.5 / 27**0.5
    expected = convolve(nearest(x) if resample == "up" else x, kernel)
    if resample == "down":
        expected = numpy(box(expected))
    found = layer(x)
    assert tuple(found.shape) == layer.compute_output_shape(x.shape) == expected.shape
    np.testing.assert_allclose(numpy(found), expected, atol=1e-4)


def test_pixel_norm():
    x = normal(2, 3, 4, 5)
    expected = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-8)
    np.testing.assert_allclose(numpy(pixel_norm(x)), expected, rtol=1e-5)


@pytest.mark.parametrize(("n", "size", "group"), [(8, 4, 4), (3, 4, 3), (6, 4, 3), (5, 2, 1)])
def test_minibatch_stddev_of_strided_groups_and_of_odd_batches(n, size, group):
    x = normal(n, 4, 4, 3)
    found = numpy(minibatch_stddev(x, size))
    np.testing.assert_array_equal(found[..., :3], x)
    for i in range(n):
        members = x[i % (n // group) :: n // group].astype("float64")
        assert len(members) == group
        expected = np.sqrt(members.var(axis=0) + 1e-8).mean()
        np.testing.assert_allclose(found[i, :, :, 3], expected, rtol=1e-4)


def test_minibatch_stddev_needs_the_number_of_images():
    with pytest.raises(ValueError, match="must be known"):
        minibatch_stddev(keras.KerasTensor((None, 4, 4, 3)))


def test_epilogue_is_noise_bias_leaky_relu_instance_norm_style():
    layer = Epilogue(w_dim=6, use_noise=True)
    x, w = normal(2, 4, 4, 3), normal(2, 6)
    layer.build(x.shape)
    layer.noise_weight.assign(normal(3))
    layer.bias.assign(normal(3))
    layer.style.bias.assign(normal(6))
    y = x + numpy(layer.noise) * numpy(layer.noise_weight) + numpy(layer.bias)
    y = np.where(y > 0, y, 0.2 * y)
    y = (y - y.mean((1, 2), keepdims=True)) / np.sqrt(y.var((1, 2), keepdims=True) + 1e-8)
    style = w @ numpy(layer.style.kernel) / 6**0.5 + numpy(layer.style.bias)
    y = y * (style[:, None, None, :3] + 1) + style[:, None, None, 3:]
    np.testing.assert_allclose(numpy(layer(x, w)), y, atol=1e-4)


def test_noise_is_constant_random_or_none():
    layer = Epilogue(use_noise=True)
    x = normal(2, 4, 4, 3)
    layer.build(x.shape)
    none = numpy(layer(x))
    np.testing.assert_array_equal(none, numpy(layer(x, noise="none")))  # its weight starts at 0
    layer.noise_weight.assign(np.ones(3, "float32"))
    assert np.abs(numpy(layer(x)) - none).max() > 0.1
    seed = keras.random.SeedGenerator(0)
    first, second = (numpy(layer(x, noise="random", seed=seed)) for _ in range(2))
    assert np.abs(first - second).max() > 0.1


def test_float32_weights_and_bfloat16_features_in_mixed_precision():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = Conv(4, 3)
    y = layer(normal(1, 4, 4, 3))
    assert layer.kernel.dtype == "float32" and y.dtype == ops.cast(y, "bfloat16").dtype
