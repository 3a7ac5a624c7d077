"""Pictures with colour profiles are read in sRGB."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, ImageCms

from experiments.data import pictures

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3 = np.array([[0.4866, 0.2657, 0.1982], [0.2290, 0.6917, 0.0793], [0.0, 0.0451, 1.0439]])
TO_SRGB = np.array(
    [[3.2410, -1.5374, -0.4986], [-0.9692, 1.8760, 0.0416], [0.0556, -0.2040, 1.0570]]
)  # of CIE XYZ, white D65
D50 = np.array(  # Bradford's adaptation from D65
    [[1.0479, 0.0229, -0.0502], [0.0296, 0.9904, -0.0171], [-0.0092, 0.0151, 0.7519]]
)


def s15(values):
    return b"".join(struct.pack(">i", round(v * 65536)) for v in values)


def tag(kind, data):
    return kind + bytes(4) + data + bytes(-len(data) % 4)


def profile(space, gamma, columns=None):
    """The bytes of an ICC profile of a display: a gamma and maybe primaries, `[XYZ, RGB]`."""
    curve = tag(b"curv", struct.pack(">IH", 1, round(gamma * 256)) + bytes(2))
    if columns is None:
        return assembled(b"mntr", space, b"XYZ ", {b"kTRC": curve})
    tags = {}
    for colour, column in zip((b"r", b"g", b"b"), columns.T, strict=True):
        tags |= {colour + b"TRC": curve, colour + b"XYZ": tag(b"XYZ ", s15(column))}
    return assembled(b"mntr", space, b"XYZ ", tags)


def assembled(device, space, between, tags):
    """The bytes of an ICC profile, version 2, with some tags and those that all have."""
    tags = {
        **tags,
        b"wtpt": tag(b"XYZ ", s15([0.9642, 1.0, 0.8249])),
        b"desc": tag(b"desc", struct.pack(">I", 5) + b"mine\0" + bytes(78)),
        b"cprt": tag(b"text", b"none\0"),
    }
    at, table, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        table += name + struct.pack(">II", at + len(body), len(data))
        body += data
    head = struct.pack(">I4sI4s4s4s", at + len(body), b"lcms", 0x02100000, device, space, between)
    head += struct.pack(">6H4s", 2020, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    head += s15([0.9642, 1.0, 0.8249])
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


WIDE = profile(b"RGB ", 2.2, D50 @ P3)
COLOURS = np.uint8([[[200, 100, 60], [60, 150, 90], [128, 128, 128], [30, 40, 160]]])


def in_srgb(colours):
    """The sRGB of Display P3 colours of gamma 2.2, by IEC 61966-2-1."""
    linear = (colours / 255.0) ** 2.2 @ (TO_SRGB @ P3).T
    linear = np.clip(linear, 0, 1)
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * curved)


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_colours_become_srgb(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    Image.fromarray(COLOURS).save(tmp_path / name, icc_profile=WIDE, **options)
    found = pictures.read(tmp_path / name).astype(int)
    assert np.abs(found - in_srgb(COLOURS)).max() <= 3
    assert np.abs(found - COLOURS.astype(int)).max() >= 10


def test_opacity_stays_and_palettes_are_converted(tmp_path):
    opacity = np.uint8([[255, 0, 100, 255]])[..., None]
    Image.fromarray(np.concatenate([COLOURS, opacity], 2)).save(
        tmp_path / "a.png", icc_profile=WIDE
    )
    found = pictures.read(tmp_path / "a.png", 4)
    assert np.array_equal(found[..., 3:], opacity)
    assert np.abs(found[..., :3] - in_srgb(COLOURS)).max() <= 3
    assert pictures.read(tmp_path / "a.png")[0, 1].tolist() == [255] * 3
    image = Image.fromarray(COLOURS).quantize(4)
    image.save(tmp_path / "b.png", icc_profile=WIDE)
    plain = np.asarray(image.convert("RGB"))
    assert np.abs(pictures.read(tmp_path / "b.png") - in_srgb(plain)).max() <= 3


@pytest.mark.parametrize("kind", ["srgb", "broken", "cut", "other space", "huge"])
def test_profiles_that_change_nothing(tmp_path, kind):
    picture = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    data = {
        "srgb": SRGB,
        "broken": b"no profile",
        "cut": WIDE[:300],
        "other space": profile(b"GRAY", 1.8),
        "huge": WIDE + bytes(2**24),
    }[kind]
    Image.fromarray(picture).save(tmp_path / "a.tif", icc_profile=data)
    assert np.array_equal(pictures.read(tmp_path / "a.tif"), picture)


def test_grey_profiles(tmp_path):
    grey = np.arange(256, dtype=np.uint8)[None]
    Image.fromarray(grey).save(tmp_path / "a.png", icc_profile=profile(b"GRAY", 1.0))
    linear = grey / 255.0
    curved = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    found = pictures.read(tmp_path / "a.png")
    assert np.abs(found[..., 0] - 255 * curved).max() <= 2 and np.ptp(found, axis=-1).max() == 0


def press():
    """The bytes of a profile of a press on which cyan alone is middle grey, and black is black."""
    lab = {0: (255, 128, 128), 8: (137, 128, 128)}  # at inks C, M, Y, K, a bit each: L* a* b*
    table = bytes(v for inks in range(16) for v in lab.get(inks, (0, 128, 128)))
    matrix = s15([1, 0, 0, 0, 1, 0, 0, 0, 1])
    ramp = bytes(range(256))
    return assembled(
        b"prtr",
        b"CMYK",
        b"Lab ",
        {b"A2B0": tag(b"mft1", bytes([4, 3, 2, 0]) + matrix + ramp * 4 + table + ramp * 3)},
    )


@pytest.mark.parametrize("name", ["a.jpg", "a.tif"])
def test_cmyk_by_its_profile(tmp_path, name):
    options = {"quality": 95} if name.endswith("jpg") else {}
    for inks, wanted in [((0, 0, 0, 0), 255), ((255, 0, 0, 0), 128), ((0, 0, 0, 255), 0)]:
        Image.new("CMYK", (8, 8), inks).save(tmp_path / name, icc_profile=press(), **options)
        assert np.abs(pictures.read(tmp_path / name).astype(int) - wanted).max() <= 3
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(tmp_path / name, **options)
    assert np.abs(pictures.read(tmp_path / name)[0, 0].astype(int) - [0, 255, 255]).max() <= 3


def test_threads_may_share_a_transform():
    from concurrent.futures import ThreadPoolExecutor

    rng = np.random.default_rng(1)
    datas = []
    for _ in range(12):
        stream = io.BytesIO()
        picture = rng.integers(0, 256, (60, 60, 3), dtype=np.uint8)
        Image.fromarray(picture).save(stream, "PNG", icc_profile=WIDE)
        datas.append(stream.getvalue())
    one = [pictures.decode(data, "a") for data in datas]
    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(lambda data: pictures.decode(data, "a"), datas))
    assert all(np.array_equal(a, b) for a, b in zip(one, several, strict=True))
