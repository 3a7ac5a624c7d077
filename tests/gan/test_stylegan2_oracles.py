"""StyleGAN2's networks, losses and one whole step against the official PyTorch code."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from core.importing import _fill_rows
from gan.importers import guess_config, import_network
from gan.losses import discriminator_loss, generator_loss
from gan.nvidia_importers import discriminator_rows, generator_rows, state_dict, synthesis_rows
from gan.penalties import squared_gradient
from gan.stylegan2.algorithm import StyleGAN2
from gan.stylegan2.config import StyleGAN2Config
from gan.stylegan2.networks import Synthesis

both = pytest.mark.backends  # eager layers take JAX long: what else is compared runs on one

GOLDEN = Path(__file__).parents[1] / "golden"
ARCHITECTURES = ("skip", "resnet", "orig")


class Oracle(dict):
    """The arrays of a file, pictures as `[N, H, W, C]`; `state` by official name."""

    def __init__(self, name):
        with np.load(GOLDEN / f"{name}.npz") as file:
            arrays = dict(file)
        self.state = {k.removeprefix("state/"): v for k, v in arrays.items() if "state/" in k}
        for key, array in arrays.items():
            if array.ndim == 4 and array.shape[1] == 3 and "/" not in key:
                arrays[key] = np.ascontiguousarray(array.transpose(0, 2, 3, 1))
        super().__init__(arrays)

    def part(self, prefix):
        """The state of one network of several."""
        found = {k: v for k, v in self.state.items() if k.startswith(f"{prefix}.")}
        return {k.removeprefix(f"{prefix}."): v for k, v in found.items()}


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def assert_close(found, expected, atol):
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=atol)


def assert_near(found, expected, rel):
    """Within a fraction of the largest entry."""
    assert_close(found, expected, rel * np.abs(expected).max())


@pytest.fixture(scope="module")
def generator():
    oracle = Oracle("stylegan2_generator")
    return oracle, import_network("stylegan2/generator", oracle.state)


@pytest.fixture(scope="module")
def conditional():
    oracle = Oracle("stylegan2_conditional")
    networks = [import_network("stylegan2/generator", oracle.part("G"))]
    groups = {"mbstd_group_size": int(oracle["mbstd_group_size"])}
    networks.append(import_network("stylegan2/discriminator", oracle.part("D"), **groups))
    return oracle, *networks


@both
def test_generator(generator):
    oracle, network = generator
    assert_close(network.mapping(oracle["z"]), oracle["ws"], 1e-5)
    atol = 1e-5 * np.abs(oracle["image"]).max()
    assert_close(network.synthesis(oracle["ws"], noise="const"), oracle["image"], atol)
    ws = network.mapping(oracle["z"], truncation_psi=0.5)
    assert_close(network.synthesis(ws), oracle["image_truncation_0_5"], atol)


@both
def test_discriminator_and_r1():
    oracle = Oracle("stylegan2_discriminator")
    network = import_network("stylegan2/discriminator", oracle.state, mbstd_group_size=4)
    penalty, logits = squared_gradient(network, ops.convert_to_tensor(oracle["input"]))
    assert_close(logits, oracle["logits"], 1e-5)
    assert_near(penalty, oracle["r1_penalty_per_image"], 1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("clamp", [None, 256.0])
def test_architectures_and_clamping(architecture, clamp):
    if clamp and architecture == "orig":
        pytest.skip("the oracle has no clamped network of this kind")
    oracle, suffix = Oracle("stylegan2_architectures"), "_clamp_256" * bool(clamp)
    state = oracle.part(f"G_{architecture}")
    if clamp:
        scale = oracle["clamp_G_bias_scale"]
        large = {k for k in state if k.endswith("bias") and "affine" not in k}
        state = {k: v * scale if k in large else v for k, v in state.items()}
    options = {"architecture": architecture, "conv_clamp": clamp}
    synthesis = Synthesis(16, 12, channel_base=128, channel_max=12, **options)
    _fill_rows(list(synthesis_rows(synthesis)), state)
    assert_near(synthesis(oracle["ws"]), oracle[f"image_{architecture}{suffix}"], 1e-5)
    state = oracle.part(f"D_{architecture}")
    network = import_network("stylegan2/discriminator", state, mbstd_group_size=3, conv_clamp=clamp)
    assert network.config["architecture"] == architecture
    pictures = ops.convert_to_tensor(
        oracle["input"] * np.float32(oracle["clamp_D_input_scale"] if clamp else 1)
    )
    assert_near(network(pictures), oracle[f"logits_{architecture}{suffix}"], 1e-5)
    if not clamp:
        penalty = squared_gradient(network, pictures)[0]
        assert_near(penalty, oracle[f"r1_penalty_{architecture}"], 1e-5)


@both
def test_classes(conditional):
    oracle, generator, discriminator = conditional
    z, c = oracle["z"], oracle["c"]
    assert_close(generator.mapping(z, c), oracle["ws"], 5e-5)
    ws = generator.mapping(z, c, truncation_psi=0.6, truncation_cutoff=3)
    assert_close(ws, oracle["ws_truncation_0_6_cutoff_3"], 5e-5)
    assert_close(generator.synthesis(oracle["ws"]), oracle["image"], 5e-5)
    assert_close(generator.synthesis(oracle["ws"], noise="none"), oracle["image_noise_none"], 5e-5)
    assert_close(discriminator.mapping.w(None, c), oracle["cmap"], 5e-5)
    pictures = ops.convert_to_tensor(oracle["input"])
    penalty, logits = squared_gradient(lambda x: discriminator(x, c), pictures)
    assert_close(logits, oracle["logits"], 1e-5)
    assert_near(penalty, oracle["r1_penalty_per_image"], 1e-4)


def test_a_class_by_its_number_is_its_one_hot_description(conditional):
    oracle, generator, _ = conditional
    z, numbers = oracle["z"], np.arange(len(oracle["z"])) % 3
    by_number = generator.mapping(z, numbers.astype("int32"))
    assert_close(generator.mapping(z, np.eye(3, dtype="float32")[numbers]), numpy(by_number), 0)
    with pytest.raises(ValueError, match="made for classes"):
        generator.mapping(z)


def gradients(loss, rows, prefix):
    """The gradients of a loss by official name, in the official layout, compiled."""
    rows = [row for row in rows if row[1].trainable]
    variables = [variable for _, variable, _ in rows]

    def step():
        return engine.value_and_grad(lambda: (loss(), None), variables)[1]

    found = engine.compile(step, variables)()
    named = zip(rows, found, strict=True)
    return {f"{prefix}{name}": layout.write(numpy(g)) for (name, _, layout), g in named}


def test_losses_and_gradients_with_classes(conditional):
    oracle, generator, discriminator = conditional
    pictures, c = ops.convert_to_tensor(oracle["input"]), ops.convert_to_tensor(oracle["c"])

    def d_loss():
        penalty, logits = squared_gradient(lambda x: discriminator(x, c), pictures)
        return ops.mean(ops.softplus(-logits)) + ops.mean(penalty)

    def g_loss():
        made = generator.synthesis(generator.mapping(oracle["z"], c))
        return generator_loss("vanilla", discriminator(made, c))

    assert_close(d_loss(), oracle["loss_D"], 1e-5)
    found = gradients(d_loss, discriminator_rows(discriminator), "grad_loss_D/D.")
    expected = [key for key in oracle if key.startswith("grad_loss_D/")]
    assert len(expected) > 15
    for key in expected:
        assert_near(found[key], oracle[key], 5e-5)
    assert_close(g_loss(), oracle["loss_G"], 1e-5)
    found = gradients(g_loss, generator_rows(generator), "grad_loss_G/G.")
    for key in [key for key in oracle if key.startswith("grad_loss_G/")]:
        assert_near(found[key], oracle[key], 5e-5)


@both
def test_path_length():
    oracle = Oracle("stylegan2_path_length")
    config = StyleGAN2Config(z_dim=4, w_dim=24, mapping_layers=1, channel_base=256, channel_max=24,
                             conv_clamp=0.0)  # fmt: skip
    algorithm = StyleGAN2(config, size=16, batch_size=4)
    synthesis = algorithm.networks["G"].synthesis
    _fill_rows(list(synthesis_rows(synthesis)), without_filters(oracle.state))
    algorithm.pl_mean.assign(float(oracle["pl_mean_before"]))
    ws, direction = (ops.convert_to_tensor(oracle[k]) for k in ("ws", "pl_noise_normal"))
    noise = synthesis.noises("const")
    penalty, lengths = algorithm.path_length(ws, direction, noise)
    assert_close(lengths, oracle["pl_lengths"], 1e-5)
    assert_close(penalty, oracle["pl_penalty"], 1e-5)
    assert_close(algorithm.pl_mean, oracle["pl_mean_after"], 1e-6)

    def loss():
        return 2 * ops.mean(algorithm.path_length(ws, direction, noise)[0])

    algorithm.pl_mean.assign(float(oracle["pl_mean_before"]))
    rows = [row for row in synthesis_rows(synthesis) if row[1].trainable]

    def step():
        return engine.value_and_grad(lambda: (loss(), None), [row[1] for row in rows])[1]

    found = engine.compile(step, algorithm.variables())()
    found = {name: layout.write(numpy(g)) for (name, _, layout), g in zip(rows, found, strict=True)}
    for key in [key for key in oracle if key.startswith("grad_loss_mean/")]:
        assert_near(found[key.removeprefix("grad_loss_mean/")], oracle[key], 1e-4)


def without_filters(state):
    return {k: v for k, v in state.items() if not k.endswith("resample_filter")}


class Drawn(StyleGAN2):
    """A StyleGAN2 whose draws are those of the oracle, one after the other."""

    def __init__(self, oracle, **kwargs):
        super().__init__(**kwargs)
        self.oracle, self.drawn = oracle, 0

    def z(self, count):
        self.drawn += 1
        return ops.convert_to_tensor(self.oracle["z"][self.drawn - 1, :count])

    def noise(self, count):
        return self.networks["G"].synthesis.noises("const")

    def direction(self, count):
        return ops.convert_to_tensor(self.oracle["pl_noise_normal"])


@pytest.fixture(scope="module")
def step():
    """The oracle, the algorithm after its first step, and the logs."""
    oracle = Oracle("stylegan2_step")
    config = StyleGAN2Config(z_dim=16, w_dim=16, mapping_layers=2, channel_base=256, channel_max=16,
                             conv_clamp=0.0, style_mixing=0.0, d_learning_rate=2.5e-3,
                             g_learning_rate=2.5e-3, ema_half_life=1.0)  # fmt: skip
    algorithm = Drawn(oracle, config=config, size=16, batch_size=8)
    average = float(oracle["ema_beta"])
    algorithm.average.half_life, algorithm.average.decay = 0.0, average
    _fill_rows(list(generator_rows(algorithm.networks["G"])), without_filters(oracle.part("G")))
    _fill_rows(list(discriminator_rows(algorithm.networks["D"])), without_filters(oracle.part("D")))
    algorithm.average.network.set_weights(algorithm.networks["G"].get_weights())
    algorithm.pl_mean.assign(float(oracle["pl_mean_before"]))
    logs = algorithm.step(engine.shard({"image": oracle["real"]}), 0)
    return oracle, algorithm, {name: float(numpy(value)) for name, value in logs.items()}


@both
def test_the_losses_of_a_step(step):
    oracle, algorithm, logs = step
    phases = {"G": "Gmain", "G_reg": "Greg", "D": "Dmain", "D_reg": "Dreg"}
    for name, phase in phases.items():
        assert_near(logs[f"loss/{name}"], oracle[f"{phase}/loss_times_interval"], 2e-5)
    assert_close(algorithm.pl_mean, oracle["pl_mean_after"], 2e-5)
    for name, network in (("G", 0), ("D", 2)):
        optimizer = algorithm.phases[network].optimizer
        assert_close(optimizer.learning_rate, oracle[f"{name}_lr"], 1e-9)
        assert optimizer.beta_1 == oracle[f"{name}_beta1"]
        assert abs(optimizer.beta_2 - oracle[f"{name}_beta2"]) < 1e-12


@both
@pytest.mark.parametrize("phases", ["G", "D"])
def test_the_weights_after_a_step(step, phases):
    """Adam's first step is the sign of the gradient, which rounding decides where that is nearly 0:
    such entries are not compared."""
    oracle, algorithm, _ = step
    rows = {"G": generator_rows, "D": discriminator_rows}[phases](algorithm.networks[phases])
    main, last = {"G": ("Gmain", "Greg"), "D": ("Dmain", "Dreg")}[phases]
    compared = total = 0
    for name, variable, layout in rows:
        key = f"{phases}.{name}"
        if f"after/{last}/{key}" not in oracle or not variable.trainable:
            continue
        sure = np.ones(variable.shape, bool)
        for phase in (main, last):
            gradient = oracle.get(f"grad/{phase}/{key}")
            if gradient is not None:
                gradient = np.asarray(layout(gradient))
                sure &= np.abs(gradient) > 1e-4 * np.abs(gradient).max()
        expected = np.asarray(layout(oracle[f"after/{last}/{key}"]))
        atol = 2e-4 if "mapping" in name else 2e-5
        assert_close(numpy(variable)[sure], expected[sure], atol)
        compared, total = compared + sure.sum(), total + sure.size
    assert compared > 0.9 * total > 0


@both
def test_the_average_and_the_mean_of_w_after_a_step(step):
    """The mean of w is that after G's phases: the discriminator's phase leaves G alone here."""
    oracle, algorithm, _ = step
    w_avg = numpy(algorithm.networks["G"].mapping.w_avg)
    assert_close(w_avg, oracle["after/Greg/G.mapping.w_avg"], 2e-5)
    average = algorithm.average.network
    np.testing.assert_array_equal(numpy(average.mapping.w_avg), w_avg)
    average.mapping.w_avg.assign(oracle["after/G_ema.mapping.w_avg"])
    made = average(oracle["z_ema"], noise="const")
    assert_close(made, oracle["image_ema"], 2e-4)


@pytest.mark.parametrize("kind", ["generator", "discriminator"])
def test_networks_are_written_under_their_official_names(kind):
    oracle = Oracle(f"stylegan2_{kind}")
    network = import_network(f"stylegan2/{kind}", dict(oracle.state))
    written = state_dict(network)
    assert set(written) == set(oracle.state)
    for name, value in oracle.state.items():
        np.testing.assert_allclose(written[name], value, atol=1e-7, err_msg=name)


def test_the_sizes_are_found_in_the_file(generator):
    oracle, network = generator
    found = guess_config("stylegan2/generator", dict(oracle.state))
    assert found == {
        "resolution": 32, "z_dim": 32, "c_dim": 0, "w_dim": 24, "mapping_layers": 4,
        "num_channels": 3, "architecture": "skip", "use_noise": True,
    }  # fmt: skip
    config = network.synthesis.config
    assert (config["channel_base"], config["channel_max"]) == (512, 32)


@pytest.mark.parametrize(
    ("change", "config", "message"),
    [
        ({}, {"resolution": 64}, "resolution=32"),
        ({}, {"channel_max": 16}, "does not fit"),
        ({"synthesis.b8.conv0.bias": None}, {}, "missing: synthesis.b8.conv0.bias"),
        ({"extra": np.zeros(3)}, {}, "unknown: extra"),
        ({"synthesis.b64.conv0.bias": np.zeros(3)}, {}, r"blocks \[4, 8, 16, 32, 64\]|has no"),
        ({"mapping.w_avg": np.full(24, np.nan)}, {}, "NaN or infinity"),
        ({"mapping.fc0.weight": None}, {}, "mapping.fc0.weight is missing"),
        ({"synthesis.b8.resample_filter": np.ones((4, 4))}, {}, "another filter"),
    ],
)
def test_refusals(generator, change, config, message):
    state = {k: v for k, v in (generator[0].state | change).items() if v is not None}
    with pytest.raises(InputError, match=message):
        import_network("stylegan2/generator", state, **config)
    with pytest.raises(InputError, match="expected a StyleGAN2 discriminator"):
        import_network("stylegan2/discriminator", state)


def test_losses_are_those_of_the_official_code():
    """softplus(-D(G)), and softplus(D(G)) + softplus(-D(real))."""
    real, fake = np.float32([[1.0], [-2.0]]), np.float32([[0.5], [3.0]])
    soft = lambda x: np.log1p(np.exp(x)).mean()  # noqa: E731
    assert_close(generator_loss("vanilla", fake), soft(-fake), 1e-6)
    assert_close(discriminator_loss("vanilla", real, fake), soft(fake) + soft(-real), 1e-6)
