"""Work on several items at once, by the workers of a Dask cluster."""

import logging
import queue
import time
import warnings
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TypeVar

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.progress import Progress

if TYPE_CHECKING:
    from distributed import Client, Future

TIMEOUT_S = 20.0
"""Longest wait for a scheduler to answer."""

BACK_S = 60.0
"""Longest wait for a scheduler that has gone, and for the results of a worker that has."""

TRIES = 3
"""Times in a row that a scheduler may go before a result has come."""

POLL_S = 0.05
"""Seconds from one look at the results to the next."""

AHEAD = 2
"""Items that are under way for each thread of the cluster, where results are taken in order."""

AGAIN = "start it again, and give the same command again"
"""What a user may do when a scheduler does not come back."""

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")


class _Gone(Exception):
    """The scheduler has gone, and with it all work that was under way."""


class Cluster:
    """The workers of a Dask cluster. They need this package, in the version that is installed here.

    Args:
        scheduler: address of its scheduler, for example `tcp://10.0.0.1:8786`.
        progress: says where the dashboard is, and what becomes of the scheduler.
        way_out: what the user may do when the scheduler does not come back, as part of a sentence.

    Raises:
        Missing: dask.distributed is not installed.
    """

    def __init__(self, scheduler: str, progress: Progress, way_out: str = AGAIN) -> None:
        try:
            import distributed  # noqa: F401 - asked for before any work
        except ImportError:
            raise Missing("dask.distributed", "pip install 'ultralif-deploy[dask]'") from None
        self.scheduler, self.progress, self.way_out = scheduler, progress, way_out
        self.greeted = False

    def check(self) -> None:
        """Connect, and let go again; for long work that comes before that of the workers.

        Raises:
            UltralifError: no scheduler answers.
        """
        with self._client(again=False):
            pass

    def as_they_end(
        self, work: Callable[[T], R], items: Mapping[K, T], on_begin: Callable[[K], None]
    ) -> Iterator[tuple[K, R]]:
        """What the work returns for each item, as soon as it is there.

        An item whose worker ends is given to another one. When the scheduler goes, the items that
        have no result yet are given to the one that comes back at the same address.

        Args:
            work: called with one item by a worker, which gets a copy of both.
            items: by their names.
            on_begin: called with the name of an item that a worker begins with.

        Raises:
            UltralifError: no scheduler answers or comes back, an item whose workers keep ending, or
                what the work raises.
        """
        return self._results(work, iter(items.items()), on_begin, in_order=False)

    def in_order(self, work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
        """What the work returns for each item, in the order of the items.

        Args:
            work: as for `as_they_end`.
            items: they are taken a few at a time, so that they need not fit in memory together.

        Raises:
            UltralifError: as for `as_they_end`.
        """
        named = ((f"block {i}", item) for i, item in enumerate(items, 1))
        for _, result in self._results(work, named, lambda _: None, in_order=True):
            yield result

    def _results(
        self,
        work: Callable[[T], R],
        items: Iterator[tuple[K, T]],
        on_begin: Callable[[K], None],
        *,
        in_order: bool,
    ) -> Iterator[tuple[K, R]]:
        left: dict[K, T] = {}  # taken from the items, and without a result
        losses = 0
        while losses < TRIES:
            with self._client(again=losses > 0) as client:
                try:
                    for name, result in _Round(client, work, on_begin, in_order).run(left, items):
                        losses = 0
                        yield name, result
                    return
                except _Gone:
                    losses += 1
            if losses < TRIES:
                self.progress.say(
                    f"{self.scheduler}: the Dask scheduler has gone; waiting up to "
                    f"{BACK_S:.0f} s for it to come back"
                )
        raise UltralifError(
            f"{self.scheduler}: the Dask scheduler has gone {TRIES} times before a result came; "
            f"{self.way_out}"
        )

    @contextmanager
    def _client(self, *, again: bool) -> Iterator["Client"]:
        """A connection to the scheduler.

        Args:
            again: whether there has been one, which was lost.

        Raises:
            UltralifError: no scheduler answers at the address.
        """
        from distributed import Client

        # It logs lost connections with their tracebacks. `_results` deals with them.
        for logger in ("distributed", "distributed.client"):
            logging.getLogger(logger).setLevel(logging.CRITICAL)
        try:
            client = Client(self.scheduler, timeout=BACK_S if again else TIMEOUT_S)
        except (OSError, ValueError) as error:
            if again:
                raise UltralifError(
                    f"{self.scheduler}: the Dask scheduler has gone, and none answered for "
                    f"{BACK_S:.0f} s; {self.way_out}"
                ) from error
            raise UltralifError(
                f"{self.scheduler}: no Dask scheduler answers ({error}); expected an address such "
                "as tcp://10.0.0.1:8786, where `dask scheduler` runs"
            ) from error
        try:
            if again or not self.greeted:
                self.progress.say(_welcome(client, self.scheduler))
            self.greeted = True
            yield client
        finally:
            with suppress(OSError, TimeoutError):
                client.close(timeout=TIMEOUT_S)


class _Round:
    """Work under one scheduler."""

    def __init__(
        self,
        client: "Client",
        work: Callable[[Any], Any],
        on_begin: Callable[[Any], None],
        in_order: bool,
    ) -> None:
        self.client, self.on_begin, self.in_order = client, on_begin, in_order
        self.topic = f"ultralif-{client.id}"
        self.events: queue.SimpleQueue[Any] = queue.SimpleQueue()
        # A worker gets the work once, not with each item. As the result of a task, it is made again
        # where the workers that hold it have gone.
        self.work = self._large(_given, work)
        client.subscribe_topic(self.topic, lambda event: self.events.put(event[1]))

    def run(self, left: dict[K, T], items: Iterator[tuple[K, T]]) -> Iterator[tuple[K, Any]]:
        """Results by name; whatever is in `left` afterwards has none.

        Raises:
            _Gone: the scheduler has gone.
        """
        begun: dict[K, Future[Any]] = {name: self._submitted(name, left[name]) for name in left}
        ended, most = False, self._most()
        while True:
            while not ended and (not self.in_order or len(begun) < most):
                try:
                    name, item = next(items)
                except StopIteration:
                    ended = True
                    break
                left[name] = item
                begun[name] = self._submitted(name, item)
            if not begun:
                return
            self._tell()
            found = self._first(begun)
            if found is None:
                time.sleep(POLL_S)
                continue
            name, result = found
            del begun[name], left[name]
            yield name, result
            most = self._most() if self.in_order else most  # workers may have come

    def _most(self) -> int:
        """Items that are under way at once, so that every thread finds one."""
        return max(4, AHEAD * sum(self._asked(self.client.nthreads).values()))

    def _submitted(self, name: Hashable, item: Any) -> "Future[Any]":
        return self._large(_begin, self.topic, name, self.work, item)

    def _large(self, function: Callable[..., Any], *arguments: Any) -> "Future[Any]":
        """A call by a worker, whose arguments may take many bytes."""
        with warnings.catch_warnings():  # of large arguments
            warnings.simplefilter("ignore", UserWarning)
            return self.client.submit(function, *arguments, pure=False)

    def _tell(self) -> None:
        """Pass on which items were begun."""
        with suppress(queue.Empty):
            while True:
                self.on_begin(self.events.get_nowait())

    def _first(self, begun: "Mapping[K, Future[Any]]") -> tuple[K, Any] | None:
        """A name with its result, if one is there; where the order counts, the first name."""
        from distributed import KilledWorker

        if self.client.status != "running":
            raise _Gone
        for name, future in begun.items():
            if future.status == "cancelled" and self.work.status == "error":
                raise _explained(self._asked(self.work.exception))
            if future.status == "cancelled":
                raise _Gone
            if future.status == "error":
                error = self._asked(future.exception)
                if isinstance(error, KilledWorker):
                    raise UltralifError(
                        f"{name}: its workers ended again and again (not enough memory?)"
                    ) from error
                raise _explained(error)
            if future.status == "finished":
                with suppress(TimeoutError):  # its worker has gone; another one does it again
                    return name, self._asked(lambda: future.result(timeout=BACK_S))  # noqa: B023
            if self.in_order:
                return None
        return None

    def _asked(self, question: Callable[[], Any]) -> Any:
        """What the scheduler answers.

        Raises:
            _Gone: it does not answer any more.
            TimeoutError: it answers that this takes longer.
        """
        from distributed.client import FutureCancelledError

        try:
            return question()
        except TimeoutError:
            raise
        except (OSError, FutureCancelledError) as error:
            raise _Gone from error


def _explained(error: BaseException) -> BaseException:
    """The error of a worker; in words, if the worker lacks a module."""
    lacks = error if isinstance(error, ImportError) else error.__cause__
    if not isinstance(lacks, ImportError):
        return error
    explained = UltralifError(
        f"the Dask cluster: {lacks}; expected the same packages as here on its scheduler and on "
        "all of its workers"
    )
    explained.__cause__ = error
    return explained


def _given(work: Callable[[T], R]) -> Callable[[T], R]:
    """The work itself."""
    return work


def _begin(topic: str, name: Hashable, work: Callable[[T], R], item: T) -> R:
    """Do the work on a worker, after telling who waits for it that it begins."""
    from distributed import get_worker

    get_worker().log_event(topic, name)
    return work(item)


def _welcome(client: "Client", scheduler: str) -> str:
    """Where the dashboard is, and how many workers there are."""
    found = client.scheduler_info(n_workers=-1)
    workers, dashboard = len(found["workers"]), "dashboard" in found["services"]
    said = (
        f"workers: {workers}" if workers else f"no worker yet: `dask worker {scheduler}` adds one"
    )
    return f"Dask dashboard: {client.dashboard_link if dashboard else 'none'}; {said}"
