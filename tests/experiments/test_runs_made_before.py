"""A run that an earlier version of the code made still loads, and goes on to the same end."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny
from keras import ops
from test_runner import main

from experiments import api

OLD = Path(__file__).parents[1] / "golden" / "run_of_dd9ac89"


@pytest.fixture
def run_dir(tmp_path):
    """A copy that may be changed."""
    return Path(shutil.copytree(OLD, tmp_path / "run"))


def arrays(path):
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def test_every_array_is_loaded(run_dir):
    run = api.load(run_dir, say=lambda line: None)
    assert (run.config.model, run.config.preset, run.config.deterministic) == (
        "dcgan",
        "smoke",
        True,  # what a configuration without the field means
    )
    stored = arrays(OLD / "checkpoints" / "000000000016.npz")
    groups = run.algorithm.groups()
    values = [ops.convert_to_numpy(v) for group in groups.values() for v in group]
    assert int(run.algorithm.images.numpy()) == 16
    sizes = sorted(a.size for name, a in stored.items() if a.dtype.kind in "fiu")
    assert len(values) <= len(sizes)
    for value in values:
        same = (a for a in stored.values() if a.shape == value.shape and a.dtype == value.dtype)
        assert any(a.tobytes() == value.tobytes() for a in same)
    pictures = run.sample(4)
    assert pictures.shape == (4, 16, 16, 3) and len({p.tobytes() for p in pictures}) == 4


def test_goes_on_to_the_same_end(run_dir):
    """The last bits depend on the processor; on one of the same kind they are the same."""
    assert main("--model=dcgan", "--preset=smoke", f"--run_dir={run_dir}") == 0
    found, expected = tiny.newest(run_dir), arrays(OLD / "finished.npz")
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=1e-6, err_msg=name)
        elif value.dtype.kind in "iu":
            np.testing.assert_array_equal(found[name], value, err_msg=name)
    lines = (run_dir / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["images"] for line in lines][-1] == 32
