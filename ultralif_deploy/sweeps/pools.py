"""Where the points of a sweep run: processes of this machine, or workers of a Dask cluster."""

import logging
import multiprocessing
import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import CancelledError, Executor, ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.sweeps.jobs import Job, run_job

TRIES = 3
"""Times that points are given to workers that end before they are done."""

TIMEOUT_S = 20
"""Longest wait for a scheduler to answer."""

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables by which a worker takes one thread for its matrix products, as Dask sets them too."""

Pool = Callable[[], AbstractContextManager[Executor]]


def local_pool(workers: int | None = None) -> Pool:
    """Processes of this machine.

    Args:
        workers: number of processes; None takes one for each core.

    Raises:
        UltralifError: fewer than one.
    """
    count = len(os.sched_getaffinity(0)) if workers is None else workers
    if count < 1:
        raise UltralifError(f"{count} workers; expected at least 1")
    return partial(_processes, count)


def dask_pool(scheduler: str) -> Pool:
    """Workers of a Dask cluster, which see the same files under the same paths.

    Args:
        scheduler: address of its scheduler, for example `tcp://10.0.0.1:8786`.

    Raises:
        Missing: dask.distributed is not installed.
    """
    try:
        import distributed  # noqa: F401 - asked for before any work
    except ImportError:
        raise Missing("dask.distributed", "pip install 'ultralif-deploy[dask]'") from None
    return partial(_cluster, scheduler)


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


@contextmanager
def _cluster(scheduler: str) -> Iterator[Executor]:
    """The workers of a cluster, as an executor.

    Raises:
        UltralifError: no scheduler answers at the address.
    """
    from distributed import Client

    # It logs lost connections with their tracebacks. `run_all` deals with them.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=TIMEOUT_S)
    except (OSError, ValueError) as error:
        raise UltralifError(
            f"{scheduler}: no Dask scheduler answers ({error}); expected an address such as "
            "tcp://10.0.0.1:8786, where `dask scheduler` runs"
        ) from error
    with client, client.get_executor() as executor:
        yield executor


def run_all(jobs: Mapping[str, Job], pool: Pool) -> Iterator[tuple[str, str | None]]:
    """Run all jobs; yield the name of each as it ends, with what `run_job` returned.

    Jobs whose worker ends before them are given to others.

    Raises:
        UltralifError: jobs whose workers ended `TRIES` times.
    """
    left, lost = dict(jobs), _lost()
    for _ in range(TRIES):
        if not left:
            return
        with pool() as executor:
            futures = {executor.submit(run_job, job): name for name, job in left.items()}
            for future in as_completed(futures):
                try:
                    refused = future.result()
                except lost:
                    continue
                del left[futures[future]]
                yield futures[future], refused
    if left:
        raise UltralifError(
            f"{len(left)} points did not end, because their workers ended {TRIES} times (not "
            f"enough memory?): {', '.join(left)}; the same command goes on with them"
        )


def _lost() -> tuple[type[BaseException], ...]:
    """Errors that say that a process, a worker of a cluster or its scheduler has gone."""
    here = (BrokenProcessPool, CancelledError)
    try:
        from distributed import KilledWorker
        from distributed.client import FutureCancelledError
        from distributed.comm import CommClosedError
    except ImportError:
        return here
    return (*here, KilledWorker, FutureCancelledError, CommClosedError)
