"""pix2pix's networks, step and configuration."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.batch_norm import BatchNorm
from gan.cyclegan.networks import patch_discriminator, pixel_discriminator
from gan.pix2pix.algorithm import Pix2Pix, published_translator
from gan.pix2pix.config import Pix2PixConfig
from gan.pix2pix.networks import unet_generator

pytestmark = pytest.mark.backends

TINY = Pix2PixConfig(ngf=2, num_downs=6, ndf=2, n_layers=2, learning_rate=0.01)
RNG = np.random.default_rng(0)
BATCH = {d: np.float32(RNG.uniform(-1, 1, (2, 64, 64, 3))) for d in "AB"}


def tiny(**changes):
    config = dataclasses.replace(TINY, **changes)
    return Pix2Pix(config, size=64, batch_size=2, epoch=4, epochs=4, seed=3)


def numpy(x):
    """A copy: a view of a JAX array could change with the next compiled call."""
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def values(variables):
    return [numpy(v) for v in variables]


def same(before, after):
    return [bool((x == y).all()) for x, y in zip(before, after, strict=True)]


# --- networks


def trainable(network):
    return sum(int(np.prod(v.shape)) for v in network.trainable_variables)


def test_number_of_parameters():
    # as PyTorch counts: without the running statistics
    assert trainable(unet_generator(ngf=64, num_downs=8)) == 54_413_955
    assert trainable(patch_discriminator(channels=6, norm="batch")) == 2_768_705
    # 1x1 convolutions 6-64-128-1, a bias at the first one alone, and the norm
    expected = 6 * 64 + 64 + 64 * 128 + 2 * 128 + 128
    assert trainable(pixel_discriminator(channels=6, norm="batch")) == expected


@pytest.mark.parametrize(("num_downs", "dropouts"), [(5, 0), (6, 1), (7, 2), (8, 3)])
def test_dropout_of_the_inner_blocks(num_downs, dropouts):
    network = unet_generator(ngf=2, num_downs=num_downs)
    found = [layer for layer in network.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in found] == [0.5] * dropouts
    assert {layer.output.shape[-1] for layer in found} <= {16}
    without = unet_generator(ngf=2, num_downs=num_downs, dropout=False)
    assert not any(isinstance(layer, keras.layers.Dropout) for layer in without.layers)


def test_generator_keeps_the_size_and_changes_channels():
    network = unet_generator(ngf=2, num_downs=5, in_channels=1, out_channels=2)
    y = numpy(network(np.float32(RNG.uniform(-1, 1, (2, 32, 64, 1)))))
    assert y.shape == (2, 32, 64, 2)
    assert np.abs(y).max() <= 1


def test_batch_norm_is_pytorchs():
    """Normalises with the biased variance; the running one is of the unbiased."""
    x = np.float32(RNG.normal(3, 2, (2, 2, 1, 3)))
    layer = BatchNorm(gamma_initializer="ones")
    y = numpy(layer(x, training=True))
    mean, biased, unbiased = x.mean((0, 1, 2)), x.var((0, 1, 2)), x.var((0, 1, 2), ddof=1)
    np.testing.assert_allclose(y, (x - mean) / np.sqrt(biased + 1e-5), rtol=0, atol=1e-5)
    np.testing.assert_allclose(numpy(layer.moving_mean), 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(numpy(layer.moving_variance), 0.9 + 0.1 * unbiased, rtol=1e-5)
    expected = (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * unbiased + 1e-5)
    np.testing.assert_allclose(numpy(layer(x)), expected, rtol=0, atol=1e-5)


def test_batch_norm_starts_as_published_and_can_be_copied():
    layer = BatchNorm()
    layer.build((None, None, None, 500))
    assert numpy(layer.gamma).mean() == pytest.approx(1, abs=0.01)
    assert numpy(layer.gamma).std() == pytest.approx(0.02, rel=0.2)
    copy = BatchNorm.from_config(layer.get_config())
    assert (copy.momentum, copy.epsilon) == (0.9, 1e-5)


# --- the step


def test_the_discriminator_comes_first():
    assert [phase.name for phase in tiny().phases] == ["D", "G"]


def test_the_discriminators_phase_leaves_the_generator_bit_identical():
    """Also its running statistics and the seeds of its dropout."""
    algorithm = tiny()
    G, D = algorithm.networks["G"], algorithm.networks["D"]
    assert len(G.variables) > len(G.weights)  # the seeds
    algorithm.phases = [algorithm.phases[0]]
    before = values(G.variables), values(D.variables)
    algorithm.step(engine.shard(BATCH), 0)
    assert all(same(before[0], values(G.variables)))
    assert not any(same(before[1], values(D.variables)))


def test_the_generators_phase_leaves_the_discriminators_weights_bit_identical():
    """Its running statistics follow, as in the official code."""
    algorithm = tiny()
    G, D = algorithm.networks["G"], algorithm.networks["D"]
    algorithm.phases = [algorithm.phases[1]]
    before = values(G.variables), values(D.trainable_variables), values(D.non_trainable_variables)
    algorithm.step(engine.shard(BATCH), 0)
    assert not any(same(before[0], values(G.variables)))
    assert all(same(before[1], values(D.trainable_variables)))
    assert not any(same(before[2], values(D.non_trainable_variables)))


def judged(algorithm):
    """The pairs that the discriminator sees from now on, each `(source, result)`."""
    pairs, network = [], algorithm.networks["D"]

    def listen(x, training):
        assert training
        pairs.append((numpy(x)[..., :3], numpy(x)[..., 3:]))
        return network(x, training=True)

    algorithm.networks["D"] = listen
    return pairs


def test_both_phases_see_one_fake():
    """The same dropout: a discriminator phase alone computes what the generator's then returns."""
    algorithm = tiny()
    pairs = judged(algorithm)
    batch = {d: ops.convert_to_tensor(x) for d, x in BATCH.items()}
    for phase in algorithm.phases:
        phase.loss(batch)
    of_D, real, of_G = (result for _, result in pairs)
    np.testing.assert_array_equal(of_D, of_G)
    np.testing.assert_array_equal(real, BATCH["B"])
    algorithm.discriminator_phase(batch)  # of the next step: the dropout is another one
    assert np.abs(pairs[3][1] - of_D).max() > 0


