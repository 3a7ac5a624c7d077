"""core.saved_model against folders that TensorFlow saves in both of its ways, and damaged ones."""

import gzip
import io
import shutil
import tarfile
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2, trackable_object_graph_pb2

from core import saved_model
from core.errors import InputError
from core.saved_model import read_saved_model

ARRAYS = {
    "InceptionV3/Conv2d_1a_3x3/weights": np.arange(54, dtype="f4").reshape(3, 3, 3, 2) / 8,
    "Conv/biases": np.array([0.5, -2.0], "f4"),
    "flag": np.array(True),
    "step": np.array(123456789012, "i8"),
}
INDEX, DATA = "variables/variables.index", "variables/variables.data-00000-of-00001"
FILES = ("saved_model.pb", INDEX, DATA)
OBJECTS = "_CHECKPOINTABLE_OBJECT_GRAPH"


def save_old(folder):
    v1 = tf.compat.v1
    with tf.Graph().as_default(), v1.Session() as session:
        picture = v1.placeholder(tf.float32, (1, 4, 4, 3), "picture")
        for name, value in ARRAYS.items():
            v1.get_variable(name, initializer=value)
        session.run(v1.global_variables_initializer())
        v1.saved_model.simple_save(session, str(folder), {"x": picture}, {"y": picture + 1})


class Network(tf.Module):
    """Variables with names of their own, in a list and a dictionary, and two with one name."""

    def __init__(self, arrays):
        super().__init__()
        first, *others = [tf.Variable(value, name=name) for name, value in arrays.items()]
        self.first, self.others = first, others
        self.same = {"a": tf.Variable([1.0]), "b": tf.Variable([2.0])}


SAME = {"same/a": np.array([1.0], "f4"), "same/b": np.array([2.0], "f4")}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    base = tmp_path_factory.mktemp("saved")
    save_old(base / "old")
    tf.saved_model.save(Network(ARRAYS), str(base / "new"))
    return base


@pytest.fixture
def folder(folders, tmp_path):
    """A copy that a test may damage."""
    return shutil.copytree(folders / "old", tmp_path / "model")


def pack(folder, path, prefix="."):
    """A `.tar.gz` of a folder; TF-Hub's names begin with `./`."""
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, prefix)
    return path


def assert_same(found, expected):
    assert list(found) == sorted(expected)
    for name, value in expected.items():
        assert isinstance(found[name], np.ndarray)
        assert found[name].dtype == value.dtype
        np.testing.assert_array_equal(found[name], value, err_msg=name)


def refusal(path):
    with pytest.raises(InputError) as caught:
        read_saved_model(path)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_both_layouts(folders):
    assert_same(read_saved_model(folders / "old"), ARRAYS)
    assert_same(read_saved_model(str(folders / "new")), ARRAYS | SAME)


def rewrite(folder, change):
    """Writes the checkpoint of a folder again, its table of objects changed."""
    prefix = str(folder / "variables" / "variables")
    checkpoint = tf.train.load_checkpoint(prefix)
    values = {key: checkpoint.get_tensor(key) for key in checkpoint.get_variable_to_shape_map()}
    table = trackable_object_graph_pb2.TrackableObjectGraph()
    table.ParseFromString(values[OBJECTS])
    change(table)
    values[OBJECTS] = table.SerializeToString()
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(values),
        shape_and_slices=[""] * len(values),
        tensors=[tf.constant(value) for value in values.values()],
    )


def forget_names(table):
    for node in table.nodes:
        for item in node.attributes:
            item.full_name = ""


def test_names_are_those_of_the_graphs_if_the_checkpoint_has_none(folders, tmp_path):
    model = shutil.copytree(folders / "new", tmp_path / "model")
    rewrite(model, forget_names)
    assert_same(read_saved_model(model), ARRAYS | SAME)
    graphs = saved_model_pb2.SavedModel()
    graphs.ParseFromString((model / "saved_model.pb").read_bytes())
    graphs.meta_graphs[0].ClearField("object_graph_def")
    (model / "saved_model.pb").write_bytes(graphs.SerializeToString())
    names = ["first", "others/0", "others/1", "others/2", *SAME]
    values = [*ARRAYS.values(), *SAME.values()]
    assert_same(read_saved_model(model), dict(zip(names, values, strict=True)))


def test_objects_in_a_circle(folders, tmp_path):
    model = shutil.copytree(folders / "new", tmp_path / "model")

    def change(table):
        forget_names(table)
        table.nodes[0].children.add(node_id=0, local_name="first")
        table.nodes[1].children.add(node_id=10**6, local_name="not there")

    rewrite(model, change)
    assert set(ARRAYS) <= set(read_saved_model(model))


# --- archives


@pytest.mark.parametrize("prefix", [".", "arbitrary-image-stylization/1"])
def test_archives(folders, tmp_path, prefix):
    path = pack(folders / "new", tmp_path / "model.tar.gz", prefix)
    assert_same(read_saved_model(path), ARRAYS | SAME)


