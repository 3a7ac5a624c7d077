"""Pictures of any size become those that a network takes: `experiments.data.pictures.fit`."""

import numpy as np
import pytest
from drawn import BLUE, gradient, plain
from PIL import Image

from core.errors import InputError
from experiments.data import pictures


@pytest.mark.parametrize("mode", pictures.MODES)
@pytest.mark.parametrize("shape", [(6, 9), (9, 6), (8, 8), (1, 300), (300, 1)])
def test_fit_shapes(mode, shape):
    for size, wanted in [
        (5, (5, 5)),
        ((4, 10), (4, 10)),
        ((20, 3), (20, 3)),
        (np.int64(1), (1, 1)),
    ]:
        picture = pictures.fit(gradient(*shape), size, mode)
        assert picture.shape == (*wanted, 3) and picture.dtype == np.uint8


def test_fit_odd_sizes_fill_everything():
    rng = np.random.default_rng(2)
    for height, width, h, w in rng.integers(1, 60, (300, 4)).tolist():
        for mode in pictures.MODES:
            picture = pictures.fit(plain(height, width, BLUE), (h, w), mode)
            assert np.array_equal(picture, plain(h, w, BLUE))


def ramp(height, width):
    """Red is the column, green the row."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, 0 * x], -1).astype(np.uint8)


def test_fit_stretch_is_pillows_bicubic():
    picture = pictures.fit(ramp(60, 200), 30, "stretch")
    wanted = Image.fromarray(ramp(60, 200)).resize((30, 30), Image.Resampling.BICUBIC)
    assert np.array_equal(picture, np.asarray(wanted))
    assert picture[15, 2, 0] == 16 and picture[15, 27, 0] == 183  # 200 columns over 30
    assert pictures.fit(ramp(60, 200), 30, "stretch", Image.Resampling.NEAREST)[0, 0, 0] == 3


def test_fit_antialiases():
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(pictures.fit(stripes, 16, "stretch").astype(int) - 127.5).max() < 10


def test_fit_crop_keeps_the_centre():
    assert np.array_equal(pictures.fit(ramp(60, 200), 60, "crop"), ramp(60, 200)[:, 70:130])
    assert np.array_equal(pictures.fit(ramp(200, 60), 60, "crop"), ramp(200, 60)[70:130])
    half = pictures.fit(ramp(60, 200), 30, "crop").astype(int)
    resized = Image.fromarray(ramp(60, 200)).resize((100, 30), Image.Resampling.BICUBIC)
    assert np.abs(half - np.asarray(resized)[:, 35:65]).max() <= 1
    assert np.array_equal(pictures.fit(ramp(60, 200), (60, 100), "crop"), ramp(60, 200)[:, 50:150])


def test_fit_pad_reflects_around_the_whole():
    picture = pictures.fit(ramp(4, 7), 7, "pad")
    assert picture[:, 0, 1].tolist() == [1, 0, 1, 2, 3, 2, 1]  # 1 above, 2 below
    assert np.array_equal(picture[1:5], ramp(4, 7))
    assert pictures.fit(ramp(7, 4), 7, "pad")[0, :, 0].tolist() == [1, 0, 1, 2, 3, 2, 1]
    half = pictures.fit(ramp(60, 200), 100, "pad")
    resized = Image.fromarray(ramp(60, 200)).resize((100, 30), Image.Resampling.BICUBIC)
    assert np.array_equal(half[35:65], np.asarray(resized))


def test_fit_leaves_its_input_alone():
    source = gradient(4, 4)
    for mode in pictures.MODES:
        picture = pictures.fit(source, 4, mode)
        assert np.array_equal(picture, source)
        picture[:] = 0
    assert np.array_equal(source, gradient(4, 4))
    assert np.array_equal(pictures.fit(source[:, ::-1], 4, "crop"), source[:, ::-1])


@pytest.mark.parametrize(
    ("mode", "near"), [("strech", "stretch"), ("CROP", "crop"), ("padding", "pad")]
)
def test_fit_names_the_nearest_mode(mode, near):
    with pytest.raises(InputError, match=f"'{mode}'; did you mean '{near}'"):
        pictures.fit(gradient(), 4, mode)
    for other in (None, "", "zzz"):
        with pytest.raises(InputError, match="did you mean"):
            pictures.fit(gradient(), 4, other)


@pytest.mark.parametrize("size", [0, -1, 2.5, (4,), (4, 4, 3), (4, 0), "big"])
def test_fit_refuses_sizes(size):
    with pytest.raises(InputError, match="positive integer"):
        pictures.fit(gradient(), size, "crop")


@pytest.mark.parametrize("shape", [(4, 4), (4, 4, 2), (4, 4, 5), (1, 4, 4, 3), (0, 4, 3)])
def test_only_pictures_are_taken(tmp_path, shape):
    for call in (
        lambda p: pictures.fit(p, 4, "crop"),
        lambda p: pictures.write_png(tmp_path / "a.png", p),
        lambda p: pictures.sheet([[p]]),
    ):
        with pytest.raises(InputError, match=r"uint8 \[H, W, 3\]"):
            call(np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match="int64"):
        pictures.fit(gradient().astype(np.int64), 4, "crop")
