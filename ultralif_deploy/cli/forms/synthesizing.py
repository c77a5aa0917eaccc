"""The command `ultralif synthesize`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand

PARTS = ("up5k", "hx8k", "ecp5-12", "ecp5-25", "ecp5-45", "ecp5-85")
"""Named here for --help; a test compares them."""


PART_HELP = "iCE40UP5K, iCE40HX8K, or ECP5 with so many thousand look-up tables."

part_option = click.option(
    "--part",
    type=click.Choice(PARTS),
    help="FPGA for which the Verilog is synthesized too; exit with 1 if it does not fit. "
    f"{PART_HELP}",
)


@click.command(cls=GroupedCommand)
@options.program_argument
@click.option("--part", type=click.Choice(PARTS), required=True, help=f"Device: {PART_HELP}")
@options.lanes_option
@options.data_options
@options.json_option
def synthesize(program: Path, part: str, lanes: int | None, as_json: bool, **given: Any) -> None:
    """Synthesize a program for an FPGA with yosys and nextpnr.

    Shows look-up tables, flip-flops, block RAMs, multipliers and the highest clock frequency. With
    --data, samples are simulated, 20 unless --limit says otherwise, and their clock cycles give
    latency and throughput. Exits with 1 where the program does not fit.

    Example: ultralif synthesize out/program.nir --part hx8k --data digits
    """
    from ultralif_deploy.report.terminal import fpga_tables
    from ultralif_deploy.steps.hardware.synthesis import synthesize_program

    result = synthesize_program(program, part, lanes, running.settings(given), running.progress())
    running.show(result, as_json, fpga_tables)
