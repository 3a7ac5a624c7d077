"""Picture files of every kind, made here with Pillow, go through `experiments.data.pictures`."""

import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from core.names import shown
from experiments.data import picture_files, pictures

RED, BLUE, WHITE = (255, 0, 0), (0, 0, 255), (255, 255, 255)


def gradient(height=6, width=9):
    """[H, W, 3]: red grows by 20 per column, green by 30 per row, blue is 7."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 20, y * 30, 0 * x + 7], -1).astype(np.uint8)


def plain(height, width, colour=RED):
    return np.broadcast_to(np.uint8(colour), (height, width, 3)).copy()


def save(path, picture, mode=None, **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    (image.convert(mode) if mode else image).save(path, **options)
    return path


def told(path, name):
    with Image.open(path) as image:
        return getattr(image, name)


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, depth, colour, raw, *extra):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(extra) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + header + body


def noise(size=64):
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


# --- find ---


def test_find_is_nested_sorted_and_filtered(tmp_path):
    wanted = ["B.PNG", "a/x.jpg", "a/y/deep.WebP", "a-b.bmp", "a.gif", "b.tif", "c.TIFF", "d.jpeg"]
    hidden = ["._a.jpg", ".h.png", ".cache/a.png", "__MACOSX/a.jpg", "a/.x/y/z.png", ".jpg"]
    for name in [*wanted, *hidden, "note.txt", "png", "a.npy", "x.jpg.part"]:
        path = tmp_path / "root" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "root/folder.jpg").mkdir()
    names = [
        path.relative_to(tmp_path / "root").as_posix() for path in pictures.find(tmp_path / "root")
    ]
    assert names == sorted(wanted)
    assert names[:4] == ["B.PNG", "a-b.bmp", "a.gif", "a/x.jpg"]  # not pathlib's order by part


def test_find_takes_links_a_hidden_root_and_text(tmp_path):
    root = tmp_path / ".root"
    (tmp_path / "elsewhere").mkdir()
    root.mkdir()
    save(tmp_path / "elsewhere/real.png", gradient())
    (root / "link.png").symlink_to(tmp_path / "elsewhere/real.png")
    (root / "broken.png").symlink_to(tmp_path / "nothing.png")
    (root / "linked").symlink_to(tmp_path / "elsewhere")
    assert pictures.find(str(root)) == [root / "broken.png", root / "link.png"]
    assert np.array_equal(pictures.read(root / "link.png"), gradient())
    with pytest.raises(InputError, match=r"broken\.png.*No such file"):
        pictures.read(root / "broken.png")


def test_find_empty_missing_and_file(tmp_path):
    assert pictures.find(tmp_path) == []
    for path in (tmp_path / "none", save(tmp_path / "a.png", gradient())):
        with pytest.raises(InputError, match=path.name):
            pictures.find(path)


# --- read: formats and modes ---


@pytest.mark.parametrize("suffix", sorted(pictures.EXTENSIONS))
def test_read_every_suffix(tmp_path, suffix):
    lossy = suffix in (".jpg", ".jpeg", ".jfif", ".avif")
    options = {"lossless": True} if suffix == ".webp" else {"quality": 95} if lossy else {}
    source = plain(8, 12, (200, 40, 90))
    path = save(tmp_path / f"a{suffix}", source, **options)
    picture = pictures.read(str(path))
    assert picture.dtype == np.uint8 and picture.shape == (8, 12, 3)
    assert np.abs(picture.astype(int) - source).max() <= (3 if lossy else 0)


def test_read_ignores_the_suffix(tmp_path):
    path = save(tmp_path / "really_png.jpg", gradient(), format="PNG")
    assert np.array_equal(pictures.read(path), gradient())


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.bmp"])
def test_read_grey_and_one_bit(tmp_path, name):
    grey = np.uint8([[0, 100, 200, 255]])
    assert pictures.read(save(tmp_path / name, grey))[0].tolist() == [[v] * 3 for v in grey[0]]
    one = save(tmp_path / name, Image.fromarray(grey > 150))
    assert told(one, "mode") == "1"
    assert pictures.read(one)[0, :, 1].tolist() == [0, 0, 255, 255]


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_read_composites_alpha_on_white(tmp_path, name):
    colours = np.uint8([[[*RED, 255], [*RED, 0], [0, 0, 0, 51]]])
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    picture = pictures.read(save(tmp_path / name, colours, **options))
    assert picture[0].tolist() == [[255, 0, 0], [255, 255, 255], [204, 204, 204]]


def test_read_grey_with_alpha(tmp_path):
    image = Image.fromarray(np.uint8([[[90, 255], [90, 0], [0, 51]]]), "LA")
    picture = pictures.read(save(tmp_path / "a.png", image))
    assert picture[0, :, 2].tolist() == [90, 255, 204]


@pytest.mark.parametrize(
    ("name", "transparency"), [("a.png", 1), ("a.gif", 1), ("a.png", bytes([255, 0, 51]))]
)
def test_read_palette(tmp_path, name, transparency):
    image = Image.fromarray(np.uint8([[0, 1, 2]]), "P")
    image.putpalette([*RED, *BLUE, 0, 0, 0])
    assert pictures.read(save(tmp_path / name, image))[0].tolist() == [[*RED], [*BLUE], [0, 0, 0]]
    picture = pictures.read(save(tmp_path / name, image, transparency=transparency))
    last = [0, 0, 0] if transparency == 1 else [204, 204, 204]
    assert picture[0].tolist() == [[*RED], [*WHITE], last]


def test_read_transparent_colour_without_alpha(tmp_path):
    path = save(tmp_path / "a.png", np.uint8([[RED, BLUE]]), transparency=BLUE)
    assert told(path, "mode") == "RGB"
    assert pictures.read(path)[0].tolist() == [[*RED], [*WHITE]]


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_read_cmyk(tmp_path, name):
    path = save(tmp_path / name, plain(8, 8, (200, 100, 30)), "CMYK")
    assert told(path, "mode") == "CMYK"
    if name == "a.jpg":
        assert b"Adobe" in path.read_bytes()  # so stored inverted
    assert np.abs(pictures.read(path).astype(int) - (200, 100, 30)).max() <= 3


def test_read_ycbcr_and_lab(tmp_path):
    path = save(tmp_path / "a.tif", plain(8, 8, (200, 100, 30)), "YCbCr")
    assert told(path, "mode") == "YCbCr"
    assert np.abs(pictures.read(path).astype(int) - (200, 100, 30)).max() <= 3
    lab = Image.fromarray(np.uint8([[[136, 80, 67], [255, 0, 0]]]), "LAB")  # 53.3, 80, 67 is red
    path = save(tmp_path / "b.tif", lab)
    assert told(path, "mode") == "LAB"
    assert np.abs(pictures.read(path).astype(int) - [[RED, WHITE]]).max() <= 12


SIXTEEN = [0, 257, 100 * 257 + 128, 100 * 257 + 129, 65535]
EIGHT = [0, 1, 100, 101, 255]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_read_sixteen_bit_grey(tmp_path, name):
    path = save(tmp_path / name, np.uint16([SIXTEEN]))
    assert told(path, "mode") == "I;16"
    assert np.array_equal(pictures.read(path)[0], np.uint8(EIGHT)[:, None].repeat(3, 1))


def test_read_big_endian_and_wide_grey(tmp_path):
    path = save(tmp_path / "a.tif", Image.fromarray(np.array([SIXTEEN], ">u2")))
    assert told(path, "mode") == "I;16B"
    assert pictures.read(path)[0, :, 0].tolist() == EIGHT
    path = save(tmp_path / "b.tif", np.int32([SIXTEEN]))
    assert told(path, "mode") == "I"
    assert pictures.read(path)[0, :, 0].tolist() == EIGHT


def test_read_sixteen_bit_png_colour_and_transparency(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 65535, 25700, 0)))
    assert pictures.read(path).tolist() == [[[255, 100, 0]]]
    clear = chunk(b"tRNS", struct.pack(">H", 25700))
    path.write_bytes(png(2, 1, 16, 0, b"\0" + struct.pack(">2H", 25700, 25701), clear))
    assert pictures.read(path)[0, :, 0].tolist() == [255, 100]


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ([0, 0.5, 1], [0, 128, 255]),
        ([0, 0.25, 100.6, 300], [0, 0, 101, 255]),
        ([-1, 0.5, 1], [0, 191, 255]),
        ([np.nan, 0.5, 1], [0, 128, 255]),
        ([np.inf, -np.inf, 9], [255, 0, 9]),
    ],
)
def test_read_float(tmp_path, values, wanted):
    path = save(tmp_path / "a.tif", np.float32([values]))
    assert told(path, "mode") == "F"
    assert pictures.read(path)[0, :, 0].tolist() == wanted


# --- read: frames and orientation ---


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp"])
def test_read_first_frame(tmp_path, name):
    first, *rest = (Image.fromarray(plain(5, 4, colour)) for colour in (BLUE, RED, WHITE))
    options = {"lossless": True} if name.endswith("webp") else {}
    path = save(tmp_path / name, first, save_all=True, append_images=rest, **options)
    assert told(path, "n_frames") == 3
    assert np.array_equal(pictures.read(path), plain(5, 4, BLUE))


UPRIGHT = {  # the stored picture, turned as orientation n says
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.swapaxes(0, 1),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: np.rot90(p, 2).swapaxes(0, 1),
    8: lambda p: np.rot90(p),
}


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_read_applies_exif_orientation(tmp_path, name, orientation):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16], stored[:8, 16:], stored[8:, :16] = RED, BLUE, WHITE
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {".jpg": {"quality": 95, "subsampling": 0}, ".webp": {"lossless": True}}
    path = save(tmp_path / name, stored, exif=exif, **options.get(name[1:], {}))
    wanted = UPRIGHT[orientation](stored)
    picture = pictures.read(path)
    assert picture.shape == wanted.shape
    assert np.abs(picture.astype(int) - wanted).max() <= 20


@pytest.mark.parametrize("exif", [b"II*\0\xff\xff\xff\x7fgarbage", b"garbage"])  # warns; raises
def test_read_survives_damaged_exif(tmp_path, exif):
    path = save(tmp_path / "a.png", gradient(), exif=b"Exif\0\0" + exif)
    assert np.array_equal(pictures.read(path), gradient())


# --- read: refusals ---


def refused(path, *words):
    with pytest.raises(InputError) as caught:
        pictures.read(path)
    for word in (shown(path), *words):
        assert word in str(caught.value)


def test_read_refuses_what_is_no_file(tmp_path):
    refused(tmp_path / "none.png", "No such file", "Check the path")
    refused(tmp_path, "directory", "find")
    refused(tmp_path / "a\0b.png")
    refused(tmp_path / ("n" * 300 + ".png"))
    os.mkfifo(tmp_path / "pipe.png")
    refused(tmp_path / "pipe.png", "empty")


def test_read_refuses_what_is_no_picture(tmp_path):
    for name, data in [("a.jpg", b"just text\n" * 9), ("b.png", bytes(999)), ("c.gif", b"GIF89a")]:
        (tmp_path / name).write_bytes(data)
        refused(tmp_path / name, "convert it")
    (tmp_path / "empty.png").touch()
    refused(tmp_path / "empty.png", "0 bytes", "leave it out")
    refused(save(tmp_path / "postscript.png", gradient(), format="EPS"), "convert it")


def test_read_refuses_without_permission(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", gradient())  # chmod would not stop root

    def deny(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", deny)
    refused(path, "Permission denied", "readable")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.95])
@pytest.mark.parametrize(
    "name", ["a.jpg", "progressive.jpg", "a.png", "a.gif", "a.bmp", "a.tif", "a.webp"]
)
def test_read_refuses_truncated_files(tmp_path, name, share):
    data = save(tmp_path / name, noise(), progressive=name.startswith("pro")).read_bytes()
    assert pictures.read(tmp_path / name).shape == (64, 64, 3)
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    refused(tmp_path / name)


def test_read_refuses_corrupted_png_and_tiff(tmp_path):
    data = bytearray(save(tmp_path / "a.png", noise()).read_bytes())
    data[len(data) // 2] ^= 255
    (tmp_path / "a.png").write_bytes(data)
    refused(tmp_path / "a.png", "corrupted")
    data = save(tmp_path / "a.tif", noise(), compression="tiff_lzw").read_bytes()
    (tmp_path / "a.tif").write_bytes(data[:8] + bytes([255]) * 400 + data[408:])
    refused(tmp_path / "a.tif")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.gif", "a.bmp", "a.tif", "a.webp"])
def test_random_damage_raises_nothing_else(tmp_path, name):
    data = save(tmp_path / name, noise(16)).read_bytes()
    rng = np.random.default_rng(1)
    refusals = 0
    for _ in range(60):
        damaged = np.frombuffer(data, np.uint8).copy()
        damaged[rng.integers(0, min(len(data), 120), 3)] = rng.integers(0, 256, 3)
        (tmp_path / name).write_bytes(damaged.tobytes())
        try:
            assert pictures.read(tmp_path / name).shape[2:] == (3,)
        except InputError:
            refusals += 1
    assert refusals > 5


@pytest.mark.parametrize("edge", [60_000, 20_000])  # Pillow raises; Pillow would only warn
def test_read_refuses_bombs_from_the_header(tmp_path, edge):
    (tmp_path / "bomb.png").write_bytes(png(edge, edge, 8, 2, b"tiny"))
    refused(tmp_path / "bomb.png", "pixels", "Resize")


def test_read_own_limit_and_pillows(tmp_path, monkeypatch):
    path = save(tmp_path / "a.png", gradient(6, 9))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 54)
    assert pictures.read(path).shape == (6, 9, 3)
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 53)
    refused(path, "53")
    monkeypatch.setattr(picture_files, "MAX_PIXELS", 2**28)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    refused(path, "50")
    assert Image.MAX_IMAGE_PIXELS == 50


def test_read_in_threads_leaves_the_warning_filters(tmp_path):
    paths = [save(tmp_path / f"{i}.png", noise(32) // (i + 1)) for i in range(40)]
    before = list(warnings.filters)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(pictures.read, paths))
    assert all(np.array_equal(p, noise(32) // (i + 1)) for i, p in enumerate(found))
    assert warnings.filters == before


# --- fit ---


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
