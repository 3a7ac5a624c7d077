"""R3GAN: its networks, its settings, what a step changes and what it does not."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from core.flops import network_flops
from experiments import configs
from gan.augment.training import Augmentation
from gan.losses import relativistic_loss
from gan.penalties import squared_gradient
from gan.r3gan.algorithm import R3GAN
from gan.r3gan.config import R3GANConfig
from gan.r3gan.layers import block_diagonal, conv_in_blocks, groups_together
from gan.r3gan.networks import Discriminator, Generator

SIZES = {"widths": (8, 4), "cardinality": (4, 2), "blocks": (1, 2)}
SMALL = SIZES | {"noise_dim": 4, "condition_dim": 3, "p_end": 0.5}
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, (8, 8, 8, 3)).astype("float32")  # two batches of four
LABELS = np.int32([0, 1, 2, 0, 2, 2, 1, 0])
# preset -> parameters of G and D, from the paper's networks
PARAMETERS = {
    "cifar10": (20_781_952, 21_280_512),
    "ffhq64": (22_429_824, 22_381_440),
    "ffhq256": (23_057_952, 23_009_568),
    "imagenet32": (82_914_304, 86_548_992),
    "imagenet64": (103_570_432, 107_205_120),
}


def tiny(**changes):
    return R3GAN(R3GANConfig(**SMALL | changes), size=8, batch_size=4)


def batch(made):
    return engine.shard({"image": IMAGES} | ({"label": LABELS} if made.classes else {}))


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def weights(network):
    return [numpy(w) for w in network.weights]


def assert_all_moved(before, after):
    assert all((a != b).any() for a, b in zip(before, after, strict=True))


def assert_same(before, after):
    for a, b in zip(before, after, strict=True):
        np.testing.assert_array_equal(a, b)


# --- layers and networks


@pytest.mark.backends
@pytest.mark.parametrize(("groups", "channels"), [(4, 8), (6, 4), (3, 16), (2, 40), (1, 5)])
def test_groups_in_blocks_are_the_grouped_convolution(groups, channels):
    """Also where a block cannot have as many groups as would fit, or only one does."""
    x = RNG.normal(size=(2, 5, 6, groups * channels)).astype("float32")
    kernel = RNG.normal(size=(3, 3, channels, groups * 2)).astype("float32")
    found = numpy(conv_in_blocks(ops.convert_to_tensor(x), ops.convert_to_tensor(kernel), groups))
    parts = [
        ops.conv(x[..., g * channels : (g + 1) * channels], kernel[..., 2 * g : 2 * g + 2], 1,
                 "same")
        for g in range(groups)
    ]  # fmt: skip
    np.testing.assert_allclose(found, np.concatenate([numpy(p) for p in parts], -1), atol=1e-4)


def test_how_many_groups_a_block_has():
    found = [groups_together(*given) for given in [(96, 16), (96, 32), (96, 8), (3, 16), (2, 64)]]
    assert found == [2, 1, 4, 1, 1]
    kernel = np.arange(3 * 3 * 2 * 4, dtype="float32").reshape(3, 3, 2, 4)
    whole = numpy(block_diagonal(ops.convert_to_tensor(kernel), 2, 2))[0]
    np.testing.assert_array_equal(whole[:, :, :2, :2], kernel[:, :, :, :2])
    np.testing.assert_array_equal(whole[:, :, 2:, 2:], kernel[:, :, :, 2:])
    assert not whole[:, :, :2, 2:].any() and not whole[:, :, 2:, :2].any()


@pytest.mark.thorough
@pytest.mark.parametrize("preset", PARAMETERS)
def test_parameters_are_those_of_the_paper(preset, monkeypatch):
    monkeypatch.setattr(
        keras.initializers.RandomNormal, "__call__",
        lambda self, shape, dtype=None: ops.zeros(shape, dtype),
    )  # fmt: skip
    config = configs.find("r3gan").presets[preset]
    algorithm = config.algorithm
    sizes = {name: getattr(algorithm, name) for name in SIZES} | {"c_dim": algorithm.classes}
    found = tuple(
        make(config.data.size, **sizes).count_params() for make in (Generator, Discriminator)
    )
    assert found == PARAMETERS[preset]


def test_initial_weights():
    """Blocks begin as the identity; other weights have variance gain^2 / fan_in."""
    sizes = {"widths": (64, 64), "cardinality": (4, 4), "blocks": (2, 1)}
    network = Generator(8, **sizes, noise_dim=64)
    block = network.blocks[1][0]
    x = ops.convert_to_tensor(RNG.normal(size=(1, 8, 8, 64)).astype("float32"))
    np.testing.assert_array_equal(numpy(block(x)), numpy(x))
    gain = (2 / 1.04) ** 0.5 * 3**-0.25
    expected = [(block.widen, gain / 8), (block.grouped, gain / (9 * 32) ** 0.5),
                (network.enter.kernel, 1 / 8), (network.basis.basis, 1),
                (network.to_rgb.kernel, 1 / 8)]  # fmt: skip
    for variable, deviation in expected:
        assert numpy(variable).std() == pytest.approx(deviation, rel=0.12), variable.path


@pytest.mark.parametrize("classes", [0, 3])
def test_copies_and_operations(classes):
    made = tiny(classes=classes)
    for name, network in made.networks.items():
        copy = keras.models.clone_model(network)
        copy.set_weights(network.get_weights())
        assert_same(weights(network), weights(copy))
        assert network_flops(made.sized(name)) > 0
    # 2 * (4 * 8 enter + 16 * (8 * 16 * 2 + 9 * 4 * 16) + 64 * ...) for each picture
    plain = tiny().sized("G")
    block = 2 * 2 * 64 * 8 * (2 * 4 + 9 * 4)
    first = 2 * 16 * 16 * (2 * 8 + 9 * 4)
    assert network_flops(plain) == 4 * (2 * 4 * 8 + first + 2 * 16 * 8 * 4 + block + 2 * 64 * 12)


def test_classes_change_pictures_and_logits():
    made = tiny(classes=3)
    z = RNG.normal(size=(1, 4)).astype("float32").repeat(3, 0)
    found = numpy(made.networks["G"](z, np.int32([0, 1, 2])))
    described = numpy(made.networks["G"](z, np.eye(3, dtype="float32")))
    np.testing.assert_array_equal(found, described)
    assert not np.allclose(found[0], found[1])
    logits = numpy(made.networks["D"](IMAGES[:1].repeat(3, 0), np.int32([0, 1, 2])))
    assert len(set(logits[:, 0].tolist())) == 3
    with pytest.raises(ValueError, match="made for classes"):
        made.networks["G"](z)


# --- the step


@pytest.mark.backends
def test_r1_of_a_linear_discriminator_is_the_square_of_its_weights():
    weight = ops.convert_to_tensor(RNG.normal(size=(8, 8, 3)).astype("float32"))
    penalty, _ = squared_gradient(
        lambda x: ops.sum(x * weight, axis=(1, 2, 3)), ops.convert_to_tensor(IMAGES)
    )
    np.testing.assert_allclose(numpy(penalty), float(np.square(numpy(weight)).sum()), rtol=1e-5)


def test_the_loss_compares_pairs():
    real, fake = np.float32([1.0, -2.0]), np.float32([0.5, 3.0])
    expected = np.log1p(np.exp(fake - real)).mean()
    assert float(relativistic_loss(real, fake)) == pytest.approx(expected)
    assert float(relativistic_loss(real + 7, fake + 7)) == pytest.approx(expected)


@pytest.mark.backends
@pytest.mark.parametrize(("phase", "moving", "resting"), [(0, "D", "G"), (1, "G", "D")])
def test_a_phase_leaves_the_other_network_bit_for_bit(phase, moving, resting):
    made = tiny(classes=3, p=0.3)
    for network in made.networks.values():  # blocks begin as the identity: no gradient inside
        for w in network.trainable_variables:
            w.assign(w + 0.01)
    made.phases = [made.phases[phase]]
    before = {name: weights(network) for name, network in made.networks.items()}
    made.step(batch(made), 0)
    assert_all_moved(before[moving], weights(made.networks[moving]))
    assert_same(before[resting], weights(made.networks[resting]))


def test_each_phase_has_reals_of_its_own():
    """The generator's loss does not see the first half of a batch, the penalties not the second."""

    def logs(images, phase):
        keras.utils.set_random_seed(0)
        made = tiny(p_end=0.0)
        made.phases = [made.phases[phase]]
        return {k: float(v) for k, v in made.step(engine.shard({"image": images}), 0).items()}

    first, second = IMAGES.copy(), IMAGES.copy()
    first[:4] += 1
    second[4:] += 1
    whole = logs(IMAGES, 0)
    assert logs(second, 0) == whole and logs(first, 0)["loss/D"] != whole["loss/D"]
    assert logs(first, 1) == logs(IMAGES, 1) != logs(second, 1)


