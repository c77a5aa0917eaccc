"""What every command of `ultralif` does alike: options to arguments, results to stdout, errors."""

import io
import json
import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

import click

from ultralif_deploy.cli import options
from ultralif_deploy.errors import Interrupted, UltralifError
from ultralif_deploy.io.printable import printable, printable_values

if TYPE_CHECKING:
    from ultralif_deploy.io.progress import Progress
    from ultralif_deploy.soft.anneal import AnnealOptions
    from ultralif_deploy.sources.settings import Settings

ALLOCATION = "can't allocate memory"
"""What torch says, in a RuntimeError, where others raise MemoryError."""

COMMAND = "ultralif.command"
"""Key of the command line among what a context carries."""


class Refusal(click.ClickException):
    """One line on stderr and an exit code."""

    def __init__(self, error: UltralifError) -> None:
        super().__init__(printable(" ".join(str(error).split())))
        setattr(self, "exit_code", error.exit_code)  # noqa: B010 - a class variable in click


class Commands(click.Group):
    """A group that ends in one line and an exit code, whatever ends it."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Write `?` for what the terminal's encoding does not have."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        try:
            return super().main(*args, **extra)
        except OSError as error:  # click ends quietly where the reader closes the pipe
            if error.filename is None:
                # What is still buffered cannot be written either; it must not fail at the end too.
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            where = error.filename or "output"
            refusal = Refusal(UltralifError(f"{where}: {error.strerror or error}"))
            refusal.show()
            sys.exit(refusal.exit_code)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command line as it was typed, for the reports."""
        ctx.meta[COMMAND] = shlex.join(("ultralif", *args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except UltralifError as error:
            raise Refusal(error) from error
        except KeyboardInterrupt as stop:
            raise Refusal(
                Interrupted(f"interrupted; {stop}" if stop.args else "interrupted")
            ) from stop
        except (MemoryError, RuntimeError) as error:
            if not isinstance(error, MemoryError) and ALLOCATION not in str(error):
                raise
            raise Refusal(
                UltralifError(f"not enough memory ({error}); use fewer timesteps or samples")
            ) from error


def back_ends(given: str | None) -> tuple[str, ...]:
    """Names of back ends, all of them where none were given."""
    return options.BACK_ENDS if given is None else names(given)


def names(given: str) -> tuple[str, ...]:
    """Names between commas, with or without spaces."""
    return tuple(name.strip() for name in given.split(","))


def sizes(option: str, given: str | None) -> tuple[int, ...] | None:
    """Whole numbers between commas; None where none were given.

    Raises:
        UltralifError: something else.
    """
    try:
        return None if given is None else tuple(int(name) for name in names(given))
    except ValueError as error:
        raise UltralifError(f"{option} {given}: expected whole numbers between commas") from error


def settings(given: dict[str, Any]) -> "Settings":
    """Settings from the options that a command was given."""
    from ultralif_deploy.sources.settings import Settings

    return Settings(**given)


def annealing(
    epochs: int = 20,
    learning_rate: float = 1e-3,
    sparsity: float = 0.0,
    bits: str | None = "8",
) -> "AnnealOptions":
    """Options of annealing, with the defaults of the command line.

    Args:
        epochs: passes over the training samples; 0 re-estimates without training.
        learning_rate: of Adam at the start.
        sparsity: λ of the penalty on the mean spike rate.
        bits: weight format in the loop, 2 to 8 or `ternary`; None trains float weights.
    """
    from ultralif_deploy.soft.anneal import AnnealOptions

    return AnnealOptions(epochs, learning_rate, sparsity=sparsity, bits=bits)


def progress() -> "Progress":
    """A bar per stage, on stderr where that is a terminal."""
    from ultralif_deploy.io.progress import TerminalProgress

    return TerminalProgress()


def show(result: Any, as_json: bool, summary: Any, indent: int | None = 2) -> None:
    """Print a result: as JSON, or what `summary(result)` makes of it for people.

    Args:
        result: what the command gives, as plain values.
        as_json: whether to print JSON.
        summary: makes of the result what people read.
        indent: spaces per level of the JSON; None puts it on one line.
    """
    if as_json:
        click.echo(json.dumps(result, indent=indent, sort_keys=True, allow_nan=False))
        return
    from ultralif_deploy.report.terminal import console

    console().print(summary(printable_values(result)), crop=False)  # lines to copy stay whole
