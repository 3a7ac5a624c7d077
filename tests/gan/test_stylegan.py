"""StyleGAN: mixing, truncation, noise, the mean of w, and the configurations of Table 1."""

import dataclasses

import numpy as np
import pytest
from keras import ops

from core import engine
from experiments.configs.stylegan import PRESETS
from gan.stylegan.algorithm import StyleGAN
from gan.stylegan.config import StyleGANConfig
from gan.stylegan.networks import Generator

both = pytest.mark.backends  # a compiled step takes JAX long; the oracles run there, too

TINY = StyleGANConfig(
    fmap_base=32,
    fmap_max=8,
    latent_size=6,
    w_dim=6,
    mapping_fmaps=6,
    mapping_layers=2,
    fade_images=8,
    stable_images=8,
    batch_sizes=(),
    learning_rate=1e-2,
    ema_half_life=4.0,
)
RNG = np.random.default_rng(0)
Z, OTHER = (np.float32(RNG.normal(size=(2, 6))) for _ in range(2))


def tiny(**changes):
    return StyleGAN(dataclasses.replace(TINY, **changes), size=16, batch_size=4)


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


@pytest.fixture(scope="module")
def generator():
    network = tiny().networks["G"]
    for layer in network.synthesis.epilogues:
        layer.noise_weight.assign(np.float32(RNG.normal(size=layer.noise_weight.shape)))
    network.mapping.w_avg.assign(np.float32(RNG.normal(size=6)))
    return network


def run(stylegan, images=0, step=0):
    stylegan.images.assign(images)
    stage = stylegan.current_stage = stylegan.stage(images)
    pictures = RNG.uniform(-1, 1, (4, stage.size, stage.size, 3))
    return stylegan.step(engine.shard({"image": np.float32(pictures)}), step)


def test_number_of_parameters_is_the_published_one():
    """26,219,627 in the official README; noise and the mean of w are not trained."""
    network = Generator(1024)
    assert sum(int(np.prod(w.shape)) for w in network.trainable_weights) == 26_219_627


@both
def test_mixing_at_the_ends_is_one_style(generator):
    ws, other = generator.mapping(Z), generator.mapping(OTHER)
    layers = ws.shape[1]
    assert layers == generator.synthesis.num_layers == 6

    def mixed(crossover):
        both = ops.concatenate([ws[:, :crossover], other[:, crossover:]], 1)
        return numpy(generator.synthesis(both))

    np.testing.assert_array_equal(mixed(layers), numpy(generator.synthesis(ws)))
    np.testing.assert_array_equal(mixed(0), numpy(generator.synthesis(other)))
    assert np.abs(mixed(2) - mixed(0)).max() > 1e-3 < np.abs(mixed(2) - mixed(layers)).max()


@both
def test_truncation_0_gives_the_mean_image(generator):
    ws = generator.mapping(Z, truncation_psi=0.0)
    np.testing.assert_allclose(numpy(ws), np.broadcast_to(numpy(generator.mapping.w_avg), ws.shape))
    pictures = numpy(generator.synthesis(ws))
    pictures /= np.abs(pictures).max()  # rounding is relative: these go to 5, not to 1
    np.testing.assert_allclose(pictures[0], pictures[1], atol=1e-6)


def test_truncation_is_linear_and_stops_at_the_cutoff(generator):
    plain, mean = numpy(generator.mapping(Z)), numpy(generator.mapping.w_avg)
    ws = numpy(generator.mapping(Z, truncation_psi=0.7, truncation_cutoff=2))
    np.testing.assert_allclose(ws[:, :2], mean + 0.7 * (plain[:, :2] - mean), atol=1e-6)
    np.testing.assert_allclose(ws[:, 2:], plain[:, 2:], atol=1e-6)


def test_noise_of_the_synthesis(generator):
    ws = generator.mapping(Z)
    const, again = (numpy(generator.synthesis(ws, noise="const")) for _ in range(2))
    np.testing.assert_array_equal(const, again)
    first, second = (numpy(generator.synthesis(ws, noise="random")) for _ in range(2))
    none = numpy(generator.synthesis(ws, noise="none"))
    pictures = (const, first, second, none)
    for i, one in enumerate(pictures):
        assert all(np.abs(one - other).max() > 1e-3 for other in pictures[i + 1 :])
    with pytest.raises(ValueError, match="expected one of const, random, none"):
        generator.synthesis(ws, noise="off")


@pytest.mark.parametrize("only", ["D", "G"])
@pytest.mark.parametrize("images", [0, pytest.param(12, marks=both)])
def test_a_phase_leaves_the_other_network_bit_identical(only, images):
    stylegan = tiny()
    stylegan.phases = [p for p in stylegan.phases if p.name == only]
    other = stylegan.networks["G" if only == "D" else "D"]
    before = [numpy(w) for w in other.weights]
    run(stylegan, images)
    for old, new in zip(before, other.weights, strict=True):
        np.testing.assert_array_equal(old, numpy(new))


@both
def test_mean_of_w_moves_with_the_generator_and_the_average_copies_it():
    stylegan = tiny(w_avg_beta=0.0)
    run(stylegan)
    mean = numpy(stylegan.networks["G"].mapping.w_avg)
    assert np.abs(mean).max() > 1e-3
    np.testing.assert_array_equal(numpy(stylegan.generator.mapping.w_avg), mean)


def test_mapping_learns_a_hundredth_as_fast():
    """Adam moves every stored weight alike; what is stored is worth `lrmul` of it."""
    mapping = tiny().networks["G"].mapping
    for layer in mapping.dense:
        assert layer.scale == pytest.approx(2**0.5 / 6**0.5 * 0.01)
        assert 30 < numpy(layer.kernel).std() < 300


@pytest.mark.thorough
def test_configurations_of_table_1_train_a_step():
    small = {k: getattr(TINY, k) for k in ("fmap_base", "fmap_max", "latent_size", "w_dim",
             "mapping_fmaps", "batch_sizes")}  # fmt: skip
    counts = []
    for letter in "abcdef":
        algorithm = PRESETS[f"config_{letter}"].algorithm
        layers = min(algorithm.mapping_layers, 2)
        algorithm = dataclasses.replace(algorithm, mapping_layers=layers, **small)
        stylegan = StyleGAN(algorithm, size=16, batch_size=4)
        logs = run(stylegan)
        assert np.isfinite([float(v) for v in logs.values()]).all()
        counts.append(stylegan.networks["G"].count_params())
    a, b, c, d, e, f = counts
    assert a == b < c and d < c and d < e == f  # styles add, the constant saves, noise adds


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mapping_layers": 0, "w_dim": 5}, "expected the same number"),
        ({"use_styles": False}, "expected const_input=false and style_mixing=0"),
        ({"style_mixing": 1.5}, "expected a number from 0 to 1"),
        ({"mapping_lrmul": 0.0}, "expected above 0"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny(**changes)
