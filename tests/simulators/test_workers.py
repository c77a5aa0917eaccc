"""Threads that work together with their caller."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from ultralif_deploy.simulators.native.workers import Workers


def test_every_thread_works_and_all_have_finished() -> None:
    threads = Workers(2)
    for _ in range(50):
        meeting, seen = threading.Barrier(3, timeout=10), []

        def job(meeting: threading.Barrier = meeting, seen: list[int] = seen) -> None:
            meeting.wait()  # nobody gets past it alone
            seen.append(threading.get_ident())

        threads.together(job)
        assert len(set(seen)) == 3


def test_threads_that_sleep_are_woken() -> None:
    threads = Workers(1)
    done: list[int] = []
    threads.together(lambda: done.append(1))
    threading.Event().wait(0.2)  # much longer than they spin
    threads.together(lambda: done.append(1))
    assert len(done) == 4


@pytest.mark.parametrize("where", ["caller", "thread"])
def test_errors_reach_the_caller_and_the_threads_go_on(where: str) -> None:
    threads = Workers(1)
    caller = threading.get_ident()

    def job() -> None:
        if (threading.get_ident() == caller) == (where == "caller"):
            raise ValueError(where)

    with pytest.raises(ValueError, match=where):
        threads.together(job)
    done: list[int] = []
    threads.together(lambda: done.append(1))
    assert len(done) == 2


def test_a_second_caller_works_alone() -> None:
    threads = Workers(1)
    inside, leave = threading.Event(), threading.Event()

    def long() -> None:
        inside.set()
        assert leave.wait(10)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(threads.together, long)
        assert inside.wait(10)
        done: list[int] = []
        threads.together(lambda: done.append(threading.get_ident()))
        assert done == [threading.get_ident()]
        leave.set()
        first.result(timeout=10)
