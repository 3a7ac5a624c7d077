"""ProGAN's step: which phase changes what, fading, growing and the average."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.resample import box, nearest
from gan.progan.algorithm import ProGAN
from gan.progan.config import ProGANConfig
from gan.progressive import split_lod

both = pytest.mark.backends  # a compiled step takes JAX long; the oracles run there, too

TINY = ProGANConfig(
    fmap_base=32,
    fmap_max=8,
    latent_size=6,
    fade_images=8,
    stable_images=8,
    batch_sizes=(),
    learning_rate=1e-2,
    ema_decay=0.5,
)
RNG = np.random.default_rng(0)


def tiny(size=8, **changes):
    return ProGAN(dataclasses.replace(TINY, **changes), size=size, batch_size=4)


def batch(size):
    return {"image": np.float32(RNG.uniform(-1, 1, (4, size, size, 3)))}


def numpy(x):
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def weights(network):
    return [numpy(w) for w in network.weights]


def assert_same(before, after):
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def at(progan, images):
    """As the loop does: counts, and the stage."""
    progan.images.assign(images)
    progan.current_stage = progan.stage(images)
    return progan


def run(progan, step=0):
    return progan.step(engine.shard(batch(progan.current_stage.size)), step)


@pytest.mark.parametrize("only", ["D", "G"])
@pytest.mark.parametrize(
    "images",
    [
        pytest.param(0, id="4 px"),
        pytest.param(12, id="fading", marks=both),
        pytest.param(20, id="8"),
    ],
)
def test_a_phase_leaves_the_other_network_bit_identical(only, images):
    progan = at(tiny(), images)
    progan.phases = [p for p in progan.phases if p.name == only]
    other = progan.networks["G" if only == "D" else "D"]
    before, own = weights(other), weights(progan.networks[only])
    logs = run(progan)
    assert np.isfinite([float(v) for v in logs.values()]).all()
    assert_same(before, weights(other))
    moved = [np.any(a != b) for a, b in zip(own, weights(progan.networks[only]), strict=True)]
    assert any(moved)


@pytest.mark.parametrize(
    "changes",
    [
        {"gan_mode": "vanilla", "penalty": "r1"},
        {"gan_mode": "hinge", "penalty": "none", "drift": 0.0},
        {"penalty": "wgan_gp", "penalty_interval": 2},
        {"penalty": "r1", "penalty_interval": 2, "gan_mode": "lsgan"},
    ],
    ids=lambda changes: "-".join(map(str, changes.values())),
)
def test_losses_and_penalties(changes):
    progan = at(tiny(**changes), 12)
    seen = [set(run(progan, step)) for step in range(2)]
    assert ("loss/penalty" in seen[0]) == (changes["penalty"] != "none")
    assert ("loss/penalty" in seen[1]) == (
        changes["penalty"] != "none" and "penalty_interval" not in changes
    )


def test_lazy_penalty_adapts_adam():
    progan = tiny(penalty_interval=16, beta_1=0.5, beta_2=0.99)
    adam = {p.name: p.optimizer for p in progan.phases}
    assert adam["D"] is adam["D_reg"] and adam["G"].beta_1 == 0.5
    betas = [adam["D"].beta_1, adam["D"].beta_2]
    np.testing.assert_allclose(betas, [0.5 ** (16 / 17), 0.99 ** (16 / 17)])
    run(progan)
    np.testing.assert_allclose(float(numpy(adam["D"].learning_rate)), 0.01 * 16 / 17, rtol=1e-6)


@both
def test_fading_at_0_and_1_is_the_plain_network():
    progan = tiny()
    generator, discriminator = progan.networks["G"], progan.networks["D"]
    z, images = np.float32(RNG.normal(size=(4, 6))), batch(8)["image"]
    for fade, size in ((0.0, 4), (1.0, 8)):
        tensor = ops.convert_to_tensor(fade)
        plain = generator.grown(z, size)
        np.testing.assert_allclose(
            numpy(generator.grown(z, 8, tensor)), numpy(nearest(plain, 8 // size)), atol=1e-5
        )
        plain = discriminator.grown(box(images, 8 // size))
        np.testing.assert_allclose(
            numpy(discriminator.grown(images, tensor)), numpy(plain), atol=1e-5
        )


def test_level_of_detail_follows_the_schedule():
    progan = tiny(size=16)
    expected = {0: 2.0, 8: 2.0, 10: 1.75, 16: 1.0, 24: 1.0, 28: 0.5, 32: 0.0, 100: 0.0}
    for images, lod in expected.items():
        assert at(progan, images).lod() == lod
        assert progan.generator.lod == lod
    z = np.float32(RNG.normal(size=(1, 6)))
    at(progan, 10)
    blocks = numpy(progan.generator(z)).reshape(1, 8, 2, 8, 2, 3)
    assert np.ptp(blocks, axis=(2, 4)).max() == 0  # 8 px, each shown as 2x2


def test_optimizers_start_anew_where_a_fade_begins_and_ends_and_rates_follow_the_resolution():
    progan = tiny(learning_rates=("8:0.5",), ema_decay=0.9)
    traced = []  # a loss is called while its step is compiled, and never again
    progan.phases = [dataclasses.replace(p, loss=listening(p, traced)) for p in progan.phases]
    optimizer = progan.phases[1].optimizer
    run(progan)
    assert int(numpy(optimizer.iterations)) == 1
    np.testing.assert_allclose(float(numpy(optimizer.learning_rate)), 1e-2)
    progan.enter(progan.stages[0])
    assert int(numpy(optimizer.iterations)) == 1  # the first stage is a beginning anyway
    at(progan, 8).enter(progan.current_stage)
    assert all(np.all(numpy(v) == 0) for v in optimizer.variables if v.name != "learning_rate")
    run(progan)
    assert float(numpy(optimizer.learning_rate)) == 0.5
    assert traced == ["D", "G", "D", "G"]
    at(progan, 16).enter(progan.current_stage)
    run(progan)
    assert len(traced) == 4  # fading and stable share the step of their level


def listening(phase, traced):
    """The loss of a phase, which writes down when it is called."""

    def loss(batch):
        traced.append(phase.name)
        return phase.loss(batch)

    return loss


@both
def test_average_follows_with_the_published_decay():
    progan = tiny()
    before = weights(progan.average.network)
    run(progan)
    for old, new, average in zip(
        before, weights(progan.networks["G"]), weights(progan.average.network), strict=True
    ):
        np.testing.assert_allclose(average, (old + new) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 12}, "power of two"),
        ({"start_resolution": 16}, "start_resolution=16: expected one of 4, 8"),
        ({"start_resolution": 5}, "expected one of 4, 8"),
        ({"ema_half_life": 5.0}, "expected one of them above 0"),
        ({"penalty": "gp"}, "expected one of none, r1, wgan_gp"),
        ({"latent_size": 0}, "latent_size=0: expected a number from 1 up"),
        ({"batch_sizes": ("4:0.5",)}, "expected resolution:whole number"),
        ({"fmap_base": 3}, "fmap_base=3: expected 4 or more at 8 pixels"),
        ({"penalty": "none"}, "expected penalty=wgan_gp or r1"),
    ],
)
def test_refusals(changes, message):
    with pytest.raises(ValueError, match=message):
        tiny(**changes)


@pytest.mark.parametrize("lod", [-0.1, 2.1])
def test_level_of_detail_out_of_range(lod):
    with pytest.raises(ValueError, match="expected a number from 0 to 2 at 16 pixels"):
        split_lod(lod, 16)


def test_pictures_of_another_size_are_refused():
    with pytest.raises(ValueError, match="pictures of 4x4: expected 8x8"):
        tiny().networks["D"](batch(4)["image"])


def test_the_loss_scale_of_float16_outlives_a_level():
    keras.config.set_dtype_policy("mixed_float16")
    progan = tiny()
    run(progan)
    scale = progan.phases[0].optimizer.dynamic_scale
    before = float(numpy(scale))
    at(progan, 8).enter(progan.current_stage)
    assert float(numpy(scale)) == before > 1
    assert np.isfinite([float(v) for v in run(progan).values()]).all()


def test_networks_of_a_stage_at_a_known_size():
    progan = tiny(size=16)
    for stage, size in ((progan.stages[0], 4), (None, 16)):
        generator, discriminator = (progan.sized(name, stage) for name in "GD")
        assert tuple(generator.outputs[0].shape) == (4, size, size, 3)
        assert tuple(discriminator.inputs[0].shape) == (4, size, size, 3)
        assert tuple(discriminator.outputs[0].shape) == (4, 1)
