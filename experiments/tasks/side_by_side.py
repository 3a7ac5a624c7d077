"""Work on several items at once, in threads, with the results in the order of the items."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int, ahead: int = 0
) -> Iterator[Result]:
    """Yields `work(item)` of each item, in order, while the next ones are being worked on.

    Items are taken from `items` in the calling thread, at most `ahead` (or `threads`, if that is
    more) before their turn. An exception of `work` is raised when the result would come; what has
    not begun is then left.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(threads)
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            if len(waiting) > max(ahead, threads):
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
