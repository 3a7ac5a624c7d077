"""What a machine has, whether a backend uses it or not: NVIDIA GPUs, units for bfloat16.

Everything is read below a root folder, "/" but in tests. Nothing here imports a backend.
"""

import os
import platform
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path("/")
NVIDIA = "0x10de"  # the vendor of PCI devices; displays and 3D controllers have the class 0x03…
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
    """The first NVIDIA GPU of this machine, or None.

    Linux says it in /proc and /sys; else `nvidia-smi` is asked, for two seconds at most.

    Args:
        root: the folder in place of "/".
    """
    try:
        cards = sorted((root / "proc/driver/nvidia/gpus").glob("*/information"))
        if cards:
            lines = cards[0].read_text(encoding="utf-8").splitlines()
            names = [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
            return Gpu((names or ["NVIDIA"])[0], True)
        if name := _nvidia_smi():
            return Gpu(name, True)
    except (OSError, ValueError, subprocess.SubprocessError):
        pass  # whatever is wrong with the driver: it only means that the bus is asked
    return Gpu("NVIDIA", False) if _on_the_bus(root) else None


def _nvidia_smi():
    """The name of the first GPU that the driver's program tells, or None."""
    program = shutil.which("nvidia-smi")
    if not program:
        return None
    command = [program, "--query-gpu=name", "--format=csv,noheader"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=2)
    lines = asked.stdout.strip().splitlines()
    return lines[0].strip() if asked.returncode == 0 and lines else None


def _on_the_bus(root):
    """Whether the PCI bus of Linux has a display or 3D controller of NVIDIA."""
    with suppress(OSError, ValueError):
        for device in sorted((root / "sys/bus/pci/devices").iterdir()):
            with suppress(OSError, ValueError):
                vendor, kind = (
                    (device / n).read_text(encoding="utf-8") for n in ("vendor", "class")
                )
                if vendor.strip() == NVIDIA and kind.strip().startswith("0x03"):
                    return True
    return False


def hidden() -> bool:
    """Whether the environment says that no GPU is to be used."""
    platforms = os.environ.get("JAX_PLATFORMS", "")
    return os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or platforms.lower() == "cpu"


def driver_advice(system: str = sys.platform) -> str:
    """What to do about a GPU without a driver, a sentence.

    Args:
        system: as `sys.platform` gives it.
    """
    if system == "win32":
        return "Install NVIDIA's driver from https://www.nvidia.com/drivers, and use WSL 2."
    return (
        "Install NVIDIA's driver (on Ubuntu: sudo ubuntu-drivers install) and restart; a container "
        "needs --gpus all."
    )


def processor(root: Path = ROOT) -> tuple[str, list[str]]:
    """The name of the processor, and which of its instructions compute in bfloat16.

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
        name = name or _sysctl("machdep.cpu.brand_string")
        flags |= {"bf16"} if _sysctl("hw.optional.arm.FEAT_BF16") == "1" else set()
    return name or platform.processor() or platform.machine(), [f for f in _BFLOAT16 if f in flags]


def _sysctl(key):
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        asked = subprocess.run(["sysctl", "-n", key], capture_output=True, text=True, timeout=2)
        return asked.stdout.strip()
    return ""
