"""A GAN from noise that does not grow: lazy penalties of both networks, the average, z, labels."""

import functools

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.phases import Stage
from gan.latent import LatentGAN
from gan.losses import discriminator_loss, generator_loss
from gan.penalties import squared_gradient

pytestmark = pytest.mark.backends

IMAGES = np.float32(np.random.default_rng(0).uniform(-1, 1, (4, 2, 2, 3)))


def generator():
    """One colour for each z."""
    z = keras.Input((5,))
    return keras.Model(z, keras.layers.Reshape((2, 2, 3))(keras.layers.Dense(12)(z)))


def discriminator():
    images = keras.Input((2, 2, 3))
    x = keras.layers.Dense(4, activation="tanh")(keras.layers.Flatten()(images))
    return keras.Model(images, keras.layers.Dense(1)(x))


class Plain(LatentGAN):
    """As StyleGAN2 will be: G with a penalty at every 2nd step, D with R1 at every 4th."""

    def __init__(self, rate=0.01, **options):
        networks = {"G": generator(), "D": discriminator()}
        options = {"latent_size": 5, "ema_half_life": 8.0} | options
        super().__init__([Stage(4, 2)], networks, **options)
        updates = functools.partial(
            self.updates, adam=keras.optimizers.Adam, learning_rate=rate, betas=(0.5, 0.99)
        )
        self.phases = [
            *updates("G", self.g_loss, penalty=self.g_penalty, penalty_interval=2),
            *updates("D", self.d_loss, penalty=self.d_penalty, penalty_interval=4),
        ]

    def g_loss(self, batch):
        fakes = self.networks["G"](self.z(4))
        return generator_loss("vanilla", self.networks["D"](fakes)), {}, {}

    def g_penalty(self, batch):
        return 2 * ops.mean(ops.square(self.networks["G"](self.z(4)))), {}, {}

    def d_loss(self, batch):
        fakes = ops.stop_gradient(self.networks["G"](self.z(4)))
        logits = (self.networks["D"](x) for x in (batch["image"], fakes))
        return discriminator_loss("vanilla", *logits), {}, {}

    def d_penalty(self, batch):
        return 4 * ops.mean(squared_gradient(self.networks["D"], batch["image"])[0]), {}, {}


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def test_penalties_are_due_at_their_own_steps_and_share_a_corrected_adam():
    gan = Plain()
    batch = engine.shard({"image": IMAGES})
    due = [sorted(gan.step(batch, step)) for step in range(5)]
    both = ["loss/D", "loss/G"]
    all_four = ["loss/D", "loss/D_reg", "loss/G", "loss/G_reg"]
    assert due == [all_four, both, ["loss/D", "loss/G", "loss/G_reg"], both, all_four]
    adam = {phase.name: phase.optimizer for phase in gan.phases}
    assert adam["G"] is adam["G_reg"] and adam["D"] is adam["D_reg"]
    for name, c in (("G", 2 / 3), ("D", 4 / 5)):
        assert float(numpy(adam[name].learning_rate)) == pytest.approx(0.01 * c)
        assert adam[name].beta_1 == pytest.approx(0.5**c)
        assert adam[name].beta_2 == pytest.approx(0.99**c)
    assert int(numpy(adam["G"].iterations)) == 5 + 3
    assert set(gan.groups()) == {"G", "D", "optimizer_G", "optimizer_D", "random", "G_ema",
                                 "counter"}  # fmt: skip


def test_a_rate_that_changes_is_corrected_too():
    gan = Plain(rate=lambda images: 0.01 + images)
    gan.step(engine.shard({"image": IMAGES}), 0)
    gan.step(engine.shard({"image": IMAGES}), 1)
    rates = [float(numpy(phase.optimizer.learning_rate)) for phase in gan.phases[::2]]
    assert rates == pytest.approx([4.01 * 2 / 3, 4.01 * 4 / 5])


def test_pictures_come_from_the_average_if_there_is_one():
    plain, averaged = Plain(ema_half_life=0.0), Plain()
    assert not plain.averaged and plain.generator is plain.networks["G"]
    assert "G_ema" not in plain.extra
    assert averaged.averaged and averaged.generator is averaged.average.network
    assert not (averaged.has_mapping or averaged.has_styles or averaged.has_noise)


def test_the_average_ramps_up():
    """Half-life: half of the images seen before the step, at most 8; none were before the first."""
    gan = Plain(ema_ramp_up=0.5)
    kernel, average = gan.networks["G"].weights[0], gan.average.network.weights[0]
    for step, half_life in enumerate((0, 2, 4, 6, 8, 8)):
        before = numpy(average)
        gan.step(engine.shard({"image": IMAGES}), step)
        decay = 0.5 ** (4 / half_life) if half_life else 0.0
        expected = numpy(kernel) + (before - numpy(kernel)) * decay
        np.testing.assert_allclose(numpy(average), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("latent", "low", "high"), [("uniform", 0.9, 1.0), ("normal", 2.0, 6.0)])
def test_latents(latent, low, high):
    gan = Plain(latent=latent)
    gan.latent_size = 500
    z = numpy(gan.z(6))
    assert z.shape == (6, 500) and z.mean() == pytest.approx(0, abs=0.1)
    assert low < np.abs(z).max() <= high
    assert np.any(z != numpy(gan.z(6)))


def test_another_distribution_is_refused():
    with pytest.raises(ValueError, match="latent='gauss': expected one of uniform, normal"):
        Plain(latent="gauss")


def test_labels_are_those_of_the_batch():
    batch = {"image": IMAGES, "label": np.int32([0, 1, 2, 1])}
    assert Plain().labels(batch) is None
    assert Plain(classes=3).labels(batch) is batch["label"]
