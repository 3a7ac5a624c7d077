"""Tests of how long a process keeps its memory."""

import os
import subprocess
import sys

import pytest

from core.memory import keep_freed_memory

_FAULTS = """
import resource
import sys
import numpy as np
from core.memory import keep_freed_memory
kept = keep_freed_memory()
for _ in range(3):
    np.ones(2**23)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(2**23)
print(int(kept), resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def _faults(**variables: str) -> tuple[int, int]:
    """Whether memory was kept, and the page faults of ten arrays of 64 MiB, made and freed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    result = subprocess.run(
        [sys.executable, "-c", _FAULTS],
        env=clean | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    kept, faults = result.stdout.split()
    return int(kept), int(faults)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc is of Linux")
def test_memory_of_freed_arrays_is_not_cleared_again() -> None:
    kept, faults = _faults()
    if not kept:
        pytest.skip("this system has no glibc")
    given, usual = _faults(MALLOC_TOP_PAD_="131072")
    assert not given  # the user's own setting stays
    assert faults < 100 < usual  # huge pages fault less often, but do


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert not keep_freed_memory()
