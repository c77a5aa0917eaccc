"""Progress of long work on stderr: bars on a terminal, and now and then a line elsewhere."""

import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from rich.console import Console

Update = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a short text."""

Rows = Mapping[str, Sequence[str]]
"""Rows of a table by name, the most interesting first."""

ShowRows = Callable[[float, str, Rows], None]
"""Called with the share done, a short text, and all rows."""

FIRST, BETWEEN = 2.0, 5.0
"""Seconds until the first line where stderr is no terminal, and from one line to the next."""

SOON = 1.0
"""Seconds until reading samples counts as long work."""

AROUND = 7
"""Lines of a terminal that a table leaves free, or takes for its frame."""

T = TypeVar("T")


class Progress:
    """Shows nothing. Functions that take long show their progress unless they are given this."""

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        """One piece of work.

        Args:
            title: what is done, in a few words.
        """
        del title

        def ignore(share: float, text: str) -> None:
            del share, text

        yield ignore

    @contextmanager
    def table(self, title: str, columns: Sequence[str]) -> Iterator[ShowRows]:
        """One piece of work on many things, each of which has a row.

        Args:
            title: what is done, in a few words.
            columns: names of the columns after the first.
        """
        del columns
        with self.stage(title) as update:

            def show(share: float, text: str, rows: Rows) -> None:
                del rows
                update(share, text)

            yield show

    def say(self, line: str) -> None:
        """Tell something that the user should know at once."""
        del line

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Inside the block, `each_sample` shows itself here."""
        before = _reading.set(self)
        try:
            yield
        finally:
            _reading.reset(before)


_reading: ContextVar[Progress] = ContextVar("reading", default=Progress())  # noqa: B039 - no state


def each_sample(title: str, items: Sequence[T]) -> Iterator[T]:
    """The items one after the other; when it takes long, a stage of `Progress.reading` shows it.

    Samples are read deep inside many readers, so these find the progress on their own.

    Args:
        title: what is done, in a few words.
        items: samples, or blocks of them.
    """
    start, update = time.monotonic(), None
    with ExitStack() as stack:
        for i, item in enumerate(items):
            if update is None and time.monotonic() - start > SOON:
                update = stack.enter_context(_reading.get().stage(title))
            if update is not None:
                update(i / len(items), "")
            yield item


class ShownProgress(Progress):
    """A bar for each stage on a terminal; in pipes, notebooks and log files a line now and then."""

    def __init__(self) -> None:
        self._start = time.monotonic()
        self._due = self._start + FIRST
        self._stages: list[_Stage] = []

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        """Show how far the block is while it runs."""
        from rich.console import Console

        console = Console(stderr=True)
        if console.is_terminal:
            with _bar(title, console) as update:
                yield update
        else:
            with self._lines(title) as update:
                yield update

    @contextmanager
    def table(self, title: str, columns: Sequence[str]) -> Iterator[ShowRows]:
        """Show a row for each thing on a terminal, and elsewhere a stage."""
        from rich.console import Console

        console = Console(stderr=True, markup=False, emoji=False)
        if console.is_terminal:
            with _table(title, columns, console) as show:
                yield show
        else:
            with super().table(title, columns) as show:
                yield show

    def say(self, line: str) -> None:
        """Write a line."""
        with suppress(OSError, ValueError):  # nobody reads stderr
            print(line, file=sys.stderr, flush=True)

    @contextmanager
    def _lines(self, title: str) -> Iterator[Update]:
        stage = _Stage(title)
        self._stages.append(stage)
        speaker = threading.Thread(target=self._speak, args=(stage,), daemon=True)
        speaker.start()
        try:
            yield stage.update
        finally:
            stage.ended.set()
            self._stages.remove(stage)

    def _speak(self, stage: "_Stage") -> None:
        """Write a line whenever one is due, until the stage ends; of nested stages the inner."""
        while not stage.ended.wait(max(0.0, self._due - time.monotonic())):
            now = time.monotonic()
            if now < self._due:
                continue
            self._due = now + BETWEEN
            with suppress(IndexError, OSError, ValueError):  # it ended; nobody reads stderr
                print(self._stages[-1].line(now - self._start), file=sys.stderr, flush=True)


class _Stage:
    """How far a stage is."""

    def __init__(self, title: str) -> None:
        self.title, self.share, self.text = title, 0.0, ""
        self.ended = threading.Event()

    def update(self, share: float, text: str) -> None:
        self.share, self.text = share, text

    def line(self, seconds: float) -> str:
        """The stage in words."""
        parts = (f"{self.title}: {100 * self.share:.0f} %", self.text, f"after {seconds:.0f} s")
        return ", ".join(part for part in parts if part)


@contextmanager
def _bar(title: str, console: "Console") -> Iterator[Update]:
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with RichProgress(*columns, console=console) as bar:
        task = bar.add_task(f"{title:<22}", total=1.0, text="")

        def update(share: float, text: str) -> None:
            bar.update(task, completed=share, text=text)

        yield update
        bar.update(task, completed=1.0)


@contextmanager
def _table(title: str, columns: Sequence[str], console: "Console") -> Iterator[ShowRows]:
    """A table that changes while the work goes on, and is gone when it ends."""
    from rich.live import Live
    from rich.table import Table

    start = time.monotonic()
    state: tuple[float, Rows] = 0.0, {}

    def drawn() -> Table:
        share, rows = state
        seconds = time.monotonic() - start
        table = Table(title=f"{title}: {100 * share:.0f} %, {seconds:.0f} s", title_justify="left")
        table.add_column("", no_wrap=True, overflow="ellipsis")
        for column in columns:
            table.add_column(column, justify="right", no_wrap=True)
        fitting = max(1, console.height - AROUND)
        for name in list(rows)[:fitting]:
            table.add_row(name, *rows[name])
        if len(rows) > fitting:
            table.add_row(f"and {len(rows) - fitting} more")
        return table

    def show(share: float, text: str, rows: Rows) -> None:
        nonlocal state
        del text
        state = share, rows

    with Live(get_renderable=drawn, console=console, transient=True, refresh_per_second=4):
        yield show
