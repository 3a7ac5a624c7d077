"""The benchmark runs, and what it counts is right. (How fast anything is, is not tested.)"""

import json
import subprocess
import sys

import keras
import pytest

from scripts.benchmark import forward_flops


def test_a_run_prints_and_stores_a_row(tmp_path):
    results = tmp_path / "rows.jsonl"
    command = [sys.executable, "-m", "scripts.benchmark", "--preset=smoke", "--steps=1"]
    done = subprocess.run(
        [*command, f"--results={results}"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    row = json.loads(results.read_text())
    assert row.keys() >= {"ms_per_step", "images_per_second", "first_step_s", "peak_memory_gib"}
    assert row.keys() >= {"share_of_matmul", "pipeline_images_per_second", "environment"}
    assert row["images_per_second"] == pytest.approx(2 * 1000 / row["ms_per_step"])
    assert "ms_per_step" in done.stdout


def test_operations_of_convolutions_by_hand():
    inputs = keras.Input((None, None, 3))
    x = keras.layers.Conv2D(5, 3, strides=2, padding="same")(inputs)  # 8 x 8 -> 4 x 4
    x = keras.layers.Conv2DTranspose(2, 3, strides=2, padding="same")(x)  # 4 x 4 -> 8 x 8
    count = forward_flops(keras.Model(inputs, x), (2, 8, 8, 3))
    assert count == 2 * (2 * 16) * (9 * 3 * 5) + 2 * (2 * 16) * (9 * 5 * 2)
