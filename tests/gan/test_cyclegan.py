"""CycleGAN's networks, step and configuration."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from core import engine
from gan.cyclegan.algorithm import CycleGAN
from gan.cyclegan.config import CycleGANConfig
from gan.cyclegan.networks import patch_discriminator, pixel_discriminator, resnet_generator

pytestmark = pytest.mark.backends

TINY = CycleGANConfig(ngf=2, n_blocks=1, n_downsampling=1, ndf=2, n_layers=1, pool_size=2)
GENERATORS, DISCRIMINATORS = ("G_A", "G_B"), ("D_A", "D_B")
RNG = np.random.default_rng(0)
BATCH = {d: np.float32(RNG.uniform(-1, 1, (2, 8, 8, 3))) for d in "AB"}


def tiny(**changes):
    config = dataclasses.replace(TINY, **changes)
    return CycleGAN(config, size=8, batch_size=2, epoch=4, epochs=4)


def numpy(x):
    """A copy: a view of a JAX array could change with the next compiled call."""
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def weights(cyclegan, names):
    return [numpy(w) for name in names for w in cyclegan.networks[name].weights]


def assert_same(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def assert_all_moved(before, after):
    for old, new in zip(before, after, strict=True):
        assert np.any(old != new)


# --- networks


@pytest.mark.parametrize(
    ("build", "count"),
    [
        (lambda: resnet_generator(ngf=64, n_blocks=9), 11_378_179),
        (lambda: resnet_generator(ngf=64, n_blocks=6), 7_837_699),
        (lambda: patch_discriminator(ndf=64, n_layers=3), 2_764_737),
        # 1x1 convolutions 3-64-128-1 with biases
        (lambda: pixel_discriminator(ndf=64), 3 * 64 + 64 + 64 * 128 + 128 + 128 + 1),
    ],
    ids=["9 blocks", "6 blocks", "patch", "pixel"],
)
def test_number_of_parameters(build, count):
    network = build()
    assert network.count_params() == count
    assert all(w.trainable for w in network.weights)


@pytest.mark.parametrize(
    ("n_layers", "size", "logits"), [(3, 256, 30), (3, 64, 6), (1, 16, 6), (2, 32, 6)]
)
def test_patches_of_the_discriminator(n_layers, size, logits):
    network = patch_discriminator(ndf=2, n_layers=n_layers)
    assert network.compute_output_shape((1, size, size, 3)) == (1, logits, logits, 1)
    x = np.zeros((1, size, size, 3), "float32")
    assert tuple(network(x).shape) == (1, logits, logits, 1)


def test_a_patch_sees_70_pixels():
    """Without the normalisation, which sees the whole picture, the logit in the middle of 30x30
    depends on 70 rows and columns."""
    network = patch_discriminator(ndf=2, n_layers=3)
    low = high = 15
    for size, strides in ((4, 1), (4, 1), (4, 2), (4, 2), (4, 2)):
        low, high = low * strides - 1, high * strides - 1 + size - 1
    assert high - low + 1 == 70
    convolutions = [layer for layer in network.layers if layer.weights]
    assert [(c.kernel_size[0], c.strides[0], c.pad) for c in convolutions] == [
        (4, 2, 1), (4, 2, 1), (4, 2, 1), (4, 1, 1), (4, 1, 1)
    ]  # fmt: skip


@pytest.mark.parametrize(("n_downsampling", "shape"), [(2, (12, 16)), (1, (6, 10)), (0, (9, 7))])
def test_generator_keeps_the_size(n_downsampling, shape):
    network = resnet_generator(ngf=2, n_blocks=1, n_downsampling=n_downsampling)
    x = np.float32(RNG.uniform(-1, 1, (2, *shape, 3)))
    y = numpy(network(x))
    assert y.shape == x.shape
    assert np.abs(y).max() <= 1


def test_pixel_discriminator_judges_every_pixel():
    network = pixel_discriminator(ndf=2)
    assert tuple(network(np.zeros((2, 6, 5, 3), "float32")).shape) == (2, 6, 5, 1)


def test_dropout_is_active_in_training_only():
    network = resnet_generator(ngf=4, n_blocks=1, dropout=True)
    x = np.float32(RNG.uniform(-1, 1, (1, 16, 16, 3)))
    np.testing.assert_array_equal(numpy(network(x)), numpy(network(x)))
    assert np.any(numpy(network(x, training=True)) != numpy(network(x, training=True)))


# --- the step


@pytest.mark.parametrize(
    ("phase", "moving", "resting"),
    [(0, GENERATORS, DISCRIMINATORS), (1, DISCRIMINATORS, GENERATORS)],
    ids=["G", "D"],
)
def test_a_phase_updates_its_networks_only(phase, moving, resting):
    cyclegan = tiny()
    cyclegan.phases = [cyclegan.phases[phase]]
    before = weights(cyclegan, moving), weights(cyclegan, resting)
    fakes = {f"fake_{d}": BATCH[d][::-1].copy() for d in "AB"}
    cyclegan.step(engine.shard(BATCH | fakes), 0)
    kernels = slice(None, None, 2)  # most biases are undone by the normalisation
    assert_all_moved(before[0][kernels], weights(cyclegan, moving)[kernels])
    assert_same(before[1], weights(cyclegan, resting))


def test_a_step_updates_everything_and_counts():
    cyclegan = tiny()
    assert [phase.name for phase in cyclegan.phases] == ["G", "D"]
    before = weights(cyclegan, GENERATORS + DISCRIMINATORS)[::2]
    logs = {name: float(x) for name, x in cyclegan.step(engine.shard(BATCH), 0).items()}
    assert_all_moved(before, weights(cyclegan, GENERATORS + DISCRIMINATORS)[::2])
    assert int(cyclegan.images.value) == 2
    parts = ["G_A", "G_B", "cycle_A", "cycle_B", "idt_A", "idt_B"]
    assert logs["loss/G"] == pytest.approx(sum(logs[f"loss/{p}"] for p in parts), rel=1e-5)
    assert logs["loss/D"] == pytest.approx(logs["loss/D_A"] + logs["loss/D_B"], rel=1e-5)


def test_discriminators_see_the_fakes_of_before_the_update():
    """And on their own side: D_A judges B, so its pool holds G_A's translations of A."""
    cyclegan = tiny()
    fake_B = numpy(cyclegan.networks["G_A"](BATCH["A"]))
    fake_A = numpy(cyclegan.networks["G_B"](BATCH["B"]))
    cyclegan.step(engine.shard(BATCH), 0)
    np.testing.assert_allclose(numpy(cyclegan.pools["B"].buffer), fake_B, atol=1e-5)
    np.testing.assert_allclose(numpy(cyclegan.pools["A"].buffer), fake_A, atol=1e-5)


