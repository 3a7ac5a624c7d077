"""Zip archives as data sets: read like a folder, labels of StyleGAN's tool, and what is refused."""

import io
import json
import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tiny
from PIL import Image

from core.errors import InputError
from experiments.data import archives
from experiments.data.sources import open_dataset

NAMES = [f"{i // 3:05}/img{i:08}.png" for i in range(5)]  # folders of 3 in place of 1000


def png(grey):
    file = io.BytesIO()
    Image.new("RGB", (8, 8), (grey, grey, grey)).save(file, "PNG", compress_level=0)
    return file.getvalue()


def archive(path, files):
    """A zip archive of files, name -> bytes or text; not compressed, as dataset_tool makes it."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def made_by_tool(path, labels=None, **more):
    """An archive like dataset_tool's; picture `i` has the grey 10 i, `labels` those of NAMES."""
    pairs = None if labels is None else [[n, x] for n, x in zip(NAMES, labels, strict=True)]
    files = {name: png(10 * i) for i, name in enumerate(NAMES)}
    return archive(path, files | {"dataset.json": json.dumps({"labels": pairs})} | more)


def zipped(folder, path, top="", method=zipfile.ZIP_DEFLATED):
    """An archive of a folder, its files below `top`."""
    with zipfile.ZipFile(path, "w", method) as made:
        for file in sorted(folder.rglob("*")):
            made.write(file, top + file.relative_to(folder).as_posix())
    return path


def source(path, **options):
    return open_dataset(named(path), size=0, **options).train["image"]


def named(path):
    return f"folder:{path}" if path.is_dir() else f"zip:{path}"


@pytest.fixture(params=["archive", "unpacked"])
def place(request, tmp_path):
    """A function that returns where the contents of an archive are: in it, or in a folder."""

    def contents(path):
        if request.param == "archive":
            return path
        with zipfile.ZipFile(path) as made:
            made.extractall(tmp_path / "unpacked")
        return tmp_path / "unpacked"

    return contents


def refused(path, *words, **options):
    with pytest.raises(InputError) as caught:
        open_dataset(named(path), size=0, **options)
    for word in words:
        assert word in str(caught.value)


def test_of_the_tool_without_labels(tmp_path, place):
    path = place(made_by_tool(tmp_path / "a.zip"))
    found = source(path)
    assert found.size == 5 and found.label is None  # its folders are no classes
    assert [found.load(i)[0, 0, 0] for i in range(5)] == [0, 10, 20, 30, 40]
    refused(path, "data.labels needs", labels=True)


@pytest.mark.parametrize(
    "labels, count",
    [([1, 0, 3, 0, 1], 4), ([[0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1.0]] + [[1, 0, 0, 0]] * 2, 4)],
)
def test_of_the_tool_with_labels(tmp_path, place, labels, count):
    found = source(place(made_by_tool(tmp_path / "a.zip", labels)), labels=True)
    assert found.classes == tuple(map(str, range(count)))
    numbers = [np.argmax(x) if isinstance(x, list) else x for x in labels]
    assert [found.label(i) for i in range(5)] == numbers


def test_vectors_that_are_no_classes_are_left_aside(tmp_path, place):
    said = []
    path = place(made_by_tool(tmp_path / "a.zip", [[0.5, 0.1]] * 5))
    assert source(path, report=said.append).label is None
    assert len(said) == 1 and "no classes" in said[0]
    refused(path, "data.labels needs", labels=True, report=said.append)


def test_labels_of_pictures_that_were_taken_out_are_said(tmp_path, place):
    said = []
    text = json.dumps({"labels": [*([name, 1] for name in NAMES), ["9.png", 5]]})
    path = place(made_by_tool(tmp_path / "a.zip", **{"dataset.json": text}))
    found = source(path, labels=True, report=said.append)
    assert [found.label(i) for i in range(5)] == [1] * 5 and len(found.classes) == 6
    assert len(said) == 1 and "pictures that are not here: 1, such as '9.png'" in said[0]


@pytest.mark.parametrize("text", ["{}", "[]", '"labels"', '{"images": []}'])
def test_a_file_of_something_else_is_left_aside(tmp_path, place, text):
    said = []
    path = place(made_by_tool(tmp_path / "a.zip", **{"dataset.json": text}))
    assert source(path, labels=True, report=said.append).classes == ("00000", "00001")
    assert len(said) == 1 and 'no "labels" and is left aside' in said[0]


