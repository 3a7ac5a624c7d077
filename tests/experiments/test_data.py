"""Sources and the input pipeline: every batch a function of the seed and the image count alone."""

import numpy as np
import pytest
import tiny
import toy
from feeding import assert_equal, levels, paired, ramps, take
from PIL import Image

from core.errors import InputError
from experiments.data import pictures, seasons
from experiments.data.config import DataConfig
from experiments.data.dataset import Dataset, Source, check_domains
from experiments.data.pipeline import test_images as images_for_tests
from experiments.data.sources import open_dataset


def shown(dataset, count, role="A", base=0, **options):
    """Which images of `toy.dataset` come, by their grey."""
    greys = [b[role][:, 0, 0, 0] for b in take(dataset, count, **options)]
    return [round(((g + 1) * 127.5 - base) / 10) for g in np.concatenate(greys)]


def test_every_epoch_is_a_permutation_of_the_first_domain():
    order = shown(toy.dataset(), 20)
    epochs = [order[i : i + 5] for i in range(0, 20, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_shares_make_the_batch():
    """Of three processes each reads its own rows, and no others."""
    whole = take(toy.dataset(), 3, batch_size=6, start=6, seed=5)
    parts = [take(toy.dataset(), 3, batch_size=6, start=6, seed=5, share=(k, 3)) for k in range(3)]
    for number, batch in enumerate(whole):
        for role, rows in batch.items():
            assert all(len(part[number][role]) == 2 for part in parts)
            np.testing.assert_array_equal(rows, np.concatenate([p[number][role] for p in parts]))
    read = set()
    source = Source("counted", 100, lambda i: read.add(i) or np.zeros((8, 8, 3), np.uint8))
    take(Dataset("counted", {"image": source}, {"image": source}), 1, batch_size=8, share=(1, 4))
    assert len(read) <= 2 * 12  # of two rows a batch, with what is read ahead


def test_the_other_domain_is_unpaired():
    a, b = (np.array(shown(toy.dataset(), 200, r, base)) for r, base in (("A", 0), ("B", 100)))
    assert set(b) == {0, 1, 2, 3, 4}
    counts = np.bincount(b, minlength=5)
    assert len(set(counts)) > 1 and counts.min() > 20  # with replacement, all alike
    assert 0.1 < np.mean(a == b) < 0.3  # 1 in 5 by chance


def test_a_smaller_first_domain_is_repeated():
    small = toy.dataset(3).train["A"]
    large = toy.dataset(7).train["B"]
    dataset = Dataset("x", {"A": small, "B": large}, {})
    assert dataset.epoch == 7
    counts = np.bincount(shown(dataset, 7), minlength=3)
    assert counts.tolist() == [3, 2, 2]


@pytest.mark.parametrize("batch_size", [1, 2, 3])
def test_threads_change_nothing(batch_size):
    options = {"size": 12, "load_size": 16, "flip": True, "batch_size": batch_size}
    one = take(ramps(), 12, threads=1, **options)
    assert_equal(one, take(ramps(), 12, threads=4, **options))
    assert_equal(one, take(ramps(), 12, threads=0, **options))


@pytest.mark.parametrize("start", [2, 6, 14])
def test_starting_at_k_is_skipping_k(start):
    options = {"size": 12, "load_size": 16, "flip": True, "batch_size": 2}
    whole = take(ramps(), 12, **options)
    assert_equal(whole[start // 2 :], take(ramps(), 12 - start // 2, start=start, **options))


def test_seeds_differ_and_repeat():
    options = {"size": 12, "load_size": 16, "flip": True}
    one, again, other = (take(ramps(), 12, seed=s, **options) for s in (0, 0, 1))
    assert_equal(one, again)
    assert any((a["image"] != b["image"]).any() for a, b in zip(one, other, strict=True))
    assert shown(toy.dataset(), 20, seed=0) != shown(toy.dataset(), 20, seed=1)


def test_flips():
    found = [
        levels(b["image"][0])[0, :, 0] for b in take(ramps(), 60, size=16, load_size=16, flip=True)
    ]
    right = [row.tolist() == list(range(16)) for row in found]
    left = [row.tolist() == list(range(15, -1, -1)) for row in found]
    assert all(r or f for r, f in zip(right, left, strict=True))
    assert 15 < sum(left) < 45
    still = take(ramps(), 20, size=16, load_size=16, flip=False)
    assert all(levels(b["image"][0])[0, :, 0].tolist() == list(range(16)) for b in still)


def test_crops_are_cut_out_anywhere():
    found = [levels(b["image"][0]) for b in take(ramps(), 80, size=14, load_size=16)]
    corners = {tuple(image[0, 0, :2]) for image in found}
    assert corners == {(x, y) for x in range(3) for y in range(3)}
    for image in found:
        x, y = image[0, 0, :2]
        assert image[0, :, 0].tolist() == list(range(x, x + 14))
        assert image[:, 0, 1].tolist() == list(range(y, y + 14))


def test_values(pictures_of_two):
    dataset = open_dataset(f"folder:{pictures_of_two}", size=0)
    for batch in take(dataset, 4, batch_size=2, size=16, load_size=18, flip=True):
        for images in batch.values():
            assert images.shape == (2, 16, 16, 3) and images.dtype == np.float32
            assert images.min() >= -1 and images.max() <= 1 and np.ptp(images) > 1


@pytest.mark.parametrize("mode", pictures.MODES)
def test_fit(mode, tmp_path):
    """What training sees is `pictures.fit`; so are the test images, at the crop's size."""
    tiny.noise(tmp_path, 1, 3, size=(10, 31))
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    picture = pictures.read(tmp_path / "0.png")
    (batch,) = take(dataset, 1, size=16, load_size=16, fit=mode)
    np.testing.assert_array_equal(levels(batch["image"][0]), pictures.fit(picture, 16, mode))
    config = DataConfig(size=16, load_size=20, fit=mode)
    tested = images_for_tests(dataset, config, "image", 5)
    np.testing.assert_array_equal(tested, pictures.fit(picture, 16, mode)[None])


def test_images_smaller_than_the_crop_are_enlarged(tmp_path):
    tiny.noise(tmp_path, 2, 0, size=(3, 5))
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    (batch,) = take(dataset, 1, batch_size=2, size=16, load_size=18)
    assert batch["image"].shape == (2, 16, 16, 3)


def test_images_beyond_the_cache_are_the_same(monkeypatch, pictures_of_two):
    dataset = open_dataset(f"folder:{pictures_of_two}", size=0)
    options = {"size": 16, "load_size": 18, "flip": True}
    cached = take(dataset, 12, **options)
    monkeypatch.setattr("experiments.data.pipeline.CACHE_BYTES", 2 * 18 * 18 * 3)
    again = open_dataset(f"folder:{pictures_of_two}", size=0)
    assert_equal(cached, take(again, 12, **options))


def test_folder_of_two_domains(pictures_of_two):
    dataset = open_dataset(f"folder:{pictures_of_two}", size=0)
    assert {r: s.size for r, s in dataset.train.items()} == {"A": 5, "B": 4}
    assert {r: s.size for r, s in dataset.test.items()} == {"A": 2, "B": 2}
    assert dataset.epoch == 5 and not dataset.truth
    check_domains(dataset, ("A", "B"))


def test_without_a_test_split_the_training_images_stand_in(tmp_path):
    for role in "AB":
        tiny.noise(tmp_path / f"train{role}", 2, 0)
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    assert dataset.test["A"].size == 2


def test_a_missing_test_split_is_said_once(tmp_path, pictures_of_two):
    for role in "AB":
        tiny.noise(tmp_path / f"train{role}", 2, 0)
    said = []
    open_dataset(f"folder:{tmp_path}", size=0, report=said.append)
    assert (
        len(said) == 1
        and "no testA and testB: scores are of the training images in trainA and trainB" in said[0]
    )
    tiny.noise(tmp_path / "testA", 1, 0)
    open_dataset(f"folder:{tmp_path}", size=0, report=said.append)
    assert len(said) == 2 and "no testB: scores are of the training images in trainB and" in said[1]
    open_dataset(f"folder:{pictures_of_two}", size=0, report=said.append)
    assert len(said) == 2


def test_nested_folder_is_one_domain(tmp_path):
    tiny.noise(tmp_path / "a" / "b", 2, 0)
    tiny.noise(tmp_path / "c", 1, 1, suffix=".jpg")
    (tmp_path / "notes.txt").write_text("no picture")
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    assert dataset.train["image"].size == 3
    with pytest.raises(InputError, match="has the domain.s. image, this model needs A, B"):
        check_domains(dataset, ("A", "B"))


@pytest.mark.parametrize("missing", ["trainA", "trainB"])
@pytest.mark.parametrize("empty", [False, True])
def test_one_domain_missing_or_empty(tmp_path, missing, empty):
    for name in {"trainA", "trainB"} - {missing}:
        tiny.noise(tmp_path / name, 1, 0)
    if empty:
        (tmp_path / missing).mkdir()
    with pytest.raises(
        InputError, match=f"{missing}' {'holds no pictures' if empty else 'is missing'}"
    ):
        open_dataset(f"folder:{tmp_path}", size=0)


def test_no_folder_and_no_pictures(tmp_path):
    with pytest.raises(InputError, match="no folder"):
        open_dataset(f"folder:{tmp_path}/nowhere", size=0)
    with pytest.raises(InputError, match="holds no pictures"):
        open_dataset(f"folder:{tmp_path}", size=0)


def test_all_damaged_is_refused_at_once_and_some_are_left_out(tmp_path):
    tiny.noise(tmp_path, 4, 0)
    said = []
    (tmp_path / "0.png").write_bytes(b"")
    (tmp_path / "2.png").write_bytes((tmp_path / "2.png").read_bytes()[:200])
    dataset = open_dataset(f"folder:{tmp_path}", size=0, report=said.append)
    take(dataset, 8, size=16, load_size=16)
    assert len(said) == 2 and "0.png" in said[0] and "2.png" in said[1]
    assert len(dataset.left_out()) == 2
    for name in "13":
        (tmp_path / f"{name}.png").write_text("no picture")
    with pytest.raises(InputError, match="none of its 4 images can be read"):
        open_dataset(f"folder:{tmp_path}", size=0, report=said.append)


def test_grey_and_transparent_files_become_rgb(tmp_path):
    Image.new("L", (9, 9), 100).save(tmp_path / "a.png")
    Image.new("RGBA", (9, 9), (0, 0, 0, 0)).save(tmp_path / "b.png")
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    assert dataset.train["image"].load(0)[0, 0].tolist() == [100] * 3
    assert dataset.train["image"].load(1)[0, 0].tolist() == [255] * 3


def test_seasons():
    dataset = open_dataset("seasons", size=32)
    assert {s.size for s in dataset.train.values()} == {2000} and dataset.truth
    assert dataset.train["A"].load(7).shape == (32, 32, 3)
    with pytest.raises(InputError, match="Did you mean 'seasons'"):
        open_dataset("season", size=32)
    with pytest.raises(InputError, match="Did you mean 'seasons_paired'"):
        open_dataset("seasons_pared", size=32)


def test_paired_seasons_are_the_same_scenes():
    dataset = open_dataset("seasons_paired", size=32)
    assert dataset.paired and dataset.truth and not open_dataset("seasons", size=32).paired
    for index in (0, 7, dataset.epoch - 1):
        scene = seasons.draw(index, split="train", size=32)
        for role, picture in zip("AB", scene, strict=True):
            np.testing.assert_array_equal(dataset.train[role].load(index), picture)


def test_pairs_stay_pairs_through_crop_and_flip():
    found = take(paired(), 40, size=12, load_size=16, flip=True, batch_size=2)
    for batch in found:
        a, b = levels(batch["A"]), levels(batch["B"])
        np.testing.assert_array_equal(a + [0, 0, 100], b)
    corners = {tuple(levels(batch["A"][0])[0, 0, :2]) for batch in found}
    assert len(corners) > 20  # they are not all the same
    indices = [levels(batch["A"])[:, 0, 0, 2] for batch in found]
    assert sorted(np.concatenate(indices)[:6]) == list(range(6))


def test_unpaired_roles_are_cropped_apart():
    pairs = paired()
    found = take(Dataset("x", pairs.train, {}), 20, size=12, load_size=16)
    assert any((batch["A"][..., :2] != batch["B"][..., :2]).any() for batch in found)


def damaged_at(*indices):
    def read(i):
        if i in indices:
            raise InputError(f"Cannot read {i}")
        return np.full((16, 16, 3), 100 + i, np.uint8)

    return read


def test_pairs_stay_pairs_beside_a_damaged_training_image():
    for batch in take(paired(read_b=damaged_at(1, 2)), 12, size=12, load_size=16):
        index = levels(batch["A"])[0, 0, 0, 2]
        assert index not in (1, 2)
        assert (levels(batch["B"]) == 100 + index).all()


def test_paired_roles_have_one_size():
    with pytest.raises(InputError, match="paired roles need as many images each, got .*3.*4"):
        Dataset("x", {"A": ramps(3).train["image"], "B": ramps(4).train["image"]}, {}, paired=True)


def test_damaged_test_images_are_dropped():
    """Of a pair with a damaged half both; without pairs the damaged one alone; never a stand-in."""
    pairs = paired(read_b=damaged_at(1, 4))
    config = DataConfig(size=16, load_size=16)
    found = {role: images_for_tests(pairs, config, role, 6)[:, 0, 0, 2] for role in "AB"}
    assert found["A"].tolist() == [0, 2, 3, 5] and found["B"].tolist() == [100, 102, 103, 105]
    assert len(pairs.left_out()) == 2
    unpaired = Dataset("x", {}, paired(read_b=damaged_at(1, 4)).test)
    assert [len(images_for_tests(unpaired, config, role, 6)) for role in "AB"] == [6, 4]


def test_some_test_image_is_found_or_none_is_there():
    config = DataConfig(size=16, load_size=16)
    pairs = paired(read_b=damaged_at(0, 1))
    assert images_for_tests(pairs, config, "A", 1)[:, 0, 0, 2].tolist() == [2]
    with pytest.raises(InputError, match="none of its 6 images can be read.*Cannot read 0"):
        images_for_tests(paired(read_b=damaged_at(*range(6))), config, "A", 6)


def test_fingerprint_of_a_folder(tmp_path):
    tiny.two_domains(tmp_path)

    def fingerprint():
        return open_dataset(f"folder:{tmp_path}", size=0).fingerprint()

    first = fingerprint()
    assert first["A"].startswith("5:") and first["B"].startswith("4:")
    (tmp_path / "testA" / "0.png").unlink()
    assert fingerprint() == first
    (tmp_path / "trainA" / "4.png").rename(tmp_path / "trainA" / "5.png")
    renamed = fingerprint()
    assert renamed["A"].startswith("5:") and renamed["A"] != first["A"]
    assert renamed["B"] == first["B"]
    (tmp_path / "trainB" / "0.png").unlink()
    assert fingerprint()["B"].startswith("3:")


def test_fingerprint_does_not_follow_the_place(tmp_path):
    one, two = (tiny.two_domains(tmp_path / name) for name in ("one", "two"))
    found = [open_dataset(f"folder:{root}", size=0).fingerprint() for root in (one, two)]
    assert found[0] == found[1]


def test_a_limit_takes_the_same_part_of_the_training_images_each_time():
    whole = toy.dataset(15)
    few, more = whole.limited(3), whole.limited(7)
    parts = [set(shown(dataset, 3 * dataset.epoch)) for dataset in (few, more)]
    assert [len(part) for part in parts] == [few.epoch, more.epoch] == [3, 7]
    assert parts[0] < parts[1] and max(parts[1]) > 7  # from anywhere, a part of the larger part
    assert shown(whole.limited(3), 6) == shown(few, 6)
    assert whole.limited(0) is whole
    assert few.reals("A", "train").size == 15 and few.reals("A", "test") is few.test["A"]
    assert few.fingerprint() != more.fingerprint() != whole.fingerprint()
    with pytest.raises(InputError, match="data.limit=16: .* has 15 training images"):
        whole.limited(16)


def test_limited_pairs_stay_pairs_and_limited_labels_stay_with_their_images():
    pairs = open_dataset("seasons_paired", size=32).limited(3)
    indices = [pairs.train[role].identity.rpartition("\0")[2] for role in "AB"]
    assert indices[0] == indices[1] and pairs.paired
    portraits = open_dataset("faces", size=16).limited(5)
    source, whole = portraits.labelled, portraits.reals("image", "train")
    at = [int(i) for i in source.identity.rpartition("\0")[2].split(",")]
    assert [source.label(i) for i in range(5)] == [whole.label(i) for i in at]
    np.testing.assert_array_equal(source.load(2), whole.load(at[2]))


def test_fingerprint_of_the_embedded_sets():
    found = [open_dataset(name, size=32).fingerprint() for name in ("seasons", "seasons_paired")]
    assert found[0] == open_dataset("seasons", size=64).fingerprint()
    assert all(text.startswith("2000:") for prints in found for text in prints.values())
    assert found[0] != found[1]


def test_fit_side_keeps_the_aspect_and_crops_anywhere(tmp_path):
    tiny.noise(tmp_path, 1, 3, size=(10, 31))
    dataset = open_dataset(f"folder:{tmp_path}", size=0)
    whole = pictures.fit_side(pictures.read(tmp_path / "0.png"), 16)
    assert whole.shape == (16, 50, 3)
    lefts = set()
    for batch in take(dataset, 40, size=16, load_size=16, fit="side"):
        crop = levels(batch["image"][0])
        (left,) = (x for x in range(35) if np.array_equal(whole[:, x : x + 16], crop))
        lefts.add(left)
    assert min(lefts) < 8 and max(lefts) > 26


def test_one_domain_with_a_test_set(tmp_path):
    """A folder with train and test (or val), for a model of one domain."""
    for split, count in (("train", 3), ("val", 2)):
        tiny.noise(tmp_path / split / "a", count, 0)
    dataset = open_dataset(f"folder:{tmp_path}", size=0, roles=("image",))
    assert (dataset.train["image"].size, dataset.test["image"].size) == (3, 2)
    tiny.noise(tmp_path / "test", 1, 0)
    assert open_dataset(f"folder:{tmp_path}", size=0).test["image"].size == 1
    tiny.noise(tmp_path / "more", 1, 0)  # left aside, and said
    dataset = open_dataset(f"folder:{tmp_path}", size=0, report=(said := []).append)
    assert (dataset.train["image"].size, dataset.test["image"].size) == (3, 1)
    assert "'more'" in said[0]


def test_two_folders_are_two_roles(tmp_path):
    for name, count in (("a", 2), ("b", 3)):
        tiny.noise(tmp_path / name, count, 0)
    name = f"folder:{tmp_path}/a,folder:{tmp_path}/b"
    dataset = open_dataset(name, size=0, roles=("content", "style"))
    assert {role: source.size for role, source in dataset.train.items()} == {
        "content": 2,
        "style": 3,
    }
    with pytest.raises(InputError, match="names 2 data sets, this model takes one"):
        open_dataset(name, size=0)
    with pytest.raises(InputError, match=r"takes 3 \(x,y,z\)"):
        open_dataset(name, size=0, roles="xyz")


def test_photos_are_content_and_style():
    dataset = open_dataset("photos", size=0)
    assert set(dataset.train) == {"content", "style"}
    for source in dataset.train.values():
        for i in range(source.size):
            picture = source.load(i)
            assert picture.dtype == np.uint8 and picture.shape[2] == 3
