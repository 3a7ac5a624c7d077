"""The multi-scale generator against NumPy, its noise, its tiles, and its training."""

import numpy as np
import pytest
from keras import ops

from nst.perceptual import PerceptualLoss
from nst.ulyanov.algorithm import Ulyanov, UlyanovTexture
from nst.ulyanov.config import UlyanovConfig
from nst.ulyanov.networks import pyramid
from nst.weights import random_weights

SIZE = 16
TINY = {"scales": 3, "channels": 2, "noise": 1}
OPTIONS = {"network": "vgg16", "style": ("style",), "style_layers": ("relu1_1", "relu2_1")}
RANDOM = np.random.default_rng(0)
PICTURES = RANDOM.uniform(0, 1, (3, SIZE, SIZE, 3)).astype("float32")
WEIGHTS = random_weights("vgg16", width=1 / 32)
PADS = {"replicate": "edge", "circular": "wrap", "reflect": "reflect", "zeros": "constant"}


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def made(kind=Ulyanov, **changes):
    layers = ("relu2_1",) if kind.content else ()
    config = UlyanovConfig(content_layers=layers, **OPTIONS | TINY | changes)
    perceptual = PerceptualLoss(config, WEIGHTS, PICTURES[2:])
    return kind(config, perceptual, size=SIZE, batch_size=2)


# --- the network


@pytest.mark.parametrize("content, noise, scales, channels, expected", [
    (True, 3, 6, 8, 118_211),
    (False, 3, 6, 8, 116_915),
    (True, 0, 6, 8, 116_915),
    (False, 2, 1, 4, 283),
])  # fmt: skip
def test_parameters(content, noise, scales, channels, expected):
    """By hand: i -> o channels with k x k pixels are i * o * k * k weights and 3 * o numbers more
    (bias, scale, offset). A scale has three of them on what it sees, and the finer ones three on
    the join and a scale and offset for each of its channels; then 3 * (channels + 1)."""

    def block(i, o):
        return 9 * i * o + 9 * o * o + o * o + 3 * 3 * o

    seen = 3 * content + noise
    joins = [channels * k for k in range(2, scales + 1)]
    total = scales * block(seen, channels) + sum(block(j, j) + 2 * j for j in joins)
    total += 3 * (channels * scales + 1)
    network = pyramid(content=content, noise=noise, scales=scales, channels=channels)
    assert network.count_params() == total == expected


class Numpy:
    """The network layer by layer, with the weights of one of Keras in the order of creation."""

    def __init__(self, network, padding, slope):
        layers = [layer for layer in network.layers if layer.weights]
        self.convolutions = iter(sorted((x for x in layers if "padded" in x.name), key=number))
        self.norms = iter(sorted((x for x in layers if "norm" in x.name), key=number))
        (self.last,) = (layer for layer in layers if layer.name.startswith("conv2d"))
        self.padding, self.slope = PADS[padding], slope

    def __call__(self, x, content=3, noise=1, scales=3):
        found = None
        for k in range(scales):
            ratio = 2 ** (scales - 1 - k)
            n, h, w, _ = x.shape
            squares = x[..., :content].reshape(n, h // ratio, ratio, w // ratio, ratio, content)
            start = content + k * noise
            parts = squares.mean((2, 4)), x[:, ::ratio, ::ratio, start : start + noise]
            branch = self.block(np.concatenate(parts, -1))
            if found is not None:
                doubled = self.norm(found.repeat(2, 1).repeat(2, 2))
                branch = self.block(np.concatenate([doubled, self.norm(branch)], -1))
            found = branch
        mean = (123.68, 116.779, 103.939)
        return self.convolve(found, self.last) + mean

    def block(self, x):
        for _ in range(3):
            x = self.norm(self.convolve(x, next(self.convolutions)))
            x = np.where(x > 0, x, self.slope * x)
        return x

    def norm(self, x):
        gamma, beta = (numpy(v) for v in next(self.norms).weights)
        mean, variance = x.mean((1, 2), keepdims=True), x.var((1, 2), keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta

    def convolve(self, x, layer):
        kernel, bias = (numpy(v) for v in layer.weights)
        pad = kernel.shape[0] // 2
        if pad:
            x = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)), self.padding)
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[:2], (1, 2))
        return np.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias


