"""StyleGAN3: its sizes, its phases, half precision, the blur, transforms, and what is refused."""

import dataclasses
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from keras import ops
from test_stylegan3_oracles import PICKLE, imported, load, part

from core import engine
from core.errors import InputError
from core.named_state import NamedState
from core.nvidia_file import read
from experiments import api
from experiments.metrics.sampling import Sampler
from experiments.tasks.seeds import chosen_transform
from gan import nvidia_exporters, stylegan3_importers
from gan.augment.blur import blurred
from gan.directions import style_weights
from gan.importers import guess_config, import_network
from gan.stylegan3.algorithm import StyleGAN3
from gan.stylegan3.config import StyleGAN3Config
from gan.stylegan3.networks import Synthesis
from gan.stylegan3.schedule import Schedule
from gan.stylegan3.transforms import inverse_transform

both = pytest.mark.backends

TINY = StyleGAN3Config(
    z_dim=6,
    w_dim=6,
    num_layers=3,
    g_channel_base=64,
    g_channel_max=4,
    channel_base=64,
    channel_max=8,
    mbstd_group_size=2,
    r1_gamma=0.0,
    g_learning_rate=1e-2,
    ema_half_life=8.0,
    magnitude_half_life=8.0,
)


def tiny(**changes):
    return StyleGAN3(dataclasses.replace(TINY, **changes), size=16, batch_size=4)


def batch(seed=0):
    pictures = np.random.default_rng(seed).uniform(-1, 1, (4, 16, 16, 3))
    return engine.shard({"image": pictures.astype("float32")})


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def values(variables):
    return [numpy(v) for v in variables]


def same(before, after):
    return [bool((a == b).all()) for a, b in zip(before, after, strict=True)]


@pytest.mark.parametrize(
    ("resolution", "config", "channel_base", "parameters"),
    [
        (256, "t", 32768, 28_472_133),
        (256, "t", 16384, 23_320_443),
        (512, "t", 32768, 24_873_519),
        (1024, "t", 32768, 22_313_167),
        (256, "r", 65536, 18_816_387),
        (512, "r", 65536, 16_665_594),
        (1024, "r", 65536, 15_093_151),
    ],
)
def test_number_of_parameters_is_the_published_one(resolution, config, channel_base, parameters):
    """Counted by the schedule, which the networks are made of; both mapping layers included."""
    most = 1024 if config == "r" else 512
    schedule = Schedule(resolution, config, channel_base=channel_base, channel_max=most)
    counted = 2 * 512 * 513 + schedule.channels(0) ** 2 + 4 * 513
    for plan in schedule.layers():
        counted += (plan.kernel_size**2 * plan.in_channels + 1) * plan.out_channels
        counted += plan.in_channels * 513
    assert counted == parameters


def test_a_network_has_as_many_parameters_as_are_counted():
    schedule = {"num_layers": 3, "channel_base": 64, "channel_max": 4}
    synthesis = Synthesis(16, 6, **schedule)
    plans = Schedule(16, **schedule).layers()
    counted = (
        4 * 4
        + 4 * 7
        + sum(
            (p.kernel_size**2 * p.in_channels + 1) * p.out_channels + p.in_channels * 7
            for p in plans
        )
    )
    assert sum(int(np.prod(v.shape)) for v in synthesis.trainable_variables) == counted


@both
@pytest.mark.parametrize("config", ["t", "r"])
def test_a_step_changes_each_network_in_its_phase_alone(config):
    """G's phase also moves the mean squares of features, D's leaves them."""
    algorithm = tiny(config=config, blur_sigma=2.0 * (config == "r"))
    generator, discriminator = (algorithm.networks[name] for name in "GD")
    for phase, own, other in (("G", generator, discriminator), ("D", discriminator, generator)):
        before, mine = values(other.variables), values(own.trainable_variables)
        due = [p for p in algorithm.phases if p.name == phase]
        logs = algorithm._part(due, False, 4, algorithm.current_stage)(batch())[0]
        assert all(np.isfinite(float(numpy(value))) for value in logs.values())
        assert all(same(before, values(other.variables)))
        assert not any(same(mine, values(own.trainable_variables))[1:2])
    magnitudes = [float(numpy(layer.magnitude)) for layer in generator.synthesis.blocks]
    assert all(value != 1.0 for value in magnitudes)
    assert not (numpy(generator.mapping.w_avg) == 0).all()


