"""GPUs that the machine has, whether a backend sees them or not."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

_DRIVER = Path("/proc/driver/nvidia/gpus")  # Linux: a folder for each card
_INSTALL = {
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
    name = None if _hidden() else _nvidia_gpu()
    if name is None:
        return None
    advice = f"Install what it needs: {_INSTALL[backend]}."
    if sys.platform == "win32":
        advice = "On Windows it can do so under WSL 2 alone."
    return f"This machine has a GPU ({name}), but {title} does not use it. {advice}"


def _hidden():
    """Whether the environment says that no GPU is to be used."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or platforms.lower() == "cpu"


def _nvidia_gpu():
    """The name of the first NVIDIA GPU of this machine, or None."""
    try:
        if _DRIVER.is_dir() and (cards := sorted(_DRIVER.glob("*/information"))):
            lines = cards[0].read_text(encoding="utf-8").splitlines()
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
            return (names or ["NVIDIA"])[0]
        if program := shutil.which("nvidia-smi"):
            command = [program, "--query-gpu=name", "--format=csv,noheader"]
            asked = subprocess.run(command, capture_output=True, text=True, timeout=2)
            if asked.returncode == 0 and asked.stdout.strip():
                return asked.stdout.splitlines()[0].strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        pass  # whatever is wrong with the driver: it only means that nothing is said
    return None
