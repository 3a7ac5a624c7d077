"""A run directory, or its config.json, that is removed while it is trained in."""

import json
import shutil

import pytest
import tiny
import toy

from core.errors import InputError
from experiments.training import checkpoint
from experiments.training.rundir import RunDir
from experiments.training.writer import read_metrics


def train(run_dir, act=lambda: None, said=None):
    """Trains `toy.Toy`; `act` is called when training reports its first losses."""
    done, said = [], [] if said is None else said

    def say(line):
        said.append(line)
        if "images/s" in line and not done:
            done.append(line)
            act()

    config = tiny.config("unused", data__size=8, data__load_size=8)
    directory = RunDir(run_dir, config)
    try:
        directory.store(config, {})
        toy.train(toy.Toy(), run_dir, config, budget=tiny.BUDGET, say=say, keep=directory.keep)
    finally:
        directory.close()


@pytest.mark.parametrize("name", ["config.json", "checkpoints", "metrics.jsonl", "samples"])
def test_what_is_missing_is_written_again(name, tmp_path):
    run_dir, first = tmp_path / "run", []

    def remove():
        path = run_dir / name
        if name == "config.json":
            first.append(path.read_bytes())
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)

    train(run_dir, remove)
    if first:
        assert (run_dir / name).read_bytes() == first[0]
    assert read_metrics(run_dir)[-1]["images"] == tiny.BUDGET
    said = []
    train(run_dir, said=said)  # the same command goes on
    assert any("this run is complete: 16 of 16 images" in line for line in said)


@pytest.mark.parametrize("again", [False, True], ids=["removed", "replaced"])
def test_a_directory_that_goes_stops_the_run(again, tmp_path):
    run_dir = tmp_path / "run"

    def remove():
        shutil.rmtree(run_dir)
        if again:  # the same command is started beside it
            run_dir.mkdir()
            (run_dir / "lock").touch()

    with pytest.raises(InputError, match="run: was removed or replaced while it was trained in"):
        train(run_dir, remove)
    assert not list(run_dir.glob("checkpoints/*"))
    shutil.rmtree(run_dir, ignore_errors=True)
    train(run_dir)
    assert json.loads((run_dir / "config.json").read_text())["config"]["model"] == "cyclegan"
    assert checkpoint.newest_first(run_dir)[0].stem == f"{tiny.BUDGET:012d}"


@pytest.mark.thorough
def test_training_by_the_api_looks_for_its_directory(tmp_path):
    run_dir = tmp_path / "run"

    def say(line):
        if "images/s" in line:
            shutil.rmtree(run_dir, ignore_errors=True)

    config = tiny.config(tiny.two_domains(tmp_path / "data"))
    with pytest.raises(InputError, match="was removed or replaced"):
        tiny.api.train_config(config, run_dir, say=say)
