"""StyleGAN2: its layers, its phases, augmentation, freezing, and settings that are computed."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from core import engine
from core.flops import network_flops
from experiments import api
from gan.stylegan2.algorithm import StyleGAN2, finite
from gan.stylegan2.blocks import sizes
from gan.stylegan2.config import StyleGAN2Config
from gan.stylegan2.discriminator import Discriminator
from gan.stylegan2.layers import modulated_conv
from gan.stylegan2.networks import Generator, shifted

both = pytest.mark.backends

TINY = StyleGAN2Config(
    z_dim=6,
    w_dim=6,
    mapping_layers=2,
    channel_base=64,
    channel_max=8,
    mbstd_group_size=2,
    conv_clamp=0.0,
    g_learning_rate=1e-2,
    d_learning_rate=1e-2,
    ema_half_life=8.0,
)
RNG = np.random.default_rng(0)


BARE = {"pl_weight": 0.0, "r1_gamma": 0.0}  # two phases instead of four: compiled sooner


def tiny(size=8, **changes):
    return StyleGAN2(dataclasses.replace(TINY, **changes), size=size, batch_size=4)


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def batch(size=8, **more):
    return engine.shard({"image": np.float32(RNG.uniform(-1, 1, (4, size, size, 3)))} | more)


def values(variables):
    return [numpy(v) for v in variables]


def run(algorithm, phase, **more):
    """One phase of a step; returns its logs."""
    due = [p for p in algorithm.phases if p.name == phase]
    return algorithm._part(due, False, 4, algorithm.current_stage)(batch(**more))[0]


def same(before, after):
    return [bool((a == b).all()) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("channel_base", "generator", "discriminator"),
    [(16384, 24_767_458, 24_001_089)],
)
def test_number_of_parameters_is_the_published_one(channel_base, generator, discriminator):
    """At 256 pixels, as the official code prints them."""
    for kind, count in ((Generator, generator), (Discriminator, discriminator)):
        network = kind(256, channel_base=channel_base)
        assert sum(int(np.prod(v.shape)) for v in network.trainable_variables) == count


@both
def test_learning_rates_fall():
    """Along half a cosine to `decay_to`, where they stay; each times its network's lazy share."""
    algorithm = tiny(decay_images=80, decay_to=0.2)
    rates = {phase.name: phase.learning_rate for phase in algorithm.phases}
    assert {phase.learning_rate for phase in tiny().phases} == {None}  # as published
    for names, share in ((("G", "G_reg"), 4 / 5), (("D", "D_reg"), 16 / 17)):
        for name in names:
            found = [float(rates[name](ops.convert_to_tensor(n))) for n in (0.0, 40.0, 80.0, 1e6)]
            expected = np.multiply(share * 1e-2, [1, 0.6, 0.2, 0.2])
            np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("up", [False, True])
def test_scaling_features_is_a_kernel_for_each_picture(up):
    """Equations 1 and 3 of the paper, with the kernels written out."""
    x, kernel, styles = normal(2, 5, 6, 3), normal(3, 3, 3, 4), normal(2, 3)
    scaled = kernel[None] * styles[:, None, None, :, None]
    scaled /= np.sqrt(np.square(scaled).sum((1, 2, 3), keepdims=True) + 1e-8)
    ones = np.ones((1, 3), "float32")
    expected = [
        numpy(modulated_conv(x[i : i + 1], scaled[i], ones, up=up, demodulate=False))
        for i in range(2)
    ]
    found = numpy(modulated_conv(ops.convert_to_tensor(x), kernel, styles, up=up))
    assert found.shape == (2, 5 * (1 + up), 6 * (1 + up), 4)
    np.testing.assert_allclose(found, np.concatenate(expected), atol=1e-5)


def test_half_precision_gives_the_same_numbers():
    """Kernels and styles are scaled to its range first, however large they are."""
    x, kernel, styles = normal(2, 4, 4, 3), 1e4 * normal(3, 3, 3, 4), 1e4 * normal(2, 3)
    wide, narrow = (
        numpy(modulated_conv(ops.cast(x, dtype), ops.convert_to_tensor(kernel), styles))
        for dtype in ("float32", "float16")
    )
    np.testing.assert_allclose(narrow, wide, atol=2e-2)


def test_sizes_of_blocks():
    assert sizes(16) == [(4, 4), (8, 8), (16, 16)]
    assert sizes((8, 24)) == [(4, 12), (8, 24)]
    assert sizes(96) == [(6, 6), (12, 12), (24, 24), (48, 48), (96, 96)]
    with pytest.raises(ValueError, match="such as 16x16"):
        sizes((16, 17))
    with pytest.raises(ValueError, match="from 4 up"):
        sizes(3)


