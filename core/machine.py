"""What a machine has, whether a backend uses it or not: NVIDIA GPUs, units for bfloat16.

Everything is read below a root folder, "/" but in tests. Nothing here imports a backend.
"""

import importlib.metadata
import os
import platform
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/")
NVIDIA = "0x10de"  # the vendor of PCI devices; displays and 3D controllers have the class 0x03…
PATIENCE = 2.0  # seconds for a program of the system
LONGEST = 80  # characters of a GPU's name; a longer one is no name
# flags of /proc/cpuinfo: x86's, and ARM's
_BFLOAT16 = ("avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16", "svebf16")


class Gpu(NamedTuple):
    """An NVIDIA GPU.

    Attributes:
        name: its name; "NVIDIA" where only its vendor is known.
        driver: whether a driver runs it.
    """

    name: str
    driver: bool


def nvidia_gpu(root: Path = ROOT) -> Gpu | None:
    """Returns the first NVIDIA GPU of this machine, or None.

    Linux says it in /proc and /sys; else `nvidia-smi` is asked, for `PATIENCE` at most.

    Args:
        root: the folder in place of "/".
    """
    with suppress(OSError, ValueError):
        cards = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
        if cards:
            lines = cards[0].read_text(encoding="utf-8").splitlines()
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
            return Gpu((names or ["NVIDIA"])[0], True)
    if name := _nvidia_smi():
        return Gpu(name, True)
    return Gpu("NVIDIA", False) if _on_the_bus(root) else None


def _nvidia_smi():
    """Returns the name of the first GPU that the driver's program tells, or ""."""
    program = shutil.which("nvidia-smi")
    said = _said([program, "--query-gpu=name", "--format=csv,noheader"]) if program else ""
    name = said.partition("\n")[0].strip()
    return name if name.isprintable() and len(name) <= LONGEST else ""


def _said(command: Sequence[str]) -> str:
    """Returns what a program prints; "" where it is missing, fails, or takes too long.

    One that cannot be ended, as it waits for a broken driver, is left to itself.
    """
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return ""
    try:
        output, _ = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        kill(process)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE / 4)
        if process.stdout:
            process.stdout.close()
        return ""
    return "" if process.returncode else output.decode("utf-8", "backslashreplace").strip()


def kill(process: subprocess.Popen) -> None:
    """Ends a process that has a session of its own, with what it started; does not wait for it."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()


def _on_the_bus(root):
    """Returns whether the PCI bus of Linux has a display or 3D controller of NVIDIA."""
    with suppress(OSError, ValueError):
        for device in sorted((root / "sys/bus/pci/devices").iterdir()):
            with suppress(OSError, ValueError):
                vendor, kind = (
                    (device / n).read_text(encoding="utf-8") for n in ("vendor", "class")
                )
                if vendor.strip() == NVIDIA and kind.strip().startswith("0x03"):
                    return True
    return False


def version(package: str) -> str | None:
    """Returns the version of an installed package, or None."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def hidden_by(backend: str) -> str:
    """Returns the variable of the environment that keeps a backend from all GPUs, or "".

    Args:
        backend: "tensorflow" or "jax".
    """
    cards = os.environ.get("CUDA_VISIBLE_DEVICES")
    if cards is not None and cards.partition(",")[0].strip() in ("", "-1", "NoDevFiles"):
        return "CUDA_VISIBLE_DEVICES"
    first = os.environ.get("JAX_PLATFORMS", "").partition(",")[0].strip()
    return "JAX_PLATFORMS" if backend == "jax" and first.lower() == "cpu" else ""


def gpu_reason(
    backend: str,
    gpu: Gpu,
    *,
    system: str = sys.platform,
    installed: Callable[[str], str | None] = version,
) -> tuple[str, str]:
    """Returns why a backend does not see a GPU of this machine, and the command that mends it.

    Args:
        backend: "tensorflow" or "jax".
        gpu: what `nvidia_gpu` found.
        system: as `sys.platform` gives it.
        installed: the version of a package, or None.
    """
    if not gpu.driver:
        return "no driver is loaded", (
            "install NVIDIA's driver (on Ubuntu: sudo ubuntu-drivers install) and restart; a "
            "container needs --gpus all"
        )
    if system == "win32":
        return "on Windows, only programs inside WSL 2 can use it", "wsl --install"
    if variable := hidden_by(backend):
        return f"{variable} hides it", f"unset {variable}"
    if backend == "tensorflow":
        cuda = "pip install 'tensorflow[and-cuda]'"
        if installed("tensorflow-cpu"):
            fix = f"pip uninstall tensorflow-cpu && {cuda}"
            return "tensorflow-cpu is a build without CUDA", fix
        if not any(installed(f"nvidia-cudnn-cu{n}") for n in (12, 13)):
            return "the CUDA libraries are missing", cuda
    else:
        cuda = "pip install 'jax[cuda12]'"
        if not any(installed(f"jax-cuda{n}-plugin") for n in (12, 13)):
            return "this JAX is a build for CPUs", cuda
    fix = cuda.replace("install", "install --upgrade --force-reinstall")
    return "the driver is too old for the CUDA libraries, or these do not match", fix


def processor(root: Path = ROOT) -> tuple[str, list[str]]:
    """Returns the name of the processor, and which of its instructions compute in bfloat16.

    Args:
        root: the folder in place of "/".
    """
    name, flags = "", set()
    with suppress(OSError):
        text = (root / "proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
        for line in text.splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = name or value.strip()
            if key.strip() in ("flags", "Features"):
                flags |= set(value.split())
    if sys.platform == "darwin" and root == ROOT:
        name = name or _said(["sysctl", "-n", "machdep.cpu.brand_string"])
        arm = _said(["sysctl", "-n", "hw.optional.arm.FEAT_BF16"])
        flags |= {"bf16"} if arm == "1" else set()
    return name or platform.processor() or platform.machine(), [f for f in _BFLOAT16 if f in flags]
