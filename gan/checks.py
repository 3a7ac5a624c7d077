"""Checks of the fields of a configuration."""

import math


def check_one_of(config, key: str, choices: tuple[str, ...]) -> None:
    """Refuses a field that is none of `choices`, with a ValueError."""
    if getattr(config, key) not in choices:
        raise ValueError(f"{key}={getattr(config, key)!r}: expected one of {', '.join(choices)}")


def check_at_least(config, key: str, least: float) -> None:
    """Refuses a field that is NaN, infinite or below `least`, with a ValueError."""
    if not least <= getattr(config, key) < math.inf:
        raise ValueError(f"{key}={getattr(config, key)}: expected a number from {least} up")


def check_fraction(config, key: str) -> None:
    """Refuses a field outside of [0, 1), with a ValueError."""
    if not 0 <= getattr(config, key) < 1:
        raise ValueError(f"{key}={getattr(config, key)}: expected 0 or more and below 1")


def check_adam(config) -> None:
    """Refuses moments of Adam outside of [0, 1), and a decay that begins outside of training."""
    for key in ("beta_1", "beta_2"):
        check_fraction(config, key)
    if not 0 <= config.decay_from <= 1:
        raise ValueError(f"decay_from={config.decay_from}: expected a number from 0 to 1")