def test_labels_reach_into_the_splits(tmp_path, place):
    files = {f"{split}/{i}.png": png(i) for split in ("train", "test") for i in range(3)}
    text = json.dumps({"labels": [[name, i] for i, name in enumerate(files)]})
    path = place(archive(tmp_path / "a.zip", files | {"dataset.json": text}))
    dataset = open_dataset(named(path), size=0, labels=True)
    assert [dataset.train["image"].label(i) for i in range(3)] == [0, 1, 2]
    assert [dataset.test["image"].label(i) for i in range(3)] == [3, 4, 5]


def test_an_archive_is_as_its_folder(tmp_path):
    folder = tmp_path / "mine"
    for name, count in (("dog", 2), ("cat", 3), ("ant/small", 1)):
        tiny.noise(folder / name, count, count, suffix=".jpg" if count == 2 else ".png")
    (folder / ".hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no picture")
    one = open_dataset(f"folder:{folder}", size=0, labels=True)
    for top in ("", "mine/"):  # as `zip -r` makes it in the folder, and from above
        other = open_dataset(f"zip:{zipped(folder, tmp_path / 'a.zip', top)}", size=0, labels=True)
        a, b = one.train["image"], other.train["image"]
        assert other.fingerprint() == one.fingerprint() and b.classes == a.classes
        for i in range(a.size):
            np.testing.assert_array_equal(a.load(i), b.load(i))
            assert a.label(i) == b.label(i)


def test_two_domains_and_pairs(tmp_path, pictures_of_two):
    path = zipped(pictures_of_two, tmp_path / "two.zip", "horse2zebra/")
    dataset = open_dataset(f"zip:{path}", size=0, roles=("A", "B"))
    assert {r: s.size for r, s in dataset.train.items()} == {"A": 5, "B": 4}
    assert {r: s.size for r, s in dataset.test.items()} == {"A": 2, "B": 2}
    refused(path, f"{path}/horse2zebra/trainA", "1 have no partner", "'4'", paired=True)
    for role in "AB":
        tiny.noise(tmp_path / "p" / f"train{role}", 3, ord(role))
    tiny.noise(tmp_path / "p" / "trainB", 1, 0, size=(30, 24))
    said = []
    path = zipped(tmp_path / "p", tmp_path / "p.zip")
    paired = open_dataset(f"zip:{path}", size=0, paired=True, report=said.append)
    assert paired.paired and paired.train["A"].load(2).shape == (20, 24, 3)
    assert any("'" + str(path) + "/trainA/0.png' has 24x20 pixels" in line for line in said)


def test_side_by_side(tmp_path):
    for split in ("train", "val"):
        tiny.noise(tmp_path / "p" / split, 2, 0, size=(20, 40))
    dataset = open_dataset(f"zip:{zipped(tmp_path / 'p', tmp_path / 'p.zip')}", size=0, paired=True)
    assert dataset.train["B"].load(1).shape == (20, 20, 3)
    assert dataset.test["A"] is not dataset.train["A"]


def test_threads_read_the_same(tmp_path):
    tiny.noise(tmp_path / "p", 40, 0)
    found = source(zipped(tmp_path / "p", tmp_path / "p.zip"))
    expected = [found.load(i).tobytes() for i in range(40)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda i: found.load(i % 40).tobytes(), range(200)))
    assert got == expected * 5


def test_two_archives_are_two_roles(tmp_path):
    first, second = (made_by_tool(tmp_path / f"{name}.zip") for name in "ab")
    roles = ("content", "style")
    dataset = open_dataset(f"zip:{first},zip:{second}", size=0, roles=roles)
    assert set(dataset.train) == set(roles)


def test_the_state_is_that_of_the_file(tmp_path):
    path = made_by_tool(tmp_path / "a.zip")
    before = source(path).state()
    assert source(path).state() == before
    made_by_tool(path, [0, 1, 0, 1, 0])
    assert source(path).state() != before


# --- bad input ---


