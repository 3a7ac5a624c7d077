"""The tests that hold on both backends, on JAX: Keras has one backend per process."""

import importlib.util
import os

import pytest


@pytest.mark.thorough
@pytest.mark.skipif(os.environ["KERAS_BACKEND"] == "jax", reason="this process runs on JAX itself")
@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
def test_the_same_on_jax(request):
    """Waits for what conftest.py has started beside the other tests."""
    process, output = request.config.on_jax
    assert process.wait() == 0, output.read_text()
