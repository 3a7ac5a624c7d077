"""The one interface of the stylizers, and networks that have learned their styles."""

import numpy as np
import pytest
from keras import ops

from nst.adain.algorithm import AdaIN
from nst.adain.config import AdaINConfig
from nst.adain.stylize import AdaINStylizer
from nst.dumoulin.algorithm import Dumoulin
from nst.dumoulin.config import DumoulinConfig
from nst.johnson.algorithm import Johnson
from nst.johnson.config import JohnsonConfig
from nst.learned import LearnedStylizer, in_one_piece
from nst.style_swap.algorithm import StyleSwap
from nst.style_swap.config import StyleSwapConfig
from nst.style_swap.stylize import StyleSwapStylizer
from nst.stylizer import Stylizer
from nst.ulyanov.algorithm import Ulyanov
from nst.ulyanov.config import UlyanovConfig
from nst.weights import random_weights

RANDOM = np.random.default_rng(0)
CONTENT = RANDOM.uniform(0, 1, (24, 20, 3)).astype("float32")


class Linear(Stylizer[float]):
    """A stylizer whose styles are numbers that a content is multiplied by."""

    smallest_size = 4

    def prepare(self, content, styles, colours):
        return list(styles)

    def render(self, content, styles, shares, alpha, masks):
        self.seen = shares, alpha, masks
        return sum(share * style * content for share, style in zip(shares, styles, strict=True))


# --- what is the same for all


def test_controls_reach_the_stylizer_checked_and_scaled():
    stylizer = Linear()
    found = stylizer(CONTENT, [0.0, 1.0], style_weights=(1, 3), alpha=0.5)
    np.testing.assert_allclose(found, 0.75 * CONTENT, rtol=1e-6)
    np.testing.assert_allclose(stylizer.seen[0], (0.25, 0.75))
    assert stylizer.seen[1:] == (0.5, None)
    assert np.array_equal(stylizer(CONTENT, [0.0, 1.0], weights=(1, 3)), found)  # its older name


@pytest.mark.parametrize(("controls", "message"), [
    ({"style_weights": (1, 1), "weights": (1, 1)}, "style_weights and weights are one argument"),
    ({"style_weights": (1,)}, "1 style weights for 2 styles"),
    ({"alpha": 2}, "alpha=2: expected a number from 0"),
    ({"colours": "sepia"}, "colours='sepia': expected one of style"),
    ({"masks": np.ones((2, 3, 3))}, r"masks of size \(3, 3\): expected the content's"),
    ({"masks": np.ones((1, 24, 20))}, "1 masks for 2 styles"),
])  # fmt: skip
def test_what_every_stylizer_refuses(controls, message):
    with pytest.raises(ValueError, match=message):
        Linear()(CONTENT, [0.0, 1.0], **controls)


def test_the_chroma_of_the_content_comes_back_last():
    found = Linear()(CONTENT, [0.5], colours="luminance")
    luma = np.array([0.299, 0.587, 0.114])
    inside = ((found > 0) & (found < 1)).all(-1)
    assert inside.mean() > 0.3
    np.testing.assert_allclose((found @ luma)[inside], 0.5 * (CONTENT @ luma)[inside], atol=1e-5)
    difference = found - CONTENT
    np.testing.assert_allclose(
        difference[inside], difference[inside][:, :1].repeat(3, 1), atol=1e-5
    )


def test_a_stylizer_that_does_nothing_cannot_be_made():
    with pytest.raises(TypeError, match="abstract"):
        Stylizer()


def test_there_is_nothing_to_encode_unless_a_stylizer_says_so():
    assert Linear().encode_style(0.5) is None


# --- styles that are pictures


def adain(**changes):
    options = {"normalise": False} | changes
    return AdaIN(AdaINConfig(**options), random_weights(width=1 / 32), size=72, batch_size=1)


def test_algorithms_make_their_stylizer():
    """With the settings of the training."""
    made = adain(style_epsilon=0.5, unbiased=True).make_stylizer()
    assert isinstance(made, AdaINStylizer)
    assert (made.style_epsilon, made.unbiased, made.smallest_size) == (0.5, True, 68)
    config = StyleSwapConfig(patch=9, norm="batch")
    made = StyleSwap(config, random_weights(width=1 / 32), size=36, batch_size=1).make_stylizer()
    assert isinstance(made, StyleSwapStylizer)
    assert made.patch == 9 and made.margin is not None  # decoded in tiles
    assert made.smallest_size == 33  # nine positions, one every four pixels


