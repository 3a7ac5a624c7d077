"""Which files are pictures, the shape of one in every format, and how large it may be."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from experiments.data import files, picture_files, pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source
from experiments.data.sources import open_dataset

PICTURE = np.random.default_rng(4).integers(0, 256, (12, 20, 3), dtype=np.uint8)
AVIF = "AVIF" in picture_files.FORMATS


def save(path, picture=PICTURE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, **options)
    return path


# --- shapes


@pytest.mark.parametrize("orientation", range(9))
@pytest.mark.parametrize(
    "name", ["a.jpg", "a.png", "a.webp", "a.tif", *(["a.avif"] if AVIF else [])]
)
def test_the_shape_is_what_reading_gives(tmp_path, name, orientation):
    exif = Image.Exif()
    if orientation:
        exif[0x0112] = orientation
    path = save(tmp_path / name, exif=exif)
    wanted = pictures.read(path).shape[:2]
    assert pictures.shape(path) == wanted == ((20, 12) if orientation > 4 else (12, 20))
    assert pictures.decode_shape(path.read_bytes(), name) == wanted


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg", "packbits"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32])
def test_the_shape_of_tiffs_of_all_kinds(tmp_path, compression, kind):
    if compression == "jpeg" and kind != np.uint8:
        pytest.skip("JPEG has 8 bits")
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = (PICTURE[..., 0]).astype(kind)
    path = save(tmp_path / "a.tif", picture, exif=exif, compression=compression)
    assert pictures.shape(path) == pictures.read(path).shape[:2] == (20, 12)


def test_the_shape_where_xmp_says_the_orientation(tmp_path):
    xmp = b'<x:xmpmeta tiff:Orientation="8"></x:xmpmeta>'
    for name in ("a.jpg", "a.webp", "a.png"):
        path = save(tmp_path / name, xmp=xmp)
        assert pictures.shape(path) == pictures.read(path).shape[:2]


def pairs(tmp_path, turned, upright):
    exif = Image.Exif()
    exif[0x0112] = 8
    save(tmp_path / "trainA/s.tif", turned, exif=exif)
    save(tmp_path / "trainB/s.png", upright)
    return open_dataset(
        f"folder:{tmp_path}", size=0, roles=("A", "B"), paired=True, report=lambda line: None
    )


def test_pairs_fit_as_they_are_shown(tmp_path):
    dataset = pairs(tmp_path / "fit", PICTURE, np.rot90(PICTURE))
    assert all(s.load(0).shape == (20, 12, 3) for s in dataset.train.values())
    with pytest.raises(InputError, match="need one size"):
        pairs(tmp_path / "misfit", PICTURE, PICTURE)


# --- formats


@pytest.mark.parametrize(
    ("name", "picture"),
    [("a.ppm", PICTURE), ("a.pgm", PICTURE[..., 0]), ("a.pnm", PICTURE), ("a.jfif", PICTURE)],
)
def test_more_formats(tmp_path, name, picture):
    path = save(tmp_path / name, picture, format="JPEG" if name.endswith("jfif") else None)
    assert pictures.find(tmp_path) == [path]
    found = pictures.read(path, 1 if picture.ndim == 2 else 3)
    if not name.endswith("jfif"):
        assert np.array_equal(np.squeeze(found), picture)
    source = open_dataset(f"folder:{tmp_path}", size=0).train["image"]
    assert source.load(0).shape == (12, 20, 3)


def test_pgm_of_any_depth(tmp_path):
    values = np.linspace(0, 4095, 240).astype(np.uint16).reshape(12, 20)
    head = b"P5\n# by hand\n20 12\n"
    (tmp_path / "a.pgm").write_bytes(head + b"4095\n" + values.astype(">u2").tobytes())
    (tmp_path / "b.pgm").write_bytes(head + b"65535\n" + (values * 16).astype(">u2").tobytes())
    (tmp_path / "c.pgm").write_bytes(b"P2 3 1 7 0 7 3")
    (tmp_path / "d.pbm").write_bytes(b"P1 3 1 0 1 0")
    for name in "ab":
        found = pictures.read(tmp_path / f"{name}.pgm", 1)[..., 0]
        assert np.abs(found - values * (255 / 4095)).max() <= 1.5
    assert pictures.read(tmp_path / "c.pgm", 1).ravel().tolist() == [0, 255, 109]
    assert pictures.read(tmp_path / "d.pbm", 1).ravel().tolist() == [255, 0, 255]


def test_a_large_pgm_that_is_slow_to_read_is_refused(tmp_path):
    (tmp_path / "a.ppm").write_bytes(b"P6\n5000 5000\n100\n" + bytes(999))
    with pytest.raises(InputError, match="slow to read"):
        pictures.read(tmp_path / "a.ppm")


@pytest.mark.skipif(not AVIF, reason="this Pillow reads no AVIF")
def test_avif(tmp_path):
    path = save(tmp_path / "a.avif", np.full((12, 20, 3), 90, np.uint8))
    assert np.abs(pictures.read(path).astype(int) - 90).max() <= 3


@pytest.mark.parametrize("name", ["a.eps", "a.pdf", "a.ico", "a.psd"])
def test_other_formats_stay_out(tmp_path, name):
    if name in ("a.eps", "a.pdf", "a.ico"):
        save(tmp_path / name)
    else:
        (tmp_path / name).write_bytes(b"8BPS" + bytes(99))
    assert pictures.find(tmp_path) == []
    with pytest.raises(InputError, match="convert it"):
        pictures.read(tmp_path / name)


# --- what is passed over


@pytest.fixture
def mixed(tmp_path):
    for name in ("a.png", "sub/b.jpg"):
        save(tmp_path / "mixed" / name)
    (tmp_path / "mixed/noext").write_bytes((tmp_path / "mixed/a.png").read_bytes())
    (tmp_path / "mixed/sub/c.jxl").write_bytes(b"anything")
    (tmp_path / "mixed/d.jpg_large").write_bytes((tmp_path / "mixed/sub/b.jpg").read_bytes())
    for name in ("notes.txt", "labels.json", "README", ".hidden.heic", "empty"):
        (tmp_path / "mixed" / name).write_text("II is no picture" if name == "README" else "")
    return tmp_path / "mixed"


def test_what_looks_like_a_picture_is_named(mixed):
    said = []
    dataset = open_dataset(f"folder:{mixed}", size=0, report=said.append)
    assert dataset.train["image"].size == 2
    assert len(said) == 1 and "3 files look like pictures" in said[0]
    assert all(name in said[0] for name in ("noext", "sub/c.jxl", "d.jpg_large", ".png"))
    again = []
    assert len(files.inputs("--input", str(mixed), again.append)[0]) == 2
    assert len(again) == 1 and "noext" in again[0]
    (mixed / "noext").unlink()
    (mixed / "d.jpg_large").unlink()
    assert "1 file looks like a picture and is passed over: sub/c.jxl" in pictures.passed_over(
        mixed
    )
    (mixed / "sub/c.jxl").unlink()
    assert pictures.passed_over(mixed) == ""


def test_the_same_in_an_archive(mixed, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for path in sorted(mixed.rglob("*")):
            archive.write(path, f"top/{path.relative_to(mixed)}")
    said = []
    open_dataset(f"zip:{tmp_path / 'a.zip'}", size=0, report=said.append)
    assert len(said) == 1 and "3 files look like pictures" in said[0] and "c.jxl" in said[0]


def test_a_folder_of_other_pictures_says_so(tmp_path):
    (tmp_path / "a.jxl").write_bytes(b"anything")
    for call in (
        lambda: files.inputs("--input", str(tmp_path)),
        lambda: open_dataset(f"folder:{tmp_path}", size=0, report=lambda line: None),
    ):
        with pytest.raises(InputError, match="no pictures"):
            call()
    with pytest.raises(InputError, match=r"a\.jxl"):
        files.inputs("--input", str(tmp_path))


# --- sizes


def test_pixels_allowed(tmp_path):
    Image.new("1", (20_000, 5_000)).save(tmp_path / "a.png")
    assert pictures.shape(tmp_path / "a.png") == (5_000, 20_000)
    assert pictures.read(tmp_path / "a.png", 1).shape == (5_000, 20_000, 1)
    assert Image.MAX_IMAGE_PIXELS == pictures.MAX_PIXELS == 2**28


def test_scaling_is_bounded():
    line = np.zeros((1, 10_000, 3), np.uint8)
    for call in (
        lambda: pictures.fit_side(line, 512),
        lambda: pictures.fit_over(line, (512, 512)),
        lambda: pictures.fit_side(PICTURE, 20_000),
        lambda: pictures.fit(PICTURE, 20_000, "stretch"),
    ):
        with pytest.raises(InputError, match=r"more than [\d,]+"):
            call()
    assert pictures.fit_side(line, 512, max).shape == (1, 512, 3)
    assert pictures.fit(line, 64, "crop").shape == (64, 64, 3)


def test_a_picture_too_thin_to_scale_does_not_stop_training():
    from experiments.data import pipeline

    said = []
    images = [np.full((20, 30, 3), 9, np.uint8), np.zeros((1, 10_000, 3), np.uint8)]
    source = Source("thin", 2, images.__getitem__, report=said.append)
    config = DataConfig(size=512, load_size=512, fit="side")
    dataset = Dataset("thin", {"content": source}, {"content": source})
    stream = pipeline.batches(dataset, config, size=512, batch_size=2, start=0, seed=0)
    batch = next(stream)["content"]
    assert batch.shape == (2, 512, 512, 3) and np.ptp(batch) == 0
    left_out = [line for line in said if "left out" in line]
    assert len(left_out) == 1 and "thin: image 1" in left_out[0] and dataset.left_out()
