"""Progress of long work, shown on stderr where that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

Update = Callable[[float, str], None]
"""Called with the share done (0 to 1) and a short text."""


class Progress:
    """Shows nothing; what the Python API uses by default."""

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        """One piece of work."""
        del title

        def ignore(share: float, text: str) -> None:
            del share, text

        yield ignore


class TerminalProgress(Progress):
    """A bar per stage, with rich."""

    @contextmanager
    def stage(self, title: str) -> Iterator[Update]:
        """Show a bar while the block runs."""
        from rich.console import Console
        from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
        from rich.progress import Progress as RichProgress

        console = Console(stderr=True)
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[text]}"),
        )
        with RichProgress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task(f"{title:<22}", total=1.0, text="")

            def update(share: float, text: str) -> None:
                bar.update(task, completed=share, text=text)

            yield update
            bar.update(task, completed=1.0)
