"""CUT's contrastive loss, step and configuration."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from gan.cut.algorithm import CUT
from gan.cut.config import CUTConfig
from gan.cut.nce import draw_positions, patch_nce, take_positions

pytestmark = pytest.mark.backends

TINY = CUTConfig(ngf=2, n_blocks=1, n_downsampling=1, ndf=2, n_layers=1, nce_layers=(0, 4, 8),
                 nce_width=3, num_patches=7)  # fmt: skip
FAST = {"nce_idt": False, "flip_equivariance": True, "lambda_nce": 10.0}
RNG = np.random.default_rng(0)
BATCH = {d: np.float32(RNG.uniform(-1, 1, (2, 8, 8, 3))) for d in "AB"}


def tiny(**changes):
    config = dataclasses.replace(TINY, **changes)
    return CUT(config, size=8, batch_size=2, epoch=4, epochs=4, seed=3)


def numpy(x):
    """A copy: a view of a JAX array could change with the next compiled call."""
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def weights(cut, names):
    return [numpy(w) for name in names for w in cut.networks[name].weights]


def same(before, after):
    return [bool((x == y).all()) for x, y in zip(before, after, strict=True)]


# --- positions and the loss


def test_positions_are_drawn_without_replacement():
    seed = keras.random.SeedGenerator(1)
    shapes = [(2, 5, 6, 3), (2, 3, 2, 8)]
    wide, narrow = (numpy(p) for p in draw_positions(shapes, 7, seed))
    assert len(set(wide)) == 7 and min(wide) >= 0 and max(wide) < 30
    assert sorted(narrow) == list(range(6))  # all there are
    again = [numpy(p) for p in draw_positions(shapes, 7, seed)]
    assert list(again[0]) != list(wide)
    first = draw_positions(shapes, 7, keras.random.SeedGenerator(1))
    assert list(numpy(first[0])) == list(wide)


def test_position_is_row_then_column():
    x = np.float32(np.arange(2 * 3 * 4 * 2).reshape(2, 3, 4, 2))
    taken = numpy(take_positions(ops.convert_to_tensor(x), ops.convert_to_tensor([6, 0, 11])))
    np.testing.assert_array_equal(taken, x[:, [1, 0, 2], [2, 0, 3]])
    own = ops.convert_to_tensor([[6, 0, 11], [0, 1, 4]])
    taken = numpy(take_positions(ops.convert_to_tensor(x), own))
    np.testing.assert_array_equal(taken[0], x[0, [1, 0, 2], [2, 0, 3]])
    np.testing.assert_array_equal(taken[1], x[1, [0, 0, 1], [0, 1, 0]])


def by_hand(q, k, temperature):
    """As the official code computes it: the right key first, its place among the others at -10."""
    losses = []
    for one, two in zip(q, k, strict=True):
        wrong = one @ two.T
        np.fill_diagonal(wrong, -10)
        logits = np.concatenate([np.sum(one * two, 1, keepdims=True), wrong], 1) / temperature
        largest = logits.max(1, keepdims=True)
        total = np.log(np.exp(logits - largest).sum(1)) + largest[:, 0]
        losses.append(total - logits[:, 0])
    return np.mean(losses)


def test_loss_by_hand_and_per_picture():
    q, k = RNG.normal(size=(2, 3, 9, 4))
    q, k = (x / np.linalg.norm(x, axis=-1, keepdims=True) for x in (q, k))
    both = float(patch_nce(*(ops.convert_to_tensor(np.float32(x)) for x in (q, k)), 0.07))
    assert both == pytest.approx(by_hand(q, k, 0.07), rel=1e-4)
    alone = [
        float(patch_nce(*(ops.convert_to_tensor(np.float32(x[i : i + 1])) for x in (q, k)), 0.07))
        for i in range(3)
    ]
    assert both == pytest.approx(np.mean(alone), rel=1e-4)  # others' patches are no negatives


def test_no_gradient_passes_to_the_keys():
    q, k = (keras.Variable(np.float32(RNG.normal(size=(1, 5, 4)))) for _ in "qk")
    loss = lambda: (patch_nce(q.value + 0, k.value + 0, 0.07), None)  # noqa: E731
    _, (of_q, of_k) = engine.value_and_grad(loss, [q, k])
    assert np.abs(numpy(of_q)).max() > 0.1 and not numpy(of_k).any()


# --- the step


def test_the_discriminator_comes_first():
    assert [phase.name for phase in tiny().phases] == ["D", "G"]


@pytest.mark.parametrize(
    ("phase", "moving", "resting"), [(0, ("D",), ("G", "F")), (1, ("G", "F"), ("D",))]
)
@pytest.mark.parametrize("changes", [{}, FAST], ids=["CUT", "FastCUT"])
def test_a_phase_updates_its_networks_only(phase, moving, resting, changes):
    cut = tiny(**changes)
    cut.phases = [dataclasses.replace(cut.phases[phase], ahead=cut.translate)]
    before = weights(cut, moving), weights(cut, resting)
    cut.step(engine.shard(BATCH), 0)
    moved = same(before[0], weights(cut, moving))
    assert not any(moved[::2])  # kernels; most biases are undone by the norms
    assert all(same(before[1], weights(cut, resting)))


def compared(cut):
    """What `_patches` is asked for: `(features, positions)` of each call."""
    calls, real = [], cut._patches

    def listen(features, positions):
        calls.append(([numpy(x) for x in features], [numpy(p) for p in positions]))
        return real(features, positions)

    cut._patches = listen
    return calls


def generator_phase(cut):
    batch = {name: ops.convert_to_tensor(x) for name, x in BATCH.items()}
    fakes, rest = cut.translate(batch)
    return cut.generator_phase(batch | fakes | rest)


@pytest.mark.parametrize("changes", [{}, FAST], ids=["CUT", "FastCUT"])
def test_source_and_output_are_compared_at_the_same_positions(changes):
    cut = tiny(**changes)
    calls = compared(cut)
    generator_phase(cut)
    (q, at_q), (k, at_k) = calls
    assert [x.shape for x in q] == [x.shape for x in k]
    assert all(same(at_q, at_k))
    for positions in at_q:  # the same ones in all pictures; identities have some of their own
        assert positions.shape == (2 if changes else 4, 7)
        assert all((x == positions[i // 2 * 2]).all() for i, x in enumerate(positions))
        assert changes or (positions[0] != positions[2]).any()
    if not changes:  # the targets are the sources of the identity
        np.testing.assert_array_equal(k[0][2:, 3:-3, 3:-3], BATCH["B"])


def test_mirroring_the_source_mirrors_the_features_back():
    """Of a generator that mirrors, too, as its kernels are symmetric, nothing changes."""
    cut = tiny(
        n_downsampling=0, nce_layers=(0, 1, 4), **FAST
    )  # a halving keeps the left ones of pairs
    for w in cut.networks["G"].weights:
        if len(w.shape) == 4:
            w.assign((numpy(w) + numpy(w)[:, ::-1]) / 2)
    cut.draw = lambda shapes: draw_positions(shapes, 7, keras.random.SeedGenerator(0))
    calls, losses = compared(cut), []
    for flipped in (False, True):
        cut.toss = lambda flipped=flipped: ops.convert_to_tensor(flipped)
        losses.append(generator_phase(cut)[1]["loss/NCE"])
    assert float(losses[0]) == pytest.approx(float(losses[1]), rel=1e-4)
    for (one, _), (two, _) in zip(calls[:2], calls[2:], strict=True):
        for x, y in zip(one, two, strict=True):
            np.testing.assert_allclose(x, y, rtol=0, atol=2e-4)


def test_half_of_the_steps_are_mirrored():
    cut, mirrored = tiny(**FAST), 0
    batch = {name: ops.convert_to_tensor(x) for name, x in BATCH.items()}
    for _ in range(12):
        fakes, rest = cut.translate(batch)
        flipped = bool(rest["flipped"])
        seen = BATCH["A"][:, :, ::-1] if flipped else BATCH["A"]
        np.testing.assert_array_equal(numpy(fakes["fakes"]), numpy(cut.networks["G"](seen)))
        mirrored += flipped
    assert 2 <= mirrored <= 10


def test_the_generator_translates_once_a_step():
    """The discriminator judges the pictures that the generator is then trained by."""
    cut, judged = tiny(), []
    network = cut.networks["D"]
    cut.networks["D"] = lambda x, training: judged.append(x) or network(x, training=training)
    batch = {name: ops.convert_to_tensor(x) for name, x in BATCH.items()}
    fakes, rest = cut.translate(batch)
    cut.discriminator_phase(batch | fakes | rest)
    cut.generator_phase(batch | fakes | rest)
    both, again = map(numpy, judged)
    np.testing.assert_array_equal(both[:2], BATCH["B"])
    np.testing.assert_array_equal(both[2:], again)


def test_a_step_updates_everything_and_counts():
    cut = tiny(ema_half_life=10.0)
    assert set(cut.groups()) == {
        "G", "D", "F", "optimizer_D", "optimizer_G", "random", "G_ema", "counter"
    }  # fmt: skip
    before = numpy(cut.random.state)
    logs = {name: float(x) for name, x in cut.step(engine.shard(BATCH), 0).items()}
    assert int(cut.images.value) == 2
    assert (numpy(cut.random.state) != before).any()
    parts = logs["loss/G_GAN"] + (logs["loss/NCE"] + logs["loss/NCE_Y"]) / 2
    assert logs["loss/G"] == pytest.approx(parts, rel=1e-5)
    assert cut.translator("AtoB") is cut.average.network


@pytest.mark.parametrize(("direction", "source"), [("AtoB", "A"), ("BtoA", "B")])
def test_direction(direction, source):
    cut = tiny(direction=direction)
    calls = compared(cut)
    generator_phase(cut)
    assert cut.directions == (direction,)
    np.testing.assert_array_equal(calls[1][0][0][:2, 3:-3, 3:-3], BATCH[source])


def test_networks_at_a_known_size():
    """Memory and arithmetic are counted of copies that know their sizes."""
    cut = tiny()
    shapes = [tuple(x.shape) for x in cut.sized("F").inputs]
    assert shapes == [(2, 7, 3), (2, 7, 4), (2, 7, 4)]
    assert tuple(cut.sized("G").outputs[0].shape) == (2, 8, 8, 3)


def test_one_layer_can_be_compared_alone():
    assert np.isfinite(float(generator_phase(tiny(nce_layers=(4,)))[1]["loss/NCE"]))


# --- configuration


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"direction": "AtoC"}, "direction='AtoC': expected one of AtoB, BtoA"),
        ({"gan_mode": "wgan"}, "gan_mode='wgan': expected one of lsgan, vanilla, hinge"),
        ({"discriminator": "unet"}, "discriminator='unet': expected one of patch, pixel"),
        ({"ngf": 0}, "ngf=0: expected a number from 1 up"),
        ({"num_patches": 0}, "num_patches=0: expected a number from 1 up"),
        ({"nce_width": 0}, "nce_width=0: expected a number from 1 up"),
        ({"nce_T": 0.0}, "nce_T=0.0: expected a number from 0.001 up"),
        ({"nce_T": float("nan")}, "nce_T=nan: expected a number from 0.001 up"),
        ({"lambda_nce": -1.0}, "lambda_nce=-1.0: expected a number from 0 up"),
        ({"nce_layers": ()}, "nce_layers=.*: expected numbers from 0 up, in rising order"),
        ({"nce_layers": (4, 0)}, "in rising order"),
        ({"nce_layers": (0, 0)}, "in rising order"),
        ({"nce_layers": (-1, 4)}, "in rising order"),
        ({"nce_layers": (0, 21)}, "n_blocks=9 the last residual block is layer 20"),
        ({"n_blocks": 4}, "n_downsampling=2 and n_blocks=4 the last residual block is layer 15"),
        ({"antialias": False, "n_blocks": 5}, "n_blocks=5 the last residual block is layer 14"),
        ({"decay_from": 1.5}, "decay_from=1.5: expected a number from 0 to 1"),
        ({"lambda_gan": 0.0, "lambda_nce": 0.0}, "nothing is left to train"),
    ],
)
def test_configuration_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        CUTConfig(**changes)


def test_configuration_defaults_are_the_papers():
    config = CUTConfig()
    assert (config.lambda_gan, config.lambda_nce, config.nce_T) == (1, 1, 0.07)
    assert (config.nce_layers, config.num_patches) == ((0, 4, 8, 12, 16), 256)
    assert config.nce_idt and not config.flip_equivariance and config.ema_half_life == 0
    assert (config.learning_rate, config.beta_1, config.beta_2) == (2e-4, 0.5, 0.999)
