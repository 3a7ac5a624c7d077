"""DCGAN's networks, phases and configuration."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from core import engine
from gan.dcgan.algorithm import DCGAN
from gan.dcgan.config import DCGANConfig
from gan.dcgan.networks import discriminator, generator, halvings

pytestmark = pytest.mark.backends

TINY = DCGANConfig(latent_size=4, ngf=2, ndf=2, learning_rate=0.01)
RNG = np.random.default_rng(0)
IMAGES = np.float32(RNG.uniform(-1, 1, (6, 16, 16, 3)))
LABELS = np.int32([0, 1, 2, 2, 1, 0])


def tiny(size=16, **changes):
    config = dataclasses.replace(TINY, **changes)
    return DCGAN(config, size=size, batch_size=6)


def batch(dcgan):
    return engine.shard({"image": IMAGES} | ({"label": LABELS} if dcgan.classes else {}))


def numpy(x):
    """A copy: a view of a JAX array could change with the next compiled call."""
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def weights(network, trainable=None):
    return [numpy(w) for w in network.weights if trainable in (None, w.trainable)]


def assert_same(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def assert_all_moved(before, after):
    for old, new in zip(before, after, strict=True):
        assert np.any(old != new)


# --- networks


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def test_number_of_parameters():
    """Those of the PyTorch example, whose two networks have no other layers."""
    assert trainable(generator(64)) == 3_576_704
    assert trainable(discriminator(64)) == 2_765_568


def test_the_papers_generator():
    """Figure 1: 1024 channels of 4x4 pixels, then half as many twice as wide, up to 64."""
    layers = generator(64, ngf=128).layers
    shapes = [x.output.shape[1:] for x in layers if type(x).__name__ == "ReLU"]
    assert shapes == [(4, 4, 1024), (8, 8, 512), (16, 16, 256), (32, 32, 128)]


@pytest.mark.parametrize("size", [8, 12, 28, 32, 40, 64])
def test_sizes(size):
    picture = numpy(generator(size, latent_size=3, ngf=2)(np.ones((2, 3), "float32")))
    assert picture.shape == (2, size, size, 3) and np.abs(picture).max() <= 1
    assert tuple(discriminator(size, ndf=2)(picture).shape) == (2, 1)


@pytest.mark.parametrize("size", [7, 9, 30, 33, 44])
def test_sizes_that_cannot_be(size):
    with pytest.raises(ValueError, match=f"size={size}: expected 4, 5, 6 or 7 times a power"):
        halvings(size)


def test_initial_weights():
    """N(0, 0.02), and N(1, 0.02) for the scales of batch norm."""
    for network in (generator(32, ngf=64), discriminator(32, ndf=64)):
        kernels = np.concatenate(
            [numpy(v).ravel() for v in network.weights if "kernel" in v.path.split("/")[-1]]
        )
        gammas = np.concatenate([numpy(v) for v in network.weights if v.path.endswith("gamma")])
        assert kernels.mean() == pytest.approx(0, abs=1e-4)
        assert kernels.std() == pytest.approx(0.02, rel=0.02)
        assert gammas.mean() == pytest.approx(1, abs=0.01)
        assert gammas.std() == pytest.approx(0.02, rel=0.2)


def test_no_batch_norm_at_the_ends():
    networks = generator(32, ngf=4), discriminator(32, ndf=4)
    norms = [[x.output.shape[-1] for x in n.layers if type(x).__name__ == "BatchNorm"]
             for n in networks]  # fmt: skip
    assert norms == [[16, 8, 4], [8, 16]]  # not on 3 channels, not on the first layer's 4


def test_a_picture_does_not_depend_on_its_batch():
    """In use; in training, batch norm mixes them."""
    dcgan = tiny()
    dcgan.step(batch(dcgan), 0)
    z = np.float32(RNG.uniform(-1, 1, (6, 4)))
    one, all_ = numpy(dcgan.generator(z[:1])), numpy(dcgan.generator(z))
    np.testing.assert_allclose(one, all_[:1], atol=1e-5)
    one, all_ = (numpy(dcgan.generator(x, training=True)) for x in (z[:1], z))
    assert np.abs(one - all_[:1]).max() > 1e-3


# --- the step


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize(("phase", "moving", "resting"), [(0, "D", "G"), (1, "G", "D")])
def test_a_phase_leaves_the_other_network_bit_identical(phase, moving, resting, classes):
    """Running statistics included."""
    dcgan = tiny(classes=classes)
    dcgan.phases = [dcgan.phases[phase]]
    before = [weights(dcgan.networks[name]) for name in (moving, resting)]
    dcgan.step(batch(dcgan), 0)
    assert_all_moved(before[0], weights(dcgan.networks[moving]))
    assert_same(before[1], weights(dcgan.networks[resting]))


def test_the_generators_running_statistics_follow_one_batch_a_step():
    """PyTorch's momentum of 0.1: after a step, a tenth of the way from 0 to the batch's mean."""
    dcgan = tiny(learning_rate=0.0)
    dcgan.step(batch(dcgan), 0)
    moved = [numpy(w) for w in dcgan.networks["G"].weights if w.path.endswith("moving_mean")]
    assert all(np.any(m != 0) for m in moved)
    # the first mean: of z @ kernel over the batch and the 16 positions of the second z drawn
    kernel = numpy(dcgan.networks["G"].weights[0]).reshape(4, 16, -1)
    again = tiny(learning_rate=0.0)
    again.z(6)
    z = numpy(again.z(6))
    expected = 0.1 * np.einsum("nz,zpc->npc", z, kernel).mean((0, 1))
    np.testing.assert_allclose(moved[0], expected, atol=1e-6)


def test_a_step_updates_everything_and_counts():
    dcgan = tiny(ema_half_life=10.0)
    assert [phase.name for phase in dcgan.phases] == ["D", "G"]
    assert set(dcgan.groups()) == {"G", "D", "optimizer_G", "optimizer_D", "noise", "G_ema",
                                   "counter"}  # fmt: skip
    before = [numpy(v) for v in dcgan.groups()["noise"] + dcgan.networks["G"].weights]
    logs = dcgan.step(batch(dcgan), 0)
    assert_all_moved(before, [numpy(v) for v in dcgan.groups()["noise"]
                              + dcgan.networks["G"].weights])  # fmt: skip
    assert int(dcgan.images.value) == 6
    assert set(logs) == {"loss/G", "loss/D", "score/real", "score/fake"}


def test_the_discriminator_learns_before_the_generator():
    """The generator's loss is that of a discriminator which has learned already, and a phase
    alone, on the same z, gives the same discriminator."""
    whole, alone = tiny(), tiny()
    for name in "GD":
        alone.networks[name].set_weights([numpy(w) for w in whole.networks[name].weights])
    alone.phases = alone.phases[:1]
    whole.step(batch(whole), 0)
    alone.step(batch(alone), 0)
    for one, other in zip(*(weights(x.networks["D"]) for x in (whole, alone)), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize(
    "changes",
    [
        {"gan_mode": "vanilla"},
        {"gan_mode": "minimax"},
        {"gan_mode": "lsgan"},
        {"gan_mode": "hinge"},
        {"gan_mode": "wgan", "clip": 0.01},
    ],
    ids=lambda changes: changes["gan_mode"],
)
def test_loss_modes(changes):
    dcgan = tiny(size=16, latent="normal", **changes)
    before = weights(dcgan.networks["G"])
    logs = dcgan.step(batch(dcgan), 0)
    assert all(np.isfinite(float(x)) for x in logs.values())
    assert_all_moved(before, weights(dcgan.networks["G"]))
    largest = max(np.abs(w).max() for w in weights(dcgan.networks["D"], trainable=True))
    assert (largest <= 0.01) == (changes["gan_mode"] == "wgan")


def test_the_generator_rests_where_the_discriminator_has_more_steps():
    dcgan = tiny(d_steps=2)
    before = weights(dcgan.networks["G"])
    dcgan.step(batch(dcgan), 1)
    assert_same(before, weights(dcgan.networks["G"]))
    dcgan.step(batch(dcgan), 2)
    assert_all_moved(before, weights(dcgan.networks["G"]))


# --- classes


def test_classes_reach_both_networks():
    dcgan = tiny(classes=3)
    z = np.repeat(np.float32(RNG.uniform(-1, 1, (1, 4))), 3, axis=0)
    fakes = numpy(dcgan.generator(z, np.int32([0, 1, 2])))
    assert np.any(fakes[0] != fakes[1]) and np.any(fakes[1] != fakes[2])
    for w in dcgan.networks["D"].weights:
        w.assign(numpy(w) * 20)
    same = np.repeat(IMAGES[:1], 3, axis=0)
    logits = numpy(dcgan.networks["D"]([same, np.int32([0, 1, 2])]))
    assert len({round(float(x), 6) for x in logits[:, 0]}) == 3


def test_projection():
    """A class's logit is the unconditional one and the product of features and embedding."""
    network = discriminator(16, ndf=2, classes=3)
    embedding = next(w for w in network.weights if w.path.endswith("embeddings"))
    assert tuple(embedding.shape) == (3, 4 * 4 * 4)
    with_class = numpy(network([IMAGES, LABELS]))
    values = numpy(embedding)
    embedding.assign(values * 0)
    without = numpy(network([IMAGES, LABELS]))
    embedding.assign(values * 2)
    np.testing.assert_allclose(
        numpy(network([IMAGES, LABELS])) - without, 2 * (with_class - without), atol=1e-6
    )