def test_damaged_pictures_are_left_out(tmp_path):
    path = made_by_tool(tmp_path / "a.zip", **{NAMES[1]: png(10)[:100], NAMES[2]: b""})
    data = bytearray(path.read_bytes())
    data[data.index(png(30)) + 100] ^= 255  # what the checksum notices
    path.write_bytes(data)
    said = []
    found = source(path, report=said.append)
    assert [found.load(i)[0, 0, 0] for i in range(5)] == [0, 40, 40, 40, 40]
    assert len(said) == 3 and f"{path}/{NAMES[3]}: Bad CRC-32" in " ".join(said)


@pytest.mark.parametrize("keep", [0, 10, 1000, -30])
def test_a_truncated_archive(tmp_path, keep):
    path = made_by_tool(tmp_path / "a.zip")
    path.write_bytes(path.read_bytes()[:keep])
    refused(path, f"--dataset=zip:{path}: cannot be read as a zip archive")


def test_a_damaged_list_of_entries(tmp_path):
    """No byte of the list of entries, changed at random, ends in another exception."""
    path = made_by_tool(tmp_path / "a.zip", [0, 1, 0, 1, 0])
    whole, random = path.read_bytes(), np.random.default_rng(0)
    start = whole.index(b"PK\1\2")
    for _ in range(60):
        data = bytearray(whole)
        data[int(random.integers(start, len(data)))] ^= int(random.integers(1, 256))
        path.write_bytes(data)
        try:
            source(path, report=lambda line: None)
        except InputError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize(
    "name", ["../a.png", "a/../../b.png", "/etc/a.png", "C:/a.png", "..\\a.png"]
)
def test_names_outside_the_archive(tmp_path, name):
    path = archive(tmp_path / "a.zip", {"b.png": png(0), name: png(1)})
    refused(path, "names a file outside the archive", "Make the archive again")


def test_an_encrypted_entry(tmp_path):
    path = made_by_tool(tmp_path / "a.zip")
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1  # the flag in the list of entries
    path.write_bytes(data)
    refused(path, f"'{NAMES[0]}' is encrypted")


def test_a_bomb(tmp_path, monkeypatch):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a.bmp", bytes(2**20))
    assert path.stat().st_size < 2000
    monkeypatch.setattr(archives, "MAX_BYTES", 2**20 - 1)
    refused(path, "'a.bmp' takes 1,048,576 bytes unpacked")


@pytest.mark.parametrize(
    "text, words",
    [
        ("no JSON", "is not as StyleGAN's dataset_tool writes it"),
        ("[" * 100_000, "is not as StyleGAN's dataset_tool writes it"),
        (b"\xff\xfe\x00", "is not as StyleGAN's dataset_tool writes it"),
        ('{"labels": 3}', "is not as StyleGAN's dataset_tool writes it"),
        ('{"labels": [["a", 0, 1]]}', "is not as StyleGAN's dataset_tool writes it"),
        ('{"labels": [[3, 0]]}', "is not as StyleGAN's dataset_tool writes it"),
        (
            '{"labels": [["00000/img00000001.png", 0]]}',
            "no label of 4 pictures, such as '00000/img",
        ),
        (json.dumps({"labels": [[n, -1] for n in NAMES]}), "the classes -1 to -1"),
        (json.dumps({"labels": [[n, 10**9] for n in NAMES]}), "Expected numbers from 0 to 65535"),
        (json.dumps({"labels": [[n, [1] + [0] * i] for i, n in enumerate(NAMES)]}), "of 5 lengths"),
    ],
)
def test_wrong_labels(tmp_path, place, text, words):
    path = place(made_by_tool(tmp_path / "a.zip", **{"dataset.json": text}))
    refused(path, "dataset.json", words)


def test_no_archive(tmp_path, monkeypatch):
    refused(tmp_path / "a.zip", "no file", "Give an existing zip archive")
    with pytest.raises(InputError, match="A folder is folder:PATH"):
        open_dataset(f"zip:{tmp_path}", size=0)
    path = archive(tmp_path / "a.zip", {"notes.txt": "no picture"})
    refused(path, "holds no pictures")
    with pytest.raises(InputError, match="An archive is zip:PATH"):
        open_dataset(f"folder:{path}", size=0)
    with pytest.raises(InputError, match=f"Did you mean 'zip:{path}'"):
        open_dataset(str(path), size=0)
