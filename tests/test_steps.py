"""One training step of every model on random images: the first thing that fails when one is broken.

These run before all other tests (see conftest.py).
"""

import numpy as np
import pytest
from keras import ops

from core import engine
from experiments import api, configs

STEPS = 2
# pixels, where the preset has more
SMALL = {"progan": 8, "stylegan": 8, "stylegan2": 8, "stylegan3": 16, "dcgan": 8}


def batch_of(algorithm, model):
    rng, shape = np.random.default_rng(0), algorithm.shape(algorithm.stages[-1])
    batch = {role: rng.uniform(-1, 1, shape).astype("float32") for role in model.task.roles}
    return engine.shard(batch)


@pytest.mark.first
@pytest.mark.parametrize("name", configs.MODELS)
def test_a_step_learns(name, tmp_path):
    """Losses are finite numbers, images are counted, and every trained variable moves."""
    model = configs.find(name)
    size = SMALL.get(name)
    changes = {"data.size": size, "data.load_size": size} if size else {}
    config = api.make_config(name, "smoke", changes)
    algorithm = api.build(config, epoch=8, budget=config.images, run_dir=tmp_path).algorithm
    stage = algorithm.current_stage = algorithm.stages[-1]
    algorithm.images.assign(stage.start)
    algorithm.enter(stage)
    trained = {v.path for phase in algorithm.phases for v in phase.variables}
    state = {v.path: v for name, vs in algorithm.groups().items() if name != "counter" for v in vs}
    before = {path: ops.convert_to_numpy(v).copy() for path, v in state.items()}
    batch = batch_of(algorithm, model)
    for step in range(STEPS):
        logs = algorithm.step(batch, step)
        values = [float(ops.convert_to_numpy(value)) for value in logs.values()]
        assert values and np.isfinite(values).all(), logs
    assert int(algorithm.images.numpy()) == stage.start + STEPS * algorithm.batch_size(batch)
    moved = {p for p, v in state.items() if (ops.convert_to_numpy(v) != before[p]).any()}
    assert moved  # the picture itself, where L-BFGS optimises one
    assert len(moved & trained) >= 0.7 * len(trained)  # a bias before a norm need not
