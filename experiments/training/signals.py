"""Signals that ask a training to stop, in this process or in another one of the same training."""

import signal
from types import FrameType
from typing import Any

from core.engine import processes


class Stopped(Exception):
    """Raised to end a metric when a signal has come."""


class Signals:
    """Remembers the first SIGINT or SIGTERM; a second one goes to the previous handler.

    Attributes:
        received: the number of the first signal, 0 for none.
    """

    def __enter__(self) -> "Signals":
        self.received = 0
        self._old: dict[int, Any] = {}
        for number in (signal.SIGINT, signal.SIGTERM):
            try:
                self._old[number] = signal.signal(number, self._receive)
            except ValueError:  # not in the main thread, which cannot handle signals
                return self
        return self

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            signal.signal(number, self._old[number])
            signal.raise_signal(number)
        self.received = number
        processes.ask_to_stop(number)

    @property
    def known(self) -> int:
        """The number of the first signal that this or another process got, 0 for none."""
        return self.received or processes.asked_to_stop()

    def stop_after(self, step: int) -> int:
        """The number of the signal for which training stops after this step, or 0.

        All processes stop after the same step, which may be a later one than that of the signal.

        Args:
            step: how many steps were done; it must be called after each of them.
        """
        return processes.stops(step) if processes.share()[1] > 1 else self.received

    def check(self) -> None:
        """Raises `Stopped` once a signal has come."""
        if self.known:
            raise Stopped

    def __exit__(self, *_: object) -> None:
        for number, old in self._old.items():
            signal.signal(number, old)
