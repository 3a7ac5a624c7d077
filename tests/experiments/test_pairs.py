"""Paired data for translation: side by side, in two folders, and what is no pair."""

import numpy as np
import pytest
import tiny
from PIL import Image

from core.errors import InputError
from experiments import api
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.pipeline import batches
from experiments.data.pipeline import test_images as images_for_tests
from experiments.data.sources import open_dataset


def side_by_side(folder, count, seed=0, size=(12, 24)):
    """Pictures whose right half is the negative of the left one."""
    folder.mkdir(parents=True)
    values = np.random.default_rng(seed)
    for i in range(count):
        half = values.integers(0, 256, (size[0], size[1] // 2, 3), np.uint8)
        Image.fromarray(np.concatenate([half, 255 - half], 1)).save(folder / f"{i}.png")


def two_folders(root, kind, count, seed=0, suffix=".png"):
    """The same pairs in a folder for each domain."""
    values = np.random.default_rng(seed)
    for role in "AB":
        (root / f"{kind}{role}").mkdir(parents=True)
    for i in range(count):
        picture = values.integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(picture).save(root / f"{kind}A" / f"{i}.png")
        Image.fromarray(255 - picture).save(root / f"{kind}B" / f"{i}{suffix}")
    return root


def opened(root, said=None, **options):
    say = (said if said is not None else []).append
    return open_dataset(f"folder:{root}", size=0, roles=("A", "B"), report=say, **options)


def assert_pairs(dataset):
    """In training, through crop and flip, and among the test images."""
    assert dataset.paired and dataset.truth
    config = DataConfig(size=8, load_size=12, flip=True)
    found = batches(dataset, config, size=8, batch_size=2, start=0, seed=0)
    for _ in range(8):
        batch = next(found)
        np.testing.assert_allclose(batch["A"].numpy(), -batch["B"].numpy(), atol=1e-6)
    whole = DataConfig(size=12, load_size=12)
    a, b = (images_for_tests(dataset, whole, role, 9) for role in "AB")
    np.testing.assert_array_equal(a, 255 - b)
    return len(a)


@pytest.mark.parametrize("test", ["test", "val"])
def test_side_by_side(tmp_path, test):
    side_by_side(tmp_path / "train", 4)
    side_by_side(tmp_path / test, 3, seed=1)
    said = []
    for paired in (False, True):
        dataset = opened(tmp_path, said, paired=paired)
        assert dataset.epoch == 4 and assert_pairs(dataset) == 3
    whole = pictures.read(tmp_path / "train" / "2.png")
    np.testing.assert_array_equal(dataset.train["A"].load(2), whole[:, :12])
    np.testing.assert_array_equal(dataset.train["B"].load(2), whole[:, 12:])
    assert not said


def test_test_comes_before_val(tmp_path):
    for split, count in (("train", 4), ("val", 3), ("test", 2)):
        side_by_side(tmp_path / split, count)
    assert opened(tmp_path).test["A"].size == 2


def test_side_by_side_without_a_test_set(tmp_path):
    side_by_side(tmp_path / "train", 2)
    said = []
    assert assert_pairs(opened(tmp_path, said)) == 2
    assert len(said) == 1 and "no test or val: scores are of the training images in" in said[0]


def test_an_odd_width_is_left_out_by_name_or_refused(tmp_path):
    side_by_side(tmp_path / "train", 3)
    side_by_side(tmp_path / "test", 1)
    Image.new("RGB", (25, 12)).save(tmp_path / "train" / "1.png")
    said = []
    dataset = opened(tmp_path, said)
    assert_pairs(dataset)
    assert all("train/1.png' has 25x12 pixels" in line for line in said) and len(said) == 2
    for i in (0, 2):
        Image.new("RGB", (25, 12)).save(tmp_path / "train" / f"{i}.png")
    with pytest.raises(InputError, match="none of its 3 images can be read.*25x12 pixels.*even"):
        opened(tmp_path)


def test_pictures_that_are_not_side_by_side_are_told(tmp_path):
    side_by_side(tmp_path / "train", 1, size=(12, 12))
    side_by_side(tmp_path / "test", 1)
    said = []
    opened(tmp_path, said)
    assert len(said) == 1 and "train: has pictures of 12x12 pixels, taken for A and B" in said[0]


def test_a_damaged_picture_is_a_damaged_pair(tmp_path):
    side_by_side(tmp_path / "train", 3)
    side_by_side(tmp_path / "test", 3)
    (tmp_path / "test" / "1.png").write_bytes(b"")
    assert assert_pairs(opened(tmp_path)) == 2


def test_for_one_domain_the_same_folder_is_whole_pictures(tmp_path):
    side_by_side(tmp_path / "train", 2)
    side_by_side(tmp_path / "test", 1)
    dataset = open_dataset(f"folder:{tmp_path}", size=0, roles=("image",))
    assert dataset.train["image"].load(0).shape == (12, 24, 3) and not dataset.paired


@pytest.mark.parametrize("suffix", [".png", ".bmp"])
def test_two_folders_of_one_name_each(tmp_path, suffix):
    two_folders(tmp_path, "train", 4, suffix=suffix)
    two_folders(tmp_path, "test", 3, seed=1)
    dataset = opened(tmp_path, paired=True)
    assert dataset.epoch == 4 and assert_pairs(dataset) == 3
    unpaired = opened(tmp_path)
    assert not unpaired.paired and not unpaired.truth


def test_two_folders_without_a_test_set(tmp_path):
    said = []
    assert assert_pairs(opened(two_folders(tmp_path, "train", 3), said, paired=True)) == 3
    assert len(said) == 1 and "no testA and testB" in said[0]


@pytest.mark.parametrize("kind", ["train", "test"])
def test_names_without_a_partner_are_refused(tmp_path, kind):
    two_folders(tmp_path, "train", 6)
    two_folders(tmp_path, "test", 6)
    for i in range(4):
        (tmp_path / f"{kind}B" / f"{i}.png").unlink()
    with pytest.raises(InputError) as error:
        opened(tmp_path, paired=True)
    message = f"{kind}B' need files of the same names; 4 have no partner, such as '0', '1', '2', …"
    assert message in str(error.value) and str(error.value).startswith("data.paired: ")
    opened(tmp_path)  # unpaired, they may be called as they like


@pytest.mark.parametrize("missing", ["trainB", "testA"])
def test_half_of_the_pairs_is_refused(tmp_path, missing):
    two_folders(tmp_path, "train", 1)
    two_folders(tmp_path, "test", 1)
    (tmp_path / missing / "0.png").unlink()
    (tmp_path / missing).rmdir()
    with pytest.raises(InputError, match=f"{missing}' is missing"):
        opened(tmp_path, paired=True)


def test_sizes_that_differ_are_a_damaged_pair(tmp_path):
    two_folders(tmp_path, "train", 3)
    two_folders(tmp_path, "test", 3)
    for kind in ("train", "test"):
        Image.new("RGB", (12, 14)).save(tmp_path / f"{kind}B" / "1.png")
    said = []
    dataset = opened(tmp_path, said, paired=True)
    assert assert_pairs(dataset) == 2
    assert len(said) == 2 and "trainA/1.png' has 12x12 pixels, its partner" in said[0]
    assert "trainB/1.png' 12x14: the pictures of a pair need one size" in said[0]
    for i in (0, 2):
        Image.new("RGB", (12, 14)).save(tmp_path / "trainB" / f"{i}.png")
    with pytest.raises(InputError, match="none of its 3 images can be read.*need one size"):
        opened(tmp_path, paired=True)


def test_a_turned_photograph_has_the_size_that_is_seen(tmp_path):
    """The size of a partner is read from its header, with its orientation."""
    exif = Image.Exif()
    for orientation in range(1, 9):
        exif[274] = orientation
        Image.new("RGB", (10, 6)).save(tmp_path / "a.jpg", exif=exif)
        assert pictures.shape(tmp_path / "a.jpg") == pictures.read(tmp_path / "a.jpg").shape[:2]
    (tmp_path / "b.jpg").write_bytes(b"")
    with pytest.raises(InputError, match="b.jpg: an empty file"):
        pictures.shape(tmp_path / "b.jpg")


def test_pairs_of_a_set_without_are_refused(tmp_path):
    tiny.noise(tmp_path / "any", 2, 0)
    for name in (f"folder:{tmp_path}", "seasons", "faces"):
        with pytest.raises(InputError, match=f"{name}: data.paired needs pairs of A and B"):
            open_dataset(name, size=32, paired=True)
    assert open_dataset("seasons_paired", size=32, paired=True).paired


def test_a_configuration_asks_for_pairs(tmp_path):
    two_folders(tmp_path, "train", 2)
    assert api.open_data(tiny.config(tmp_path, data__paired=True), report=[].append).paired
    assert not api.open_data(tiny.config(tmp_path), report=[].append).paired
    with pytest.raises(InputError, match="data.labels needs"):
        api.open_data(tiny.config(tmp_path, data__labels=True), report=[].append)
