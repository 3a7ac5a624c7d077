"""What may be uploaded: judged by its bytes, read as everywhere in this project."""

import io
import struct
import zlib

import numpy as np
import pytest
from fake_site import make_site
from orders import ask, file, made, named, order
from PIL import Image

from web import service


def encoded(image, kind, **options):
    data = io.BytesIO()
    image.save(data, kind, **options)
    return named(data.getvalue())


def bomb(width=60_000, height=60_000):
    """A PNG of a few bytes whose header claims billions of pixels."""

    def chunk(name, data):
        whole = name + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0"))


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 400, "the file is empty"),
        (b"no picture at all", 415, "not a picture that can be read"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 415, "not a picture that can be read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", 415, "not a picture"),
        (bomb(), 413, "more than 40 million pixels"),
        (bomb(8000, 6000), 413, "more than 40 million pixels"),
        (bomb(100, 100), 400, "damaged or cut off"),
        (file(size=(4, 4)).getvalue(), 400, "at least 8 x 8 are needed"),
    ],
)
@pytest.mark.parametrize("field", ["content", "style"])
def test_what_is_no_picture_is_refused(client, site, field, data, status, words):
    answer = order(client, **{field: named(data)})
    assert answer.status_code == status
    assert answer.json()["error"].startswith(f"{field}: ")
    assert words in answer.json()["error"]


def test_too_many_bytes_are_refused_and_not_kept(client, tmp_path):
    site = make_site(tmp_path / "small", rate=0, upload_mb=0.05)
    service.use(site)
    answer = order(client, content=named(b"x" * 60_000))
    assert answer.status_code == 413
    assert answer.json()["error"] == "content: the file has 0.1 MB; at most 0.05 MB can be sent."
    longer = order(client, content=named(b"x" * 1_300_000))
    assert longer.status_code == 413
    assert longer.json()["error"] == "The request is longer than 1 MB."


def test_too_many_fields_are_refused(client, site):
    answer = client.post("/api/stylize", {f"field{i}": "" for i in range(200)})
    assert answer.status_code in (400, 413)
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..\\..\\boot.ini",
        "한국어 사진.png",
        "a" * 300 + ".png",
        "x.exe",
    ],
)
def test_the_name_of_a_file_does_not_matter(client, site, name):
    opened = file()
    opened.name = name
    result = made(client, site, content=opened)
    assert result[0, 0].tolist() == [100, 60, 30]
    files = {path.name for path in site.store.root.rglob("*") if path.is_file()}
    known = {"job.json", "content.png", "result.png", "small.jpg", "progress.txt", "worker.lock"}
    assert files <= known


def test_all_kinds_of_pictures_are_read_as_everywhere(client, site):
    def result(image, kind, **options):
        return made(client, site, content=encoded(image, kind, **options), alpha="0")

    grey = Image.fromarray(np.full((24, 40), 257 * 100, np.uint16))
    assert result(grey, "PNG")[0, 0].tolist() == [100, 100, 100]
    clear = Image.new("RGBA", (40, 24), (200, 0, 0, 0))
    assert result(clear, "PNG")[0, 0].tolist() == [255, 255, 255]
    cmyk = result(Image.new("CMYK", (40, 24), (0, 255, 255, 0)), "JPEG")
    assert np.abs(cmyk[0, 0].astype(int) - (255, 0, 0)).max() < 12
    frames = [Image.new("RGB", (40, 24), colour) for colour in ("blue", "red")]
    first = result(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert first[0, 0].tolist() == [0, 0, 255]


def test_exif_rotation_is_applied(client, site):
    exif = Image.Exif()
    exif[0x0112] = 6
    opened = file(size=(40, 24), kind="JPEG", exif=exif)
    assert made(client, site, content=opened).shape == (40, 24, 3)


def test_a_jpeg_with_half_of_its_data_is_refused_or_shown_but_never_breaks(client, site):
    rng = np.random.default_rng(0)
    noise = encoded(Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)), "JPEG").getvalue()
    answer = order(client, content=named(noise[: len(noise) // 2]))
    assert answer.status_code == 400
    assert "damaged or cut off" in answer.json()["error"]
    assert ask(client, "0" * 48)["error"]
