"""R3GAN's networks, losses, gradients and one whole step against the official PyTorch code."""

from pathlib import Path

import numpy as np
import pytest
from keras import ops

from core import engine
from core.ema import EMA
from core.schedules import cosine
from gan.importers import guess_config, import_network
from gan.losses import relativistic_loss
from gan.penalties import squared_gradient
from gan.r3gan.algorithm import R3GAN
from gan.r3gan.config import R3GANConfig
from gan.r3gan_importers import discriminator_rows, generator_rows

pytestmark = pytest.mark.backends

GOLDEN = Path(__file__).parents[1] / "golden"
SIZES = ("img_resolution", "widths", "cardinality", "blocks", "noise_dim", "expansion_factor",
         "c_dim", "condition_embedding_dim_G", "condition_embedding_dim_D")  # fmt: skip
NAMES = ("r3gan_step", "r3gan_conditional")
ROWS = {"G": generator_rows, "D": discriminator_rows}


def pictures(array):
    return np.ascontiguousarray(np.moveaxis(array, -3, -1))


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def assert_near(found, expected, rel):
    """Within a fraction of the largest entry."""
    atol = rel * max(np.abs(expected).max(), 1e-30)
    np.testing.assert_allclose(numpy(found), expected, rtol=0, atol=atol)


class Oracle(dict):
    def __init__(self, name):
        with np.load(GOLDEN / f"{name}.npz") as file:
            super().__init__(file)
        self.sizes = {key: self[key] for key in SIZES}
        self.networks = {
            "G": import_network("r3gan/generator", self.state("G"), **self.sizes),
            "D": import_network("r3gan/discriminator", self.state("D"), **self.sizes),
        }

    def state(self, prefix, start="state"):
        start = f"{start}/{prefix}."
        return {k.removeprefix(start): v for k, v in self.items() if k.startswith(start)}

    def classes(self, phase):
        return self["c"][phase] if self["c_dim"] else None

    def assert_state(self, name, network, start, rel):
        """Holds a network's variables against the arrays of that name."""
        expected = self.state(name, start)
        rows = list(ROWS[name](network))
        assert {row[0] for row in rows} == set(expected)
        for official, variable, layout in rows:
            assert_near(layout.write(numpy(variable)), expected[official], rel)


@pytest.fixture(params=NAMES, scope="module")
def oracle(request):
    return Oracle(request.param)


def test_networks(oracle):
    generator, discriminator = oracle.networks["G"], oracle.networks["D"]
    image = pictures(oracle["image"])
    assert_near(generator(oracle["z"][0], oracle.classes(0)), image, 3e-5)
    reals = pictures(oracle["real"][0])
    for images, expected in ((reals, "logits_real"), (image, "logits_fake")):
        found = discriminator(images, oracle.classes(0))
        assert found.shape == (len(images), 1)
        assert_near(found[:, 0], oracle[expected], 1e-5)


def test_the_sizes_are_those_of_the_file(oracle):
    found = guess_config("r3gan/generator", oracle.state("G"))
    expected = {key: tuple(v.tolist()) if v.ndim else int(v) for key, v in oracle.sizes.items()}
    del expected["condition_embedding_dim_D"]
    assert found == expected | {"num_channels": 3}


def gradients(loss, variables):
    return engine.compile(
        lambda batch: engine.value_and_grad(lambda: loss(), variables), variables
    )({})


def test_losses_and_gradients(oracle):
    networks = oracle.networks
    reals = [ops.convert_to_tensor(pictures(oracle["real"][i])) for i in (0, 1)]

    def judge(phase):
        return lambda x: networks["D"](x, oracle.classes(phase))

    def d_loss():
        fakes = ops.stop_gradient(networks["G"](oracle["z"][0], oracle.classes(0)))
        r1, real_logits = squared_gradient(judge(0), reals[0])
        r2, fake_logits = squared_gradient(judge(0), fakes)
        penalty = float(oracle["gamma"]) / 2 * (ops.mean(r1) + ops.mean(r2))
        return relativistic_loss(real_logits, fake_logits) + penalty, (r1, r2)

    variables = networks["G"].trainable_variables + networks["D"].trainable_variables
    (loss, (r1, r2)), found = gradients(d_loss, variables)
    assert_near(loss, oracle["phase_D/total"], 1e-5)
    assert_near(r1, oracle["phase_D/r1_penalty"], 1e-5)
    assert_near(r2, oracle["phase_D/r2_penalty"], 1e-5)
    assert_gradients(oracle, "D", variables, found)


