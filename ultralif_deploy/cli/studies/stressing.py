"""The command `ultralif stress`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.cli.option_types import Bits
from ultralif_deploy.errors import UltralifError

FAULTS = ("noise", "drop", "jitter", "stuck-at-0", "stuck-at-1", "flip")
"""Named here for --help; a test compares them."""


def _levels(given: str | None) -> tuple[float, ...] | None:
    """Numbers between commas."""
    if given is None:
        return None
    try:
        return tuple(float(text) for text in running.names(given))
    except ValueError:
        raise UltralifError(f"levels {given!r}; expected numbers from 0 to 1") from None


@click.command(cls=GroupedCommand)
@options.program_argument
@options.data_options
@options.nir_options
@options.foreign_bits_option
@click.option(
    "--faults",
    metavar="NAME[,NAME]",
    help=f"Of {', '.join(FAULTS)}; all that the program can have unless given.",
)
@click.option(
    "--levels",
    metavar="P[,P]",
    help="From 0 to 1: a probability, or a share of the largest input or of T − 1 for noise on "
    "graded inputs and for jitter. Each fault has its own unless given.",
)
@click.option(
    "--repeats",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    metavar="N",
    help="Runs of every level, each with faults of its own.",
)
@options.output_option("ultralif-out")
@options.json_option
def stress(
    program: Path,
    bits: Bits | None,
    faults: str | None,
    levels: str | None,
    repeats: int,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure a program's accuracy under faults.

    Input spikes flip, are lost or come at another timestep; bits of stored weights are stuck or
    flip. Every level runs with several draws of the faults, beside the undisturbed program. Leaves
    stress.json and stress.html. Another tool's NIR file is quantized first.

    Example: ultralif stress out/program.nir --data digits --faults flip,drop -o out
    """
    from ultralif_deploy.report.summaries.stress import stress_summary
    from ultralif_deploy.robustness.stressing import stress as run

    result = run(
        program,
        output,
        running.settings(given),
        faults=None if faults is None else running.names(faults),
        levels=_levels(levels),
        repeats=repeats,
        bits=bits,
        progress=running.progress(),
    )
    running.show(result, as_json, stress_summary)