def member(name, kind=tarfile.REGTYPE, link="", size=0):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.size = kind, link, size
    return made


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (member("../escaped"), r"has the member '../escaped', expected names inside"),
        (member("a/../../escaped"), r"expected names inside the folder"),
        (member("/tmp/escaped"), r"expected names inside the folder"),
        (member("a\\..\\escaped"), r"expected names inside the folder"),
        (member("c:escaped"), r"expected names inside the folder"),
        (member("link", tarfile.SYMTYPE, "/etc/hosts"), r"'link', a link or device"),
        (member("link", tarfile.LNKTYPE, "saved_model.pb"), r"'link', a link or device"),
        (member("pipe", tarfile.FIFOTYPE), r"'pipe', a link or device"),
        (member("large", size=2**40), r"too large members"),
        (member("copy/saved_model.pb"), r"holds saved_model.pb 2 times, expected once"),
    ],
    ids=lambda value: value.name if isinstance(value, tarfile.TarInfo) else "",
)
def test_archives_with_other_members(folders, tmp_path, monkeypatch, bad, message):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "a" / "b"))
    (tmp_path / "a" / "b").mkdir(parents=True)
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folders / "old", ".")
        archive.addfile(bad)
    with pytest.raises(InputError, match=f"model.tar.gz .*{message}"):
        read_saved_model(path)
    assert {file.name for file in tmp_path.rglob("*")} == {"a", "b", "model.tar.gz"}


def test_archives_of_something_else(folders, tmp_path):
    (tmp_path / "text.txt").write_text("nothing")
    path = pack(tmp_path / "text.txt", tmp_path / "other.tar.gz", "text.txt")
    assert "holds saved_model.pb 0 times, expected once. Give the folder" in refusal(path)
    path.write_bytes(path.read_bytes()[:-12])
    assert "cannot be read (EOFError" in refusal(path)
    path.write_bytes(b"\x1f\x8bno archive")
    assert "cannot be read (" in refusal(path)
    path.write_bytes(b"PK no archive")
    assert "is neither a folder nor a .tar.gz. Give the folder" in refusal(path)
    assert "cannot be read (FileNotFoundError" in refusal(tmp_path / "none")


def test_archives_are_bounded(folders, tmp_path, monkeypatch):
    path = pack(folders / "old", tmp_path / "model.tar.gz")
    monkeypatch.setattr(saved_model, "_MAX_COUNT", 3)
    assert "has too many or too large members" in refusal(path)
    monkeypatch.setattr(saved_model, "_MAX_BYTES", 2**10)
    assert "too large" in refusal(path)


# --- damage


@pytest.mark.parametrize("name", FILES)
def test_missing_files(folder, name):
    (folder / name).unlink()
    if name == DATA:
        assert "damaged: 0 bytes of variables, expected 233 or more" in refusal(folder)
    else:
        assert f"is no SavedModel, {Path(name)} is missing. Give the folder" in refusal(folder)


@pytest.mark.parametrize("name", [INDEX, DATA])
def test_truncated_files(folder, name):
    content = (folder / name).read_bytes()
    for size in (0, len(content) // 2, len(content) - 1):
        (folder / name).write_bytes(content[:size])
        assert "damaged" in refusal(folder)


def test_variables_are_bounded(folder, monkeypatch):
    for limit, value, message in (
        ("_MAX_COUNT", 3, "has 4 variables, expected at most 3"),
        ("_MAX_BYTES", 200, "has variables of 0 MiB, expected at most 0"),
        ("_MAX_INDEX", 10, "variables.index of more than 0 MiB, too large"),
        ("_MAX_GRAPHS", 10, "saved_model.pb of more than 0 MiB, too large"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(saved_model, limit, value)
            assert message in refusal(folder)


@pytest.mark.parametrize("kind", ["old", "new"])
def test_mutations(folders, tmp_path, kind):
    model = shutil.copytree(folders / kind, tmp_path / "model")
    rng, refused, start = np.random.default_rng(0), 0, time.process_time()
    for name in FILES:
        content = np.frombuffer((model / name).read_bytes(), np.uint8)
        for _ in range(50):
            damaged, places = content.copy(), rng.integers(0, len(content), 3)
            damaged[places] = rng.integers(0, 256, 3)
            (model / name).write_bytes(damaged.tobytes())
            try:
                assert all(isinstance(v, np.ndarray) for v in read_saved_model(model).values())
            except InputError:
                refused += 1
        (model / name).write_bytes(content.tobytes())
    assert 60 < refused < 150
    assert time.process_time() - start < 10


def test_mutated_archives(folders, tmp_path):
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        archive.add(folders / "old", ".")
    content, rng = np.frombuffer(plain.getvalue(), np.uint8), np.random.default_rng(0)
    for _ in range(50):
        damaged, places = content.copy(), rng.integers(0, len(content), 20)
        damaged[places] = rng.integers(0, 256, 20)
        path = tmp_path / "model.tar.gz"
        path.write_bytes(gzip.compress(damaged.tobytes(), 1))
        try:
            read_saved_model(path)
        except InputError as error:
            assert str(path) in str(error)
    assert [file.name for file in tmp_path.rglob("*")] == ["model.tar.gz"]
