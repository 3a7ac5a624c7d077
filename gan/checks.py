"""Checks of the fields of a configuration, which raise a ValueError."""

import math
from typing import Any


def check_one_of(config: Any, key: str, choices: tuple[str, ...]) -> None:
    """Raises a ValueError if the field `key` is none of `choices`."""
    if getattr(config, key) not in choices:
        raise ValueError(f"{key}={getattr(config, key)!r}: expected one of {', '.join(choices)}")


def check_at_least(config: Any, key: str, least: float) -> None:
    """Raises a ValueError if the field `key` is NaN, infinite or below `least`."""
    if not least <= getattr(config, key) < math.inf:
        raise ValueError(f"{key}={getattr(config, key)}: expected a number from {least} up")


def check_fraction(config: Any, key: str) -> None:
    """Raises a ValueError if the field `key` is outside of [0, 1)."""
    if not 0 <= getattr(config, key) < 1:
        raise ValueError(f"{key}={getattr(config, key)}: expected 0 or more and below 1")


def check_probability(config: Any, key: str) -> None:
    """Raises a ValueError if the field `key` is outside of [0, 1]."""
    if not 0 <= getattr(config, key) <= 1:
        raise ValueError(f"{key}={getattr(config, key)}: expected a number from 0 to 1")


def check_factor(config: Any, key: str) -> None:
    """Raises a ValueError if the field `key` is outside of (0, 1]."""
    if not 0 < getattr(config, key) <= 1:
        raise ValueError(f"{key}={getattr(config, key)}: expected above 0, at most 1")


def check_adam(config: Any) -> None:
    """Raises a ValueError if a beta of Adam is outside of [0, 1), or `decay_from` of [0, 1]."""
    for key in ("beta_1", "beta_2"):
        check_fraction(config, key)
    check_probability(config, "decay_from")
