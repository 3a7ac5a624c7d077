"""Starts the process that makes a column, passes signals on to it, and never leaves it behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil


def run(plan: Path) -> tuple[int, bool]:
    """Carries out a plan in a separate process.

    SIGINT and SIGTERM are passed on to it. When the terminal closes it gets SIGTERM, so that it
    saves its work. (On Windows, Ctrl-C reaches the process directly and there is no SIGHUP.)

    Args:
        plan: the file that `experiments.compare.worker` reads.

    Returns:
        The exit status, negative if a signal ended it, and whether a signal was passed on.
    """
    passed = []
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-m", "experiments.compare.worker", f"--plan={plan}"],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        start_new_session=True,  # so that Ctrl-C reaches it once: through this process
    )

    def pass_on(number, frame):
        passed.append(number)
        if number != signal.SIGINT:
            process.send_signal(signal.SIGTERM)
        elif sys.platform != "win32":
            process.send_signal(signal.SIGINT)

    old = {number: signal.signal(number, pass_on) for number in _numbers()}
    try:
        return _wait(process), bool(passed)
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _wait(process):
    """Returns the exit status, and never waits for long: handlers of signals run in between."""
    while True:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=1)


def _numbers() -> list[int]:
    """Returns the numbers of the signals that ask this process to end."""
    numbers: list[int] = [signal.SIGINT, signal.SIGTERM]
    hangup = getattr(signal, "SIGHUP", None)
    if hangup and signal.getsignal(hangup) != signal.SIG_IGN:  # nohup makes it ignored
        numbers.append(hangup)
    return numbers


def end_with_parent() -> None:
    """Sends this process SIGTERM, on which it saves, when its parent process has died."""
    parent = psutil.Process().parent()
    if parent is not None:
        threading.Thread(target=_wait_for_end, args=(parent,), daemon=True).start()


def _wait_for_end(parent: psutil.Process) -> None:
    own = psutil.Process()
    while parent.is_running() and own.ppid() == parent.pid:
        time.sleep(0.5)
    signal.raise_signal(signal.SIGTERM)
