"""A metric may last for hours: between two batches it asks whether it is still wanted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _go_on() -> None:
    """What `poll` does where nobody may want to stop."""


_check: ContextVar[Callable[[], None]] = ContextVar("check", default=_go_on)


@contextmanager
def polling(check: Callable[[], None]) -> Iterator[None]:
    """Makes `poll` call `check` within the block.

    Args:
        check: raises an exception where the work in the block is to end.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def poll() -> None:
    """Called between two batches of a metric; raises what the check of `polling` raises."""
    _check.get()()
