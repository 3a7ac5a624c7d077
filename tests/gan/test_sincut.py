"""SinCUT: its networks beside a restatement in NumPy, its losses and its step."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from gan.cut.config import CUTConfig
from gan.cut.nce import patch_nce
from gan.cut.single import SinCUT
from gan.cut.single_networks import generator_width, single_discriminator, single_generator

pytestmark = pytest.mark.backends

PUBLISHED = CUTConfig(
    generator="stylegan2", ngf=10, n_blocks=6, n_downsampling=1, discriminator="stylegan2", ndf=8,
    gan_mode="vanilla", lambda_nce=4.0, lambda_identity=1.0, lambda_r1=1.0, nce_layers=(0, 2, 4),
    num_patches=1, learning_rate=2e-3, beta_1=0.0, beta_2=0.99)  # fmt: skip
TINY = dataclasses.replace(PUBLISHED, ngf=1, n_blocks=2, ndf=1, nce_layers=(0, 2, 3), nce_width=3)
RNG = np.random.default_rng(0)
BATCH = {d: np.float32(RNG.uniform(-1, 1, (3, 8, 8, 3))) for d in "AB"}


def tiny(**changes):
    return SinCUT(dataclasses.replace(TINY, **changes), size=8, batch_size=3, epoch=6, epochs=4)


def numpy(x):
    """A copy: a view of a JAX array could change with the next compiled call."""
    return np.array(ops.convert_to_numpy(x.value if hasattr(x, "value") else x))


def generator_phase(cut):
    batch = {name: ops.convert_to_tensor(x) for name, x in BATCH.items()}
    fakes, rest = cut.translate(batch)
    return cut.generator_phase(batch | fakes | rest)


# --- the networks, restated in NumPy for one picture [H, W, C]


@pytest.mark.parametrize(
    ("ngf", "size", "halvings", "width"),
    [(10, 64, 0, 80), (10, 64, 1, 160), (10, 48, 0, 80), (10, 40, 0, 160), (10, 128, 0, 40),
     (10, 16, 0, 320), (10, 8, 0, 512), (64, 64, 0, 512), (128, 64, 0, 1024), (128, 32, 0, 512),
     (10, (64, 256), 0, 80)],
)  # fmt: skip
def test_width(ngf, size, halvings, width):
    assert generator_width(ngf, size, halvings) == width


def padded(x, before, after):
    return np.pad(x, ((before, after), (before, after), (0, 0)))


def correlated(x, kernel, step=1):
    height, width = kernel.shape[:2]
    rows, columns = x.shape[0] - height + 1, x.shape[1] - width + 1
    parts = (
        x[i : i + rows : step, j : j + columns : step] @ kernel[i, j]
        for i in range(height)
        for j in range(width)
    )
    return sum(parts)


def blurred(x, gain=1):
    taps = np.array([1, 3, 3, 1]) / 8
    kernel = gain * np.outer(taps, taps)
    return correlated(x, kernel[:, :, None, None] * np.eye(x.shape[2]))


def activated(x, bias):
    x = x + bias
    return np.where(x > 0, x, 0.2 * x) * 2**0.5


def conv(x, kernel, bias=None, down=False):
    """A convolution layer of the authors' code, with its paddings."""
    side, _, taken, _ = kernel.shape
    kernel = kernel / (side * side * taken) ** 0.5
    if down:
        pad = (4 - 2) + (side - 1)
        y = correlated(blurred(padded(x, (pad + 1) // 2, pad // 2)), kernel, 2)
    else:
        y = correlated(padded(x, side // 2, side // 2), kernel)
    return y if bias is None else activated(y, bias)


def doubled(x, kernel, bias):
    """The layer without a style: kernels of norm 1, zeros between the pixels, the filter. (The
    kernel is turned round beside PyTorch's transposed convolution, which names it another way.)"""
    kernel = kernel / (9 * kernel.shape[2]) ** 0.5
    kernel = kernel / np.sqrt((kernel**2).sum((0, 1, 2)) + 1e-8)
    height, width, channels = x.shape
    wide = np.zeros((2 * height + 1, 2 * width + 1, kernel.shape[3]))
    for i in range(3):
        for j in range(3):
            wide[i : i + 2 * height : 2, j : j + 2 * width : 2] += x @ kernel[2 - i, 2 - j]
    pad = (4 - 2) - (3 - 1)
    return activated(blurred(padded(wide, (pad + 1) // 2 + 1, pad // 2 + 1), 4), bias)


def block(x, first, second, skip=None):
    """A residual block of `(kernel, bias)`, `(kernel, bias)` and a kernel where it halves."""
    y = conv(conv(x, *first), *second, down=skip is not None)
    return (y + (x if skip is None else conv(x, skip, down=True))) / 2**0.5


def random_weights(network):
    """Other weights than the first ones, whose biases are 0; returns them by path, in order."""
    for w in network.weights:
        w.assign(RNG.normal(size=w.shape) * (1 if len(w.shape) > 1 else 0.3))
    return [numpy(w).astype("float64") for w in network.weights]


def test_generator_beside_numpy():
    made = single_generator((0, 1, 2, 3), ngf=1, n_blocks=2)
    weights = {}
    for layer in made.network.layers:  # in the order in which they were made
        if layer.weights:
            weights[layer.name] = random_weights(layer)
    names = sorted(weights, key=lambda name: (not name.startswith("filtered"), number(name)))
    *convs, up = (weights[name] for name in names)
    first, skip, one, two, *rest, last = convs
    picture = RNG.uniform(-1, 1, (12, 20, 3))
    features = [picture, conv(picture, *first)]
    features.append(block(features[-1], one, two, skip[0]))
    features.append(block(features[-1], *rest[:2]))
    expected = conv(doubled(block(features[-1], *rest[2:]), up[0], up[1]), *last)
    given = ops.convert_to_tensor(np.float32(picture[None]))
    *found, output = (numpy(x)[0] for x in made.both(given, training=False))
    assert output.shape == (12, 20, 3) and found[2].shape == (6, 10, 16)
    for one_, two_ in zip([*found, output], [*features, expected], strict=True):
        np.testing.assert_allclose(one_, two_, rtol=0, atol=2e-4)


def number(name):
    end = name.rsplit("_", 1)[-1]
    return int(end) if end.isdigit() else 0


def test_discriminator_beside_numpy():
    network = single_discriminator(size=8, ndf=1)
    (entry,), (skip,) = network.from_rgb.values(), network.skips
    layers = (entry, *network.convs, skip, network.last, network.dense, network.out)
    rgb, one, two, (skip,), last, dense, out = (random_weights(layer) for layer in layers)
    picture = RNG.uniform(-1, 1, (8, 8, 3))
    x = conv(block(conv(picture, *rgb), one, two, skip), *last)
    x = activated(x.reshape(-1) @ dense[0] / len(dense[0]) ** 0.5, dense[1])
    expected = x @ out[0] / len(out[0]) ** 0.5 + out[1]
    found = numpy(network(ops.convert_to_tensor(np.float32(picture[None]))))
    np.testing.assert_allclose(found, expected[None], rtol=1e-4)


def test_noise_is_drawn_in_training_alone():
    network = tiny().networks["G"]
    x = ops.convert_to_tensor(BATCH["A"])
    (layer,) = (layer for layer in network.layers if hasattr(layer, "noise_strength"))
    plain = numpy(network(x, training=False))
    np.testing.assert_allclose(numpy(network(x, training=True)), plain, atol=1e-5)  # times 0
    layer.noise_strength.assign(1.0)
    one, two = (numpy(network(x, training=True)) for _ in "ab")
    assert np.abs(one - plain).mean() > 0.01 and np.abs(one - two).mean() > 0.01
    np.testing.assert_array_equal(numpy(network(x, training=False)), plain)


# --- losses


def test_r1_of_a_linear_discriminator():
    cut = tiny(lambda_r1=3.0)
    w = np.float32(RNG.normal(size=(8, 8, 3)))
    cut.networks["D"] = lambda x, training: ops.sum(x * w, axis=(1, 2, 3))[:, None]
    loss, logs = cut._judged(*(ops.convert_to_tensor(BATCH[d]) for d in "BA"))
    assert float(logs["loss/D_R1"]) == pytest.approx(1.5 * (w**2).sum(), rel=1e-4)
    real, fake = ((BATCH[d] * w).sum((1, 2, 3)) for d in "BA")
    softplus = lambda x: np.logaddexp(0, x).mean()  # noqa: E731
    expected = 0.5 * (softplus(fake) + softplus(-real))
    assert float(loss) - float(logs["loss/D_R1"]) == pytest.approx(expected, rel=1e-3)


def test_patches_of_all_crops_are_negatives():
    q, k = np.float32(RNG.normal(size=(2, 4, 3, 5)))
    q, k = (ops.convert_to_tensor(x / np.linalg.norm(x, axis=-1, keepdims=True)) for x in (q, k))
    found = float(tiny()._contrast(q, k))
    one = [ops.reshape(x, (1, 12, 5)) for x in (q, k)]  # all patches of one picture
    assert found == pytest.approx(float(patch_nce(*one, 0.07)), rel=1e-5)
    logits = numpy(one[0])[0] @ numpy(one[1])[0].T / 0.07
    expected = np.mean(np.log(np.exp(logits).sum(1)) - np.diag(logits))
    assert found == pytest.approx(expected, rel=1e-4)
    alone = float(patch_nce(q[:, :1], k[:, :1], 0.07))
    assert alone == pytest.approx(0, abs=1e-5)  # as one patch has no negatives in its picture


def test_one_position_for_all_crops():
    cut, seen = tiny(), []
    real = cut._patches
    cut._patches = lambda features, at: seen.append([numpy(p) for p in at]) or real(features, at)
    generator_phase(cut)
    queries, keys = seen
    count = len(BATCH["A"])
    for at, same in zip(queries, keys, strict=True):
        np.testing.assert_array_equal(at, same)
        assert at.shape == (2 * count, 1)  # translations, then identities
        assert (at[:count] == at[0]).all() and (at[count:] == at[count]).all()


def test_parts_of_the_generators_loss():
    cut = tiny(lambda_identity=2.0)
    loss, logs, _ = generator_phase(cut)
    logs = {name: float(x) for name, x in logs.items()}
    same = numpy(cut.networks["G"](ops.convert_to_tensor(BATCH["B"])))
    assert logs["loss/identity"] == pytest.approx(2 * np.abs(same - BATCH["B"]).mean(), rel=1e-4)
    parts = logs["loss/G_GAN"] + (logs["loss/NCE"] + logs["loss/NCE_Y"]) / 2
    assert float(loss) == pytest.approx(parts + logs["loss/identity"], rel=1e-5)
    without = tiny(lambda_identity=0.0, lambda_r1=0.0)
    assert "loss/identity" not in generator_phase(without)[1]
    assert without._judged(*(ops.convert_to_tensor(BATCH[d]) for d in "BA"))[1] == {}


def test_identity_of_mirrored_targets():
    """Where the pictures are mirrored, their translations are compared with the mirrored ones."""
    cut = tiny(flip_equivariance=True)
    cut.toss = lambda: ops.convert_to_tensor(True)
    turned = BATCH["B"][:, :, ::-1]
    same = numpy(cut.networks["G"](ops.convert_to_tensor(np.ascontiguousarray(turned))))
    found = float(generator_phase(cut)[1]["loss/identity"])
    assert found == pytest.approx(np.abs(same - turned).mean(), rel=1e-4)


# --- the step


def test_the_discriminator_learns_alone_then_the_others():
    cut = tiny(ema_half_life=10.0)
    weights = lambda *names: [numpy(w) for n in names for w in cut.networks[n].weights]  # noqa: E731
    both, ahead = cut.phases, {"ahead": cut.translate}
    cut.phases = [dataclasses.replace(both[0], **ahead)]
    before = weights("G", "F"), weights("D")
    logs = cut.step(engine.shard(BATCH), 0)
    assert float(logs["loss/D_R1"]) > 0
    assert all((x == y).all() for x, y in zip(before[0], weights("G", "F"), strict=True))
    assert all((x != y).any() for x, y in zip(before[1], weights("D"), strict=True))
    before, cut.phases = (weights("D"), weights("G", "F")), both[1:]
    cut.step(engine.shard(BATCH), 1)
    assert all((x == y).all() for x, y in zip(before[0], weights("D"), strict=True))
    moved = [(x != y).any() for x, y in zip(before[1], weights("G", "F"), strict=True)]
    assert sum(moved) > 0.8 * len(moved)  # of the MLPs, some features are off
    assert {"G", "D", "F", "G_ema", "random"} <= set(cut.groups())
    assert cut.translator("AtoB") is cut.average.network


def test_networks_at_a_known_size():
    cut = tiny()
    assert tuple(cut.sized("G").outputs[0].shape) == (3, 8, 8, 3)
    assert tuple(cut.sized("D").outputs[0].shape) == (3, 1)
    assert [tuple(x.shape) for x in cut.sized("F").inputs] == [(3, 1, 3), (3, 1, 128), (3, 1, 128)]
    assert (cut.size_multiple, cut.smallest_size, cut.width) == (2, 4, 64)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generator": "unet"}, "generator='unet': expected one of resnet, stylegan2"),
        ({"generator": "resnet"}, "expected 'stylegan2' for both or for none"),
        ({"discriminator": "patch"}, "expected 'stylegan2' for both or for none"),
        ({"lambda_r1": -1.0}, "lambda_r1=-1.0: expected a number from 0 up"),
        ({"lambda_identity": float("nan")}, "lambda_identity=nan: expected a number from 0 up"),
        ({"nce_idt": False}, "lambda_identity=1.0: needs the targets' translations"),
        ({"antialias": False}, "antialias=False: SinCUT.s networks always have blurs"),
        ({"n_blocks": 5}, "n_blocks=5: expected an even number"),
        ({"nce_layers": (0, 6)}, "the last residual block is layer 5"),
    ],
)
def test_configuration_is_checked(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(PUBLISHED, **changes)


@pytest.mark.parametrize("key", ["lambda_r1", "lambda_identity"])
def test_losses_of_sincut_alone(key):
    with pytest.raises(ValueError, match=f"{key}=1.0: only SinCUT has this loss"):
        CUTConfig(**{key: 1.0})


def test_a_network_is_saved_and_loaded(tmp_path):
    network = tiny().networks["G"]
    network.save(tmp_path / "G.keras")
    again = keras.models.load_model(tmp_path / "G.keras")
    x = ops.convert_to_tensor(BATCH["A"])
    np.testing.assert_array_equal(numpy(network(x)), numpy(again(x)))
