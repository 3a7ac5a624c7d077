"""Picture files of every kind, made here with Pillow, go through `experiments.data.pictures`."""

import os
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from drawn import BLUE, RED, WHITE, gradient, plain, save, told
from PIL import Image

from core.errors import InputError
from core.names import shown
from experiments.data import picture_files, pictures


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