def test_a_style_is_encoded_once():
    """However many pictures are made in it; asked to, the stylizer encodes it again."""
    stylizer, styles = adain().make_stylizer(), [RANDOM.uniform(0, 1, (70, 72, 3)) for _ in "ab"]
    content, encoded, encode = RANDOM.uniform(0, 1, (68, 68, 3)), [], stylizer._code
    stylizer._code = lambda picture: encoded.append(picture.shape) or encode(picture)
    stylizer.encode_style(styles[0])
    assert encoded == [(70, 72, 3)]
    before = stylizer(content, styles[:1])
    assert encoded == [(70, 72, 3), (68, 68, 3)]  # the content alone
    stylizer.encode_style(styles[0])
    assert len(encoded) == 3
    assert np.array_equal(stylizer(content, styles[:1]), before)
    stylizer(content, styles)
    assert encoded[4:] == [(68, 68, 3), (70, 72, 3)]  # and the other style


def test_styles_of_one_colour_and_of_two_sizes_are_two_styles():
    stylizer = adain().make_stylizer()
    shapes = [stylizer.style_code(np.zeros(size)).shape for size in ((72, 96, 3), (96, 72, 3))]
    assert [shape[1:3] for shape in shapes] == [(9, 12), (12, 9)]


# --- styles that were learned

LAYERS = {"content_layers": ("relu2_1",), "style_layers": ("relu1_1",)}


def dumoulin(**changes):
    names = {"style": ("a", "b", "c"), "width": 1 / 16} | LAYERS | changes
    made = Dumoulin(DumoulinConfig(**names), None, size=24, batch_size=1)
    for layer in made.networks["network"].layers:  # styles that differ
        for variable in layer.weights if "style" in layer.name else ():
            variable.assign(RANDOM.normal(1, 0.5, variable.shape))
    return made


@pytest.fixture(scope="module")
def algorithm():
    return dumoulin()


@pytest.fixture(scope="module")
def stylizer(algorithm):
    return algorithm.make_stylizer()


def network(algorithm, content, weights):
    """The network's picture, clipped."""
    row = np.float32([weights])
    return np.clip(ops.convert_to_numpy(algorithm.stylise(content[None], row))[0], 0, 1)


@pytest.mark.backends
def test_a_picture_in_a_learned_style_is_the_networks(algorithm, stylizer):
    assert (stylizer.count, stylizer.colours) == (3, ("style", "luminance"))
    found = stylizer(CONTENT, [1])
    assert found.dtype == np.float32 and found.std() > 0.02
    np.testing.assert_allclose(found, network(algorithm, CONTENT, (0, 1, 0)), atol=1e-5)
    assert np.abs(found - stylizer(CONTENT, [2])).max() > 0.02


def test_nothing_is_rounded_to_8_bits_on_the_way(stylizer):
    """Neither the content nor the picture, before strength and masks: only the caller rounds."""
    levels = 255 * stylizer(CONTENT, [0])
    assert np.abs(levels - np.rint(levels)).mean() > 0.2  # 0.25, if evenly spread
    assert np.array_equal(stylizer(CONTENT, [0], alpha=0), CONTENT)
    moved = CONTENT + np.float32(0.2 / 255) * (CONTENT < 0.5)  # less than half a level
    assert np.abs(255 * stylizer(moved, [0]) - levels).max() > 0.01
    half = stylizer(CONTENT, [0], alpha=0.5)
    np.testing.assert_allclose(half, (levels / 255 + CONTENT) / 2, atol=1e-6)


@pytest.mark.backends
def test_styles_are_mixed_in_the_network(algorithm, stylizer):
    found = stylizer(CONTENT, [0, 2], style_weights=(1, 3))
    np.testing.assert_allclose(found, network(algorithm, CONTENT, (0.25, 0, 0.75)), atol=1e-5)
    ends = [stylizer(CONTENT, [i]) for i in (0, 2)]
    assert np.abs(found - (0.25 * ends[0] + 0.75 * ends[1])).max() > 1e-3  # not the pictures


def test_masks_put_pictures_together(stylizer):
    masks = np.zeros((2, 24, 20), "float32")
    masks[0, :, :8], masks[1, :10, 8:] = 1, 0.5
    found, (one, two) = (
        stylizer(CONTENT, [0, 2], masks=masks),
        (stylizer(CONTENT, [i]) for i in (0, 2)),
    )
    np.testing.assert_allclose(found[:, :8], one[:, :8], atol=1e-6)
    np.testing.assert_allclose(found[:10, 8:], (two[:10, 8:] + CONTENT[:10, 8:]) / 2, atol=1e-6)
    np.testing.assert_allclose(found[10:, 8:], CONTENT[10:, 8:], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (7, 30), (25, 22)])
