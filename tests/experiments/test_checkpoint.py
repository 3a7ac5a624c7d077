"""Checkpoints: whole or not there, damaged ones passed over, foreign ones refused."""

import errno
import os
import shutil

import numpy as np
import pytest
import tiny
import toy
from tiny import assert_same_state

from core.errors import InputError
from experiments import api
from experiments.training import checkpoint


def save(path, algorithm, images, value, keep=5):
    algorithm.unused.assign(value)
    progress = {"images": images, "steps": images // 2}
    return checkpoint.save(path, algorithm, progress, keep=keep)


@pytest.fixture
def algorithm():
    return toy.Toy()


def truncate(path):
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def garble(path):
    path.write_bytes(os.urandom(path.stat().st_size))


def flip_a_byte(path):
    data = bytearray(path.read_bytes())
    place = data.index(b"\x93NUMPY") + 140  # in the values of the first array
    data[place] ^= 0xFF
    path.write_bytes(data)


def empty(path):
    path.write_bytes(b"")


def not_ours(path):
    with open(path, "wb") as file:
        np.savez(file, something=np.zeros(3))


DAMAGES = [truncate, garble, flip_a_byte, empty]


@pytest.mark.backends
def test_all_variables_come_back(algorithm, tmp_path):
    batch = {role: np.ones((2, 8, 8, 3), np.float32) for role in "AB"}
    algorithm.step(batch, 0)
    save(tmp_path, algorithm, 2, 7.0)
    before = [np.asarray(v.value) for v in algorithm.variables()]
    other = toy.Toy()
    progress = checkpoint.restore(tmp_path, other)
    assert (progress["images"], progress["steps"]) == (2, 1)
    for old, new in zip(before, other.variables(), strict=True):
        np.testing.assert_array_equal(old, np.asarray(new.value), strict=True)
    assert float(other.unused.value) == 7 and int(other.images.value) == 2


def test_keeps_as_many_as_asked(algorithm, tmp_path):
    for images in (2, 4, 6, 1_000_000_000_000):
        save(tmp_path, algorithm, images, images / 2, keep=2)
    assert [int(p.stem) for p in checkpoint.newest_first(tmp_path)] == [10**12, 6]


def test_nothing_to_restore(algorithm, tmp_path):
    assert checkpoint.restore(tmp_path, algorithm) is None


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_newest(algorithm, tmp_path, damage):
    save(tmp_path, algorithm, 2, 1.0)
    damage(save(tmp_path, algorithm, 4, 2.0))
    said = []
    progress = checkpoint.restore(tmp_path, algorithm, said.append)
    assert progress["images"] == 2 and float(algorithm.unused.value) == 1
    assert len(said) == 1 and "000000000004.npz is damaged" in said[0]


@pytest.mark.parametrize("damage", DAMAGES)
def test_all_damaged(algorithm, tmp_path, damage):
    paths = [save(tmp_path, algorithm, images, 1.0) for images in (2, 4)]
    for path in paths:
        damage(path)
    before = [path.read_bytes() for path in paths]
    with pytest.raises(InputError, match="all 2 checkpoints .* are damaged"):
        checkpoint.restore(tmp_path, algorithm, lambda line: None)
    assert [path.read_bytes() for path in paths] == before


def test_a_file_that_is_no_checkpoint(algorithm, tmp_path):
    save(tmp_path, algorithm, 2, 1.0)
    not_ours(checkpoint.folder(tmp_path) / "000000000004.npz")
    said = []
    assert checkpoint.restore(tmp_path, algorithm, said.append)["images"] == 2
    assert len(said) == 1


def test_another_architecture(algorithm, tmp_path):
    save(tmp_path, algorithm, 2, 1.0)
    other = toy.Toy()
    other.extra["more"] = [other.unused]
    with pytest.raises(InputError, match="of another architecture: 1 of .* 'more/000 unused'"):
        checkpoint.restore(tmp_path, other)


def test_training_goes_on_from_the_one_before(finished, pictures_of_two, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    truncate(checkpoint.newest_first(tmp_path / "run")[0])
    said = []
    tiny.train(pictures_of_two, tmp_path / "run", said)
    assert any("000000000016.npz is damaged" in line for line in said)
    assert "going on after 12 of 16 images" in said
    assert_same_state(tmp_path / "run", finished)
    assert tiny.rows(tmp_path / "run") == tiny.rows(finished)


def test_training_refuses_when_all_are_damaged(finished, pictures_of_two, tmp_path):
    run_dir = tmp_path / "run"
    shutil.copytree(finished, run_dir)
    for path in checkpoint.newest_first(run_dir):
        empty(path)
    kept = {p: p.read_bytes() for p in run_dir.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match="all 2 checkpoints"):
        tiny.train(pictures_of_two, run_dir, [])
    with pytest.raises(InputError, match="all 2 checkpoints"):
        api.load(run_dir, say=lambda line: None)
    changed = {p.name for p, data in kept.items() if p.read_bytes() != data}
    assert changed <= {"config.json", "lock"}  # who tried, and when


@pytest.mark.parametrize("call", ["fsync", "replace", "write"])
def test_disk_full(algorithm, tmp_path, monkeypatch, call):
    save(tmp_path, algorithm, 2, 1.0)

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        if call == "write":
            patch.setattr(np.lib.format, "write_array", fail)
        else:
            patch.setattr(os, call, fail)
        with pytest.raises(OSError, match="No space left"):
            save(tmp_path, algorithm, 4, 2.0)
    assert [p.name for p in checkpoint.folder(tmp_path).iterdir()] == ["000000000002.npz"]
    assert checkpoint.restore(tmp_path, algorithm)["images"] == 2


def test_values_that_are_not_finite_are_not_saved(algorithm, tmp_path):
    save(tmp_path, algorithm, 2, 1.0)
    with pytest.raises(FloatingPointError, match="unused"):
        save(tmp_path, algorithm, 4, np.nan)
    assert [int(p.stem) for p in checkpoint.newest_first(tmp_path)] == [2]


def test_any_damaged_byte(algorithm, tmp_path):
    """It is either noticed, or in a place that means nothing (a date in the zip).

    What is loaded is, bit for bit, all of the damaged checkpoint or all of the one before.
    """

    def state():
        return [np.asarray(v.value).tobytes() for v in algorithm.variables()]

    batch = {role: np.ones((2, 8, 8, 3), np.float32) for role in "AB"}
    wholes = {}
    for images in (2, 4):
        algorithm.step(batch, images // 2 - 1)
        path = save(tmp_path, algorithm, images, images / 2)
        wholes[images] = checkpoint.read(path)[1], state()
    assert sum(a != b for a, b in zip(wholes[2][1], wholes[4][1], strict=True)) > 3
    data, places = path.read_bytes(), np.random.default_rng(0)
    passed_over = 0
    for place in places.integers(0, len(data), 200):
        damaged = bytearray(data)
        damaged[place] ^= 1 << int(places.integers(8))
        path.write_bytes(damaged)
        said = []
        progress = checkpoint.restore(tmp_path, algorithm, said.append)
        assert (progress, state()) == wholes[progress["images"]]
        assert len(said) == (progress["images"] == 2)  # what was passed over is said
        passed_over += progress["images"] == 2
    assert passed_over > 100


def test_looking_at_a_run_leaves_what_its_trainer_is_writing(tmp_path):
    algorithm = toy.Toy()
    save(tmp_path, algorithm, 2, 1.0)
    writing = checkpoint.folder(tmp_path) / "000000000004.tmp4711"
    writing.write_bytes(b"half")
    assert checkpoint.restore(tmp_path, algorithm)["images"] == 2
    assert writing.exists()
    checkpoint.restore(tmp_path, algorithm, tidy=True)
    assert not writing.exists()


def test_a_damaged_checkpoint_does_not_count_among_those_kept(tmp_path):
    algorithm = toy.Toy()
    save(tmp_path, algorithm, 2, 1.0)
    save(tmp_path, algorithm, 8, 1.0).write_bytes(b"damaged")
    checkpoint.restore(tmp_path, algorithm, lambda line: None, tidy=True)
    save(tmp_path, algorithm, 4, 1.0, keep=1)
    assert [path.stem for path in checkpoint.newest_first(tmp_path)] == ["000000000004"]
