"""How much memory there is, how much a process took, and how long the process keeps it."""

import ctypes
import os
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from core.errors import InputError

UNKNOWN = 4 * 2**30  # bytes that count as free where the system does not tell
# mallopt(3) of glibc: the numbers of malloc.h, and values. From 1 GiB on a block is mapped on its
# own; the top of the heap goes back to the system when it has 2 GiB, and grows by 64 MiB;
# all threads share one heap, as a second one would be trimmed at each free.
_MALLOPT = ((-3, 2**30), (-1, 2**31 - 1), (-2, 2**26), (-8, 1))


def free_memory() -> int:
    """Bytes of memory that can be taken without swapping."""
    try:
        return int(psutil.virtual_memory().available)
    except (OSError, RuntimeError):  # a container without the system's own counters
        return UNKNOWN


def machine_memory() -> int:
    """Bytes of memory that this process can have at most: the machine's, or its container's."""
    try:
        total = int(psutil.virtual_memory().total)
    except (OSError, RuntimeError):
        return UNKNOWN
    with suppress(OSError, ValueError):  # "max" is no number
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="utf-8")))
    return total


def check_fits(size: int, what: str, remedy: str) -> None:
    """Refuses what cannot fit into the memory of any process here.

    Args:
        size: how many bytes it takes at least.
        what: what takes them, for the message.
        remedy: what to do, a sentence.

    Raises:
        InputError: it is more than `machine_memory`; says both.
    """
    if size > (there := machine_memory()):
        raise InputError(
            f"{what}: {size / 2**30:,.1f} GiB or more of memory, and there are "
            f"{there / 2**30:,.1f} GiB. {remedy}"
        )


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


def keep_freed_memory() -> bool:
    """Lets the process keep the memory of freed tensors for the next ones.

    glibc gives every large block back to the system when it is freed, and the system has to clear
    its pages again at the next step; that takes up to half of a step on a CPU. Must run before the
    first large tensor is made. A value of glibc's own variables (`MALLOC_ARENA_MAX` and others,
    `GLIBC_TUNABLES`) takes precedence.

    Returns:
        Whether it was done: not on systems without glibc, nor where those variables are set.
    """
    given = any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ)
    if given or not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "gnu_get_libc_version"):  # musl
        return False
    return all(libc.mallopt(name, value) == 1 for name, value in _MALLOPT)
