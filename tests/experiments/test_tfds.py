"""TensorFlow Datasets without a network: its own mock data, and its failures."""

import socket

import numpy as np
import pytest
import tiny
from etils import epath

from core.errors import InputError
from experiments.data import pictures
from experiments.data.config import DataConfig
from experiments.data.pipeline import batches
from experiments.data.sources import open_dataset

tfds = pytest.importorskip("tensorflow_datasets")
HORSES = "cycle_gan/horse2zebra"


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path, monkeypatch):
    """Nothing that this machine has downloaded is seen, nothing is written outside."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise OSError("Network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def downloaded(monkeypatch, tmp_path):
    """The archive of horse2zebra, unpacked, in place of its download; all after it is real."""
    for seed, name in enumerate(("trainA", "trainB", "testA", "testB")):
        tiny.noise(tmp_path / "archive" / "horse2zebra" / name, 3 + seed, seed, suffix=".jpg")
    archive = epath.Path(tmp_path / "archive")
    manager = tfds.download.DownloadManager
    monkeypatch.setattr(manager, "download_and_extract", lambda self, urls: archive)


def test_two_domains(downloaded, tmp_path):
    dataset = open_dataset(HORSES, size=0)
    assert {r: s.size for r, s in dataset.train.items()} == {"A": 3, "B": 4}
    assert {r: s.size for r, s in dataset.test.items()} == {"A": 5, "B": 6}
    assert dataset.epoch == 4 and not dataset.truth
    folder = tmp_path / "archive" / "horse2zebra"
    for name, source in (("trainB", dataset.train["B"]), ("testA", dataset.test["A"])):
        files = {pictures.read(path).tobytes() for path in pictures.find(folder / name)}
        assert {source.load(i).tobytes() for i in range(source.size)} == files
    again = open_dataset(HORSES, size=0, download=False)  # it is there now
    np.testing.assert_array_equal(again.train["A"].load(2), dataset.train["A"].load(2))


def test_fingerprint(downloaded):
    found = open_dataset(HORSES, size=0).fingerprint()
    assert found["A"].startswith("3:") and found["B"].startswith("4:")
    assert found["A"][2:] != found["B"][2:]
    identity = open_dataset(HORSES, size=0).train["A"].identity
    assert identity.startswith(f"{HORSES}/") and identity.endswith(" trainA")  # with the version


class LeftAndRight(tfds.core.GeneratorBasedBuilder):
    """A set whose splits are called neither trainA nor train."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = tfds.features.FeaturesDict({"image": tfds.features.Image()})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, manager):
        return {name: self._generate_examples() for name in ("left", "right")}

    def _generate_examples(self):
        yield 0, {"image": np.zeros((4, 4, 3), np.uint8)}


def test_other_splits(no_network):
    message = "has the splits left, right, but not train. Expected trainA.* Choose another"
    with pytest.raises(InputError, match=message):
        open_dataset("left_and_right", size=0)


class GreyDigits(tfds.core.GeneratorBasedBuilder):
    """As mnist: grey pictures in classes."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(6, 6, 1)),
            "label": tfds.features.ClassLabel(names=["zero", "one", "two"]),
        }
        features = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, manager):
        return {name: self._generate_examples(n) for name, n in (("train", 9), ("test", 2))}

    def _generate_examples(self, count):
        for i in range(count):
            picture = np.full((6, 6, 1), 10 * i, np.uint8)
            yield i, {"image": picture, "label": ("zero", "one", "two")[i % 3]}


def test_one_domain_in_classes_grey_as_rgb(no_network):
    dataset = open_dataset("grey_digits", size=0, roles=("image",), labels=True)
    source = dataset.train["image"]
    assert (source.size, dataset.test["image"].size) == (9, 2)
    assert source.classes == ("zero", "one", "two")
    config = DataConfig(size=8, load_size=8, labels=True)
    batch = next(batches(dataset, config, size=8, batch_size=9, start=0, seed=0))
    image, label = batch["image"].numpy(), batch["label"].numpy()
    assert image.shape == (9, 8, 8, 3) and np.ptp(image, axis=3).max() == 0
    greys = np.rint((image[:, 0, 0, 0] + 1) * 12.75).astype(int)
    assert sorted(greys) == list(range(9))
    np.testing.assert_array_equal(label, greys % 3)


class InputsAndReals(tfds.core.GeneratorBasedBuilder):
    """A set of pairs."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        names = ("input_image", "real_image")
        features = tfds.features.FeaturesDict({n: tfds.features.Image() for n in names})
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, manager):
        return {name: self._generate_examples(n) for name, n in (("train", 4), ("test", 2))}

    def _generate_examples(self, count):
        for i in range(count):
            picture = np.full((6, 6, 3), 20 * i, np.uint8)
            yield i, {"input_image": picture, "real_image": 255 - picture}


