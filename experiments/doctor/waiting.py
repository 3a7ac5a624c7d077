"""Work that may hang: begun at once, and waited for only so long."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def begin(work: Callable[[], T]) -> "Future[T]":
    """Begins work in a thread of its own, which keeps no process from ending.

    Returns:
        Its `result(seconds)` is what the work returns; it raises what the work raises, and
        `TimeoutError` where there is no result within so many seconds.
    """
    future: Future[T] = Future()

    def carry_out() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=carry_out, daemon=True).start()
    return future
