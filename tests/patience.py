"""Waiting for what another thread or process does."""

import time


def wait_until(condition, seconds=60):
    """Waits until `condition()` is true, on machines that are busy; returns what it was."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return found