def test_pairs(no_network):
    dataset = open_dataset("inputs_and_reals", size=0, roles=("A", "B"), paired=True)
    assert dataset.paired and dataset.truth and dataset.epoch == 4
    for split, count in ((dataset.train, 4), (dataset.test, 2)):
        assert split["A"].size == split["B"].size == count
        for i in range(count):
            np.testing.assert_array_equal(split["A"].load(i), 255 - split["B"].load(i))
    found = dataset.fingerprint()
    assert found["A"].startswith("4:") and found["A"] != found["B"]
    with pytest.raises(InputError, match="data.labels needs"):
        open_dataset("inputs_and_reals", size=0, labels=True)


def test_two_domains_are_no_pairs(downloaded):
    with pytest.raises(InputError, match="data.paired needs pairs"):
        open_dataset(HORSES, size=0, paired=True)


@pytest.mark.parametrize("missing", ["trainB", "testA", "testB"])
def test_half_of_two_domains(downloaded, tmp_path, monkeypatch, missing):
    open_dataset(HORSES, size=0)
    splits = {"trainA", "trainB", "testA", "testB"} - {missing}
    monkeypatch.setattr(
        tfds.core.DatasetInfo, "splits", property(lambda self: dict.fromkeys(splits))
    )
    with pytest.raises(InputError, match=f"but not {missing}"):
        open_dataset(HORSES, size=0, download=False)


@pytest.mark.parametrize(
    "name, meant",
    [
        ("horse2zebra", "cycle_gan/horse2zebra"),
        ("horse2zebras", "cycle_gan/horse2zebra"),
        ("cycle_gan/horse_zebra", "cycle_gan/horse2zebra"),
        ("facades", "cycle_gan/facades"),
        ("mine", "folder:mine"),
        ("./mine", "folder:./mine"),
        ("mine/", "folder:mine/"),
    ],
)
def test_did_you_mean(name, meant, no_network, tmp_path, monkeypatch):
    (tmp_path / "mine").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"--dataset={name}: unknown. Did you mean '{meant}'"):
        open_dataset(name, size=0)


def test_an_absolute_folder_is_suggested(no_network, tmp_path):
    with pytest.raises(InputError, match=f"Did you mean 'folder:{tmp_path}'"):
        open_dataset(str(tmp_path), size=0)


def test_no_network(no_network, monkeypatch):
    # ten retries, which wait for three minutes in all
    monkeypatch.setattr("tensorflow_datasets.core.download.downloader.MAX_RETRIES", 1)
    with pytest.raises(InputError) as error:
        open_dataset(HORSES, size=0)
    assert "could not be downloaded" in str(error.value)
    assert "ModuleNotFoundError" not in str(error.value) and "ImportError" not in str(error.value)
    assert "--dataset=seasons" in str(error.value)


def test_not_downloaded(no_network):
    with pytest.raises(InputError, match="not downloaded yet"):
        open_dataset(HORSES, size=0, download=False)


@pytest.mark.parametrize(
    "name", ["cycle_gan/horse2zebras", "no_such_data_set_anywhere", "a/b/c", ""]
)
def test_unknown_name(name, no_network):
    with pytest.raises(InputError, match="unknown"):
        open_dataset(name, size=0)


def test_without_pictures(no_network):
    with pytest.raises(InputError, match="no feature 'image'"):
        open_dataset("imdb_reviews", size=0)