def number(layer):
    """Of a layer among those of its class, by Keras' name for it."""
    tail = layer.name.rpartition("_")[2]
    return int(tail) if tail.isdigit() else -1


@pytest.mark.backends
@pytest.mark.parametrize("padding", PADS)
def test_the_generator_is_what_the_code_describes(padding):
    """Three scales in float64: averaged content, every second or fourth number of the noise,
    convolutions of 3, 3 and 1 pixels, doubling, norms before the join."""
    network = pyramid(**TINY, padding=padding, slope=0.01)
    for v in network.trainable_variables:  # so that no offset is 0
        v.assign(RANDOM.normal(0, 0.5, v.shape))
    x = RANDOM.uniform(0, 1, (2, SIZE, 2 * SIZE, 6)).astype("float32")
    expected = Numpy(network, padding, 0.01)(x.astype("float64"))
    np.testing.assert_allclose(numpy(network(x)), expected, rtol=1e-3, atol=1e-2)


def test_outputs_and_norms():
    x = RANDOM.uniform(0, 1, (2, SIZE, SIZE, 6)).astype("float32")
    network = pyramid(**TINY, output="tanh")
    network.trainable_variables[-1].assign([-100.0, 0.0, 100.0])  # the last bias
    levels = numpy(network(x))
    np.testing.assert_allclose(levels[..., 0], 123.68 - 150, atol=1e-3)
    np.testing.assert_allclose(levels[..., 2], 103.939 + 150, atol=1e-3)
    batch = pyramid(**TINY, norm="batch")
    training, use = (numpy(batch(x, training=flag)) for flag in (True, False))
    assert np.abs(training - use).max() > 1e-3  # the averages of one step are not its statistics
    alone = numpy(batch(x[:1], training=False))
    np.testing.assert_allclose(alone, use[:1], atol=1e-3)


def test_neither_content_nor_noise_is_refused():
    with pytest.raises(ValueError, match="noise=0: without content expected 1 or more"):
        pyramid(content=False, noise=0)


# --- tiles


def shifts(padding):
    """How far the picture of shifted noise is from the shifted picture of the noise, in levels,
    for a multiple of the ratio and another shift."""
    network = pyramid(content=False, padding=padding, **TINY)
    noise = RANDOM.uniform(0, 1, (1, SIZE, 2 * SIZE, 3)).astype("float32")
    picture = numpy(network(noise))
    assert picture.std((1, 2)).max() > 1e-2
    errors = []
    for shift in ((4, -8), (1, 0)):
        other = numpy(network(np.roll(noise, shift, (1, 2))))
        errors.append(np.abs(other - np.roll(picture, shift, (1, 2))).max())
    return errors


def test_textures_of_a_circular_network_are_seamless():
    """Noise that goes on over the border makes a picture that does."""
    multiple, other = shifts("circular")
    assert multiple < 1e-3 < 1e-2 < other


@pytest.mark.parametrize("padding", ["replicate", "zeros"])
def test_textures_of_other_networks_have_borders(padding):
    multiple, _ = shifts(padding)
    assert multiple > 1e-2


# --- noise


def test_a_texture_is_a_function_of_seed_and_size():
    algorithm = made(UlyanovTexture, padding="circular")
    one, two = algorithm.texture(3, SIZE, SIZE), algorithm.texture(4, SIZE, SIZE)
    assert np.array_equal(one, algorithm.texture(3, SIZE, SIZE))
    assert np.abs(one - two).max() > 1e-4
    assert algorithm.texture(3, 5, 41).shape == (5, 41, 3)
    cut = algorithm.texture(3, 13, 14)
    assert np.array_equal(cut, algorithm.texture(3, 16, 16)[:13, :14])