# --- averages


def test_average_follows_the_generator():
    """Weights by their half-life; running statistics are copied."""
    dcgan = tiny(ema_half_life=6.0)
    before = weights(dcgan.networks["G"])
    dcgan.step(batch(dcgan), 0)
    now, average = weights(dcgan.networks["G"]), dcgan.average.network.weights
    for old, new, found in zip(before, now, average, strict=True):
        expected = (old + new) / 2 if found.trainable else new
        np.testing.assert_allclose(numpy(found), expected, atol=1e-6)
    z = np.float32(RNG.uniform(-1, 1, (2, 4)))
    np.testing.assert_array_equal(numpy(dcgan.generator(z)), numpy(dcgan.average.network(z)))


# --- configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gan_mode": "dcgan"}, "gan_mode='dcgan': expected one of lsgan"),
        ({"latent": "gauss"}, "latent='gauss': expected one of uniform, normal"),
        ({"latent_size": 0}, "latent_size=0: expected a number from 1 up"),
        ({"ngf": 0}, "ngf=0: expected a number from 1 up"),
        ({"d_steps": 0}, "d_steps=0: expected a number from 1 up"),
        ({"classes": -1}, "classes=-1: expected a number from 0 up"),
        ({"classes": 1}, "classes=1: expected 2 or more"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: expected a number"),
        ({"beta_1": 1.0}, "beta_1=1.0: expected 0 or more and below 1"),
        ({"ema_half_life": -1.0}, "ema_half_life=-1.0: expected a number"),
        ({"gan_mode": "wgan"}, "wgan needs clip, such as 0.01"),
        ({"clip": 0.01}, "gan_mode='vanilla', clip=0.01: wgan needs clip"),
    ],
)
def test_configuration_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        DCGANConfig(**changes)


def test_configuration_defaults_are_the_papers():
    config = DCGANConfig()
    assert (config.latent_size, config.latent, config.ngf) == (100, "uniform", 128)
    assert (config.learning_rate, config.beta_1, config.gan_mode) == (2e-4, 0.5, "vanilla")
    assert config.ema_half_life == 0 and config.classes == 0
