"""A model that is installed from elsewhere (tests/outside) does all that ours do, with no line of
the runner changed: docs/adding_a_model.md walks through it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny
from commands import cut_power
from test_runner import main

from core.phases import Algorithm
from experiments import api, configs

ROOT = Path(__file__).parents[2]
OUTSIDE = ROOT / "tests" / "outside"


@pytest.fixture(autouse=True)
def installed(monkeypatch):
    """As pip would: the package and its entry point are on the path."""
    monkeypatch.syspath_prepend(OUTSIDE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(OUTSIDE), str(ROOT)]))


@pytest.fixture
def trained(tmp_path):
    assert main("--model=tint", "--preset=smoke", f"--run_dir={tmp_path}/run") == 0
    return tmp_path / "run"


def test_it_is_found_by_its_name_and_explained():
    assert "tint" in configs.names() and "tint" not in configs.MODELS
    assert configs.find("tint").summary.startswith("the mean colour")


def test_trains_resumes_evaluates_and_translates(trained, tmp_path, capfd):
    config = api.make_config("tint", "smoke")

    def train():
        api.train_config(config, tmp_path / "stopped", say=lambda line: None)

    cut_power(train, Algorithm, 3)
    train()
    tiny.assert_same_state(tmp_path / "stopped", trained)

    capfd.readouterr()
    assert main("--model=tint", "--mode=evaluate", f"--run_dir={trained}") == 0
    assert "psnr/AtoB" in capfd.readouterr().out
    picture = np.random.default_rng(0).integers(0, 256, (21, 34, 3), np.uint8)
    run = api.load(trained, say=lambda line: None)
    assert run.translate(picture).shape == picture.shape
    assert (run.translate(picture) != run.translate(picture, "BtoA")).any()


@pytest.mark.thorough
def test_is_compared(trained, tmp_path):
    output = tmp_path / "compared"
    arguments = [f"--runs=tint={trained}", "--count=2", f"--output={output}"]
    done = subprocess.run(
        [sys.executable, "-m", "experiments.compare", *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    assert "| tint |" in (output / "comparison.md").read_text(encoding="utf-8")
    assert (output / "sheet.png").exists()


@pytest.mark.thorough
def test_is_benchmarked(tmp_path):
    results = tmp_path / "rows.jsonl"
    arguments = ["--model=tint", "--preset=smoke", "--steps=1", f"--results={results}"]
    done = subprocess.run(
        [sys.executable, "-m", "scripts.benchmark", *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(results.read_text(encoding="utf-8"))
    assert row["model"] == "tint" and row["gflop_per_step"] > 0
