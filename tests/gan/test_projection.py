"""The projector: schedule, regularisation of noise maps, and steps on a synthesis by hand."""

import numpy as np
import pytest
from keras import ops

from core.tensors import to_numpy
from gan import projection
from gan.stylegan2.networks import Generator


def test_the_learning_rate_rises_and_falls():
    assert projection.learning_rate(0.0) == 0
    assert projection.learning_rate(0.025) == pytest.approx(0.05)
    assert projection.learning_rate(0.05) == projection.learning_rate(0.75) == pytest.approx(0.1)
    assert projection.learning_rate(0.875) == pytest.approx(0.05)
    assert projection.learning_rate(1.0) == pytest.approx(0, abs=1e-12)


def test_the_noise_of_w_ends():
    assert projection.noise_strength(0.0, 2.0) == pytest.approx(0.1)
    assert projection.noise_strength(0.375, 2.0) == pytest.approx(0.025)
    assert projection.noise_strength(0.75, 2.0) == projection.noise_strength(0.9, 2.0) == 0


def test_statistics_of_w():
    mean, deviation = projection.statistics(np.float32([[0, 0], [6, 8]]))
    np.testing.assert_array_equal(mean, [3, 4])
    assert deviation == pytest.approx(5)


def regularisation(x):
    """The formula in NumPy, for one map `[H, W]`."""
    total = 0.0
    while True:
        total += sum(np.mean(x * np.roll(x, 1, axis)) ** 2 for axis in (0, 1))
        if len(x) <= 8:
            return total
        x = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4


@pytest.mark.backends
def test_the_regularisation_of_noise_maps():
    random = np.random.RandomState(0)
    maps = [random.randn(size, size).astype(np.float32) for size in (4, 8, 32)]
    maps[2] += 1  # correlates at all three sizes
    given = [ops.convert_to_tensor(x[None, :, :, None]) for x in maps]
    found = float(projection.noise_regularisation(given))
    assert found == pytest.approx(sum(map(regularisation, maps)), rel=1e-4)
    assert float(projection.noise_regularisation([])) == 0


def test_maps_are_normalised():
    x = np.random.RandomState(0).randn(1, 6, 5, 1).astype(np.float32) * 3 + 7
    found = to_numpy(projection.normalised(ops.convert_to_tensor(x)))
    assert found.mean() == pytest.approx(0, abs=1e-6)
    assert np.square(found).mean() == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize(("size", "seen"), [(16, 16), (256, 256), (512, 256), (1024, 256)])
def test_large_pictures_are_reduced(size, seen):
    assert projection.compared(ops.ones((1, size, size, 1))).shape[1] == seen
    assert float(ops.max(projection.compared(ops.ones((1, 4, 4, 3))))) == 1


class Pixels:
    """Features that are the pixels."""

    variables = ()

    def __call__(self, images):
        return [images]


def projector(synthesis, variables, target, w):
    layers = getattr(synthesis, "num_ws", 2)
    return projection.Projector(synthesis, variables, Pixels(), target, w, layers=layers)


@pytest.mark.backends
def test_it_finds_the_w_of_a_picture():
    """Of a synthesis whose pixels are the numbers of w, in its own range."""

    def synthesis(ws, noise):
        assert noise == "const" and ws.shape == (1, 2, 4)
        return ops.reshape(ws[:, 1], (1, 2, 2, 1))

    target = np.float32([[0.5, -0.25], [0.0, 0.75]])[..., None]
    w = np.random.RandomState(1).randn(100, 4).astype(np.float32) / 4
    ways = [list(projector(synthesis, [], target, w).steps(150)) for _ in range(2)]
    np.testing.assert_allclose(ways[0][-1][0], target.ravel(), atol=0.02)
    assert ways[0][-1][1] < 1e-3 < ways[0][0][1]
    np.testing.assert_array_equal(ways[0][-1][0], ways[1][-1][0])  # bit for bit
    start, _ = projection.statistics(w)  # the first step has the learning rate 0
    np.testing.assert_array_equal(ways[0][0][0], start)


@pytest.mark.backends
def test_a_step_on_stylegan2_moves_w_and_maps_and_nothing_else():
    generator = Generator(8, z_dim=4, w_dim=4, mapping_layers=1, channel_base=32, channel_max=4)
    for layer in generator.synthesis.convs:
        layer.noise_strength.assign(0.1)
    before = [to_numpy(v.value) for v in generator.variables]
    target = np.zeros((8, 8, 3), np.float32)
    w = np.random.RandomState(0).randn(50, 4).astype(np.float32)
    made = projector(generator.synthesis, generator.variables, target, w)
    maps = [to_numpy(x.value) for x in made.maps]
    assert [x.shape for x in maps] == [(1, 4, 4, 1), (1, 8, 8, 1), (1, 8, 8, 1)]
    distances = [distance for _, distance in made.steps(30)]
    assert distances[-1] < distances[0]
    for start, end in zip(maps, made.maps, strict=True):
        found = to_numpy(end.value)
        assert np.abs(found - start).max() > 0.01
        assert found.mean() == pytest.approx(0, abs=1e-5)
        assert np.square(found).mean() == pytest.approx(1, rel=1e-4)
    for start, end in zip(before, generator.variables, strict=True):
        np.testing.assert_array_equal(start, to_numpy(end.value))
