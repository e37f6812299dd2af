"""Work in threads with bounded memory."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

_In = TypeVar("_In")
_Out = TypeVar("_Out")


def in_order(
    function: Callable[[_In], _Out], items: Iterable[_In], *, workers: int | None = None, ahead: int = 256
) -> Iterator[_Out]:
    """``function`` of every item, in the order of the items, computed in threads at most ``ahead`` items early.

    >>> list(in_order(str.upper, "abc", workers=2))
    ['A', 'B', 'C']
    """
    waiting: deque[Future[_Out]] = deque()
    pool = ThreadPoolExecutor(workers)
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        # After an error nobody wants what is still in the queue.
        pool.shutdown(cancel_futures=True)