def test_every_variable_of_a_step_is_in_a_group():
    """What is in none would stand still on JAX: random numbers would repeat."""
    cyclegan = tiny(ema_half_life=10.0, dropout=True)
    assert {*GENERATORS, *DISCRIMINATORS, "optimizer_G", "optimizer_D", "pool_A", "pool_B",
            "G_A_ema", "G_B_ema", "counter"} == set(cyclegan.groups())  # fmt: skip
    seeds = [cyclegan.pools[d].seed.state for d in "AB"]
    for g in GENERATORS:
        seeds += [v for v in cyclegan.networks[g].variables if "seed" in v.path]
    assert len(seeds) == 4
    before = [numpy(seed) for seed in seeds]
    cyclegan.step(engine.shard(BATCH), 0)
    assert_all_moved(before, [numpy(seed) for seed in seeds])
    assert [int(cyclegan.pools[d].count.value) for d in "AB"] == [2, 2]


def test_learning_rate_decays():
    """4 images an epoch, 4 epochs, batches of 2: the rate falls from the third epoch on."""
    cyclegan = tiny(n_blocks=0)
    cyclegan.phases, rates = [cyclegan.phases[1]], []
    batch = engine.shard(BATCH | {f"fake_{d}": BATCH[d] for d in "AB"})
    for step in range(8):
        cyclegan.step(batch, step)
        rates.append(float(cyclegan.phases[0].optimizer.learning_rate) / 2e-4)
    assert rates == pytest.approx([1, 1, 1, 1, 2 / 3, 2 / 3, 1 / 3, 1 / 3], rel=1e-5)


# --- losses under the settings


def generator_terms(**changes):
    """The logs of the generator phase; networks are the same at every call."""
    cyclegan = tiny(**changes)
    rng = np.random.default_rng(1)
    for name in GENERATORS + DISCRIMINATORS:
        for w in cyclegan.networks[name].weights:
            w.assign(np.float32(rng.normal(0, 0.2, w.shape)))
    loss, logs, _ = cyclegan.generator_phase({d: ops.convert_to_tensor(BATCH[d]) for d in "AB"})
    logs = {name.removeprefix("loss/"): float(x) for name, x in logs.items()}
    assert float(loss) == pytest.approx(sum(logs.values()), rel=1e-5)
    return logs


