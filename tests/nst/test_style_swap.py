"""The swap of patches: the stored example, by hand, in blocks; and its inverse network."""

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from nst.features import Weights
from nst.style_swap.algorithm import StyleSwap
from nst.style_swap.config import StyleSwapConfig, SwapOptimisationConfig
from nst.style_swap.networks import encoder, inverse_network
from nst.style_swap.swap import nearest_patches, style_swap
from nst.weights import random_weights

BOTH = pytest.mark.backends  # few: each shape is compiled
GOLDEN = Path(__file__).parents[1] / "golden"
RNG = np.random.default_rng(0)
CONTENT, STYLE = (RNG.standard_normal(s).astype("float32") for s in ((9, 8, 5), (7, 11, 5)))


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


# --- the swap


@pytest.fixture(scope="module")
def stored():
    with np.load(GOLDEN / "style_swap.npz") as file:
        return dict(file)


@BOTH
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_stored_example(stored, dtype):
    content, style = (stored[name].astype(dtype) for name in ("content", "style"))
    best = numpy(nearest_patches(content, style, int(stored["patch"])))
    np.testing.assert_array_equal(best, stored["best_patch"])
    found = numpy(style_swap(content, style, int(stored["patch"])))
    np.testing.assert_allclose(found, stored["output"], rtol=0, atol=1e-6)


def by_hand(content, style, patch):
    """`(best, swapped)`, patch by patch."""

    def cut(x, i, j):
        return x[i : i + patch, j : j + patch]

    def starts(x):
        return list(np.ndindex(x.shape[0] - patch + 1, x.shape[1] - patch + 1))

    patches = [cut(style, *start) for start in starts(style)]
    best, total, count = [], np.zeros_like(content), np.zeros(content.shape[:2])
    for i, j in starts(content):
        scores = [(cut(content, i, j) * p).sum() / (np.sqrt((p**2).sum()) + 1e-8) for p in patches]
        best.append(int(np.argmax(scores)))
        cut(total, i, j)[...] += patches[best[-1]]
        cut(count, i, j)[...] += 1
    shape = content.shape[0] - patch + 1, content.shape[1] - patch + 1
    return np.reshape(best, shape), total / count[..., None]


@pytest.mark.parametrize("patch", [1, 2, 3, 5, 7])
def test_patches_of_any_size_by_hand(patch):
    best, swapped = by_hand(CONTENT, STYLE, patch)
    np.testing.assert_array_equal(numpy(nearest_patches(CONTENT, STYLE, patch)), best)
    np.testing.assert_allclose(numpy(style_swap(CONTENT, STYLE, patch)), swapped, atol=1e-5)


@BOTH
@pytest.mark.parametrize(("block", "channels"), [(1, 2), (8 * 11 * 16, 3), (8 * 11 * 25, 4)])
def test_blocks_do_not_matter_and_bound_what_is_held(block, channels, monkeypatch):
    """In steps of 1, 2 and 3 rows. Features of a shape that was not seen before are compiled."""
    content, style = CONTENT[..., :channels], STYLE[..., :channels]
    sizes, compiling = [], engine.compile

    def recorded(*args):
        best = compiling(*args)

        def call(content, style, scale):
            sizes.append(np.prod(content.shape[:2]) * np.prod(style.shape[:2]))
            return best(content, style, scale)

        return call

    monkeypatch.setattr(engine, "compile", recorded)
    whole = numpy(nearest_patches(content, style))
    assert len(sizes) == 1
    sizes.clear()
    np.testing.assert_array_equal(numpy(nearest_patches(content, style, block=block)), whole)
    assert len(sizes) == {1: 7 * 5, 8 * 11 * 16: 4 * 3, 8 * 11 * 25: 3 * 2}[block]
    assert max(sizes) <= max(block, 3 * 8 * 3 * 11)


@BOTH
@pytest.mark.parametrize("block", [1, 2**22])
def test_the_first_of_equal_patches(block):
    """Small whole numbers and patches of norm 1 or 0: no rounding."""
    style = np.zeros((9, 9, 2), "float32")
    style[1::3, 1::3, 0] = 1  # nine patches with a single 1 in the middle
    content = style[:4, :4]
    assert numpy(nearest_patches(content, style, 3, block))[0, 0] == 0
    assert numpy(nearest_patches(0 * content, style, 3, block)).max() == 0


def test_a_picture_is_its_own_nearest():
    np.testing.assert_allclose(numpy(style_swap(STYLE, STYLE)), STYLE, atol=1e-6)


def test_the_size_of_the_content_patches_does_not_matter():
    scaled = CONTENT * RNG.uniform(0.1, 10)
    np.testing.assert_array_equal(
        numpy(nearest_patches(CONTENT, STYLE)), numpy(nearest_patches(scaled, STYLE))
    )


@BOTH
def test_the_type_of_the_style_is_kept():
    style = ops.cast(STYLE, "bfloat16")
    assert keras.backend.standardize_dtype(style_swap(CONTENT, style).dtype) == "bfloat16"


@pytest.mark.parametrize(
    ("content", "style", "message"),
    [
        (CONTENT[:2], STYLE, "content: 8x2 positions of features, but a patch has 3x3"),
        (CONTENT, STYLE[:, :2], "style: 2x7 positions of features, but a patch has 3x3"),
    ],
)
def test_features_smaller_than_a_patch_are_refused(content, style, message):
    with pytest.raises(InputError, match=message):
        style_swap(content, style)


