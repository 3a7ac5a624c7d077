"""Naming the valid name nearest to a wrong one."""

import difflib
from collections.abc import Iterable


def hint(name: str, choices: Iterable[str]) -> str:
    """ " Did you mean 'x'?", or nothing where nothing is near."""
    close = difflib.get_close_matches(name, list(choices), 1, 0.5)
    return f" Did you mean '{close[0]}'?" if close else ""


def nearest(name: str, choices: Iterable[str]) -> str:
    """ "Did you mean 'x'?", or the whole list where nothing is near."""
    choices = list(choices)
    return hint(name, choices).strip() or f"Known: {', '.join(choices)}."
