"""Real pictures and what is kept of their features: never of others, of a part, or of none."""

import os
import shutil
import tempfile

import numpy as np
import pytest

from core.errors import InputError
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source
from experiments.data.folders import open_folder
from experiments.metrics import reals
from experiments.metrics.features import Extractor, Rows
from experiments.metrics.reals import Reals

CONFIG = DataConfig(size=32, load_size=32)


def picture(i, size=32):
    return np.random.default_rng(i).integers(0, 256, (size, size, 3), dtype=np.uint8)


def colours(images):
    return {"features": np.float32(images.mean((1, 2), np.float64))}


def toy(seen=None):
    def run(images):
        if seen is not None:
            seen.append(len(images))
        return colours(images)

    return Extractor("toy", 3, run)


def real(count=40):
    return Reals(lambda: (picture(i) for i in range(count)), count, "test")


def moments(found, count, cache, network=None):
    return reals.moments(found, network or toy(), count, cache).mean


def features(found, count, cache, network=None):
    return np.array(reals.features(found, network or toy(), count, cache))


BOTH = pytest.mark.parametrize("take", [moments, features])


def test_reals_of_a_dataset(tmp_path):
    def read(i):
        if i == 2:
            raise InputError("damaged")
        return picture(i, 40)

    source = Source("train", 5, read, report=lambda line: None)
    dataset = Dataset("toy", {"image": source}, {"image": source})
    found = reals.of_dataset(dataset, CONFIG, "image", "train")
    images = list(found.read())
    assert [image.shape for image in images] == [(32, 32, 3)] * 4
    assert found.key != reals.of_dataset(dataset, CONFIG, "image", "test").key
    with pytest.raises(InputError, match="only 4 of 5 real images can be read"):
        moments(found, 5, None)


def test_reals_are_all_pictures_where_training_has_a_part():
    source = Source("train", 40, lambda i: picture(i))
    dataset = Dataset("toy", {"image": source}, {"image": source})
    whole, part = (
        reals.of_dataset(d, CONFIG, "image", "train") for d in (dataset, dataset.limited(5))
    )
    assert part.count == whole.count == 40 and part.key == whole.key
    assert np.array_equal(moments(part, None, None), moments(whole, None, None))


@BOTH
@pytest.mark.parametrize("left", [0, 3, 0.5, 0.99])
def test_a_damaged_cache_is_taken_anew(take, left, tmp_path):
    first = take(real(), 40, tmp_path)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    file.write_bytes(whole[: left if isinstance(left, int) else int(left * len(whole))])
    seen = []
    np.testing.assert_array_equal(take(real(), 40, tmp_path, toy(seen)), first)
    assert sum(seen) == 40
    assert file.read_bytes() == whole and list(tmp_path.iterdir()) == [file]
    np.testing.assert_array_equal(take(real(), 40, tmp_path, toy(seen)), first)
    assert sum(seen) == 40


@BOTH
@pytest.mark.parametrize("wrong", [b"not NumPy's", b"PK"])
def test_something_else_in_the_place_of_the_cache(take, wrong, tmp_path):
    first = take(real(), None, tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(wrong)
    np.testing.assert_array_equal(take(real(), None, tmp_path), first)


@BOTH
def test_too_few_pictures_are_not_kept(take, tmp_path):
    with pytest.raises(InputError, match="only 40 of 50 real images can be read. Restore"):
        take(real(), 50, tmp_path)
    with pytest.raises(InputError, match="only 0 of 9 real images"):
        take(Reals(lambda: iter(()), 9, "test"), None, tmp_path)
    assert not list(tmp_path.iterdir())


@BOTH
def test_other_pixels_in_files_of_the_same_names(take, tmp_path):
    for folder, first in (("a", 0), ("b", 100)):
        for i in range(3):
            pictures.write_png(tmp_path / folder / f"{i}.png", picture(first + i))
    shutil.copytree(tmp_path / "a", tmp_path / "copy")

    def found(folder):
        dataset = open_folder(f"folder:{tmp_path / folder}", two=False, paired=False,
                              paired_test=False, report=print)  # fmt: skip
        return dataset, reals.of_dataset(dataset, CONFIG, "image", "test")

    (a, real_a), (b, real_b), (copy, _) = map(found, ("a", "b", "copy"))
    assert a.fingerprint() == copy.fingerprint() == b.fingerprint() and real_a.key == real_b.key
    kept, seen = tmp_path / "features", []
    first = take(real_a, None, kept)
    assert np.abs(take(real_b, None, kept) - first).max() > 0.1
    np.testing.assert_array_equal(take(found("a")[1], None, kept, toy(seen)), first)
    assert not seen
    pictures.write_png(tmp_path / "a" / "1.png", picture(7))
    assert np.abs(take(found("a")[1], None, kept) - first).max() > 0.1
    first = take(found("a")[1], None, kept)
    (tmp_path / "a" / "1.png").chmod(0o600)  # as one that could not be read until now
    np.testing.assert_array_equal(take(found("a")[1], None, kept, toy(seen)), first)
    assert seen == [3]
    os.symlink("nothing", tmp_path / "a" / "3.png")  # a broken link
    assert len(features(found("a")[1], None, kept)) == 3


@BOTH
def test_a_cache_that_cannot_be_written(take, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=f"cannot be kept in '{tmp_path}/file': .*exist"):
        take(real(), None, tmp_path / "file")

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match=f"in '{tmp_path}': No space left on device. Make room"):
        take(real(), None, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def full_disk():
    rows = Rows()
    rows.file.close()
    rows.file = open("/dev/full", "wb")  # noqa: SIM115
    return rows


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux")
def test_no_room_for_temporary_files(tmp_path, monkeypatch):
    rows = full_disk()
    with pytest.raises(InputError, match="temporary files .*No space left on device.* TMPDIR"):
        rows.add(np.zeros((10, 10_000)))
    rows = full_disk()
    rows.add(np.zeros((1, 2)))  # in the buffer
    with pytest.raises(InputError, match="No space left"):
        rows.array()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="temporary files .*nowhere.* TMPDIR"):
        Rows()
