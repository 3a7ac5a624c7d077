"""A run is trained longer than it was meant to be, and on the other backend."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tiny
from tiny import assert_same_state, newest

from core.errors import InputError
from experiments import api, configs
from experiments.training import checkpoint
from experiments.training.rundir import RunDir

OTHER = {"tensorflow": "jax", "jax": "tensorflow"}[keras.backend.backend()]


def begin(run, config, **options):
    """A process that got as far as training; returns what it says."""
    directory = RunDir(run, config, **options)
    try:
        schedule = lambda before, now, seen: f"{before} {now} {seen}"  # noqa: E731
        return directory.store(config, {"A": "1:a"}, epoch=10, schedule=schedule)
    finally:
        directory.close()


def stored(run):
    return json.loads((run / "config.json").read_text())


def test_it_can_become_longer_and_not_shorter(tmp_path):
    begin(tmp_path, tiny.config("x"))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / f"{14:012d}.npz").touch()
    said = begin(tmp_path, tiny.config("x", images=32))
    assert said == ["longer: 32 images in place of 16, 14 are seen. 16 32 14"]
    assert begin(tmp_path, tiny.config("x", images=32)) == []
    begin(tmp_path, tiny.config("x", images=0, epochs=4.0))
    (first, second) = stored(tmp_path)["longer"]
    assert (first["from"], first["to"], first["after"]) == (16, 32, 14)
    assert (second["from"], second["to"], second["schedule"]) == (32, 40, "32 40 14")
    for changes in ({"images": 38}, {"images": 40}, {"images": 0, "epochs": 3.0}):
        with pytest.raises(InputError, match="was made with another configuration"):
            begin(tmp_path, tiny.config("x", **changes))
    with pytest.raises(InputError, match="images: 0 -> 64"):  # never alone
        begin(tmp_path, tiny.config("x", images=64, algorithm__lambda_A=3.0))
    assert len(stored(tmp_path)["longer"]) == 2


@pytest.mark.thorough
def test_a_finished_run_goes_on_and_its_learning_rate_with_it(finished, pictures_of_two, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(finished, path)
    before = newest(path)
    said = []
    tiny.train(pictures_of_two, path, said, images=20)
    words = "16 are seen. The learning rate falls from image 10 on, in place of 8; it rises to what"
    assert f"longer: 20 images in place of 16, {words} it is there." in said
    assert "going on after 16 of 20 images" in said
    assert [int(p.stem) for p in checkpoint.newest_first(path)] == [20, 16]
    with np.load(checkpoint.newest_first(path)[1]) as kept:
        assert all(np.array_equal(kept[name], before[name]) for name in before)
    assert tiny.rows(path)[: len(tiny.rows(finished))] == tiny.rows(finished)
    rates = [r["learning_rate/G"] for r in tiny.rows(path) if "learning_rate/G" in r]
    assert rates[-1] < rates[-3] < rates[-2]  # after 20, 16 and 18 images
    assert stored(path)["longer"][0]["after"] == 16


@pytest.mark.thorough
@pytest.mark.parametrize("model", ["dcgan", "adain"])
def test_where_no_schedule_depends_on_it_the_bits_are_those_of_one_training(model, tmp_path):
    def train(name, images):
        changes = {"images": images, "sample_every": 8, "eval_every": 8, "checkpoint_every": 4}
        said = []
        api.train_config(api.make_config(model, "smoke", changes), tmp_path / name, say=said.append)
        return said

    train("once", 8)
    train("twice", 4)
    said = train("twice", 8)
    assert any("4 are seen. The learning rate does not depend on the length." in s for s in said)
    assert_same_state(tmp_path / "once", tmp_path / "twice")


def test_what_becomes_of_the_learning_rate():
    words = configs.find("cyclegan").task.longer
    config = tiny.config("x")
    assert words(config, 16, 64, 8) == "The learning rate falls from image 32 on, in place of 8."
    assert words(config, 16, 64, 16).endswith("in place of 8; it is 0.01 again until then.")
    assert words(config, 16, 20, 16).endswith("in place of 8; it rises to what it is there.")
    other = api.make_config("dcgan", "smoke")
    assert "does not depend" in configs.find("dcgan").task.longer(other, 16, 64, 8)


def test_another_backend_needs_its_flag_and_is_recorded(tmp_path):
    config = tiny.config("x")
    begin(tmp_path, config)
    other = replace(config, backend=OTHER)
    for refused in (other, replace(other, images=64)):
        with pytest.raises(InputError, match="--other_backend goes on with it; its bits will"):
            begin(tmp_path, refused)
    with pytest.raises(InputError, match="algorithm.lambda_A: 10.0 -> 3.0"):
        begin(tmp_path, tiny.config("x", algorithm__lambda_A=3.0), other_backend=True)
    (said,) = begin(tmp_path, other, other_backend=True)
    assert said.startswith(f"backend: {config.backend} -> {OTHER} after 0 images: the bits will")
    assert begin(tmp_path, other) == []
    begin(tmp_path, config, other_backend=True)
    assert [x["to"] for x in stored(tmp_path)["backends"]] == [OTHER, config.backend]
    assert stored(tmp_path)["config"]["backend"] == config.backend


MODELS = ("johnson", "cyclegan")
CHILD = """
import sys
from pathlib import Path
from experiments import api, cli
cli.FLAGS(["child"])
cli.select_backend()
for model, run, images in zip(*[iter(sys.argv[1:])] * 3):
    config = api.make_config(model, "smoke", {"images": int(images), "checkpoint_every": 2})
    api.train_config(config, run, other_backend=True, say=lambda line: print(line, flush=True))
"""


def elsewhere(runs, images):
    """Goes on with runs, by model, in a process of the other backend; returns what it says."""
    triples = [str(x) for model, run in runs.items() for x in (model, run, images[model])]
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *triples],
        env=os.environ | {"KERAS_BACKEND": OTHER, "JAX_PLATFORMS": "cpu"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.thorough
def test_state_goes_to_the_other_backend_and_back(tmp_path):
    """Networks, moments, counts of steps and the state of random numbers."""
    images = {"johnson": 4, "cyclegan": 4}

    def train(model, run, part, **options):
        changes = {"images": part, "checkpoint_every": 2}
        api.train_config(api.make_config(model, "smoke", changes), run, say=[].append, **options)

    runs = {model: tmp_path / model for model in MODELS}
    for model, run in runs.items():
        train(model, run, images[model])
        shutil.copytree(run, tmp_path / f"{model}-here")
        train(model, tmp_path / f"{model}-here", 2 * images[model])
    said = elsewhere(runs, {model: 2 * images[model] for model in MODELS})
    assert said.count("the bits will differ") == len(MODELS)
    for model, run in runs.items():
        here, there = newest(tmp_path / f"{model}-here"), newest(run)
        assert here.keys() == there.keys()
        counts = [
            name for name in here if "iteration" in name or "seed" in name or "images" in name
        ]
        assert counts and all((here[name] == there[name]).all() for name in counts)
        if model == "johnson":  # nothing is random there, so that all of it is near
            for name in here.keys() - {"progress"}:
                share = 0.3 if name.startswith("optimizer") else 1e-2
                near = share * np.abs(here[name]).max() + 4e-3  # Adam moves weights by 1e-3 a step
                np.testing.assert_allclose(here[name], there[name], rtol=0, atol=near)
        train(model, run, 3 * images[model], other_backend=True)
        assert len(stored(run)["backends"]) == 2
