"""What every command of `ultralif` does alike: options to arguments, results to stdout, errors."""

import json
import shlex
from typing import TYPE_CHECKING, Any

import click

from ultralif_deploy import cli_options as options
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.printable import printable

if TYPE_CHECKING:
    from ultralif_deploy.anneal import AnnealOptions
    from ultralif_deploy.progress import Progress
    from ultralif_deploy.settings import Settings

COMMAND = "ultralif.command"
"""Key of the command line among what a context carries."""


class Refusal(click.ClickException):
    """One line on stderr and an exit code."""

    def __init__(self, error: UltralifError) -> None:
        super().__init__(printable(" ".join(str(error).split())))
        setattr(self, "exit_code", error.exit_code)  # noqa: B010 - a class variable in click


class Commands(click.Group):
    """A group that turns our errors into one line and their exit code."""

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


def back_end_names(names: str | None) -> tuple[str, ...]:
    """Names of back ends, all of them where none were given."""
    return options.BACK_ENDS if names is None else tuple(names.split(","))


def settings(given: dict[str, Any]) -> "Settings":
    """Settings from the options that a command was given."""
    from ultralif_deploy.settings import Settings

    return Settings(**given)


def annealing(
    epochs: int = 20,
    learning_rate: float = 1e-3,
    sparsity: float = 0.0,
    bits: str | None = "8",
) -> "AnnealOptions":
    """Options of annealing, with the defaults of the command line."""
    from ultralif_deploy.anneal import AnnealOptions

    return AnnealOptions(epochs, learning_rate, sparsity=sparsity, bits=bits)


def progress() -> "Progress":
    """A bar per stage, on stderr where that is a terminal."""
    from ultralif_deploy.progress import TerminalProgress

    return TerminalProgress()


def show(result: Any, as_json: bool, render: Any, indent: int | None = 2) -> None:
    """Print a result: as JSON, or what `render()` makes of it for people."""
    if as_json:
        click.echo(json.dumps(result, indent=indent, sort_keys=True, allow_nan=False))
        return
    from ultralif_deploy.report.terminal import console

    console().print(render(), crop=False)  # lines to copy stay whole