def test_rectangular_pictures_of_other_channels():
    options = {"channel_base": 64, "channel_max": 8, "num_channels": 1}
    generator = Generator((8, 24), z_dim=4, w_dim=4, mapping_layers=1, **options)
    picture = generator(normal(2, 4))
    assert picture.shape == (2, 8, 24, 1)
    discriminator = Discriminator((8, 24), mbstd_group_size=1, **options)
    assert discriminator(picture).shape == (2, 1)


@both
@pytest.mark.parametrize("phase", ["G", "G_reg", "D", "D_reg"])
def test_a_phase_leaves_the_other_network_bit_identical(phase):
    algorithm = tiny(augment="ada", p=0.5)
    own, other = (algorithm.networks[n] for n in (phase[0], "GD".replace(phase[0], "")))
    before, mine = values(other.variables), values(own.trainable_variables)
    run(algorithm, phase)
    assert all(same(before, values(other.variables)))
    assert not all(same(mine, values(own.trainable_variables)))


def test_cadence_of_the_phases():
    """Path length at every fourth step, R1 at every sixteenth, both at the first."""
    algorithm = tiny()
    data = batch()
    logged = [{name for name in algorithm.step(data, i) if "/" in name} for i in range(5)]
    assert {"loss/G", "loss/G_reg", "loss/D", "loss/D_reg"} <= logged[0]
    assert not {"loss/G_reg", "loss/D_reg"} & (logged[1] | logged[2] | logged[3])
    assert "loss/G_reg" in logged[4] and "loss/D_reg" not in logged[4]
    assert float(numpy(algorithm.pl_mean)) > 0


def test_arithmetic_is_counted():
    """Two operations for each product: of convolutions with 8 features, at 4 and at 8 pixels."""
    algorithm = tiny()
    rgb = (16 + 64) * 8 * 3
    expected = 2 * 4 * (16 * 9 * 64 + 16 * 9 * 64 + 64 * 9 * 64 + rgb)
    assert network_flops(algorithm.sized("G")) == expected
    assert network_flops(algorithm.sized("D")) > 2 * 4 * (64 * 9 * 64 + 16 * 9 * 64)


def test_frozen_layers_stay(tmp_path):
    algorithm = tiny(freeze_d=3, **BARE)
    discriminator = algorithm.networks["D"]
    frozen = [discriminator.from_rgb["1"], *discriminator.convs[:2]]
    kept = [v for layer in frozen for v in layer.variables]
    before, moving = values(kept), discriminator.last.kernel
    first = numpy(moving)
    run(algorithm, "D")
    assert all(same(before, values(kept))) and (numpy(moving) != first).any()
    with pytest.raises(ValueError, match="at most 4"):
        tiny(freeze_d=5)


def test_gradients_are_made_finite():
    found = numpy(finite(np.float32([1.0, np.nan, np.inf, -np.inf])))
    np.testing.assert_array_equal(found, np.float32([1.0, 0.0, 1e5, -1e5]))


def test_the_probability_adapts_itself():
    """It moves at the end of every second step here, by a batch times the interval."""
    algorithm = tiny(augment="ada", ada_interval=2, ada_images=64, ada_target=-0.99, p=0.25, **BARE)
    data, seen = batch(), []
    for step in range(4):
        logs = algorithm.step(data, step)
        seen.append(float(numpy(logs["augment/p"])))
    assert seen[0] == seen[1] == 0.25 and abs(seen[2] - seen[1]) in (0.0, 0.125)
    assert seen[2] == seen[3]
    assert len(algorithm.extra["augmentation"]) == 3


@pytest.mark.parametrize("kind", [{"augment": "diff"}, {"augment": "fixed", "p": 0.5}])
def test_other_augmentations_are_trained_with(kind):
    logs = run(tiny(**kind, **BARE), "D")
    assert all(np.isfinite(float(numpy(value))) for value in logs.values())
    assert "augment/p" not in logs and abs(float(numpy(logs["augment/sign"]))) <= 1


@both
def test_classes_are_told_to_both_networks():
    algorithm = tiny(classes=3, **BARE)
    logs = run(algorithm, "D", label=np.arange(4, dtype="int32") % 3)
    assert all(np.isfinite(float(numpy(value))) for value in logs.values())
    z = normal(1, 6).repeat(2, 0)
    first, second = numpy(algorithm.generator(z, np.int32([0, 1])))
    assert np.abs(first - second).max() > 1e-3