@both
@pytest.mark.thorough
def test_a_step_in_half_precision_is_finite():
    keras.config.set_dtype_policy("mixed_float16")
    algorithm = tiny(config="r", g_channel_max=8)
    assert algorithm.networks["G"].synthesis.blocks[0].compute_dtype == "float16"
    logs = algorithm.step(batch(), 0)
    assert all(np.isfinite(float(numpy(value))) for value in logs.values())
    for variable in algorithm.variables():
        assert np.isfinite(numpy(variable)).all(), variable.path


def test_half_precision_makes_the_same_pictures():
    wide = Synthesis(16, 6, num_layers=3, channel_base=64, channel_max=4)
    keras.config.set_dtype_policy("mixed_float16")
    narrow = Synthesis(16, 6, num_layers=3, channel_base=64, channel_max=4)
    narrow.set_weights(wide.get_weights())
    ws = np.random.default_rng(0).normal(size=(2, 5, 6)).astype("float32")
    expected = numpy(wide(ws))
    np.testing.assert_allclose(numpy(narrow(ws)), expected, atol=2e-2 * np.abs(expected).max())


def test_the_blur():
    """Against the taps added up; it ends at sigma 0."""
    x = np.random.default_rng(0).normal(size=(1, 12, 16, 2)).astype("float32")
    taps = 2.0 ** -np.square(np.arange(-4, 5) / 1.5)
    taps /= taps.sum()
    rows = np.apply_along_axis(lambda v: np.convolve(v, taps, "same"), 1, x)
    expected = np.apply_along_axis(lambda v: np.convolve(v, taps, "same"), 2, rows)
    made, sigmas = ops.convert_to_tensor(x), ops.convert_to_tensor(np.float32([1.5, 0]))
    np.testing.assert_allclose(numpy(blurred(made, sigmas[0])), expected, atol=1e-5)
    np.testing.assert_allclose(numpy(blurred(made, sigmas[1])), x, atol=1e-5)


def test_the_blur_ends_when_it_should():
    algorithm = tiny(blur_sigma=3.0, blur_images=100.0)
    x = ops.convert_to_tensor(np.random.default_rng(0).normal(size=(1, 16, 16, 3)).astype("f4"))
    assert np.abs(numpy(algorithm.view(x)(x)) - numpy(x)).max() > 0.1
    algorithm.images.assign(100)
    np.testing.assert_allclose(numpy(algorithm.view(x)(x)), numpy(x), atol=1e-5)


def test_a_base_ends_the_blur():
    config = api.make_config("stylegan3", "r256", {"algorithm.base": "runs/other"})
    assert config.algorithm.blur_sigma == config.algorithm.ema_ramp_up == 0.0
    assert api.make_config("stylegan3", "r256").algorithm.blur_sigma == 10.0


def test_pictures_move_with_the_transform():
    """A whole number of pixels to the right and down, up to the filters' imperfection."""
    _, _, network, _ = imported("r")
    ws = np.random.default_rng(0).normal(size=(1, 8, 24)).astype("float32")
    still = numpy(network.synthesis(ws))
    matrix = inverse_transform((4 / 32, 2 / 32))
    moved = numpy(network.synthesis(ws, transform=matrix))
    size = np.abs(still).max()
    np.testing.assert_allclose(moved[:, 2:, 4:], still[:, :-2, :-4], atol=2e-3 * size)
    turned = numpy(network.synthesis(ws, transform=inverse_transform(degrees=90)))
    assert np.abs(turned - np.rot90(still, 1, (1, 2))).mean() < 0.02 * size


def test_the_flags_of_a_transform():
    run = SimpleNamespace(algorithm=tiny(), config=SimpleNamespace(model="stylegan3"))

    def chosen(translate=(), rotate=None):
        return chosen_transform(run, SimpleNamespace(translate=translate, rotate=rotate))

    assert chosen() is None
    np.testing.assert_allclose(chosen(["0.25", "-0.1"])[:2, 2], [-0.25, 0.1], atol=1e-6)
    np.testing.assert_allclose(chosen(rotate=90.0)[:2, :2], [[0, -1], [1, 0]], atol=1e-6)
    for wrong in (["1"], ["a", "b"], ["nan", "0"]):
        with pytest.raises(InputError, match="expected two numbers"):
            chosen(wrong)
    run.algorithm = SimpleNamespace(has_transform=False)
    with pytest.raises(InputError, match="no transform"):
        chosen(rotate=10.0)