def test_noise_changes_the_stylised_picture_in_training_but_not_in_use():
    algorithm = made()
    use = [numpy(algorithm.stylise(PICTURES[:1])) for _ in range(2)]
    training = [numpy(algorithm.stylise(PICTURES[:1], training=True)) for _ in range(2)]
    assert np.array_equal(*use) and use[0].shape == (1, SIZE, SIZE, 3)
    assert np.abs(training[0] - training[1]).max() > 1e-4
    assert np.abs(numpy(algorithm.stylise(PICTURES[1:2])) - use[0]).max() > 1e-4


def test_the_noise_is_uniform():
    noise = numpy(made().noise(2, 64, 32))
    assert noise.shape == (2, 64, 32, 3) and noise.min() >= 0 and noise.max() < 1
    assert abs(noise.mean() - 1 / 2) < 0.02 and abs(noise.var() - 1 / 12) < 0.005
    assert np.abs(np.corrcoef(noise.reshape(-1, 3).T) - np.eye(3)).max() < 0.1


# --- training


@pytest.mark.backends
@pytest.mark.parametrize("kind", [Ulyanov, UlyanovTexture])
def test_a_step_changes_the_network_and_the_noise_alone(kind):
    algorithm = made(kind, style_weight=1e-3)
    batch = {"content": 2 * PICTURES[:2] - 1} if kind.content else {}
    before = {name: [numpy(v.value) for v in vs] for name, vs in algorithm.groups().items()}
    frozen = [numpy(v.value) for v in algorithm.frozen["features"].variables]
    logs = {name: float(numpy(value)) for name, value in algorithm.step(batch, 0).items()}
    assert set(logs) == {"loss/network", "loss/style", *(["loss/content"] * kind.content)}
    expected = 1e-3 * logs["loss/style"] + logs.get("loss/content", 0)
    assert logs["loss/network"] == pytest.approx(expected, rel=1e-5)
    assert int(numpy(algorithm.images.value)) == 2
    for name, values in before.items():
        pairs = zip(values, algorithm.groups()[name], strict=True)
        same = [np.array_equal(a, numpy(b.value)) for a, b in pairs]
        assert not all(same), name
    after = algorithm.frozen["features"].variables
    assert all(np.array_equal(a, numpy(b.value)) for a, b in zip(frozen, after, strict=True))


def test_the_learning_rate_falls_in_steps():
    algorithm = made(learning_rate=0.5, decay=0.8, decay_every=10)  # two pictures a step
    rates = [float(numpy(algorithm.learning_rate(np.float32(n)))) for n in (0, 18, 20, 59, 60)]
    np.testing.assert_allclose(rates, [0.5, 0.5, 0.4, 0.32, 0.256], rtol=1e-5)
    assert algorithm.phases[0].learning_rate == algorithm.learning_rate


@pytest.mark.parametrize("changes, message", [
    ({"norm": "layer"}, "norm='layer': expected one of instance, batch"),
    ({"padding": "same"}, "padding='same': expected one of replicate, circular, reflect, zeros"),
    ({"output": "sigmoid"}, "output='sigmoid': expected one of linear, tanh"),
    ({"style": ("a", "b")}, "style: 2 pictures came, this network learns one"),
    ({"decay": 1.5}, "decay=1.5: expected a number from 0 to 1"),
    ({"slope": -0.1}, "slope=-0.1"),
    ({"noise": -1}, "noise=-1: expected 0 to 64"),
    ({"scales": 0}, "scales=0: expected 1 to 8"),
    ({"decay_every": 0}, "decay_every=0"),
])  # fmt: skip
def test_what_a_configuration_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        UlyanovConfig(**changes)


def test_crops_that_the_scales_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="data.size=16: this network takes multiples of 32, from"):
        made(scales=6)