def test_contents_of_any_size(algorithm, stylizer, size):
    content = RANDOM.uniform(0, 1, (*size, 3)).astype("float32")
    found = stylizer(content, [0])
    assert found.shape == (*size, 3) and np.isfinite(found).all()
    if size == (25, 22):  # mirrored to the next multiples of 4
        whole = np.pad(content, [(0, 3), (0, 2), (0, 0)], mode="symmetric")
        expected = network(algorithm, whole, (1, 0, 0))[:25, :22]
        np.testing.assert_allclose(found, expected, atol=1e-5)


def test_pictures_go_through_the_function_that_is_given(algorithm):
    calls = []

    def tiled(network, picture, *, multiple, smallest):
        calls.append((picture.shape, multiple, smallest))
        halves = [network(part[None])[0] for part in np.split(picture, 2)]
        return np.concatenate(halves)

    found = algorithm.make_stylizer(tiled)(CONTENT, [0])
    assert calls == [((24, 20, 3), 4, 8)]
    np.testing.assert_allclose(found[:12], network(algorithm, CONTENT[:12], (1, 0, 0)), atol=1e-5)
    assert np.abs(found - network(algorithm, CONTENT, (1, 0, 0))).max() > 1e-3


def test_what_goes_through_in_one_piece():
    seen = []
    picture = np.arange(2 * 5 * 3, dtype="float32").reshape(2, 5, 3)
    same = in_one_piece(lambda x: seen.append(x) or x, picture, multiple=4, smallest=8)
    assert np.array_equal(same, picture) and seen[0].shape == (1, 8, 8, 3)
    assert np.array_equal(seen[0][0, 2:4, :5], picture[::-1])


@pytest.mark.parametrize(("styles", "controls", "message"), [
    ([3], {}, "style 3: this network has learned 3; expected a number from 0 to 2"),
    ([-1], {}, "style -1"),
    ([0], {"colours": "coral"}, "colours=coral: the style is in the network, its colours cannot be "
     "changed beforehand; expected style or luminance"),
    ([], {}, "style"),
])  # fmt: skip
def test_styles_that_were_not_learned(stylizer, styles, controls, message):
    with pytest.raises(ValueError, match=message):
        stylizer(CONTENT, styles, **controls)


def test_luminance_of_a_learned_style(stylizer):
    found, plain = (stylizer(CONTENT, [0], colours=c) for c in ("luminance", "style"))
    luma = np.array([0.299, 0.587, 0.114])
    inside = ((found > 0) & (found < 1)).all(-1)
    assert inside.mean() > 0.3
    np.testing.assert_allclose((found @ luma)[inside], (plain @ luma)[inside], atol=1e-5)


def test_styles_are_added_to_those_of_a_base(algorithm, stylizer):
    """The base is known by its weights."""
    assert algorithm.config.all_styles == ("a", "b", "c") and algorithm.base_digest is None
    more, digests = dumoulin(style=("d",), base="somewhere", learned=("a", "b", "c")), []
    assert more.config.all_styles == ("a", "b", "c", "d")
    for base in (dumoulin(), algorithm, algorithm):
        more.start_from(base)
        digests.append(more.base_digest)
    assert digests[0] != digests[1] == digests[2]
    assert all(len(x) == 16 and int(x, 16) >= 0 for x in digests)
    made = more.make_stylizer()
    assert isinstance(made, LearnedStylizer) and made.count == 4
    np.testing.assert_allclose(made(CONTENT, [1]), stylizer(CONTENT, [1]), atol=1e-6)


@pytest.mark.parametrize("kind", [Johnson, Ulyanov])
def test_networks_of_one_style(kind):
    if kind is Johnson:
        config = JohnsonConfig(width=1 / 16, style=("a",), **LAYERS)
    else:
        config = UlyanovConfig(scales=3, channels=2, style=("a",), **LAYERS)
    algorithm = kind(config, None, size=48, batch_size=1)
    stylizer, content = algorithm.make_stylizer(), RANDOM.uniform(0, 1, (48, 52, 3))
    expected = np.clip(ops.convert_to_numpy(algorithm.stylise(np.float32(content)[None]))[0], 0, 1)
    assert stylizer.count == 1
    np.testing.assert_allclose(stylizer(content, [0]), expected, atol=1e-5)
