"""Pictures are written, in which ranges, and how sheets are put together."""

import os

import numpy as np
import pytest
from drawn import BLUE, RED, WHITE, gradient, plain, save, told
from PIL import Image

from core.errors import InputError
from core.names import shown
from experiments.data import pictures

# --- write_png, to_signed, from_signed ---


def test_write_png_round_trip_and_replacement(tmp_path):
    path = tmp_path / "new/folders/a.png"
    pictures.write_png(path, plain(2, 2))
    pictures.write_png(str(path), gradient())
    assert np.array_equal(pictures.read(path), gradient())
    assert told(path, "format") == "PNG"
    assert os.listdir(path.parent) == ["a.png"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_write_png_float(tmp_path, dtype):
    values = np.array([0, 0.5, 1, -1e-4, 1 + 1e-4, 100 / 255], dtype).reshape(1, 2, 3)
    pictures.write_png(tmp_path / "a.png", values)
    assert pictures.read(tmp_path / "a.png").ravel().tolist() == [0, 128, 255, 0, 255, 100]


@pytest.mark.parametrize("value", [-0.5, 1.5, np.nan, np.inf])
def test_write_png_refuses_other_ranges(tmp_path, value):
    picture = np.full((2, 2, 3), 0.5)
    picture[1, 1, 1] = value
    with pytest.raises(InputError, match=r"\[0, 1\]"):
        pictures.write_png(tmp_path / "a.png", picture)
    assert os.listdir(tmp_path) == []


def test_write_png_unwritable(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    (tmp_path / "folder.png").mkdir()
    for name in ("file/a.png", "file/b/a.png", "folder.png", "a\0.png"):
        with pytest.raises(InputError) as caught:
            pictures.write_png(tmp_path / name, gradient())
        assert shown(tmp_path / name) in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.png"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_write_png_is_atomic(tmp_path, monkeypatch, error):
    path = save(tmp_path / "a.png", gradient())

    def fail(self, file, *_):
        file.write(b"half a pict")
        raise error

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(InputError if isinstance(error, OSError) else KeyboardInterrupt):
        pictures.write_png(path, plain(2, 2))
    assert os.listdir(tmp_path) == ["a.png"]
    assert np.array_equal(pictures.read(path), gradient())


def test_ranges_round_trip():
    values = np.arange(256, dtype=np.uint8)
    images = pictures.to_signed(values)
    assert images.dtype == np.float32
    assert images[0] == -1 and images[255] == 1
    assert np.allclose(images, values / 127.5 - 1, atol=1e-6)
    for dtype in (np.float16, np.float32, np.float64):
        back = pictures.from_signed(images.astype(dtype))
        assert back.dtype == np.uint8 and np.array_equal(back, values)


def test_from_signed_clips_and_rounds():
    images = [-np.inf, -1.5, -1 + 0.4 / 127.5, -1 + 0.6 / 127.5, 0.999, 7.0, np.inf]
    assert pictures.from_signed(images).tolist() == [0, 0, 0, 1, 255, 255, 255]
    assert pictures.from_signed(np.zeros((2, 4, 4, 3), np.float32)).shape == (2, 4, 4, 3)


def test_ranges_refuse_each_others_values():
    with pytest.raises(InputError, match="float32"):
        pictures.to_signed(np.zeros(3, np.float32))
    with pytest.raises(InputError, match="uint8 values"):
        pictures.from_signed(np.zeros(3, np.uint8))
    with pytest.raises(InputError, match="NaN"):
        pictures.from_signed(np.float32([0, np.nan]))


# --- sheet ---


def test_sheet_layout():
    picture = pictures.sheet([[plain(4, 6), plain(4, 6, BLUE)], [plain(4, 6, (1, 2, 3))]], gap=3)
    wanted = plain(3 + 4 + 3 + 4 + 3, 3 + 6 + 3 + 6 + 3, WHITE)
    wanted[3:7, 3:9], wanted[3:7, 12:18], wanted[10:14, 3:9] = RED, BLUE, (1, 2, 3)
    assert np.array_equal(picture, wanted)


def test_sheet_scales_by_repeating():
    picture = pictures.sheet([[gradient(2, 3)]], gap=0, scale=4)
    assert np.array_equal(picture, gradient(2, 3).repeat(4, 0).repeat(4, 1))


def test_sheet_column_titles_stand_above_their_columns():
    row = [plain(40, 60), plain(40, 60, BLUE)]
    untitled, titled = pictures.sheet([row]), pictures.sheet([row], ["left", ""])
    head = len(titled) - len(untitled)
    assert 10 < head < 30 and titled.shape[1] == untitled.shape[1]
    assert np.array_equal(titled[head:], untitled)
    dark = (titled[:head] < 100).all(-1)
    assert dark[:, 2:62].sum() > 10 and not dark[:, 62:].any()
    middle = np.flatnonzero(dark.any(0)).mean()
    assert abs(middle - 32) < 4  # centred on columns 2..61


def test_sheet_row_titles_and_both():
    rows = [[plain(30, 30)], [plain(30, 30, BLUE)]]
    untitled = pictures.sheet(rows)
    side = pictures.sheet(rows, row_titles=["", "low"])
    extra = side.shape[1] - untitled.shape[1]
    assert extra > 15 and np.array_equal(side[:, extra:], untitled)
    dark = (side[:, :extra] < 100).all(-1)
    assert dark[34:64].any() and not dark[:34].any()
    both = pictures.sheet(rows, ["x"], ["", "low"])
    assert np.array_equal(both[-len(side) :], side)
    assert (both[: -len(side), extra:] < 100).all(-1).any()  # not above the row titles
    assert not (both[: -len(side), :extra] < 100).all(-1).any()


def test_sheet_long_title_widens_its_own_column():
    row = [plain(8, 8), plain(8, 8, BLUE)]
    picture = pictures.sheet([row], ["a very long title", "b"], gap=2)
    red, blue = ((picture == colour).all(-1).any(0).nonzero()[0] for colour in (RED, BLUE))
    assert len(red) == len(blue) == 8
    assert red[0] > 30 and blue[-1] > picture.shape[1] - 12
    assert abs(red.mean() - (blue[0] - 4) / 2) < 3  # centred under its title


@pytest.mark.parametrize(
    "arguments",
    [
        {"rows": []},
        {"rows": [[]]},
        {"rows": [[plain(4, 4), plain(4, 5)]]},
        {"rows": [[plain(4, 4)]], "column_titles": ["a", "b"]},
        {"rows": [[plain(4, 4)]], "row_titles": []},
        {"rows": [[plain(4, 4)]], "gap": -1},
        {"rows": [[plain(4, 4)]], "scale": 0},
    ],
)
def test_sheet_refuses(arguments):
    with pytest.raises(InputError, match="one size"):
        pictures.sheet(**arguments)
