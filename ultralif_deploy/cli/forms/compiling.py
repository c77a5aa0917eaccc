"""The command `ultralif firmware`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import choices, options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand

OPTIMIZATIONS = ("O3", "O2", "Os")
"""Named here for --help; a test compares them."""


@click.command(cls=GroupedCommand)
@options.program_argument
@click.option(
    "--on",
    "cores",
    default=",".join(choices.EMULATED),
    show_default=True,
    metavar="NAME[,NAME]",
    help="Cores to compile for.",
)
@click.option(
    "--optimize",
    default=",".join(OPTIMIZATIONS),
    show_default=True,
    metavar="LEVEL[,LEVEL]",
    help="Levels of the compiler's optimization.",
)
@options.data_options
@options.json_option
def firmware(program: Path, cores: str, optimize: str, as_json: bool, **given: Any) -> None:
    """Measure a program's C on emulated microcontrollers.

    Cross-compiles the exported C, runs samples in an emulator, 20 unless --limit says otherwise,
    and compares every spike with the reference. Shows instructions of an inference, flash, state
    and stack for each core and each level of optimization.

    Example: ultralif firmware out/program.nir --data digits --on c-cortex-m4
    """
    from ultralif_deploy.report.summaries.firmware import firmware_summary
    from ultralif_deploy.steps.hardware.firmware import firmware_of

    result = firmware_of(
        program,
        running.settings(given),
        running.names(cores),
        running.names(optimize),
        running.progress(),
    )
    running.show(result, as_json, firmware_summary)