def test_no_identity_terms_at_weight_0():
    full, without = generator_terms(), generator_terms(lambda_identity=0.0)
    assert set(full) - set(without) == {"idt_A", "idt_B"}
    for name, value in without.items():
        assert value == pytest.approx(full[name], rel=1e-4)


@pytest.mark.parametrize(
    ("changes", "zero"),
    [
        ({"lambda_gan": 0.0}, {"G_A", "G_B"}),
        ({"lambda_A": 0.0, "lambda_B": 0.0}, {"cycle_A", "cycle_B"}),
        ({"lambda_B": 0.0}, {"cycle_B"}),
        ({"lambda_A": 0.0}, {"cycle_A"}),
    ],
    ids=["cycle alone", "GAN alone", "GAN + forward", "GAN + backward"],
)
def test_ablations(changes, zero):
    full = generator_terms(lambda_identity=0.0)
    ablated = generator_terms(lambda_identity=0.0, **changes)
    assert all(value > 0.01 for value in full.values())
    assert {name for name, value in ablated.items() if value == 0} == zero
    for name in set(full) - zero:
        assert ablated[name] == pytest.approx(full[name], rel=1e-5), name


def test_identity_is_weighted_by_the_cycle_of_its_domain():
    """idt_A is G_A on B and goes with lambda_B, as in the official code."""
    full, ablated = generator_terms(), generator_terms(lambda_B=20.0, lambda_identity=0.25)
    expected = full | {"cycle_B": 2 * full["cycle_B"], "idt_B": full["idt_B"] / 2}
    assert ablated == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("mode", ["vanilla", "hinge"])
def test_loss_mode_changes_the_adversarial_terms_only(mode):
    full, other = generator_terms(), generator_terms(gan_mode=mode)
    changed = {name for name in full if other[name] != pytest.approx(full[name], rel=1e-4)}
    assert changed == {"G_A", "G_B"}


# --- averages


def test_average_follows_the_generators():
    """0.5 ** (2 / 4) of the distance remains after each batch of 2 images at half-life 4."""
    cyclegan = tiny(ema_half_life=4.0)
    expected = weights(cyclegan, GENERATORS)
    decay = 0.5**0.5
    for step in range(3):
        cyclegan.step(engine.shard(BATCH), step)
        new = weights(cyclegan, GENERATORS)
        expected = [n + (e - n) * decay for n, e in zip(new, expected, strict=True)]
    averages = [numpy(w) for g in GENERATORS for w in cyclegan.averages[g].network.weights]
    for found, wanted, now in zip(averages, expected, new, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-7)
        assert np.any(found != now)


def test_translator_takes_the_average_if_there_is_one():
    plain, averaged = tiny(), tiny(ema_half_life=4.0)
    assert plain.translator("AtoB") is plain.networks["G_A"]
    assert plain.translator("BtoA") is plain.networks["G_B"]
    assert averaged.translator("AtoB") is averaged.averages["G_A"].network
    assert averaged.translator("BtoA") is averaged.averages["G_B"].network


# --- configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"gan_mode": "dcgan"}, "gan_mode='dcgan': expected one of lsgan, vanilla, hinge"),
        ({"discriminator": "unet"}, "discriminator='unet': expected one of patch, pixel"),
        ({"ngf": 0}, "ngf=0: expected a number from 1 up"),
        ({"n_layers": 0}, "n_layers=0: expected a number from 1 up"),
        ({"lambda_A": -1.0}, "lambda_A=-1.0: expected a number from 0 up"),
        ({"pool_size": -1}, "pool_size=-1: expected a number from 0 up"),
        ({"learning_rate": float("nan")}, "learning_rate=nan: expected a number from 0 up"),
        ({"decay_from": 1.5}, "decay_from=1.5: expected a number from 0 to 1"),
        ({"beta_1": float("nan")}, "beta_1=nan: expected 0 or more and below 1"),
        ({"lambda_gan": 0.0, "lambda_A": 0.0, "lambda_B": 0.0}, "nothing is left to train"),
    ],
)
def test_configuration_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        CycleGANConfig(**changes)


def test_configuration_defaults_are_the_papers():
    config = CycleGANConfig()
    assert (config.n_blocks, config.pool_size, config.gan_mode) == (9, 50, "lsgan")
    assert (config.learning_rate, config.beta_1, config.decay_from) == (2e-4, 0.5, 0.5)
    assert not config.dropout
    assert config.ema_half_life == 0


def test_pixel_discriminator_is_chosen_by_the_configuration():
    cyclegan = tiny(discriminator="pixel")
    assert tuple(cyclegan.networks["D_A"](BATCH["A"]).shape) == (2, 8, 8, 1)
