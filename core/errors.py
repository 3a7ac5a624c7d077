"""What the runner shows as a message instead of a traceback."""

import signal


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what was received, what was expected and what to do.
    """


class NotDownloadedError(InputError):
    """A data set is not on this machine yet; training would fetch it."""


class Interrupted(Exception):
    """Training was asked to stop and has saved; `signal` is the signal's number."""

    def __init__(self, number: int, images: int):
        super().__init__(f"stopped by {signal.Signals(number).name} after {images} images; saved")
        self.signal = number
