"""Backend and quiet TensorFlow for every test; no test leaves global settings behind."""

import os
import subprocess
import sys
from pathlib import Path

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", "")  # none: tests leave nothing in a home
os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")

import pytest  # noqa: E402

from experiments import cli  # noqa: E402

cli.FLAGS(["pytest"])
cli.select_backend()

from core import engine  # noqa: E402

# before TensorFlow runs: results depend in their last bits on the number of its threads, and runs
# in this process are compared to runs in processes of their own
engine.setup(deterministic=False, branches=2)  # as CycleGAN


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    """Every test draws the same numbers, whichever tests ran before it in its process."""
    import keras

    keras.utils.set_random_seed(0)


@pytest.fixture(autouse=True)
def _global_settings():
    """Precision and distribution are global in Keras; flags are in absl, and runs unparse them."""
    import keras

    if not cli.FLAGS.is_parsed():
        cli.FLAGS(["pytest"])
    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)
    keras.distribution.set_distribution(None)


def pytest_collection_modifyitems(items):
    """What fails when the step of any model is broken runs first, so that `-x` ends soon."""
    items.sort(key=lambda item: item.get_closest_marker("first") is None)


def pytest_collection_finish(session):
    """Starts the tests on JAX, which one core is enough for, beside those of this process."""
    on_jax = any(item.name == "test_the_same_on_jax" for item in session.items)
    if session.config.option.collectonly or not on_jax or os.environ["KERAS_BACKEND"] == "jax":
        return
    folder = session.config._tmp_path_factory.mktemp("jax")
    settings = {
        "KERAS_BACKEND": "jax",
        "JAX_PLATFORMS": "cpu",
        # compiling takes most of the time here
        "XLA_FLAGS": "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true",
        # compiled once for the many processes of these tests
        "JAX_COMPILATION_CACHE_DIR": str(folder / "compiled"),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
    tests, output = Path(__file__).parent, folder / "output.txt"
    command = [sys.executable, "-m", "pytest", "-m", "backends and not slow", "-q", str(tests)]
    with open(output, "w") as file:
        process = subprocess.Popen(
            command, cwd=tests.parent, env=os.environ | settings, stdout=file, stderr=file
        )
    session.config.on_jax = process, output


def pytest_unconfigure(config):
    """Leaves no process behind."""
    if hasattr(config, "on_jax"):
        config.on_jax[0].kill()