def test_sampled_pictures_are_transformed():
    algorithm = tiny()
    synthesis, made = algorithm.average.network.synthesis, Sampler(algorithm, 2)
    ws = made.ws([0, 1])
    np.testing.assert_allclose(made.raw_from_ws(ws), numpy(synthesis(ws)), atol=1e-5)
    transforms = np.array([inverse_transform((0.5, 0)), inverse_transform(degrees=20)])
    expected = [numpy(synthesis(ws[i : i + 1], transform=transforms[i]))[0] for i in (0, 1)]
    np.testing.assert_allclose(made.raw_from_ws(ws, transform=transforms), expected, atol=1e-5)


def test_directions_of_each_layer():
    synthesis = tiny().networks["G"].synthesis
    weights = style_weights(synthesis)
    assert len(weights) == synthesis.num_ws
    assert [w.shape for w in weights][:2] == [(6, 4), (6, 4)]


def test_a_table_of_the_layers():
    lines = tiny().described()
    assert len(lines) == 5 and lines[1].split()[:4] == ["0", "36", "4", "16"]


# --- files


def refusal(state, **config):
    with pytest.raises(InputError) as caught:
        import_network("stylegan3/generator", state, **config)
    return str(caught.value)


def small_state(**changes):
    state = part(load("stylegan3_layers"), "metric_t/state/")
    return {k: v for k, v in (state | changes).items() if v is not None}


@pytest.mark.parametrize(
    ("change", "config", "message"),
    [
        ({}, {"config": "r"}, "pass config=t"),
        ({}, {"resolution": 64}, "resolution=32"),
        ({"synthesis.L0_36_6.bias": None}, {}, "missing: synthesis.L0_36_6.bias"),
        ({"extra": np.zeros(3)}, {}, "unknown: extra"),
        ({"synthesis.L1_36_6.weight": None}, {}, "expected L0_"),
        ({"synthesis.input.freqs": None}, {}, "synthesis.input.freqs is missing"),
        ({"synthesis.L0_36_6.up_filter": np.ones(12) / 12}, {}, "another filter"),
        ({"synthesis.L0_36_6.up_filter": np.ones(10)}, {}, "of shape (10,)"),
        ({"synthesis.L0_36_6.weight": np.zeros((6, 6, 5, 5))}, {}, "configuration t"),
        ({"mapping.w_avg": np.full(8, np.nan)}, {}, "NaN or infinity"),
        ({"synthesis.input.weight": np.broadcast_to(1.0, (10**6, 10**6))}, {}, "expected (6, 6)"),
    ],
)
def test_files_that_do_not_fit(change, config, message):
    assert message in refusal(small_state(**change), **config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first_cutoff": 4.0}, "has no synthesis|another filter"),
        ({"margin_size": 10**9}, "margin_size=1000000000, expected 0 to 100"),
        ({"channel_base": "all"}, "channel_base=all, expected a number"),
        ({"num_critical": 50}, "num_layers=14"),
    ],
)
def test_settings_that_do_not_fit(monkeypatch, change, message):
    monkeypatch.setattr(stylegan3_importers, "Generator", None)
    arrays, given = read(PICKLE)
    found = refusal(NamedState(arrays, given | change))
    assert any(part in found for part in message.split("|")), found


def test_other_features_and_classes_are_found():
    """A network with a mapping of classes, another number of layers and no power of two."""
    options = {"num_layers": 5, "channel_base": 300, "channel_max": 9}
    network = stylegan3_importers.Generator(
        32, z_dim=5, c_dim=3, w_dim=7, mapping_layers=1, config="r", **options
    )
    state = stylegan3_importers.state_dict(network)
    told = guess_config("stylegan3/generator", dict(state))
    expected = {"config": "r", "z_dim": 5, "c_dim": 3, "w_dim": 7, "num_layers": 5}
    assert expected.items() <= told.items()
    again = import_network("stylegan3/generator", dict(state))
    for ours, theirs in zip(again.weights, network.weights, strict=True):
        np.testing.assert_array_equal(numpy(ours), numpy(theirs))
    given = nvidia_exporters.settings(network)
    told = import_network("stylegan3/generator", NamedState(state, given))
    assert told.get_config() | {"name": ""} == network.get_config() | {"name": ""}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"config": "x"}, "expected one of t, r"),
        ({"num_layers": 2}, "3 or more"),
        ({"use_noise": True}, "no noise"),
        ({"g_architecture": "resnet"}, "no such blocks"),
    ],
)
def test_refused_settings(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(TINY, **change)


def test_refused_sizes():
    with pytest.raises(ValueError, match="16, 32, 64"):
        Schedule(48)