def test_running_statistics_follow_once_a_step():
    algorithm = tiny(dropout=False, num_downs=5)
    layer = next(x for x in algorithm.networks["G"].layers if isinstance(x, BatchNorm))
    algorithm.networks["G"](BATCH["A"], training=True)
    once, moving = numpy(layer.moving_mean), layer.moving_mean
    moving.assign(np.zeros(moving.shape))
    algorithm.step(engine.shard(BATCH), 0)
    np.testing.assert_allclose(numpy(moving), once, rtol=1e-4, atol=1e-7)


def test_reals_and_fakes_are_judged_apart():
    """Together, batch norm would tell them from each other's statistics."""
    algorithm = tiny()
    pairs = judged(algorithm)
    algorithm.discriminator_phase({d: ops.convert_to_tensor(x) for d, x in BATCH.items()})
    assert [[x.shape for x in pair] for pair in pairs] == [[(2, 64, 64, 3)] * 2] * 2


@pytest.mark.parametrize(("direction", "source", "truth"), [("AtoB", "A", "B"), ("BtoA", "B", "A")])
def test_direction(direction, source, truth):
    algorithm = tiny(direction=direction)
    assert algorithm.directions == (direction,)
    pairs = judged(algorithm)
    algorithm.discriminator_phase({d: ops.convert_to_tensor(x) for d, x in BATCH.items()})
    fake, real = pairs
    np.testing.assert_array_equal(real[0], BATCH[source])
    np.testing.assert_array_equal(real[1], BATCH[truth])
    np.testing.assert_array_equal(fake[0], BATCH[source])
    assert np.abs(fake[1] - BATCH[truth]).max() > 0


def test_l1_alone_learns_a_pair():
    """lambda_gan=0 (the paper's Table 1): one colour, whatever the input."""
    algorithm = tiny(lambda_gan=0.0, dropout=False, num_downs=5)
    batch = engine.shard({"A": BATCH["A"], "B": np.full_like(BATCH["B"], 0.4)})
    losses = [algorithm.step(batch, step) for step in range(30)]
    distances = [float(logs["loss/G_L1"]) for logs in losses]
    assert all(float(logs["loss/G_GAN"]) == 0 for logs in losses)
    assert float(losses[3]["loss/G"]) == pytest.approx(distances[3])
    assert distances[-1] < 0.7 * distances[0]


