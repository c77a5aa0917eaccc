"""Threads that work on one job together with their caller, and stay awake briefly between jobs.

Waking a thread takes as long as a few hundred samples. After a job, threads therefore spin for some
tens of microseconds without the interpreter's lock before they sleep, as in onnxruntime.
"""

import os
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from ultralif_deploy.io.parallel import cores
from ultralif_deploy.simulators.native.compiled import jit

SPINS = 1 << 16
"""How often a thread reads a counter before it sleeps."""


@intrinsic
def current(typing: Any, counter: Any) -> Any:
    """Read counter[0] of an int64 array from memory, because another thread may change it."""
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.load_atomic(array.data, "acquire", 8, typ=ir.IntType(64))

    return types.int64(counter), generate


@intrinsic
def take(typing: Any, counter: Any, count: Any) -> Any:
    """Add to counter[0] of a shared int64 array, atomically; returns the value before.

    Args:
        typing: Numba's typing context.
        counter: int64 [1].
        count: int64, what to add.
    """
    del typing, count

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        return builder.atomic_rmw("add", array.data, arguments[1], "monotonic")

    return types.int64(counter, types.int64), generate


@jit
def spin(counter, value, spins):  # type: ignore[no-untyped-def]
    """Wait until counter[0] differs from `value`, or until it was read `spins` times.

    Args:
        counter: int64 [1], which another thread changes.
        value: int64.
        spins: most times that the counter is read.
    """
    for _ in range(spins):
        if current(counter) != value:
            break


class Workers:
    """A fixed number of threads besides the caller's."""

    def __init__(self, count: int) -> None:
        self.process = os.getpid()
        self.count = count
        self._busy = threading.Lock()
        self._change = threading.Condition()
        self._started = np.zeros(1, dtype=np.int64)
        self._finished = np.zeros(1, dtype=np.int64)
        self._job: Callable[[], None] = _nothing
        self._errors: list[BaseException] = []
        spin(self._started, -1, 1)  # compiled before any thread needs it
        for _ in range(count):
            threading.Thread(target=self._serve, daemon=True).start()

    def together(self, job: Callable[[], None]) -> None:
        """Run a job on all threads and on the caller's; returns when all have finished.

        The job divides its work itself. A second caller at the same time works alone.

        Raises:
            BaseException: raised by the job in the caller, or else in a thread.
        """
        if not self._busy.acquire(blocking=False):
            job()
            return
        try:
            self._job, self._errors = job, []
            wanted = int(self._finished[0]) + self.count
            with self._change:
                self._started[0] += 1
                self._change.notify_all()
            try:
                job()
            finally:
                finished = int(self._finished[0])
                while finished < wanted:
                    finished = self._changed(self._finished, finished)
            if self._errors:
                raise self._errors[0]
        finally:
            self._busy.release()

    def _changed(self, counter: np.ndarray, before: int) -> int:
        """Wait until a counter differs from `before`; returns its new value."""
        spin(counter, before, SPINS)
        with self._change:
            self._change.wait_for(lambda: int(counter[0]) != before)
            return int(counter[0])

    def _serve(self) -> None:
        seen = 0
        while True:
            seen = self._changed(self._started, seen)
            try:
                self._job()
            except BaseException as error:
                self._errors.append(error)
            with self._change:
                self._finished[0] += 1
                self._change.notify_all()


_shared: Workers | None = None


def workers() -> Workers:
    """The threads of this process, one fewer than its cores."""
    global _shared
    if _shared is None or _shared.process != os.getpid():  # threads do not survive a fork
        _shared = Workers(cores() - 1)
    return _shared


def _nothing() -> None:
    return None
