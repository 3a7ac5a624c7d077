"""ProGAN's and StyleGAN's networks, losses and penalties against the official TensorFlow code."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from gan.importers import guess_config, import_network
from gan.losses import discriminator_loss, generator_loss
from gan.penalties import gradient_penalty_at, squared_gradient

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
SIZES = {"resolution": 32, "fmap_base": 256, "fmap_max": 32, "num_channels": 3}
GENERATOR = SIZES | {"latent_size": 32}
STYLE = GENERATOR | {"dlatent_size": 32, "mapping_layers": 4, "mapping_fmaps": 32}
DISCRIMINATOR = SIZES | {"mbstd_group_size": 4}
LODS = [(0.0, ""), (0.5, "_lod_0_5"), (1.5, "_lod_1_5")]


class Oracle(dict):
    """The arrays of a file, pictures as `[N, H, W, C]`; `state` by official name."""

    def __init__(self, name):
        with np.load(GOLDEN / f"{name}.npz") as file:
            arrays = dict(file)
        self.state = {k.removeprefix("state/"): v for k, v in arrays.items() if "state/" in k}
        pictures = {k for k, v in arrays.items() if v.shape[1:] == (3, 32, 32)}
        for name in pictures:
            arrays[name] = np.ascontiguousarray(arrays[name].transpose(0, 2, 3, 1))
        super().__init__(arrays)


@pytest.fixture(scope="module")
def progan():
    oracle = Oracle("progan_generator")
    return oracle, import_network("progan/generator", oracle.state, **GENERATOR)


@pytest.fixture(scope="module")
def stylegan():
    oracle = Oracle("stylegan1_generator")
    return oracle, import_network("stylegan/generator", oracle.state, **STYLE)


@pytest.fixture(scope="module")
def progan_d():
    oracle = Oracle("progan_discriminator")
    return oracle, import_network("progan/discriminator", oracle.state, **DISCRIMINATOR)


@pytest.fixture(scope="module")
def stylegan_d():
    oracle = Oracle("stylegan1_discriminator")
    return oracle, import_network("stylegan/discriminator", oracle.state, **DISCRIMINATOR)


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def assert_close(found, expected, atol):
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=atol)


def assert_near(found, expected, rel=1e-5):
    """Within a fraction of the largest entry."""
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=rel * np.abs(expected).max())


@pytest.mark.parametrize(("lod", "suffix"), [*LODS, (1.0, "_lod_1_0")])
def test_progan_generator(progan, lod, suffix):
    oracle, network = progan
    assert_close(network(oracle["latents"], lod=lod), oracle[f"images{suffix}"], 1e-4)


@pytest.mark.parametrize(("lod", "suffix"), [*LODS, (1.0, "_lod_1_0")])
def test_stylegan_generator(stylegan, lod, suffix):
    oracle, network = stylegan
    assert_close(network(oracle["latents"], lod=lod), oracle[f"images{suffix}"], 2e-4)


def test_stylegan_mapping_and_truncation(stylegan):
    oracle, network = stylegan
    z = oracle["latents"]
    ws = network.mapping(z)
    assert_close(ws, oracle["dlatents"], 2e-5)
    assert_close(network.synthesis(ws, noise="const"), oracle["images"], 2e-4)
    ws = network.mapping(z, truncation_psi=0.5)
    assert_close(network.synthesis(ws), oracle["images_truncation_0_5"], 2e-4)
    pictures = network(z, truncation_psi=0.5, truncation_cutoff=3)
    assert_close(pictures, oracle["images_truncation_0_5_cutoff_3"], 2e-4)


@pytest.mark.parametrize("fused", [False, True])
def test_stylegan_per_layer_styles_and_fused_upsampling(stylegan, fused):
    oracle, _ = stylegan
    network = import_network("stylegan/generator", oracle.state, fused_scale=fused)
    name = "images_per_layer_dlatents" + "_fused_scale" * fused
    assert_close(network.synthesis(oracle["per_layer_dlatents"]), oracle[name], 2e-4)


@pytest.mark.parametrize(("lod", "suffix"), LODS)
def test_stylegan_discriminator_and_r1(stylegan_d, lod, suffix):
    oracle, network = stylegan_d
    images = ops.convert_to_tensor(oracle["input"])
    penalty, logits = squared_gradient(lambda x: network(x, lod=lod), images)
    assert_close(logits, oracle[f"logits{suffix}"], 3e-6)
    assert_near(penalty, oracle[f"r1_penalty_per_image{suffix}"])


@pytest.mark.parametrize(("lod", "suffix"), LODS)
def test_progan_discriminator_and_gradient_penalty(progan_d, lod, suffix):
    oracle, network = progan_d
    assert_close(network(oracle["input"], lod=lod), oracle[f"scores{suffix}"], 3e-6)
    mixed = ops.convert_to_tensor(oracle["mixed_images"])
    penalty = 10 * gradient_penalty_at(lambda x: network(x, lod=lod), mixed)
    assert_close(penalty, oracle[f"gradient_penalty_lambda10{suffix}"], 1e-5)


def gradients(network, loss):
    """`(loss, {official name: gradient})` of the four kernels in the oracles, compiled."""
    kernels = {
        "FromRGB_lod0": network.from_rgb[-1],
        "32x32/Conv1_down": network.downs[-1],
        "4x4/Conv": network.convs[0],
        "4x4/Dense1": network.dense1,
    }
    variables = [layer.kernel for layer in kernels.values()]

    def step():
        (value, _), found = engine.value_and_grad(lambda: (loss(), None), variables)
        return value, found

    value, found = engine.compile(step, network.variables)()
    return value, {f"{name}/weight": g for name, g in zip(kernels, found, strict=True)}


def test_stylegan_losses_and_second_order_gradients(stylegan_d):
    oracle, network = stylegan_d
    images, fakes = (ops.convert_to_tensor(oracle[name]) for name in ("input", "input_fake"))
    assert_near(engine.input_grad(network, images), oracle["image_gradients"])

    def r1():
        return ops.mean(squared_gradient(network, images)[0])

    for name, gradient in gradients(network, r1)[1].items():
        assert_near(gradient, oracle[f"grad_mean_r1/{name}"])
    loss = discriminator_loss("vanilla", network(images), network(fakes)) + 10 / 2 * r1()
    assert_close(loss, oracle["loss_D_logistic_r1_gamma10_mean"], 3e-6)
    loss = generator_loss("vanilla", network(fakes))
    assert_close(loss, oracle["loss_G_logistic_nonsaturating_mean"], 3e-6)


def test_progan_losses_and_second_order_gradients(progan_d):
    oracle, network = progan_d
    images, fakes, mixed = (
        ops.convert_to_tensor(oracle[k]) for k in ("input", "input_fake", "mixed_images")
    )
    assert_near(engine.input_grad(network, mixed), oracle["mixed_gradients"])

    def penalty():
        return 10 * ops.mean(gradient_penalty_at(network, mixed))

    def loss():
        real_logits = network(images)
        adversarial = discriminator_loss("wgan", real_logits, network(fakes))
        return adversarial + penalty() + 1e-3 * ops.mean(ops.square(real_logits))

    for name, gradient in gradients(network, penalty)[1].items():
        assert_near(gradient, oracle[f"grad_mean_gradient_penalty/{name}"])
    value, found = gradients(network, loss)
    assert_close(value, oracle["loss_D_wgangp_mean"], 1e-5)
    for name, gradient in found.items():
        assert_near(gradient, oracle[f"grad_loss_D_mean/{name}"])
    assert_close(generator_loss("wgan", network(fakes)), oracle["loss_G_wgan_mean"], 3e-6)


# --- what is refused


def test_the_sizes_are_found_in_the_file(stylegan):
    state = stylegan[0].state
    found = guess_config("stylegan/generator", state)
    flags = dict.fromkeys(("const_input", "use_noise", "use_styles"), True)
    assert found == {k: v for k, v in STYLE.items() if not k.startswith("fmap_")} | flags
    network = import_network("stylegan/generator", state)
    assert network.synthesis.fmap_base == 256 and network.synthesis.fmap_max == 32


@pytest.mark.parametrize(
    ("kind", "change", "config", "message"),
    [
        ("stylegan/generator", {}, {"resolution": 64}, "resolution=32"),
        ("stylegan/generator", {}, {"fmap_max": 16}, "does not fit"),
        ("stylegan/generator", {}, {"fused_scale": "yes"}, "expected 'auto', True or False"),
        ("stylegan/generator", {"G_synthesis/noise3": None}, {}, "has no G_synthesis/noise3"),
        ("stylegan/generator", {"extra": np.zeros(3)}, {}, "unknown: extra"),
        ("stylegan/generator", {"dlatent_avg": np.full(32, np.nan)}, {}, "NaN or infinity"),
        ("stylegan/generator", {"dlatent_avg": None}, {}, "expected dlatent_avg"),
        ("progan/generator", {}, {}, "expected a ProGAN generator"),
        ("stylegan/discriminator", {}, {}, "expected a ProGAN or StyleGAN discriminator"),
    ],
)
def test_refusals(stylegan, kind, change, config, message):
    state = {k: v for k, v in (stylegan[0].state | change).items() if v is not None}
    with pytest.raises(InputError, match=message):
        import_network(kind, state, **config)
