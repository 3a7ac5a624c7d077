"""Takes turns: programs that are to be timed get ready side by side, and are timed one by one."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

READY = "ready"


def wait_turn(wanted: bool = True) -> None:
    """Says on standard output that this process is ready, and waits for a line on standard input.

    Args:
        wanted: False does nothing, for a program that was started alone.
    """
    if wanted:
        print(READY, flush=True)
        sys.stdin.readline()


def queued(
    work: Callable[[int], Any], finish: Callable[[Any], Any], count: int, rounds: int
) -> list[float]:
    """Times work that is queued on a device; returns the mean seconds of a piece, for each round.

    Args:
        work: queues piece `i` and returns something of its result.
        finish: waits for that result, and so for all that was queued before.
        count: pieces in a round; the clock is read before and after a round.
        rounds: how many rounds.
    """
    means = []
    for _ in range(rounds):
        begin = time.perf_counter()
        for i in range(count):
            result = work(i)
        finish(result)
        means.append((time.perf_counter() - begin) / count)
    return means


class Child:
    """A program in a process of its own, which calls `wait_turn` when it is ready, and prints its
    result as the last line, in JSON.

    Args:
        arguments: the module and its arguments, as after `python -m`.
        environment: variables of its environment, beside ours.
    """

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str]):
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 closed in `measure`
        self.process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            env={**os.environ, **environment},
            cwd=Path(__file__).parents[1],
        )
        self.lines: list[str] = []
        self.changed = threading.Condition()
        self.ended = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(line.strip())
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_ready(self, deadline: float) -> None:
        """Waits until the process is ready, has ended, or time is up."""
        self._wait(lambda: READY in self.lines, deadline)

    def measure(self, deadline: float) -> tuple[dict, str]:
        """Returns its result, and what went wrong if it has none; the process has ended then."""
        try:
            if READY in self.lines:
                self._say_start()
                self._wait(lambda: False, deadline)
            return self._result()
        finally:
            self.process.kill()
            self.process.wait()
            self.reader.join()
            for file in (self.process.stdin, self.process.stdout, self.errors):
                file.close()

    def _say_start(self):
        with contextlib.suppress(BrokenPipeError):  # it has ended meanwhile
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def _result(self):
        if not self.ended:
            return {}, "not ready in time"
        if self.process.wait() == 0:
            return json.loads(self.lines[-1]), ""
        self.errors.seek(0)
        lines = [line for line in self.errors.read().splitlines() if line.strip()]
        return {}, lines[-1][:300] if lines else f"status {self.process.returncode}"

    def _wait(self, condition, deadline):
        with self.changed:
            self.changed.wait_for(
                lambda: self.ended or condition(), max(0.0, deadline - time.monotonic())
            )
