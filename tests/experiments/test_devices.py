"""Data parallelism on JAX, on virtual CPU devices: the number of devices changes no result."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tiny

# Sums over the batch are split by device, so results agree to float32 rounding, not bit for bit
# (measured: losses 1e-6, kernels 1e-8, Adam's moments 2e-6). Biases in front of an instance norm
# have a gradient that is nothing but rounding, which Adam turns into steps of the learning rate:
# they may differ by two of them a step, and change no output.
RATE, STEPS = 1e-4, 3
LOSSES, STATE, BIASES = 1e-5, 1e-5, 2 * STEPS * RATE
# StyleGAN2's Adam has no first moment, so every gradient that is rounding becomes a step of the
# learning rate, in kernels, too. Its losses and second moments say whether gradients agree.
STYLED_LOSSES, MOMENTS = 1e-3, 1e-3
pytestmark = pytest.mark.thorough
CHILD = """
import json, os, sys
from absl import logging
sys.path[:0] = [os.getcwd(), "tests/experiments"]
import keras, tiny
from core.errors import InputError
from experiments import api
dataset, root = sys.argv[1:]
changes = dict(batch_size=4, images=12, log_every=4, checkpoint_every=12,
               eval_every=12, sample_every=12)
changes |= {"algorithm__learning_rate": 1e-4, "algorithm__n_blocks": 0}
for devices in (1, 2, 4):
    config = tiny.config(dataset, **changes)
    api.train_config(config, f"{root}/{devices}", devices=devices, say=lambda line: None)
    keras.distribution.set_distribution(None)
styled = {"batch_size": 4, "images": 12, "log_every": 4, "checkpoint_every": 12, "eval_every": 12,
          "sample_every": 12, "eval_images": 4, "algorithm.g_learning_rate": 1e-4,
          "algorithm.d_learning_rate": 1e-4, "algorithm.mbstd_group_size": 4, "algorithm.p": 0.5}
for devices in (1, 2, 4):
    config = api.make_config("stylegan2", "smoke", styled)
    api.train_config(config, f"{root}/styled{devices}", devices=devices, say=lambda line: None)
    keras.distribution.set_distribution(None)
for name, devices, more in (("uneven", 3, {}), ("many", 8, {"batch_size": 8}), ("none", 0, {}),
                            ("word", "two", {})):
    try:
        config = tiny.config(dataset, **changes | more)
        api.train_config(config, f"{root}/{name}", devices=devices, say=lambda line: None)
    except InputError as error:
        print(json.dumps([name, str(error)]), flush=True)
"""


@pytest.fixture(scope="module")
def runs(pictures_of_two, tmp_path_factory):
    """The directory of the runs, and the refusals by name."""
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    root = tmp_path_factory.mktemp("devices")
    settings = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": "--xla_force_host_platform_device_count=4",
    }
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(pictures_of_two), str(root)],
        cwd=Path(__file__).parents[2],
        env=os.environ | settings,
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("[")]
    return root, dict(map(json.loads, lines))


@pytest.mark.parametrize("devices", ["2", "4"])
def test_same_result(runs, devices):
    one, many = tiny.rows(runs[0] / "1"), tiny.rows(runs[0] / devices)
    assert [row["images"] for row in one if "loss/G" in row] == [4, 8, 12]
    for a, b in zip(one, many, strict=True):
        assert a.keys() == b.keys()
        for key in a:
            if key.startswith("loss/"):
                assert b[key] == pytest.approx(a[key], rel=LOSSES), key
    one, many = tiny.newest(runs[0] / "1"), tiny.newest(runs[0] / devices)
    assert one.keys() == many.keys() and len(one) > 50
    for name in one.keys() - {"progress"}:
        bound = BIASES if name.endswith("bias") else STATE
        np.testing.assert_allclose(many[name], one[name], rtol=0, atol=bound, err_msg=name)
    assert one["progress"] == many["progress"]


@pytest.mark.parametrize("devices", ["2", "4"])
def test_stylegan2_is_the_same(runs, devices):
    """With path length, R1, augmentation, and statistics over a group that devices share."""
    one, many = (tiny.rows(runs[0] / f"styled{count}") for count in ("1", devices))
    logged = {key for row in one for key in row}
    assert {"loss/path_length", "loss/penalty", "augment/p", "augment/sign"} <= logged
    for a, b in zip(one, many, strict=True):
        for key in a:
            if key.startswith(("loss/", "augment/", "score/")):
                assert b[key] == pytest.approx(a[key], rel=STYLED_LOSSES, abs=STYLED_LOSSES), key
    one, many = (tiny.newest(runs[0] / f"styled{count}") for count in ("1", devices))
    assert one.keys() == many.keys() and len(one) > 50
    for name in one.keys() - {"progress"}:
        bound = BIASES
        if name.startswith("optimizer"):
            bound = MOMENTS * max(np.abs(one[name]).max(), 1e-6)
        np.testing.assert_allclose(many[name], one[name], rtol=0, atol=bound, err_msg=name)


def test_it_was_spread(runs):
    stored = json.loads((runs[0] / "4" / "config.json").read_text())
    assert stored["created"]["device"].startswith("4 x ")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("uneven", "a batch of 4 cannot be spread evenly over 3 devices. Give --set batch_size=3"),
        ("many", "devices=8: expected a number from 1 to 4 or 'all', as JAX sees 4"),
        ("none", "devices=0: expected a number from 1 to 4 or 'all', as JAX sees 4"),
        ("word", "--devices=two"),
    ],
)
def test_refused(runs, name, message):
    assert message in runs[1][name]