def assert_gradients(oracle, name, variables, found):
    by_variable = dict(zip(map(id, variables), found, strict=True))
    expected = oracle.state(name, "grad")
    for official, variable, layout in ROWS[name](oracle.networks[name]):
        assert_near(layout.write(numpy(by_variable[id(variable)])), expected[official], 3e-5)


class Fixed(R3GAN):
    """One whose z are given, one after another."""

    def z(self, count):
        return ops.convert_to_tensor(self.given.pop(0))


def whole(oracle):
    """An algorithm with the weights of the oracle, and hyper-parameters that stay."""
    sizes = {key: tuple(oracle[key].tolist()) for key in ("widths", "cardinality", "blocks")}
    rate, beta, gamma = (float(oracle[key]) for key in ("lr", "beta2", "gamma"))
    half_life = float(oracle["ema_nimg"])
    config = R3GANConfig(
        **sizes,
        noise_dim=int(oracle["noise_dim"]),
        condition_dim=max(1, int(oracle["condition_embedding_dim_G"])),
        classes=int(oracle["c_dim"]),
        learning_rate=rate, learning_rate_end=rate, beta_2=beta, beta_2_end=beta, gamma=gamma,
        gamma_end=gamma, p_end=0.0, ema_half_life=half_life, ema_half_life_end=half_life,
    )  # fmt: skip
    made = Fixed(config, size=int(oracle["img_resolution"]), batch_size=4)
    for name, network in oracle.networks.items():
        made.take(name, network.get_weights())
    return made


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_step(name):
    """D first, then G against the D of then, with Adam of changing decay, and the average."""
    oracle = Oracle(name)
    made = whole(oracle)
    made.given = list(oracle["z"])
    batch = {"image": np.concatenate([pictures(oracle["real"][i]) for i in (0, 1)])}
    if made.classes:
        batch["label"] = np.argmax(np.concatenate(list(oracle["c"])), 1).astype("int32")
    logs = made.step(engine.shard(batch), 0)
    assert int(numpy(made.images)) == 4
    assert_near(logs["loss/D"], oracle["phase_D/total"], 2e-5)
    assert_near(logs["loss/G"], oracle["phase_G/total"], 2e-5)
    for part in "DG":
        after, gradient = oracle.state(part, "after"), oracle.state(part, "grad")
        for official, variable, layout in ROWS[part](made.networks[part]) if after else ():
            # the first step is lr * sign(gradient): rounding decides where that is nearly 0
            sure = np.abs(gradient[official]) > 1e-4 * np.abs(gradient[official]).max()
            found = layout.write(numpy(variable))
            np.testing.assert_allclose(
                found[sure], after[official][sure], rtol=0, atol=2e-5, err_msg=official
            )
    assert_near(
        made.generator(oracle["z"][0], oracle.classes(0)), pictures(oracle["image_ema"]), 5e-4
    )


def test_schedules():
    oracle = Oracle("r3gan_step")
    images, duration = oracle["schedule/nimg"], float(oracle["schedule/total_nimg"])
    rows = {"lr": (2e-4, 5e-5), "beta2": (0.9, 0.99), "gamma_cifar10": (0.05, 0.005),
            "gamma_ffhq256": (150, 15), "aug_p_ffhq": (0, 0.3),
            "ema_nimg_ffhq": (0, 500_000)}  # fmt: skip
    for name, (start, end) in rows.items():
        expected = oracle[f"schedule/{name}"]
        found = cosine(start, end, ops.convert_to_tensor(images.astype("float32")), duration)
        np.testing.assert_allclose(numpy(found), expected, rtol=2e-6, atol=1e-7 * max(start, end))


def test_the_average_has_the_half_life_of_now():
    oracle = Oracle("r3gan_step")
    average = EMA(oracle.networks["G"], lambda seen: seen)
    assert float(numpy(average._decay(4, 20))) == pytest.approx(float(oracle["ema_beta"]), abs=1e-6)
    assert float(numpy(average._decay(4, 0))) == 0
