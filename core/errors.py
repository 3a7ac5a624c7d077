"""Errors that a person can mend, which the runner shows as a message instead of a traceback."""

import signal
from collections.abc import Iterable
from typing import Any

from core.names import shown

LONGEST = 4000  # characters of a line; the middle of a longer one is left out


def one_line(text: str) -> str:
    """The text as a line for a terminal, whatever names are in it, see `core.names.shown`."""
    line = shown(text)
    half = LONGEST // 2
    return line if len(line) <= LONGEST else f"{line[:half]} … {line[-half:]}"


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what was received, what was expected and what to do, in one line.

    Args:
        words: the message.
        lines: what is listed below it, such as all differences.
    """

    def __init__(self, *words: Any, lines: Iterable[str] = ()):
        super().__init__(*words)
        self.lines = tuple(lines)

    def __str__(self) -> str:
        return "\n  ".join(map(one_line, (super().__str__(), *self.lines)))


class SettingError(InputError):
    """A setting has a value that cannot be used here.

    Its fields let a program that has names of its own for settings, such as command-line flags, say
    the same in its own words; as text it speaks of settings alone.

    Args:
        setting: the setting's name, such as "devices" or "algorithm.batch_sizes".
        received: its value.
        expected: which values can be used, and why, without a full stop.
        remedy: what to do, in whole sentences; may be empty.
    """

    def __init__(self, setting: str, received: Any, expected: str, remedy: str = ""):
        super().__init__(setting, received, expected, remedy)
        self.setting, self.received = setting, received
        self.expected, self.remedy = expected, remedy

    def __str__(self) -> str:
        """`devices=3: expected 1, ... . What to do.`"""
        text = f"{self.setting}={self.received}: expected {self.expected}."
        return one_line(f"{text} {self.remedy}".rstrip())


class NotDownloadedError(InputError):
    """A data set is not on this machine yet; training would fetch it."""


class Interrupted(Exception):
    """Training was asked to stop and has saved its state.

    Args:
        number: the number of the signal that asked.
        images: how many images were seen.
    """

    def __init__(self, number: int, images: int):
        super().__init__(f"stopped by {signal.Signals(number).name} after {images} images; saved")
        self.signal, self.images = number, images
