"""TensorFlow Datasets without a network: its own mock data, and its failures."""

import socket

import numpy as np
import pytest
import tiny
from etils import epath

from core.errors import InputError
from experiments.data import pictures
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
