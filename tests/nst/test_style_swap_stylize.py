"""Style swap on pictures: with the inverse network, and by optimisation."""

import keras
import numpy as np
import pytest
from keras import ops

from core import engine
from core.errors import InputError
from nst import autoencoder
from nst.features import feature_network
from nst.gatys.objective import Level
from nst.style_swap.config import SwapOptimisationConfig
from nst.style_swap.networks import encoder, inverse_network
from nst.style_swap.optimisation import SwapOptimisation
from nst.style_swap.stylize import StyleSwapStylizer
from nst.style_swap.swap import style_swap
from nst.weights import random_weights

BOTH = pytest.mark.backends  # few: each shape is compiled
WEIGHTS = random_weights(seed=1, width=1 / 32)


def numpy(x):
    return np.array(ops.convert_to_numpy(x))


def picture(height, width, seed=0):
    """Smooth colours and some grain, in [0, 1]."""
    random = np.random.default_rng(seed)
    rows, columns = np.linspace(0, 5, height)[:, None], np.linspace(0, 5, width)
    waves = [np.sin(rows * a + columns * b + c) for a, b, c in random.uniform(0.5, 3, (3, 3))]
    grain = random.uniform(-0.1, 0.1, (height, width, 3))
    return np.clip(0.5 + 0.3 * np.stack(waves, -1) + grain, 0, 1).astype("float32")


CONTENT, STYLES = picture(42, 35), [picture(32, 40, 1) ** 2, picture(40, 28, 2) ** 0.5]


def networks(norm="instance"):
    """Narrow ones; the inverse gives colours that lie in [0, 1] and fill much of it."""
    keras.utils.set_random_seed(0)
    pair = encoder(WEIGHTS), inverse_network((2, 4, 8), norm)
    result = numpy(pair[1](pair[0](CONTENT[None])["relu3_1"]))
    kernel, bias = pair[1].trainable_variables[-2:]
    factor = 0.15 / result.std((0, 1, 2))
    kernel.assign(numpy(kernel) * factor)
    bias.assign(0.5 - result.mean((0, 1, 2)) * factor)
    return pair


@pytest.fixture(scope="module")
def stylizer():
    return StyleSwapStylizer(*networks())


@pytest.fixture
def code_of(stylizer, monkeypatch):
    """As the stylizer, but the code that is decoded, `[h, w, C]`."""

    def call(content=CONTENT, styles=STYLES, **controls):
        codes, decode = [], stylizer.decode
        with monkeypatch.context() as patch:
            patch.setattr(stylizer, "decode", lambda code: codes.append(code) or decode(code))
            stylizer(content, styles, **controls)
        return codes[0][0]

    return call


def swapped(stylizer, content, style):
    return numpy(style_swap(stylizer.encode(content)[0], stylizer.encode(style)[0]))


def assert_close(found, expected, tolerance=1e-5):
    """To a share of the largest entry."""
    atol = tolerance * np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=atol)


@pytest.mark.parametrize("size", [(42, 35), (24, 24), (25, 48)])
def test_the_result_has_the_size_of_the_content(stylizer, size):
    result = stylizer(picture(*size), STYLES[:1])
    assert result.shape == (*size, 3) and result.dtype == np.float32
    assert result.min() >= 0 and result.max() <= 1 and result.std() > 0.05


@BOTH
def test_each_style_gives_a_swapped_code_and_weights_mix_them(stylizer, code_of):
    one, two = (swapped(stylizer, CONTENT, style) for style in STYLES)
    assert_close(code_of(styles=STYLES[:1]), one)
    assert_close(code_of(), (one + two) / 2)
    assert_close(code_of(style_weights=(3, 1)), 0.75 * one + 0.25 * two)
    assert np.abs(one - two).max() > 0.1 * np.abs(one).max()


def test_alpha_mixes_with_the_features_of_the_content(stylizer, code_of):
    code, full = stylizer.encode(CONTENT)[0], swapped(stylizer, CONTENT, STYLES[0])
    assert_close(code_of(styles=STYLES[:1], alpha=0.3), 0.3 * full + 0.7 * code)
    plain = np.clip(stylizer.decode(code[None])[:42, :35], 0, 1)
    np.testing.assert_allclose(stylizer(CONTENT, STYLES, alpha=0), plain, rtol=0, atol=1e-6)


def test_masks_choose_positions_and_leave_the_rest_to_the_content(stylizer, code_of):
    masks = np.zeros((2, 42, 35), "float32")
    masks[0, :, :16], masks[1, :20, 16:] = 1, 0.5
    found, code = code_of(masks=masks), stylizer.encode(CONTENT)[0]
    one, two = (swapped(stylizer, CONTENT, style) for style in STYLES)
    assert_close(found[:, :4], one[:, :4])
    assert_close(found[:5, 4:], (two[:5, 4:] + code[:5, 4:]) / 2)
    assert_close(found[5:, 4:], code[5:, 4:])


def test_luminance_keeps_the_chroma(stylizer):
    result = stylizer(CONTENT, STYLES[:1], colours="luminance")
    inside = ((result > 0) & (result < 1)).all(-1)
    luma = np.array([0.299, 0.587, 0.114])
    chroma = [x - (x @ luma)[..., None] for x in (result, CONTENT)]
    assert inside.mean() > 0.5
    np.testing.assert_allclose(chroma[0][inside], chroma[1][inside], atol=1e-5)


