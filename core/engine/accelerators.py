"""GPUs that the machine has, whether a backend sees them or not."""

from core import machine


def unused_gpu(backend: str, title: str) -> str | None:
    """Returns a sentence that says that a GPU of this machine is not used, why, and what mends it.

    Called where the backend sees no accelerator.

    Args:
        backend: "tensorflow" or "jax".
        title: the backend's name, for the sentence.

    Returns:
        None where there is no NVIDIA GPU, or where the environment hides it on purpose.
    """
    found = None if machine.hidden_by(backend) else machine.nvidia_gpu(machine.ROOT)
    if found is None:
        return None
    why, fix = machine.gpu_reason(backend, found)
    return (
        f"This machine has a GPU ({found.name}), but {title} does not use it: {why}. What mends "
        f"it: {fix}. python -m experiments.doctor says more."
    )
