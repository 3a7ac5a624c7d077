"""Pictures, masks and numbers that a program gives: one meaning, or a message."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from experiments.data import pictures
from experiments.data.given_pictures import frames_of, mask, picture, pictures_of
from experiments.metrics.sampling import given_seeds
from experiments.tasks.stylization import stylize

RGB = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
RGB.flat[:2] = 0, 255
INTEGERS = [np.uint16, np.int16, np.int32, np.int64, np.uint64]


@pytest.mark.parametrize("kind", INTEGERS)
def test_any_whole_numbers(kind):
    assert np.array_equal(picture(RGB.astype(kind), "x"), RGB)
    assert np.array_equal(picture(RGB.astype(kind).tolist(), "x"), RGB)


@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64])
def test_floats_from_0_to_1(kind):
    made = picture((RGB / 255).astype(kind), "x")
    assert made.dtype == np.uint8 and np.array_equal(made, RGB)
    assert np.array_equal(picture(RGB / 255 * (1 + 1e-7), "x"), RGB)  # rounding is forgiven


def test_8_bits_stay_as_they_are():
    assert picture(RGB, "x") is RGB


def test_grey_and_opacity():
    grey, clear = RGB[..., :1], np.full((5, 6, 1), 0, np.uint8)
    assert np.array_equal(picture(grey, "x"), grey.repeat(3, 2))
    assert np.array_equal(picture(grey[..., 0], "x"), grey.repeat(3, 2))
    assert (picture(np.concatenate([RGB, clear], 2), "x") == 255).all()
    assert np.array_equal(picture(np.concatenate([RGB, 255 - clear], 2), "x"), RGB)
    assert picture(RGB, "x", 4).shape == (5, 6, 4) and picture(RGB, "x", 1).shape == (5, 6, 1)


def test_files_and_pictures_of_pillow(tmp_path):
    pictures.write_png(tmp_path / "a.png", RGB)
    for given in (tmp_path / "a.png", str(tmp_path / "a.png"), Image.fromarray(RGB)):
        assert np.array_equal(picture(given, "x"), RGB)
    few = Image.fromarray(RGB // 128 * 255).convert("P")  # colours by number
    assert np.array_equal(picture(few, "x"), np.asarray(few.convert("RGB")))
    assert (picture(Image.new("RGBA", (4, 4), (9, 9, 9, 0)), "x") == 255).all()


BAD = [
    (RGB.astype(float), "float64 from 0 to 255, expected 0 to 1 (divide by 255?)"),
    (RGB.astype(int) + 1000, "expected 0 to 255"),
    (RGB.astype(int) - 256, "expected 0 to 255"),
    (np.where(RGB < 255, RGB / 255, np.nan), "nan to nan, expected 0 to 1"),
    (np.full((4, 4, 3), np.inf), "inf to inf, expected 0 to 1"),
    (RGB > 128, "of type bool came"),
    (RGB.astype(complex), "of type complex128 came"),
    (np.array([["a"]]), "of type <U1 came"),
    (None, "NoneType of type object came"),
    ({"a": 1}, "dict of type object came"),
    (RGB[..., :2], "an array of shape [5, 6, 2], expected [height, width, channels]"),
    (RGB.transpose(2, 0, 1), "an array of shape [3, 5, 6]"),
    (RGB[None], "an array of shape [1, 5, 6, 3]"),
    (RGB[:0], "an array of shape [0, 6, 3]"),
    (7, "an array of shape []"),
    ([[1, 2], [3]], "cannot be read as an array"),
    (Image.new("I", (4, 4)), "a picture of mode I, expected one of 1, L"),
    ("/no/where.png", "/no/where.png"),
]


@pytest.mark.parametrize(("given", "message"), BAD, ids=lambda x: x if isinstance(x, str) else "")
def test_the_rest_is_refused(given, message):
    with pytest.raises(InputError) as raised:
        picture(given, "content")
    assert message in str(raised.value)
    assert str(raised.value).startswith("content: ") or isinstance(given, str)


def test_one_picture_or_several():
    assert len(pictures_of(RGB, "x")) == len(pictures_of("a.png", "x")) == 1
    assert len(pictures_of(Path("a.png"), "x")) == len(pictures_of(Image.fromarray(RGB), "x")) == 1
    assert len(pictures_of([RGB, "a.png"], "x")) == len(pictures_of(np.stack([RGB, RGB]), "x")) == 2
    with pytest.raises(InputError, match="styles=7: expected a list of pictures"):
        pictures_of(7, "styles")


def test_frames():
    assert [x.dtype for x in frames_of(iter([RGB, RGB / 255]))] == [np.uint8] * 2
    for bad in (RGB, "a.mp4", None, 3):
        with pytest.raises(InputError, match="frames: expected one picture after another"):
            next(frames_of(bad))
    with pytest.raises(InputError, match="frame 2: float64 from 0 to 255"):
        list(frames_of([RGB, RGB.astype(float)]))


# --- masks

SHAPE = (5, 6)


@pytest.mark.parametrize(
    "given", [np.ones(SHAPE), np.ones(SHAPE, bool), np.full(SHAPE, 255, np.uint8),
              np.full((*SHAPE, 1), 255), np.ones(SHAPE, np.float16)]
)  # fmt: skip
def test_white_masks(given):
    assert (mask(given, "mask 1", SHAPE) == 1).all()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (np.full(SHAPE, np.inf), "mask 1: inf to inf, expected 0 to 1"),
        (np.full(SHAPE, np.nan), "mask 1: nan to nan, expected 0 to 1"),
        (np.full(SHAPE, 2.0), "mask 1: 2 to 2, expected 0 to 1"),
        (np.ones(SHAPE, int), "whole numbers 0 and 1, where white is 255"),
        (np.full(SHAPE, 256), "expected 0 to 255"),
        (np.ones((6, 5)), "of shape [6, 5], expected the content's height and width, [5, 6]"),
        (np.ones((*SHAPE, 3)), "of shape [5, 6, 3]"),
        (None, "of type object came"),
    ],
)
def test_masks_that_are_refused(given, message):
    with pytest.raises(InputError) as raised:
        mask(given, "mask 1", SHAPE)
    assert message in str(raised.value)


# --- stylize


@pytest.fixture
def run():
    """A run whose styliser returns the content, and keeps what it was given."""
    seen = []

    def stylizer(content, styles, **controls):
        seen.append((content, styles, controls))
        return content

    task = SimpleNamespace(
        learned_styles=lambda config: None, read_style=lambda name: pictures.read(name)
    )
    return SimpleNamespace(
        task=task,
        config=SimpleNamespace(data=SimpleNamespace(range=())),
        stylizer=stylizer,
        seen=seen,
    )


def test_stylize_gives_the_same_for_all_types(run):
    same = [RGB, RGB.astype(np.int64), RGB / 255, Image.fromarray(RGB)]
    for content in same:
        for style in same:
            assert np.array_equal(stylize(run, content, [style], alpha=np.float32(0.5)), RGB)
    assert np.array_equal(stylize(run, RGB, RGB), RGB)  # one style needs no list
    for content, styles, controls in run.seen:
        assert np.array_equal(content, RGB.astype(np.float32) / 255)
        assert np.array_equal(styles[0], content)
        assert isinstance(controls["alpha"], float)


@pytest.mark.parametrize(
    ("controls", "message"),
    [
        ({"alpha": "1"}, "alpha='1': expected a number"),
        ({"alpha": np.nan}, "alpha=nan: expected a number"),
        ({"style_weights": 1}, "style_weights=1: expected a list of numbers"),
        ({"style_weights": ["a"]}, "style_weights='a': expected a number"),
        ({"masks": 3}, "masks=3: expected a list"),
        ({"masks": [np.full(SHAPE, np.inf)]}, "mask 1: inf"),
    ],
)
def test_controls_that_are_refused(run, controls, message):
    with pytest.raises(InputError) as raised:
        stylize(run, RGB, [RGB], **controls)
    assert message in str(raised.value)
    for styles in (None, [], ()):
        with pytest.raises(InputError, match="styles: none came"):
            stylize(run, RGB, styles)


# --- seeds


def test_seeds_of_any_type():
    assert given_seeds(np.int64(3)) == given_seeds(3) == given_seeds(range(3)) == [0, 1, 2]
    for several in ([7, 9], (7, 9), np.array([7, 9]), np.array([7, 9], np.uint8)):
        made = given_seeds(several)
        assert made == [7, 9] and {type(seed) for seed in made} == {int}


@pytest.mark.parametrize(
    "seeds", [3.0, "3", None, [1.5], ["1"], [None], np.ones((2, 2), int), True, {1}, 10**12,
              range(10**12)]
)  # fmt: skip
def test_seeds_that_are_refused(seeds):
    with pytest.raises(InputError, match="seeds"):
        given_seeds(seeds)