def test_a_step_counts_one_batch_and_follows_its_schedules():
    made = tiny(decay_images=8, gamma=2.0, gamma_end=1.0, learning_rate_end=1e-4)
    found = [{k: float(v) for k, v in made.step(batch(made), i).items()} for i in range(4)]
    assert int(numpy(made.images)) == 16
    assert [row["gamma"] for row in found] == pytest.approx([2, 1.5, 1, 1])
    assert [row["beta_2"] for row in found] == pytest.approx([0.9, 0.945, 0.99, 0.99])
    assert [row["augment/p"] for row in found] == pytest.approx([0, 0.25, 0.5, 0.5])
    assert float(numpy(made.phases[0].optimizer.learning_rate)) == pytest.approx(1e-4)


def test_the_average_begins_as_the_network():
    made = tiny(ema_half_life_end=100.0, decay_images=8)
    made.step(batch(made), 0)
    assert_same(weights(made.networks["G"]), weights(made.sampling_network))
    made.step(batch(made), 1)
    assert any((a != b).any() for a, b in zip(
        weights(made.networks["G"]), weights(made.sampling_network), strict=True
    ))  # fmt: skip
    assert tiny(ema_half_life_end=0.0).average is None


def test_transforms_of_colour_are_rarer():
    images = ops.ones((4000, 2, 2, 3))
    rates = {"brightness": 0.5}
    augmentation = Augmentation("fixed", "brightness", rates=rates)
    change = augmentation.drawn(images, keras.random.SeedGenerator(0), 0.5)
    changed = (numpy(change(images)) != 1).any(axis=(1, 2, 3)).mean()
    assert changed == pytest.approx(0.25, abs=0.03)


# --- settings


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": 1}, "classes=1"),
        ({"p_end": 1.5}, "p_end=1.5: expected a number from 0 to 1"),
        ({"beta_2_end": 1.0}, "beta_2_end=1.0"),
        ({"decay_images": 0}, "decay_images=0"),
        ({"gamma": -1.0}, "gamma=-1.0"),
        ({"colour_rate": 0.0}, "colour_rate=0.0"),
        ({"widths": (8, 8, 8)}, r"widths=\(8, 8, 8\): expected 2 numbers"),
        ({"cardinality": (4,)}, r"cardinality=\(4,\): expected 2 numbers"),
        ({"cardinality": (3, 2)}, "3 groups cannot share 8 times 2 channels"),
        ({"blocks": (1, 0)}, r"blocks=\(1, 0\): expected numbers from 1 up"),
    ],
)
def test_settings_that_do_not_fit(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny(**changes)


def test_sizes_and_transforms_that_do_not_exist():
    with pytest.raises(ValueError, match="size=12: expected 4 times a power of two"):
        Generator(12, **SIZES)
    with pytest.raises(InputError, match="transforms"):
        R3GANConfig(transforms=("cutoff",))