def test_every_variable_of_a_step_is_in_a_group():
    algorithm = tiny()
    assert set(algorithm.groups()) == {"G", "D", "optimizer_G", "optimizer_D", "counter"}
    seeds = [v for v in algorithm.groups()["G"] if "seed" in v.path]
    assert len(seeds) == 1


def test_learning_rate_decays():
    """4 pairs an epoch, 4 epochs, batches of 2: the rate falls from the third epoch on."""
    algorithm, rates = tiny(learning_rate=2e-4), []
    for images in range(0, 16, 2):
        rates.append(float(algorithm.phases[0].learning_rate(np.float32(images))) / 2e-4)
    assert rates == pytest.approx([1, 1, 1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3], rel=1e-5)


# --- translating


@pytest.fixture
def trained():
    """Its running statistics differ from those of any picture."""
    algorithm = tiny()
    algorithm.step(engine.shard(BATCH), 0)
    return algorithm


def test_published_translation(trained):
    """Statistics and dropout as in training, picture by picture; the same every time."""
    network = trained.networks["G"]
    before = values(network.variables)
    translate = trained.translator("AtoB")
    both = numpy(translate(BATCH["A"], training=False))
    np.testing.assert_array_equal(both, numpy(translate(BATCH["A"], training=False)))
    for i in range(2):
        alone = numpy(translate(BATCH["A"][i : i + 1]))
        np.testing.assert_array_equal(both[i : i + 1], alone)
    assert all(same(before, values(network.variables)))
    other = numpy(published_translator(network, seed=4)(BATCH["A"]))
    assert np.abs(other - both).max() > 1e-3  # other dropout
    together = numpy(network(BATCH["A"], training=True))
    assert np.abs(together - both).max() > 1e-3


def test_published_translation_without_dropout():
    network = unet_generator(ngf=2, num_downs=5)
    picture = BATCH["A"][:1]
    found = numpy(published_translator(network, seed=0)(picture))
    expected = numpy(network(picture, training=True))  # not compiled, so rounded elsewhere
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def test_translation_with_running_statistics(trained):
    evaluated = tiny(test_mode="eval")
    assert evaluated.translator("AtoB") is evaluated.networks["G"]
    found = numpy(trained.translator("AtoB")(BATCH["A"]))
    assert np.abs(numpy(trained.networks["G"](BATCH["A"])) - found).max() > 1e-3


# --- configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": "AtoC"}, "direction='AtoC': expected one of AtoB, BtoA"),
        ({"gan_mode": "wgan"}, "gan_mode='wgan': expected one of lsgan, vanilla, hinge"),
        ({"discriminator": "unet"}, "discriminator='unet': expected one of patch, pixel"),
        ({"test_mode": "train"}, "test_mode='train': expected one of published, eval"),
        ({"num_downs": 4}, "num_downs=4: expected 5 to 8"),
        ({"num_downs": 9}, "num_downs=9: expected 5 to 8"),
        ({"ngf": 0}, "ngf=0: expected a number from 1 up"),
        ({"lambda_L1": -1.0}, "lambda_L1=-1.0: expected a number from 0 up"),
        ({"decay_from": 1.5}, "decay_from=1.5: expected a number from 0 to 1"),
        ({"beta_2": 1.0}, "beta_2=1.0: expected 0 or more and below 1"),
        ({"lambda_gan": 0.0, "lambda_L1": 0.0}, "nothing is left to train"),
    ],
)
def test_configuration_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        Pix2PixConfig(**changes)


def test_configuration_defaults_are_the_papers():
    config = Pix2PixConfig()
    assert (config.ngf, config.num_downs, config.ndf, config.n_layers) == (64, 8, 64, 3)
    assert (config.gan_mode, config.lambda_L1, config.dropout) == ("vanilla", 100, True)
    assert (config.learning_rate, config.beta_1, config.decay_from) == (2e-4, 0.5, 0.5)
    assert config.test_mode == "published"


def test_pixel_discriminator_is_chosen_by_the_configuration():
    algorithm = tiny(discriminator="pixel")
    pair = np.zeros((1, 8, 8, 6), "float32")
    assert tuple(algorithm.networks["D"](pair).shape) == (1, 8, 8, 1)
