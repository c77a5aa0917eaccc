"""A command on a changed file, in a process of its own, and what may come of it."""

import os
import pickle
import resource
import signal
import traceback
from pathlib import Path

from support.commands import Outcome, ultralif

LIMIT_S = 60
"""Longest time of a command."""

MEMORY = 2 << 30
"""Bytes that a command may take beside what the tests hold already."""


def outcome_of(*arguments: object) -> Outcome:
    """Run a command in a process that is forked, so that a crash is found and not suffered.

    Raises:
        AssertionError: a traceback, a signal, too much time or memory.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.close(reader)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LIMIT_S)
            _limit_memory()
            with os.fdopen(writer, "wb") as stream:
                pickle.dump(_run(arguments), stream)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status == 0, f"{arguments}: the process ends with {status}"
    found = pickle.loads(content)
    assert isinstance(found, Outcome), f"{arguments}: {found}"
    return found


def _run(arguments: tuple[object, ...]) -> Outcome | str:
    """The outcome, or the traceback of what no command may raise."""
    try:
        return ultralif(*arguments)
    except BaseException:
        return traceback.format_exc()


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text("utf-8").split()[0])
    limit = pages * resource.getpagesize() + MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def judge(found: Outcome, output: Path | None) -> None:
    """Assert that a command did its work, or refused in one line and left nothing.

    Args:
        found: how the command ended.
        output: directory that it was to write.
    """
    assert found.code in (0, 1, 2), found
    if found.code == 2:
        lines = found.err.strip().splitlines()
        assert len(lines) == 1, found.err
        assert lines[0].startswith("Error: "), lines
        assert len(lines[0]) < 5000, f"a line of {len(lines[0])} characters"
        assert lines[0].isprintable(), lines
        if output is not None and output.exists():
            assert list(output.iterdir()) == []
