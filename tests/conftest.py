"""Backend and quiet TensorFlow for every test; no test leaves global settings behind."""

import os

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["CUDA_VISIBLE_DEVICES"] = os.environ.get("CUDA_VISIBLE_DEVICES", "")

import pytest  # noqa: E402

from experiments import run  # noqa: E402

run.FLAGS(["pytest"])
run.select_backend()

from core import engine  # noqa: E402

# before TensorFlow runs: results depend in their last bits on the number of its threads, and runs
# in this process are compared to runs in processes of their own
engine.setup(deterministic=False, branches=2)  # as CycleGAN


@pytest.fixture(autouse=True)
def _global_settings():
    """Precision and distribution are global in Keras."""
    import keras

    policy = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(policy)
    keras.distribution.set_distribution(None)
