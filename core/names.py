"""The valid name that is nearest to a wrong one, for messages."""

import difflib
from collections.abc import Iterable


def hint(name: str, choices: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the nearest of `choices`, or "" where none is near."""
    close = difflib.get_close_matches(name, list(choices), 1, 0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Returns "Did you mean 'x'?" for the nearest of `choices`, or all of them where none is."""
    choices = list(choices)
    return hint(name, choices).strip() or f"Known: {', '.join(choices)}."
