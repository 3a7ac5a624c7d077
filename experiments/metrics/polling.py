"""Lets a metric, which may last for hours, be stopped between two batches."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


def _go_on() -> None:
    """Does nothing: what `poll` calls outside of `polling`."""


_check: ContextVar[Callable[[], None]] = ContextVar("check", default=_go_on)


@contextmanager
def polling(check: Callable[[], None]) -> Iterator[None]:
    """Makes `poll` call `check` within the block.

    Args:
        check: raises an exception to end the work in the block.
    """
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def poll() -> None:
    """Calls the check of `polling`, which may raise; metrics call this between two batches."""
    _check.get()()
