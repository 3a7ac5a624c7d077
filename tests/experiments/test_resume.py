"""Killed, stopped and damaged runs go on, and end as a run that nothing happened to."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import tiny
from tiny import assert_same_state, flags, rows

from experiments.training import checkpoint

CHILD = Path(__file__).with_name("child.py")


def start(fault, arguments, **options):
    """The runner in a process of its own, on the backend of this one."""
    return subprocess.Popen(
        [sys.executable, str(CHILD), fault, *arguments],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"} | options,
    )


def run(fault, arguments):
    """Its exit status and what it said, when it has ended."""
    process = start(fault, arguments)
    said = process.communicate(timeout=180)[1]
    return process.returncode, said


def saved(run_dir):
    return [int(path.stem) for path in checkpoint.newest_first(run_dir)]


@pytest.mark.backends
@pytest.mark.thorough
def test_kill_minus_nine_at_any_moment(pictures_of_two, finished, tmp_path):
    path = tmp_path / "run"
    command = flags(pictures_of_two, path)

    process = start("pause@step:2", command)  # before the first checkpoint, from outside
    until = time.monotonic() + 120
    while not (path / "metrics.jsonl").exists() or len(rows(path)) < 1:
        assert process.poll() is None and time.monotonic() < until, process.communicate()
        time.sleep(0.02)
    process.kill()
    process.communicate()
    assert saved(path) == []

    assert run("SIGKILL@write:2", command)[0] == -signal.SIGKILL  # half of the second one written
    assert saved(path) == [4]
    assert list(checkpoint.folder(path).glob("*.tmp*"))

    assert run("SIGKILL@logged:3", command)[0] == -signal.SIGKILL  # between two, 10 images logged
    assert saved(path) == [8, 4]
    assert rows(path)[-1]["images"] == 10

    assert run("SIGKILL@replaced:1", command)[0] == -signal.SIGKILL  # before the oldest is removed
    assert saved(path) == [12, 8, 4]

    status, said = run("none", command)
    assert status == 0, said
    assert "going on after 12 of 16 images" in said
    assert saved(path) == [16, 12]
    assert not list(checkpoint.folder(path).glob("*.tmp*"))
    assert_same_state(path, finished)
    assert rows(path) == rows(finished)


def test_rows_of_the_uninterrupted_run(finished):
    losses = [row["images"] for row in rows(finished) if "loss/G" in row]
    scores = [row["images"] for row in rows(finished) if "cycle_error/A" in row]
    assert losses == [2, 4, 6, 8, 10, 12, 14, 16]
    assert scores == [16]


def test_the_tiny_run_changes_what_it_should(finished, pictures_of_two, tmp_path):
    """Otherwise equal states would prove little."""
    tiny.train(pictures_of_two, tmp_path / "short", images=4)
    one, two = tiny.newest(tmp_path / "short"), tiny.newest(finished)
    still = {name for name in one if one[name].tobytes() == two[name].tobytes()}
    groups = {name.partition("/")[0] for name in set(one) - still}
    assert groups == {name.partition("/")[0] for name in one}  # progress, counter and pools too


@pytest.mark.thorough
def test_sigint_and_sigterm_save_and_say_how_to_go_on(pictures_of_two, finished, tmp_path):
    path = tmp_path / "run"
    command = flags(pictures_of_two, path)
    for name, status, images in (("SIGINT", 130, 6), ("SIGTERM", 143, 10)):
        step = 3 if name == "SIGINT" else 2
        code, said = run(f"{name}@step:{step}", command)
        assert code == status, said
        last = said.strip().splitlines()[-1]
        assert last == (
            f"stopped by {name} after {images} images; saved. The same command goes on from here."
        )
        assert saved(path)[0] == images
    code, said = run("none", command)
    assert code == 0, said
    assert "going on after 10 of 16 images" in said
    assert_same_state(path, finished)
    assert rows(path) == rows(finished)


@pytest.mark.thorough
def test_disk_full_while_saving(pictures_of_two, finished, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(finished, path)
    last, before = checkpoint.newest_first(path)
    last.unlink()
    size = before.stat().st_size
    code, said = run(f"fsize:{size // 2}", flags(pictures_of_two, path))
    assert code == 1
    assert "Traceback" not in said and "Exception ignored" not in said
    line = said.strip().splitlines()[-1]
    assert line == (
        f"error: cannot write to {path} (File too large). Training stopped. The checkpoint of 12 "
        "images is kept. Make room and give the same command again."
    )
    assert saved(path) == [12]
    assert not list(path.rglob("*.tmp*"))
    tiny.train(pictures_of_two, path)  # room again
    assert_same_state(path, finished)


def test_a_second_run_in_one_process_fits_the_first(pictures_of_two, finished, tmp_path):
    """Keras numbers the layers of a process; a checkpoint must not depend on that."""
    tiny.train(pictures_of_two, tmp_path / "again")
    assert_same_state(tmp_path / "again", finished)
