"""Processes of this machine, on which the points of a sweep run."""

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Protocol, TypeVar

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.parallel import cores

TRIES = 3
"""Times that points are given to processes that end before they are done."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which a worker takes one thread for its matrix products, as Dask sets them too."""

T = TypeVar("T")
R = TypeVar("R")


class Workers(Protocol):
    """Processes of this machine, or workers of a Dask cluster."""

    def as_they_end(
        self, work: Callable[[T], R], items: Mapping[str, T], on_begin: Callable[[str], None]
    ) -> Iterator[tuple[str, R]]:
        """What the work returns for each item, as soon as it is there.

        Args:
            work: called with one item in another process.
            items: by their names.
            on_begin: called with the name of an item that a worker begins with.
        """


class Processes:
    """Processes of this machine.

    Args:
        workers: number of processes; None takes one for each core.

    Raises:
        UltralifError: fewer than one.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.count = cores() if workers is None else workers
        if self.count < 1:
            raise UltralifError(f"{self.count} workers; expected at least 1")

    def as_they_end(
        self, work: Callable[[T], R], items: Mapping[str, T], on_begin: Callable[[str], None]
    ) -> Iterator[tuple[str, R]]:
        """What the work returns for each item, as soon as it is there.

        Items whose process ends before them are given to others.

        Args:
            work: called with one item in another process.
            items: by their names.
            on_begin: called with the name of an item when it is given to a process.

        Raises:
            UltralifError: items whose processes ended `TRIES` times.
        """
        left = dict(items)
        for _ in range(TRIES):
            if not left:
                return
            with _processes(self.count) as pool:
                for name, result in _round(pool, self.count, work, left, on_begin):
                    del left[name]
                    yield name, result
        if left:
            raise UltralifError(
                f"{len(left)} points did not end, because their workers ended {TRIES} times (not "
                f"enough memory?): {', '.join(left)}; the same command goes on with them"
            )


def _round(
    pool: Executor,
    most: int,
    work: Callable[[T], R],
    items: Mapping[str, T],
    on_begin: Callable[[str], None],
) -> Iterator[tuple[str, R]]:
    """Results until a process ends; then only those that are there."""
    waiting, begun = deque(items.items()), dict[Future[R], str]()
    while waiting or begun:
        # No more than there are processes, so that all of them run.
        while waiting and len(begun) < most:
            name, item = waiting.popleft()
            try:
                begun[pool.submit(work, item)] = name
            except BrokenProcessPool:
                waiting.clear()
                break
            on_begin(name)
        for future in wait(begun, return_when=FIRST_COMPLETED).done:
            name = begun.pop(future)
            try:
                result = future.result()
            except BrokenProcessPool:
                waiting.clear()
                continue
            yield name, result


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    """New processes, none of which inherits a lock or a thread of this one.

    An error ends them, so that none goes on writing beside what the caller starts next.
    """
    context, others = multiprocessing.get_context("spawn"), multiprocessing.active_children()
    with ProcessPoolExecutor(workers, context, initializer=_one_thread) as pool:
        try:
            yield pool
        except BaseException:
            for worker in multiprocessing.active_children():
                if worker not in others:
                    worker.terminate()
            raise


def _one_thread() -> None:
    """Set what matrix products read when they are loaded; a new process has not loaded them."""
    os.environ.update(dict.fromkeys(THREADS, "1"))
