"""What the runner shows as a message instead of a traceback."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what was received, what was expected and what to do.
    """


class NotDownloadedError(InputError):
    """A data set is not on this machine yet; training would fetch it."""