def test_starting_from_other_networks():
    first, second = tiny(), tiny()
    first.average.network.set_weights([w + 1 for w in first.average.network.get_weights()])
    second.start_from(first)
    for name, network in first.networks.items():
        assert all(same(values(network.variables), values(second.networks[name].variables)))
    average = first.average.network.variables
    assert all(same(values(average), values(second.average.network.variables)))
    with pytest.raises(ValueError, match="other layers or features"):
        tiny(size=16).start_from(first)


@pytest.mark.parametrize(
    ("size", "batch_size", "expected"),
    [  # train.py of the official code: min(4096 / size, 32), 0.0002 size^2 / batch
        (256, 16, {"channel_base": 16384, "r1_gamma": 0.8192, "ema_half_life": 5000.0}),
        (128, 32, {"channel_base": 16384, "r1_gamma": 0.1024, "ema_half_life": 10_000.0}),
        (1024, 4, {"channel_base": 32768, "g_learning_rate": 2e-3, "mbstd_group_size": 4}),
    ],
)
def test_automatic_settings(size, batch_size, expected):
    config = api.make_config("stylegan2", "auto", {"data.size": size, "data.load_size": size})
    assert config.batch_size == batch_size
    for key, value in expected.items():
        assert getattr(config.algorithm, key) == pytest.approx(value), key


def test_what_is_given_is_not_computed():
    changes = {"data.size": 128, "data.load_size": 128, "batch_size": 8, "algorithm.r1_gamma": 3.0}
    config = api.make_config("stylegan2", "auto", changes)
    assert (config.batch_size, config.algorithm.r1_gamma) == (8, 3.0)
    assert config.algorithm.ema_half_life == 2500.0


def test_a_given_value_stays_that_is_also_the_presets():
    size = {"data.size": 128, "data.load_size": 128}
    usual = api.make_config("stylegan2", "auto")
    own = {"batch_size": usual.batch_size, "algorithm.r1_gamma": usual.algorithm.r1_gamma}
    config = api.make_config("stylegan2", "auto", size | {k: str(v) for k, v in own.items()})
    assert (config.batch_size, config.algorithm.r1_gamma) == (16, 0.8192)
    based = {"algorithm.base": "runs/x"}
    started = api.make_config("stylegan2", "auto", based).algorithm
    assert (started.ada_images, started.ema_ramp_up) == (100_000, 0.0)
    kept = {"algorithm.ada_images": 500_000, "algorithm.ema_ramp_up": 0.05}
    started = api.make_config("stylegan2", "auto", based | kept).algorithm
    assert (started.ada_images, started.ema_ramp_up) == (500_000, 0.05)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"augment": "some"}, "none, ada, fixed, diff"),
        ({"transforms": "bgx"}, "expected a set of transforms"),
        ({"p": 1.5}, "p=1.5: expected a number from 0 to 1"),
        ({"augment": "fixed"}, "fixed needs p above 0"),
        ({"g_architecture": "dense"}, "skip, resnet, orig"),
        ({"classes": 1}, "2 or more"),
        ({"mapping_lrmul": 0.0}, "above 0"),
        ({"r1_gamma": float("nan")}, "expected a number from 0 up"),
    ],
)
def test_refused_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **changes)


@both
def test_the_constant_is_moved_by_whole_positions():
    """Down by one, left by one; the border that is left behind is repeated."""
    const = np.arange(9.0, dtype="float32").reshape(3, 3, 1)
    moved = numpy(shifted(ops.convert_to_tensor(const), ops.convert_to_tensor([[1, -1], [0, 0]])))
    assert np.array_equal(moved[0, :, :, 0], [[1, 2, 2], [1, 2, 2], [4, 5, 5]])
    assert np.array_equal(moved[1], const)
    with pytest.raises(ValueError, match="shift of float32: expected integers, whole positions"):
        shifted(const, np.float32([[0.5, 0]]))


def test_a_shift_moves_the_coarse_picture():
    """Away from the borders, whose padding in all layers does not move."""
    algorithm = tiny(32)
    synthesis, ws = algorithm.networks["G"].synthesis, normal(16, 8, 6)
    assert (algorithm.shift_steps, algorithm.has_transform) == (4, False)
    still = numpy(synthesis(ws, noise="none"))
    none = numpy(synthesis(ws, noise="none", shift=np.zeros((16, 2), "int32")))
    assert np.array_equal(none, still)
    for axis, shift in ((2, [0, 1]), (1, [1, 0])):  # right, down
        moved = numpy(synthesis(ws, noise="none", shift=np.int32([shift] * 16)))
        differences = [np.abs(np.roll(still, 8, axis) - moved), np.abs(still - moved)]
        here, other = (np.moveaxis(d, axis, 0)[12:-4].mean() for d in differences)
        assert here < 0.8 * other
