"""How much memory there is and how much a process took, on Linux, macOS and Windows."""

import sys
from pathlib import Path

import psutil

UNKNOWN = 4 * 2**30  # bytes that count as free where the system does not tell


def free_memory() -> int:
    """Bytes of memory that can be taken without swapping."""
    try:
        return int(psutil.virtual_memory().available)
    except (OSError, RuntimeError):  # a container without the system's own counters
        return UNKNOWN


def peak_memory() -> int:
    """Bytes: the largest resident memory of this process so far.

    Where the system keeps no such record it is the resident memory of now.
    """
    now = psutil.Process().memory_info()
    if hasattr(now, "peak_wset"):  # Windows
        return int(now.peak_wset)
    return _peak_of_linux() or _peak_of_unix() or int(now.rss)


def _peak_of_linux() -> int:
    """The peak since the program began; 0 on other systems.

    (`ru_maxrss` of Linux begins with what the process had that started this one.)
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0
    sizes = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return int(sizes[0]) * 1024 if sizes else 0


def _peak_of_unix() -> int:
    """The peak by `getrusage`, which counts in bytes on macOS and else in KiB; 0 on Windows."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
