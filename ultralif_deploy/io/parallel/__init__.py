"""Work on several items at once, with one thread for each processor."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

T = TypeVar("T")
R = TypeVar("R")


def cores() -> int:
    """Number of processors that this process may use. In a container, this may not be all."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_order(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """What the work returns for each item, in the order of the items.

    A product of matrices uses the thread that asks for it and no others. Threads that share every
    product wait for each other after it; on a busy machine, this takes longer than the product.
    Sums of floats also do not depend on the number of processors then.

    Args:
        work: called with one item; it must not change what other calls read.
        items: they are taken a few at a time, so that they need not fit in memory together.
    """
    threads = cores()
    begun: deque[Future[R]] = deque()
    with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
        try:
            for item in items:
                begun.append(pool.submit(work, item))
                if len(begun) > threads:
                    yield begun.popleft().result()
            while begun:
                yield begun.popleft().result()
        finally:
            for left in begun:
                left.cancel()