# --- the inverse network


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_the_inverse_network_as_published(norm):
    network = inverse_network(norm=norm)
    convolutions = [layer for layer in network.layers if hasattr(layer, "kernel")]
    kernels = [tuple(layer.kernel.shape[2:]) for layer in convolutions]
    assert kernels == [(256, 128), (128, 128), (128, 64), (64, 64), (64, 3)]
    assert sum(np.prod(v.shape) for v in network.trainable_variables) == 555_843
    norms = [layer for layer in network.layers if hasattr(layer, "gamma")]
    assert len(norms) == 4  # none after the last convolution
    for layer in norms:
        gamma = numpy(layer.gamma)
        assert gamma.min() >= 0 and gamma.max() <= 1 and gamma.std() > 0.2
    for kernel in (numpy(layer.kernel) for layer in convolutions):
        flat = kernel.reshape(-1, kernel.shape[-1])
        np.testing.assert_allclose(flat.T @ flat, 2 * np.eye(flat.shape[1]), atol=1e-4)


def test_grey_begins_as_mid_grey():
    code = RNG.uniform(0, 1, (1, 3, 3, 8)).astype("float32")
    assert np.all(numpy(inverse_network((2, 4, 8), init="grey")(code)) == 0.5)
    assert numpy(inverse_network((2, 4, 8))(code)).std() > 0.05


def test_the_encoder_and_back_keep_odd_sizes():
    weights = random_weights(width=1 / 32)
    code = encoder(weights)(CONTENT[None, ..., :3])["relu3_1"]
    assert code.shape == (1, 3, 2, 8)
    assert inverse_network((2, 4, 8))(code).shape == (1, 12, 8, 3)


# --- the training step


def algorithm(**settings):
    """Narrow; features of about 1, as the weights of total variation expect of levels."""
    keras.utils.set_random_seed(0)
    return StyleSwap(
        StyleSwapConfig(**settings), random_weights(width=1 / 32), size=24, batch_size=2
    )


def batch():
    random = np.random.default_rng(1)
    roles = ("content", "style")
    return {role: random.uniform(-1, 1, (2, 24, 24, 3)).astype("float32") for role in roles}


def test_the_loss_is_of_all_pictures_and_all_pairs():
    model, pictures = algorithm(), batch()
    terms = model.losses(*((x + 1) / 2 for x in pictures.values()), training=True)
    codes = [numpy(model.encoder((pictures[r] + 1) / 2)["relu3_1"]) for r in pictures]
    pairs = [by_hand(content, style, 3)[1] for content in codes[0] for style in codes[1]]
    wanted = np.concatenate([*codes, pairs])
    assert wanted.shape == (8, 6, 6, 8)
    found = model.networks["inverse"](wanted, training=True)
    error = np.mean((numpy(model.encoder(found)["relu3_1"]) - wanted) ** 2)
    np.testing.assert_allclose(float(numpy(terms["features"])), error, rtol=1e-4)
    levels = 255 * numpy(found)
    variation = sum((np.diff(levels, axis=axis) ** 2).sum() for axis in (1, 2))
    np.testing.assert_allclose(float(numpy(terms["tv"])), variation, rtol=1e-4)
    total, logs, _ = model.loss(pictures)
    np.testing.assert_allclose(float(numpy(total)), error + 1e-6 * variation, rtol=1e-4)
    assert logs.keys() == {"loss/features", "loss/tv"}


@BOTH
@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_a_step_trains_the_inverse_network_alone(norm):
    model = algorithm(norm=norm)
    before = [numpy(v) for v in (*model.encoder.variables, *model.networks["inverse"].variables)]
    logs = [model.step(engine.shard(batch()), step) for step in range(3)]
    after = [numpy(v) for v in (*model.encoder.variables, *model.networks["inverse"].variables)]
    changed = [not np.array_equal(a, b) for a, b in zip(before, after, strict=True)]
    frozen = len(model.encoder.variables)
    assert not any(changed[:frozen])
    moved = dict(zip([v.path for v in model.networks["inverse"].variables], changed[frozen:],
                     strict=True))  # fmt: skip
    still = [path for path, change in moved.items() if not change]
    assert all("bias" in path for path in still), still  # one before a norm has no gradient
    assert float(numpy(logs[-1]["loss/features"])) < float(numpy(logs[0]["loss/features"]))


def test_the_rate_falls_as_published():
    model = algorithm()
    assert model.learning_rate(0) == 1e-3
    assert model.learning_rate(2 * 80_000) == pytest.approx(1e-3 / 9)


def test_weights_that_end_too_early_are_refused():
    full = random_weights(width=1 / 32)
    kernels = {k: v for k, v in full.kernels.items() if k < "conv3"}
    short = Weights("short.npz", "vgg19", kernels, full.colour)
    with pytest.raises(ValueError, match="'short.npz' end at conv2_2, style swap needs conv3_1"):
        StyleSwap(StyleSwapConfig(), short, size=24, batch_size=1)


BAD = [
    ({"patch": 0}, "patch=0: expected 1 or more"),
    ({"norm": "layer"}, "norm='layer': expected one of instance, batch"),
    ({"init": "he"}, "init='he': expected one of orthogonal, grey"),
    ({"network": "vgg13"}, "network='vgg13'"),
    ({"tv_weight": -1.0}, "tv_weight=-1.0"),
    ({"learning_rate": float("inf")}, "learning_rate=inf"),
    ({"decay": float("nan")}, "decay=nan"),
    ({"beta_1": 1.0}, "beta_1=1.0"),
]


@pytest.mark.parametrize(("settings", "message"), BAD, ids=[message for _, message in BAD])
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        StyleSwapConfig(**settings)


def test_the_optimisation_refuses_patches_of_nothing():
    with pytest.raises(ValueError, match="patch=0: expected 1 or more"):
        SwapOptimisationConfig(patch=0)
