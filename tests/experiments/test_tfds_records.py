"""TensorFlow Datasets sets that are too large for memory: read from their files, one by one."""

import io
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from core.errors import InputError
from experiments import api, configs
from experiments.data import tfds as sets
from experiments.data.config import DataConfig
from experiments.data.pipeline import batches
from experiments.data.records import TfRecords
from experiments.data.sources import open_dataset
from experiments.model import open_task_data

tfds = pytest.importorskip("tensorflow_datasets")
COUNT = 23
FORMATS = (
    "tfrecord",
    pytest.param(
        "array_record",
        marks=pytest.mark.skipif(sys.platform == "win32", reason="no package array_record"),
    ),
)


def jpeg(i):
    file = io.BytesIO()
    picture = np.random.default_rng(i).integers(0, 256, (12, 10, 3), np.uint8)
    Image.fromarray(picture).save(file, "JPEG")
    return file.getvalue()


class ManyFiles(tfds.core.GeneratorBasedBuilder):
    """Pictures in classes, with something more that nobody asks for."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        features = {
            "image": tfds.features.Image(),
            "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
            "objects": tfds.features.Sequence({"box": tfds.features.BBoxFeature()}),
        }
        features = tfds.features.FeaturesDict(features)
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, manager):
        return {name: self._generate_examples(n) for name, n in (("train", COUNT), ("test", 4))}

    def _generate_examples(self, count):
        box = tfds.features.BBox(0.0, 0.0, 1.0, 1.0)
        for i in range(count):
            yield i, {"image": io.BytesIO(jpeg(i)), "label": i % 3, "objects": [{"box": box}] * i}


@pytest.fixture(autouse=True)
def own_data_dir(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / "tfds"))


@pytest.fixture
def large(monkeypatch):
    """Every set is too large for memory."""
    monkeypatch.setattr(sets, "MAX_BYTES", 0)


def prepare(kind):
    """The folder of the set, prepared in three files."""
    builder = ManyFiles()
    config = tfds.download.DownloadConfig(num_shards=3)
    builder.download_and_prepare(file_format=kind, download_config=config)
    assert len(builder.info.splits["train"].filepaths) == 3
    return Path(builder.data_dir)


def opened(**options):
    return open_dataset("many_files", size=0, roles=("image",), **options)


def contents(source):
    found = [source.find(i) for i in range(source.size)]
    return [(image.tobytes(), source.label(i)) for i, image in found]


@pytest.mark.parametrize("kind", FORMATS)
def test_a_large_set_is_read_from_its_files(kind, large):
    prepare(kind)
    dataset = opened(labels=True)
    source = dataset.train["image"]
    assert (source.size, dataset.test["image"].size) == (COUNT, 4)
    assert source.classes == ("a", "b", "c")
    decoded = {np.asarray(Image.open(io.BytesIO(jpeg(i)))).tobytes(): i for i in range(COUNT)}
    numbers = [decoded[pixels] for pixels, _ in contents(source)]
    assert sorted(numbers) == list(range(COUNT))
    assert [source.label(i) for i in range(COUNT)] == [n % 3 for n in numbers]


@pytest.mark.parametrize("model", ["johnson", "ulyanov", "dumoulin"])
def test_paper_presets_get_their_data(model, large, monkeypatch):
    """Their sets are larger than memory; here a small one stands for them."""
    monkeypatch.setattr(tfds, "builder", lambda name: ManyFiles())
    task, config = configs.find(model).task, api.make_config(model, "paper", {})
    assert config.data.dataset in ("coco/2014", "imagenet2012")
    dataset = open_task_data(task, config)
    stream = task.batches(
        dataset, config.data, size=config.data.size, batch_size=2, start=0, seed=0
    )
    assert next(stream)[task.roles[0]].shape == (2, config.data.size, config.data.size, 3)


def test_both_formats_and_memory_give_the_same_images(tmp_path, monkeypatch):
    pytest.importorskip("array_record")
    found = []
    for kind, limit in (("tfrecord", 2**30), ("tfrecord", 0), ("array_record", 2**30)):
        monkeypatch.setattr(tfds.core.constants, "DATA_DIR", str(tmp_path / f"{kind}{limit}"))
        monkeypatch.setattr(sets, "MAX_BYTES", limit)
        prepare(kind)
        dataset = opened()
        found.append((dataset.fingerprint(), sorted(contents(dataset.train["image"]))))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize("kind", FORMATS)
def test_batches_start_anywhere(kind, large):
    prepare(kind)
    config = DataConfig(size=8, load_size=9, labels=True, threads=4)

    def some(start, count):
        stream = batches(opened(), config, size=8, batch_size=2, start=start, seed=3)
        return [{k: v.numpy() for k, v in next(stream).items()} for _ in range(count)]

    whole, rest = some(0, 20), some(26, 7)
    for one, other in zip(whole[13:], rest, strict=True):
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])


@pytest.mark.parametrize("kind", FORMATS)
def test_threads_read_the_same(kind, large):
    prepare(kind)
    expected = contents(opened().train["image"])
    source = opened().train["image"]  # has looked at no file yet
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda i: source.load(i % COUNT).tobytes(), range(8 * COUNT)))
    assert got == [pixels for pixels, _ in expected] * 8


def test_only_the_wanted_features_are_decoded(large, monkeypatch):
    prepare("tfrecord")
    source = opened().train["image"]

    def refuse(*_, **__):
        raise AssertionError("decodes the boxes")

    monkeypatch.setattr(tfds.features.FeaturesDict, "deserialize_example", refuse)
    monkeypatch.setattr(tfds.features.FeaturesDict, "deserialize_example_np", refuse)
    assert len(contents(source)) == COUNT


def test_memory_does_not_grow_with_what_is_read(tmp_path):
    path, size, count = tmp_path / "a.tfrecord", 2**20, 64
    with path.open("wb") as file:
        for i in range(count):
            file.write(size.to_bytes(8, "little") + bytes(4) + bytes([i]) * size + bytes(4))
    records = TfRecords([str(path)], [count])
    assert records[5][:2] == bytes([5, 5])
    before = psutil.Process().memory_info().rss
    for i in np.random.default_rng(0).permutation(np.arange(3 * count) % count).tolist():
        assert records[i][-1] == i
    grown = psutil.Process().memory_info().rss - before
    assert grown < 16 * size  # 192 MiB were read


# --- bad input ---


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_images_are_left_out(kind, large):
    folder = prepare(kind)
    first = opened().train["image"]
    expected = contents(first)
    path = sorted(folder.glob("*train*"))[1]
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    said = []
    source = opened(report=said.append).train["image"]
    found = contents(source)
    assert 0 < len(said) < COUNT and all("left out" in line for line in said)
    assert kind != "tfrecord" or f"{path}: the file ends before it" in said[-1]
    for i in range(COUNT):
        assert i in source.left_out or found[i][0] == expected[i][0]


def test_a_damaged_record_is_left_out(large):
    folder = prepare("tfrecord")
    path = sorted(folder.glob("*train*"))[0]
    data = bytearray(path.read_bytes())
    data[12:40] = bytes([255]) * 28  # the beginning of the first record
    path.write_bytes(data)
    said = []
    source = opened(report=said.append).train["image"]
    contents(source)
    assert list(source.left_out) == [0] and "train[0]" in said[0] and "damaged" in said[0]


@pytest.mark.parametrize("kind", FORMATS)
def test_missing_files(kind, large):
    folder = prepare(kind)
    path = sorted(folder.glob("*train*"))[2]
    path.unlink()
    with pytest.raises(InputError, match=f"1 of the 3 files of 'train' are missing.*{path.name}"):
        opened()


@pytest.mark.parametrize("limit", [0, 2**30])
def test_another_format(limit, monkeypatch):
    monkeypatch.setattr(sets, "MAX_BYTES", limit)
    folder = prepare("tfrecord")
    info = folder / "dataset_info.json"
    info.write_text(json.dumps(json.loads(info.read_text()) | {"fileFormat": "riegeli"}))
    for path in folder.glob("*tfrecord*"):
        path.rename(folder / path.name.replace("tfrecord", "riegeli"))
    with pytest.raises(InputError, match=f"is prepared as riegeli in {folder}.*remove that folder"):
        opened()


def test_array_record_is_not_installed(monkeypatch):
    pytest.importorskip("array_record")
    prepare("array_record")

    def missing(*_, **__):
        raise ImportError("No module named 'array_record'")

    monkeypatch.setattr(ManyFiles, "as_data_source", missing)  # imported once, it stays
    with pytest.raises(InputError, match="prepared as array_record.*pip install array_record"):
        opened()
