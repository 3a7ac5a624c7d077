"""Checkpoints that were edited, forged or damaged: used whole, or not at all."""

import io
import json
import os
import zipfile

import numpy as np
import pytest
import toy

from core.errors import InputError
from experiments.training import checkpoint


@pytest.fixture
def run(tmp_path):
    """A run with a good checkpoint, and another one of 4 images; returns the latter's arrays."""
    algorithm = toy.Toy()
    for images in (2, 4):
        algorithm.unused.assign(images)
        progress = {"images": images, "steps": images // 2, "stage": 0, "pending": []}
        path = checkpoint.save(tmp_path, algorithm, progress, keep=5)
    with np.load(path) as stored:
        return path, dict(stored)


def write(path, arrays, save=np.savez):
    with open(path, "wb") as file:
        save(file, **arrays)


def restored(path, algorithm=None):
    """The progress that is restored, the lines said, and whether all variables are of it."""
    algorithm, said = algorithm or toy.Toy(), []
    algorithm.unused.assign(-1)
    progress = checkpoint.restore(path.parents[1], algorithm, said.append)
    assert float(algorithm.unused.value) == progress["images"]
    return progress, said


def assert_passed_over(path):
    progress, said = restored(path)
    assert progress["images"] == 2
    assert len(said) == 1 and path.name in said[0] and said[0].endswith("; using the one before")
    assert "\n" not in said[0] and len(said[0]) < 600


DEEP = "[" * 100_000
PROGRESS = [
    [], "text", None, 4, {}, {"steps": 2}, {"images": -5}, {"images": "4"}, {"images": 4.0},
    {"images": True}, {"images": 10**400}, {"images": 4, "steps": -1}, {"images": 4, "steps": "x"},
    {"images": 4, "stage": 99}, {"images": 4, "stage": -1}, {"images": 4, "stage": "0"},
    {"images": 4, "stage": [0]}, {"images": 4, "pending": 5}, {"images": 4, "pending": [5]},
    {"images": 4, "pending": [[1, 2]]}, {"images": 4, "pending": [["x", {}]]},
    {"images": 4, "pending": [[4, {"loss/G": "high"}]]}, {"images": 4, "pending": [[4, {}, 1]]},
    {"images": 4, "unreported": "2"}, {"images": 4, "best": 5}, {"images": 4, "best": {}},
    {"images": 4, "best": {"score": "a", "value": None}}, {"images": 4, "pending": {"a": 1}},
]  # fmt: skip


@pytest.mark.parametrize("progress", PROGRESS, ids=lambda value: str(value)[:40])
def test_progress_that_no_run_writes(run, progress):
    path, arrays = run
    write(path, arrays | {"progress": np.array(json.dumps(progress))})
    assert_passed_over(path)


@pytest.mark.parametrize("text", ["", "{", DEEP, '{"images": 4}x', '{"images": NaN}', "\0" * 9])
def test_progress_that_is_not_json(run, text):
    path, arrays = run
    write(path, arrays | {"progress": np.array(text)})
    assert_passed_over(path)


CHANGES = {
    "progress as numbers": {"progress": np.zeros(3)},
    "progress twice": {"progress": np.array(['{"images": 4}'] * 2)},
    "NaN": {"unused/000 unused": np.float32(np.nan)},
    "infinity": {"unused/000 unused": np.float32(np.inf)},
    "beyond float32": {"unused/000 unused": np.float64(1e300)},
    "text": {"unused/000 unused": np.array("4")},
    "complex": {"unused/000 unused": np.array(4j)},
    "whole numbers": {"unused/000 unused": np.array(4)},
    "an int beyond 32 bits": {"counter/000 images": np.array(2**40)},
    "another shape": {"unused/000 unused": np.zeros(3, "f4")},
    "an array more": {"more": np.zeros(3, "f4")},
    "objects": {"unused/000 unused": np.array({}, dtype=object)},
}


@pytest.mark.parametrize("change", CHANGES)
def test_arrays_that_no_run_writes(run, change):
    path, arrays = run
    assert CHANGES[change].keys() <= {*arrays, "more"}
    write(path, arrays | CHANGES[change])
    if change != "an int beyond 32 bits" or arrays["counter/000 images"].dtype == np.int32:
        assert_passed_over(path)


@pytest.mark.parametrize("name", ["unused/000 unused", "unknown", "progress"])
def test_arrays_that_unpack_to_much_are_not_read(run, name):
    path, arrays = run
    large = np.zeros(64 << 20, "u1") if name != "progress" else np.array(" " * (16 << 20))
    write(path, arrays | {name: large}, np.savez_compressed)
    assert_passed_over(path)


def test_other_numbers_of_the_same_kind_are_converted(run):
    path, arrays = run
    write(path, arrays | {"unused/000 unused": np.float64(4)}, np.savez_compressed)
    assert restored(path)[0]["images"] == 4


def test_an_array_that_is_missing(run):
    path, arrays = run
    del arrays["unused/000 unused"]
    write(path, arrays)
    assert_passed_over(path)


@pytest.mark.parametrize("target", ["nowhere.npz", "000000000004.npz", "."])
def test_links_to_nothing(run, target):
    path, _ = run
    path.unlink()
    try:
        path.symlink_to(target)
    except OSError:
        pytest.skip("no links here")
    assert_passed_over(path)


def test_folders_and_other_names(run):
    path, arrays = run
    path.unlink()
    path.mkdir()
    assert_passed_over(path)
    for name in ("99x.npz", "0x9.npz", "٣.npz", f"{'9' * 100}.npz", ".npz"):
        write(path.with_name(name), arrays)
    assert_passed_over(path)
    with pytest.raises(InputError, match="has none of this name"):
        checkpoint.restore(path.parents[1], toy.Toy(), which="9" * 5000)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in folders here")
def test_pipes_do_not_hang(run):
    path, _ = run
    path.unlink()
    os.mkfifo(path)
    assert_passed_over(path)


def test_those_passed_over_are_renamed_and_leftovers_removed_by_the_trainer_alone(run):
    path, arrays = run
    write(path, arrays | {"more": np.zeros(3)})
    (path.parent / "folder.tmp").mkdir()
    (path.parent / "x.tmp1").touch()
    assert_passed_over(path)
    assert path.exists() and (path.parent / "x.tmp1").exists()
    progress = checkpoint.restore(path.parents[1], toy.Toy(), lambda line: None, tidy=True)
    assert progress["images"] == 2 and not path.exists() and path.with_suffix(".damaged").exists()
    assert not (path.parent / "x.tmp1").exists()


def test_one_that_is_asked_for_is_refused(run):
    path, arrays = run
    write(path, arrays | {"progress": np.array("[]")})
    with pytest.raises(InputError, match="--checkpoint=4: checkpoint .* is damaged"):
        checkpoint.restore(path.parents[1], toy.Toy(), which="4")


def test_forged_archives(run, count=60):
    """Members of other sizes than their headers say, in whole archives with right checksums."""
    path, arrays = run
    random, algorithm = np.random.default_rng(0), toy.Toy()
    for _ in range(count):
        with zipfile.ZipFile(path, "w") as archive:
            spoilt = list(arrays)[random.integers(len(arrays))]
            for name, value in arrays.items():
                content = io.BytesIO()
                np.save(content, value)
                content = bytearray(content.getvalue())
                if name == spoilt:
                    content[random.integers(10, 100)] = int(random.integers(256))
                archive.writestr(f"{name}.npy", bytes(content))
        progress, said = restored(path, algorithm)
        assert (progress["images"] == 2) == bool(said)
