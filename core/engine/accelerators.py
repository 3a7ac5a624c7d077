"""GPUs that the machine has, whether a backend sees them or not."""

import sys

from core import machine

INSTALL = {
    "tensorflow": "pip install 'tensorflow[and-cuda]'",
    "jax": "pip install 'jax[cuda12]'",
}


def unused_gpu(backend: str, title: str) -> str | None:
    """A sentence that says that a GPU of this machine is not used, and what to do about it.

    Called where the backend sees no accelerator.

    Args:
        backend: "tensorflow" or "jax".
        title: the backend's name, for the sentence.

    Returns:
        None where there is no NVIDIA GPU, or where the environment hides it on purpose.
    """
    found = None if machine.hidden() else machine.nvidia_gpu(machine.ROOT)
    if found is None:
        return None
    advice = f"Install what it needs: {INSTALL[backend]}."
    if not found.driver:
        advice = f"It has no driver here. {machine.driver_advice()}"
    elif sys.platform == "win32":
        advice = "On Windows it can do so under WSL 2 alone."
    return (
        f"This machine has a GPU ({found.name}), but {title} does not use it. {advice} "
        "python -m experiments.doctor says more."
    )
