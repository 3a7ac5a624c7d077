"""The valid name that is nearest to a wrong one, for messages."""

import difflib
from collections.abc import Iterable


def closest(name: str, choices: Iterable[str], cutoff: float = 0.5) -> str | None:
    """Returns the choice that is spelled most like `name`, or None where none is near.

    Args:
        cutoff: least similarity, from 0 (any will do) to 1 (the same).
    """
    return next(iter(difflib.get_close_matches(name, list(choices), 1, cutoff)), None)


def hint(name: str, choices: Iterable[str]) -> str:
    """Returns " Did you mean 'x'?" for the nearest of `choices`, or "" where none is near."""
    near = closest(name, choices)
    return f" Did you mean '{near}'?" if near else ""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Returns "Did you mean 'x'?" for the nearest of `choices`, or all of them where none is."""
    choices = list(choices)
    return hint(name, choices).strip() or f"Known: {', '.join(choices)}."
