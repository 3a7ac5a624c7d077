"""TensorFlow Datasets without a network: its own mock data, and its failures."""

import socket

import numpy as np
import pytest

from core.errors import InputError
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


def test_two_domains():
    with tfds.testing.mock_data(num_examples=3):
        dataset = open_dataset(HORSES, size=0)
    assert set(dataset.train) == set(dataset.test) == {"A", "B"}
    assert dataset.train["A"].name != dataset.train["B"].name
    for source in (*dataset.train.values(), *dataset.test.values()):
        picture = source.load(source.size - 1)
        assert picture.ndim == 3 and picture.shape[2] == 3 and picture.dtype == np.uint8


def test_no_network(no_network):
    with pytest.raises(InputError) as error:
        open_dataset(HORSES, size=0)
    assert "could not be downloaded" in str(error.value)
    assert "ModuleNotFoundError" not in str(error.value) and "ImportError" not in str(error.value)
    assert "--dataset=seasons" in str(error.value)


def test_not_downloaded(no_network):
    with pytest.raises(InputError, match="not downloaded yet"):
        open_dataset(HORSES, size=0, download=False)


@pytest.mark.parametrize("name", ["cycle_gan/horse2zebras", "no_such_data_set_anywhere", "a/b/c", ""])
def test_unknown_name(name, no_network):
    with pytest.raises(InputError, match="unknown"):
        open_dataset(name, size=0)


def test_without_pictures(no_network):
    with pytest.raises(InputError, match="no feature 'image'"):
        open_dataset("imdb_reviews", size=0)
