"""Sets with known modes, how found ones are counted, and the losses that small GANs minimise."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from gan.modes.algorithm import LATENT, METHODS, ModeGAN
from gan.modes.sets import SETS, Ring, StackedDigits, scores

RNG = np.random.default_rng(0)


def test_points_of_the_ring():
    ring = Ring()
    points = ring.draw(RNG, 4000)
    assert points.shape == (4000, 1, 1, 2) and points.dtype == np.float32
    numbers, good = ring.found(points)
    assert good.mean() == pytest.approx(1 - np.exp(-4.5), abs=0.01)  # within 3 deviations, in 2-D
    means = np.stack([points[numbers == i].reshape(-1, 2).mean(axis=0) for i in range(8)])
    np.testing.assert_allclose(means, ring.modes, atol=0.01)
    np.testing.assert_allclose(np.linalg.norm(ring.modes, axis=1), 2)
    halfway = (ring.modes[0] + ring.modes[1]) / 2
    assert not ring.found(halfway)[1].any()


def test_stacked_digits_are_read():
    data = StackedDigits()
    digits = RNG.integers(10, size=(50, 3))
    pictures = np.moveaxis(data.templates[digits], 1, 3)
    numbers, good = data.found(pictures)
    assert good.all() and np.array_equal(numbers, digits @ (100, 10, 1))
    noisy = data.found(pictures + RNG.normal(0, 0.15, pictures.shape))
    assert noisy[1].all() and np.array_equal(noisy[0], numbers)
    pictures[0, ..., 1] = RNG.uniform(-1, 1, pictures.shape[1:3])  # one of three cannot be read
    assert not data.found(pictures)[1][0] and data.found(pictures)[1][1:].all()


def test_drawn_digits_are_all_read_and_of_all_modes():
    drawn = StackedDigits().draw(RNG, 12_000)
    assert drawn.shape == (12_000, 12, 12, 3) and drawn.dtype == np.float32
    found = scores(StackedDigits(), drawn)
    assert found["modes"] == 1000 and found["good"] == 1 and found["kl"] < 0.06


def test_scores():
    ring = Ring()
    even = scores(ring, np.repeat(ring.modes, 5, axis=0))
    assert even["modes"] == 8 and even["good"] == 1 and even["kl"] == pytest.approx(0)
    two = scores(ring, np.concatenate([ring.modes[:2], np.zeros((2, 2))]))
    assert two == {"modes": 2, "good": 0.5, "kl": pytest.approx(np.log(4))}
    assert scores(ring, np.zeros((3, 2))) == {"modes": 0, "good": 0, "kl": np.inf}


@pytest.mark.backends
@pytest.mark.parametrize("name", METHODS)
def test_what_the_discriminator_minimises(name):
    """The loss and the penalties of a D that is linear, D(x) = w·x + b, by hand."""
    method, shape = METHODS[name], (1, 1, 2)
    gan = ModeGAN(method, shape, width=4, batch_size=6, gamma=3.0)
    w, b = np.float32([[0.5], [-2.0]]), np.float32([0.25])
    linear = keras.Sequential([keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(1)])
    linear.set_weights([w, b])
    gan.networks["D"] = linear
    reals = RNG.normal(size=(6, *shape)).astype("float32")
    fakes = RNG.normal(size=(6, *shape)).astype("float32")
    gan.networks["G"] = lambda z: ops.convert_to_tensor(fakes)
    real, fake = (x.reshape(6, 2) @ w + b for x in (reals, fakes))
    adversarial = {
        "vanilla": np.mean(np.log1p(np.exp(-real))) + np.mean(np.log1p(np.exp(fake))),
        "wgan": np.mean(fake) - np.mean(real),
        "relativistic": np.mean(np.log1p(np.exp(fake - real))),
    }[method.loss]
    norm = float(np.sum(w**2))
    penalty = {"r1": 1.5 * norm, "r2": 1.5 * norm, "gp": 10 * (norm**0.5 - 1) ** 2}
    wanted = adversarial + sum(penalty[part] for part in method.penalties)
    batch = {"image": ops.convert_to_tensor(reals)}
    assert float(gan.discriminator_phase(batch)[0]) == pytest.approx(wanted, rel=1e-5)
    wanted = {
        "vanilla": np.mean(np.log1p(np.exp(-fake))),
        "wgan": -np.mean(fake),
        "relativistic": np.mean(np.log1p(np.exp(real - fake))),
    }[method.loss]
    assert float(gan.generator_phase(batch)[0]) == pytest.approx(wanted, rel=1e-5)


def test_a_gan_moves_towards_the_ring():
    gan = ModeGAN(METHODS["relativistic_r1_r2"], (1, 1, 2), width=32, batch_size=64,
                  learning_rate=5e-3)  # fmt: skip
    rng = np.random.default_rng(0)
    z = rng.standard_normal((500, LATENT))

    def off():
        return np.abs(np.linalg.norm(gan.samples(z).reshape(-1, 2), axis=1) - 2).mean()

    before = off()
    for step in range(400):
        gan.step(engine.shard({"image": SETS["ring"].draw(rng, 64)}), step)
    assert off() < 0.8 * before
