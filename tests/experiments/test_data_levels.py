"""Batches at the sizes of growing networks, and with labels."""

import numpy as np
import pytest
import tiny
from feeding import assert_equal, levels, paired, ramps, take

from core.errors import InputError
from experiments.data.dataset import Dataset, Source
from experiments.data.sources import open_dataset


def box_average(images, factor):
    n, size = len(images), images.shape[1] // factor
    return images.reshape(n, size, factor, size, factor, 3).mean((2, 4))


@pytest.mark.parametrize("level", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("fit", ["stretch", "side"])
def test_a_level_is_the_box_average_of_the_whole_picture(tmp_path, level, fit):
    """The same crops and flips, averaged: as ProGAN's and StyleGAN's data sets."""
    tiny.noise(tmp_path, 5, 0, size=(20, 31))
    options = {"size": 16, "load_size": 20, "fit": fit, "flip": True, "batch_size": 5}
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    whole = take(dataset, 3, **options)
    for one, reduced in zip(whole, take(dataset, 3, level=level, **options), strict=True):
        assert reduced["image"].shape == (5, level, level, 3)
        expected = box_average(levels(one["image"]).astype(np.float64), 16 // level) / 127.5 - 1
        np.testing.assert_allclose(reduced["image"], expected, atol=2e-7)
        assert reduced["image"].dtype == np.float32


def test_a_level_of_pairs_stays_paired():
    for batch in take(paired(), 12, size=8, load_size=16, level=4, flip=True):
        a, b = ((batch[role] + 1) * 127.5 for role in "AB")
        np.testing.assert_allclose(a + [0, 0, 100], b, atol=1e-3)


@pytest.mark.parametrize("level", [2, 4, 5, 8, 16, 24])
def test_a_level_that_the_pictures_cannot_be_halved_to(level):
    with pytest.raises(InputError, match=f"data.size=12: cannot be halved to {level} pixels"):
        take(ramps(), 1, size=12, load_size=12, level=level)
    assert take(ramps(), 1, size=12, load_size=12, level=6)[0]["image"].shape == (1, 6, 6, 3)


def test_a_later_stage_loads_nothing_again():
    reads = []
    source = ramps().train["image"]
    dataset = Dataset(
        "x", {"image": Source("x", 6, lambda i: reads.append(i) or source.read(i))}, {}
    )
    for level in (4, 8):
        take(dataset, 12, size=16, load_size=16, level=level, threads=1)
    assert sorted(reads) == list(range(6))


def greys(label=lambda i: i % 3, damaged=()):
    """Constant pictures whose grey is their index, in classes."""

    def read(i):
        if i in damaged:
            raise InputError(f"Cannot read {i}")
        return np.full((8, 8, 3), i, np.uint8)

    source = Source("greys", 12, read, report=str, label=label, classes=("a", "b", "c"))
    return Dataset("greys", {"image": source}, {"image": source})


@pytest.mark.parametrize("damaged", [(), (1, 4, 5)])
@pytest.mark.parametrize("cached", [True, False])
def test_labels_are_those_of_the_images_shown(damaged, cached, monkeypatch):
    if not cached:
        monkeypatch.setattr("experiments.data.pipeline.CACHE_BYTES", 0)
    seen = []
    for batch in take(greys(damaged=damaged), 12, labels=True, batch_size=4):
        assert set(batch) == {"image", "label"}
        assert batch["label"].dtype == np.int32 and batch["label"].shape == (4,)
        index = levels(batch["image"])[:, 0, 0, 0]
        np.testing.assert_array_equal(batch["label"], index % 3)
        seen += index.tolist()
    assert set(seen) == set(range(12)) - set(damaged)


def test_labels_come_only_when_asked_for():
    (batch,) = take(greys(), 1)
    assert set(batch) == {"image"}
    one, two = take(greys(), 8), take(greys(), 8, labels=True)
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a["image"], b["image"])


def test_labels_start_at_k_and_at_a_level():
    options = {"labels": True, "batch_size": 2, "flip": True}
    whole = take(greys(), 12, **options)
    assert_equal(whole[3:], take(greys(), 9, start=6, **options))
    small = take(greys(), 12, level=4, **options)
    assert [b["label"].tolist() for b in small] == [b["label"].tolist() for b in whole]


def test_class_folders(tmp_path):
    for name, count in (("dog", 2), ("cat", 3), ("ant/small", 1)):
        tiny.noise(tmp_path / name, count, 0)
    source = open_dataset(f"folder:{tmp_path}", size=0, labels=True).train["image"]
    assert source.classes == ("ant", "cat", "dog")
    assert [source.label(i) for i in range(source.size)] == [0, 1, 1, 1, 2, 2]
    tiny.noise(tmp_path, 1, 0)  # one beside the folders: of no class
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    assert dataset.train["image"].label is None and dataset.train["image"].classes == ()
    with pytest.raises(InputError, match="data.labels needs images of one domain in classes"):
        open_dataset(f"folder:{tmp_path}", size=0, labels=True)


def test_class_folders_of_a_split(tmp_path):
    for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
        tiny.noise(tmp_path / name, 1, 0)
    dataset = open_dataset(f"folder:{tmp_path}", size=0, labels=True)
    assert dataset.train["image"].classes == dataset.test["image"].classes == ("cat", "dog")


def test_labels_of_a_set_without_are_refused(tmp_path, pictures_of_two):
    tiny.noise(tmp_path / "all", 2, 0)
    for name, found in (
        (f"folder:{tmp_path}", "has none"),
        (f"folder:{pictures_of_two}", "has the domains A, B"),
        ("seasons", "has the domains A, B"),
    ):
        with pytest.raises(InputError, match=f"data.labels needs.*this {found}. Give a folder"):
            open_dataset(name, size=32, labels=True)
    with pytest.raises(InputError, match="data.labels needs"):
        take(ramps(), 1, labels=True)