@pytest.mark.parametrize("norm", ["instance", "batch"])
def test_tiles_are_seamless(norm, monkeypatch):
    """Instance norm sees the whole picture and is not decoded in tiles."""
    shapes, content, compiling = [], picture(150, 100), engine.compile_by_shape

    def recorded(*args):
        network = compiling(*args)
        return lambda x: shapes.append(x.shape) or network(x)

    monkeypatch.setattr(engine, "compile_by_shape", recorded)
    stylizer = StyleSwapStylizer(*networks(norm), norm=norm)
    code, whole = stylizer.encode(content), stylizer(content, STYLES[:1])
    shapes.clear()
    monkeypatch.setattr(autoencoder, "WHOLE", 1)
    monkeypatch.setattr(autoencoder, "TILE", 64)
    assert_close(stylizer.encode(content), code, 1e-4)
    assert len(shapes) == 3 * 2
    stylizer.decode(code)
    assert len(shapes) == 3 * 2 + {"instance": 1, "batch": 3 * 2}[norm]
    np.testing.assert_allclose(stylizer(content, STYLES[:1]), whole, rtol=0, atol=1e-4)


def test_small_pictures_are_refused(stylizer):
    for content, style, name in (
        (picture(23, 40), CONTENT, "content: 40x23"),
        (CONTENT, picture(40, 20), "style: 20x40"),
    ):
        with pytest.raises(InputError, match=f"{name} pixels, but relu3_1 of vgg19 sees 24x24"):
            stylizer(content, [style])
    wide = StyleSwapStylizer(*networks(), patch=9)
    with pytest.raises(InputError, match="style: 10x8 positions of features, but a patch has 9x9"):
        wide(CONTENT, [STYLES[0]])
    with pytest.raises(ValueError, match="alpha=2"):
        stylizer(CONTENT, STYLES, alpha=2)


# --- by optimisation

SETTINGS = {
    "normalise": False,
    "pooling": "max",
    "ceil": True,
    "content_layers": ("relu3_1",),
    "content_scaling": "mean",
    "style_layers": (),
    "style_layer_weights": (),
    "style_weight": 0.0,
    "tv_weight": 2e-7,
    "init": "content",
    "optimizer": "adam",
    "learning_rate": 0.05 * 255,
}


def optimisation(masks=None, weights=(0.75, 0.25), **settings):
    level = Level(*CONTENT.shape[:2], CONTENT, STYLES, weights, masks)
    return SwapOptimisation(SwapOptimisationConfig(**SETTINGS | settings), WEIGHTS, [level])


def features(image):
    model = feature_network(WEIGHTS, ["relu3_1"], ceil=True)
    return numpy(model(image[None])["relu3_1"])[0]


@BOTH
def test_the_target_are_the_mixed_swapped_features(stylizer):
    one, two = (swapped(stylizer, CONTENT, style) for style in STYLES)
    found = optimisation().level.given["content/relu3_1"][0]
    assert_close(found, 0.75 * one + 0.25 * two)
    masks = np.zeros((2, 42, 35), "float32")
    masks[0, :, :16] = masks[1, :, 16:24] = 1
    found = optimisation(masks, (0.5, 0.5)).level.given["content/relu3_1"][0]
    wanted = np.concatenate([one[:, :4], two[:, 4:6], features(CONTENT)[:, 6:]], 1)
    assert_close(found, wanted)


def test_patches_of_another_size(stylizer):
    codes = [stylizer.encode(x)[0] for x in (CONTENT, STYLES[0])]
    found = optimisation(weights=(1.0, 0.0), patch=5).level.given["content/relu3_1"][0]
    assert_close(found, numpy(style_swap(*codes, 5)))


def test_the_loss_is_the_mean_square_and_total_variation():
    model = optimisation()
    target = model.level.given["content/relu3_1"][0]
    total, logs, _ = model.level.evaluate()
    assert logs["loss/content"] == pytest.approx(np.mean((features(CONTENT) - target) ** 2), 1e-4)
    levels = 255 * CONTENT
    variation = sum((np.diff(levels, axis=axis) ** 2).sum() for axis in (0, 1))
    assert logs["loss/tv"] == pytest.approx(1e-7 * variation, 1e-4)
    assert total == pytest.approx(logs["loss/content"] + logs["loss/tv"])


@BOTH
def test_adam_goes_down_from_the_content_by_the_published_rate():
    model = optimisation()
    np.testing.assert_array_equal(model.picture(), CONTENT)
    before = model.level.evaluate()[0]
    model.step({}, 0)
    moved = np.abs(model.picture() - CONTENT)
    assert moved.max() == pytest.approx(0.05, abs=1e-3)  # of [0, 1]
    for step in range(1, 20):
        model.step({}, step)
    assert model.level.evaluate()[0] < 0.7 * before


def test_large_pictures_are_differentiated_in_tiles():
    level = Level(150, 110, picture(150, 110), STYLES, (0.75, 0.25))
    losses = []
    for tile in (512, 64):
        config = SwapOptimisationConfig(**SETTINGS | {"tile": tile})
        objective = SwapOptimisation(config, WEIGHTS, [level]).level
        assert objective.grid.whole == (tile == 512)
        losses.append(objective.evaluate())
    assert losses[0][0] == pytest.approx(losses[1][0], 1e-4)
    assert_close(losses[1][2], losses[0][2], 1e-3)
