"""Pictures of many sizes in one process: the same pixels, few compilations, flat memory."""

import keras
import numpy as np
import psutil
import pytest

from core import engine
from experiments import api

TENSORFLOW = keras.backend.backend() == "tensorflow"
ANY_STYLE = ("adain", "ghiasi", "style_swap")
STYLIZERS = ("johnson", "dumoulin", "ulyanov", *ANY_STYLE)
QUICK = ("cyclegan", "johnson", "adain")  # the others at the second level
OTHERS = ("cut", "pix2pix", "dumoulin", "ulyanov", "ghiasi", "style_swap")
THOROUGH = pytest.mark.thorough
STYLE = np.random.default_rng(1).integers(0, 256, (72, 80, 3), np.uint8)


def picture(i):
    """The i-th of pictures that all have sizes of their own, most of them odd."""
    size = (70 + (i * 37) % 41, 70 + (i * 23) % 43)
    return np.random.default_rng(i).integers(0, 256, (*size, 3), np.uint8)


def build(model):
    changes = {"algorithm.weights": "random"} if model in STYLIZERS else {}
    changes |= {"algorithm.output": "tanh"} if model in ("johnson", "ulyanov") else {}  # not black
    config = api.make_config(model, "smoke", changes)
    return api.build(config, 1, 1, "none", trains=False)


def use(run, i):
    if run.config.model not in STYLIZERS:
        return run.translate(picture(i))
    return run.stylize(picture(i), [STYLE] if run.config.model in ANY_STYLE else None)


def counted(monkeypatch):
    """A list that gets an entry whenever a function for many sizes is traced or run eagerly."""
    calls, compiling = [], engine.compile_by_shape

    def counting(fn, variables):
        return compiling(lambda *arrays: calls.append(fn) or fn(*arrays), variables)

    monkeypatch.setattr(engine, "compile_by_shape", counting)
    return calls


@pytest.mark.skipif(not TENSORFLOW, reason="JAX compiles for each size")
@pytest.mark.parametrize("model", [*QUICK, *(pytest.param(m, marks=THOROUGH) for m in OTHERS)])
def test_networks_are_compiled_once_for_all_sizes(model, monkeypatch):
    calls, run = counted(monkeypatch), build(model)
    for i in range(3):
        assert use(run, i).shape == picture(i).shape
    assert 1 <= len(calls) <= 2 and len(set(calls)) == len(calls)  # encoder and decoder


@pytest.mark.skipif(not TENSORFLOW, reason="JAX compiles for each size")
@pytest.mark.thorough
@pytest.mark.parametrize("model", ["cyclegan", "pix2pix", "johnson", "ulyanov"])
def test_pixels_are_those_of_networks_compiled_for_one_size(model, monkeypatch):
    run = build(model)
    made = [use(run, i) for i in range(2)]
    monkeypatch.setattr(engine._engine, "OPEN_SIZES", False)
    run = build(model)
    for i, pixels in enumerate(made):
        np.testing.assert_array_equal(use(run, i), pixels)
        assert len(np.unique(pixels)) > 10


@pytest.mark.backends
def test_the_same_function_for_arrays_of_many_sizes():
    traced = []
    double = engine.compile_by_shape(lambda x, y: traced.append(1) or x * y, [])
    for _ in range(2):
        for height in range(1, 6):
            x, y = np.full((1, height, 2 * height, 3), 2, np.float32), np.float32([1, 2, 3])
            np.testing.assert_array_equal(keras.ops.convert_to_numpy(double(x, y)), x * y)
    assert len(traced) == (1 if TENSORFLOW else 5)


@pytest.mark.slow
@pytest.mark.skipif(not TENSORFLOW, reason="JAX keeps what it compiled for the last sixteen sizes")
@pytest.mark.parametrize("model", ["cyclegan", "johnson", "adain"])
def test_memory_stays_flat_over_a_hundred_sizes(model):
    run, process, used = build(model), psutil.Process(), []
    for i in range(100):
        use(run, i)
        used.append(process.memory_info().rss / 2**20)
    assert used[-1] - used[20] < 40, "MiB"
