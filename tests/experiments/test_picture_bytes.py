"""PNG and JPEG files whose bytes Pillow does not look at closely enough, or too closely."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from core.errors import InputError
from experiments.data import picture_bytes, pictures

PICTURE = np.random.default_rng(5).integers(0, 256, (60, 70, 4), dtype=np.uint8)
TEXT = b"pixels do not depend on this. " * 200_000  # 6 MB, 18 kB in a chunk


def chunk(kind, data, damage=0):
    checksum = zlib.crc32(kind + data) ^ damage
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def png(*extra, picture=PICTURE, after=()):
    """The bytes of a PNG with further chunks before (or after) its pixels."""
    stream = io.BytesIO()
    Image.fromarray(picture).save(stream, "PNG")
    data = stream.getvalue()
    end = data.index(b"IEND") - 4
    return data[:33] + b"".join(extra) + data[33:end] + b"".join(after) + data[end:]


METADATA = {
    "xmp": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(TEXT)),
    "plain text": chunk(b"tEXt", b"Comment\0" + TEXT),
    "packed text": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(TEXT)),
    "profile": chunk(b"iCCP", b"icc\0\0" + zlib.compress(TEXT)),
    "huge profile": chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(2**25))),
    "many texts": chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(2**20))) * 80,
    "odd method": chunk(b"iCCP", b"icc\0\7" + zlib.compress(b"x")),
    "damaged text": chunk(b"tEXt", b"Comment\0abc", damage=1),
    "damaged exif": chunk(b"eXIf", b"II*\0abc", damage=1),
    "short gamma": chunk(b"gAMA", b"\0"),
    "no language": chunk(b"iTXt", b"XML:com.adobe.xmp\0\1"),
}


@pytest.mark.parametrize("name", METADATA)
@pytest.mark.parametrize("where", ["before", "after"])
def test_pixels_do_not_depend_on_metadata(name, where):
    extra = METADATA[name]
    data = png(extra) if where == "before" else png(after=[extra])
    assert np.array_equal(pictures.decode(data, "a", 4), PICTURE)
    assert pictures.decode_shape(data, "a") == PICTURE.shape[:2]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["eXIf", "XML:com.adobe.xmp", "Raw profile type exif"])
def test_what_says_the_orientation_is_kept(kind, packed):
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes().removeprefix(b"Exif\0\0")
    if kind == "eXIf":
        extra = chunk(b"eXIf", raw)
    elif kind.startswith("XML"):
        text = b'<x tiff:Orientation="6"/>'
        text = b"\1\0\0\0" + zlib.compress(text) if packed else b"\0\0\0\0" + text
        extra = chunk(b"iTXt", kind.encode() + b"\0" + text)
    else:
        text = f"\nexif\n{len(raw):8}\n{(b'Exif' + bytes(2) + raw).hex()}\n".encode()
        extra = chunk(b"zTXt", kind.encode() + b"\0\0" + zlib.compress(text))
    data = png(METADATA["xmp"] if kind == "eXIf" else b"", extra, METADATA["plain text"])
    assert np.array_equal(pictures.decode(data, "a", 4), np.rot90(PICTURE, -1))
    assert pictures.decode_shape(data, "a") == (70, 60)


@pytest.mark.parametrize("mode", ["RGBA", "RGB", "L", "P", "I;16"])
def test_no_flipped_bit_passes(mode):
    picture = {
        "RGBA": PICTURE,
        "RGB": PICTURE[..., :3],
        "L": PICTURE[..., 0],
        "P": PICTURE[..., :3],
        "I;16": PICTURE[..., 0].astype(np.uint16) * 250,
    }[mode]
    stream = io.BytesIO()
    image = Image.fromarray(picture)
    (image.quantize(16) if mode == "P" else image).save(stream, "PNG")
    data = stream.getvalue()
    right = pictures.decode(data, "a", 4)
    rng = np.random.default_rng(6)
    for _ in range(150):
        damaged = np.frombuffer(data, np.uint8).copy()
        damaged[rng.integers(len(data))] ^= np.uint8(1 << rng.integers(8))
        try:
            found = pictures.decode(damaged.tobytes(), "a", 4)
        except InputError:
            continue
        assert np.array_equal(found, right)


def test_a_wrong_checksum_of_pixels_is_refused_even_where_pixels_unpack():
    data = png()
    at = data.index(b"IDAT") - 4
    length = int.from_bytes(data[at : at + 4], "big")
    damaged = data[: at + 8 + length] + b"abcd" + data[at + 12 + length :]
    with pytest.raises(InputError, match="checksum in 'IDAT'.*corrupted"):
        pictures.decode(damaged, "a")


def test_the_shape_is_known_whatever_the_pixels_are():
    data = png(METADATA["plain text"])
    for damaged in (data[: data.index(b"IDAT") + 9], data[: data.index(b"IDAT") + 50] + data[-90:]):
        assert pictures.decode_shape(damaged, "a") == PICTURE.shape[:2]
        with pytest.raises(InputError, match="corrupted"):
            pictures.decode(damaged, "a")


def test_animated_png_shows_its_first_frame(tmp_path):
    frames = [Image.fromarray(np.roll(PICTURE, k, 0)) for k in range(3)]
    frames[0].save(tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=50)
    assert np.array_equal(pictures.read(tmp_path / "a.png", 4), PICTURE)


def test_a_file_in_order_is_not_copied():
    stream = io.BytesIO()
    Image.fromarray(PICTURE).save(stream, "PNG")
    assert picture_bytes.checked_png(stream) is stream


# --- JPEG


def jpeg(**options):
    stream = io.BytesIO()
    Image.fromarray(PICTURE[..., :3]).save(stream, "JPEG", **options)
    return stream.getvalue()


def many_scans(count):
    """The bytes of a progressive JPEG whose last scan comes again and again."""
    data = jpeg(progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + data[-2:]


@pytest.mark.parametrize(("options", "few"), [({}, 1), ({"progressive": True}, 20)])
def test_usual_jpegs_have_few_scans(options, few):
    data = jpeg(**options)
    assert 1 <= picture_bytes._scans(data) <= few
    assert (
        picture_bytes._scans(b"\xff\xd8\xff\xe1\0\x10\xff\xda\xff\xda" + bytes(10) + data[2:]) < 20
    )
    assert pictures.decode(data, "a").shape == (60, 70, 3)
    assert pictures.decode(data + many_scans(200), "a").shape == (60, 70, 3)  # behind its end


def test_a_jpeg_of_very_many_scans_is_refused():
    assert pictures.decode(many_scans(20), "a").shape == (60, 70, 3)
    with pytest.raises(InputError, match=r"scans.*Save it again"):
        pictures.decode(many_scans(200), "a")


def test_pixels_without_their_checksum_are_refused():
    """Pillow shows a picture that was cut within its last checksum, whatever its pixels are."""
    data = png()
    end = data.index(b"IEND") - 4
    for cut in (end - 1, end - 4, end - 6):
        with pytest.raises(InputError, match="file ends in 'IDAT'"):
            pictures.decode(data[:cut], "x")
    for rest in (data[:end], data[: end + 9]):  # without a whole end
        assert np.array_equal(pictures.decode(rest, "x", 4), PICTURE)
