"""The one exception that the runner shows as a message instead of a traceback."""


class InputError(ValueError):
    """Something the user gave cannot be used.

    The message says what was received, what was expected and what to do.
    """
