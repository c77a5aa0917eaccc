"""Code that all commands of `ultralif` share: reading options, printing results and errors."""

import gc
import io
import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ultralif_deploy.cli import choices
from ultralif_deploy.cli.device_options import NOT_HERE
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.errors import Interrupted, UltralifError
from ultralif_deploy.io.printable import printable, printable_values, shortened

if TYPE_CHECKING:
    from torch import nn

    from ultralif_deploy.io.progress import Progress
    from ultralif_deploy.network.network import Network
    from ultralif_deploy.program.weight_format import Bits
    from ultralif_deploy.soft.anneal import AnnealOptions
    from ultralif_deploy.sources.settings import Settings

FULL = ("can't allocate memory", "out of memory")
"""Parts of torch's messages when the memory of the machine is full, and that of a GPU. torch raises
a RuntimeError, not a MemoryError."""

COMMAND = "ultralif.command"
"""Key under which click's context holds the command line."""


OBJECTS_PER_COLLECTION = 100_000
"""New objects after which Python looks for cycles. Most objects of a command live until it ends;
looking after every 700 took a tenth of the processor time of short commands."""


LONGEST_WORD, LONGEST_LINE = 1000, 4000
"""Characters of an error that are shown; names from files may have any length."""


class Refusal(click.ClickException):
    """Ends a command with one line on stderr and an exit code."""

    def __init__(self, error: UltralifError) -> None:
        line = " ".join(shortened(word, LONGEST_WORD) for word in str(error).split())
        super().__init__(printable(shortened(line, LONGEST_LINE)))
        setattr(self, "exit_code", error.exit_code)  # noqa: B010 - a class variable in click


class Commands(click.Group):
    """A group of commands. Every error ends it with one line and an exit code."""

    command_class = GroupedCommand

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line, and print `?` for characters that the terminal cannot show."""
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        gc.set_threshold(OBJECTS_PER_COLLECTION)
        try:
            return super().main(*args, **extra)
        except OSError as error:  # not a closed pipe: click handles that itself
            if error.filename is None:
                # Buffered output cannot be written either. Drop it, so that exiting does not fail.
                sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            where = error.filename or "output"
            refusal = Refusal(UltralifError(f"{where}: {error.strerror or error}"))
            try:
                refusal.show()
            except OSError:  # stderr takes nothing either: the exit code alone tells
                sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            sys.exit(refusal.exit_code)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line; an interrupt ends that too in one line."""
        try:
            return super().make_context(*args, **extra)
        except KeyboardInterrupt as stop:
            raise Refusal(Interrupted("interrupted")) from stop

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Keep the command line as it was typed, for the reports."""
        ctx.meta[COMMAND] = shlex.join(("ultralif", *args))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command, and turn errors into one line."""
        try:
            return super().invoke(ctx)
        except UltralifError as error:
            raise Refusal(error) from error
        except click.NoSuchOption as error:
            if error.option_name != "--device":
                raise
            raise Refusal(UltralifError(NOT_HERE)) from error
        except KeyboardInterrupt as stop:
            raise Refusal(
                Interrupted(f"interrupted; {stop}" if stop.args else "interrupted")
            ) from stop
        except (MemoryError, RuntimeError) as error:
            known = any(part in str(error) for part in FULL)
            if not isinstance(error, MemoryError) and not known:
                raise
            raise Refusal(
                UltralifError(f"not enough memory ({error}); use fewer timesteps or samples")
            ) from error


def back_ends(given: str | None) -> tuple[str, ...]:
    """Names of back ends in an option; all that are compared unasked if it is not given."""
    unasked = tuple(name for name in choices.BACK_ENDS if name not in choices.ON_REQUEST)
    return unasked if given is None else names(given)


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
    """Make Settings from the options of a command."""
    from ultralif_deploy.sources.settings import Settings

    return Settings(**given)


def network(given: Path, weights: Path | None) -> "Path | Network | nn.Module":
    """The argument of a command: a path as it is, or what the function that it names builds.

    Args:
        given: a path, FILE.py:NAME or package.module:name.
        weights: a state dict for the module that the function builds.

    Raises:
        UltralifError: the function cannot be run; weights are given for a file.
    """
    from ultralif_deploy.sources.user_code import built, names_function

    if names_function(given):
        click.echo(f"Running your code: {printable(str(given))}", err=True)
        return built(given, weights)
    if weights is not None:
        raise UltralifError(f"--weights {weights}: it is for a module that FILE.py:NAME builds")
    return given


def annealing(
    epochs: int = 20,
    learning_rate: float = 1e-3,
    sparsity: float = 0.0,
    prune: float = 0.0,
    bits: "Bits | None" = "8",
) -> "AnnealOptions":
    """Options of annealing, with the defaults of the command line.

    Args:
        epochs: passes over the training samples; 0 re-estimates without training.
        learning_rate: learning rate of Adam at the start.
        sparsity: λ of the penalty on the mean spike rate.
        prune: share of the weights of each layer that become 0.
        bits: weight format in the loop; None, and `auto`, which chooses later, train float
            weights.
    """
    from ultralif_deploy.soft.anneal import AnnealOptions

    stored = None if bits == "auto" else bits
    return AnnealOptions(epochs, learning_rate, sparsity=sparsity, bits=stored, prune=prune)


def progress() -> "Progress":
    """Progress on stderr: a bar for each stage on a terminal, and elsewhere now and then a line."""
    from ultralif_deploy.io.progress import ShownProgress

    return ShownProgress()


def show(result: Any, as_json: bool, summary: Any, indent: int | None = 2) -> None:
    """Print a result as JSON, or as the text that `summary(result)` returns.

    Args:
        result: result of the command, as plain values.
        as_json: whether to print JSON.
        summary: function that turns the result into text to read.
        indent: spaces per level of the JSON; None puts it on one line.
    """
    if as_json:
        click.echo(json.dumps(result, indent=indent, sort_keys=True, allow_nan=False))
        return
    from ultralif_deploy.report.terminal import console

    console().print(summary(printable_values(result)), crop=False)  # lines to copy stay whole
