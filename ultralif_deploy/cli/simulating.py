"""The commands `ultralif simulate` and `ultralif energy`, which run a program on data."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import choices, options, running
from ultralif_deploy.cli.device_options import energy_device_option
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.cli.option_types import Bits


@click.command(cls=GroupedCommand)
@options.program_argument
@options.data_options
@options.nir_options
@options.expect_option
@options.foreign_bits_option
@click.option(
    "--on",
    "back_end",
    type=click.Choice(choices.BACK_ENDS),
    default="fast",
    show_default=True,
    help="Back end that runs the program: a simulator, or an exported format.",
)
@options.exit_options(
    "When samples stop. exact: once no remaining timestep can change the prediction; "
    "confidence: once the lead of the first class per timestep reaches a threshold."
)
@options.scheduler_option("run the samples in blocks of 500")
@energy_device_option
@options.lava_option
@options.json_option
def simulate(
    program: Path,
    bits: Bits | None,
    back_end: str,
    exit_rule: Any,
    confidence: float | None,
    scheduler: str | None,
    energy_device: str,
    as_json: bool,
    **given: Any,
) -> None:
    """Run a program on data.

    Shows logits, accuracy and event counts. A NIR file of another tool is quantized first. With
    --exit, it also counts what samples need that stop before the last timestep; reference, fast,
    onnx, c and verilog then really stop them, and the time is measured.

    Example: ultralif simulate out/program.nir --data digits --on reference --limit 20 --json
    """
    from ultralif_deploy.pipeline import simulate_program
    from ultralif_deploy.report.inspection import simulation_summary

    result = simulate_program(
        program,
        back_end,
        running.settings(given),
        running.progress(),
        bits,
        exit_rule=exit_rule,
        confidence=confidence,
        energy_devices=running.names(energy_device),
        scheduler=scheduler,
    )
    running.show(result, as_json, simulation_summary, indent=None)


@click.command(cls=GroupedCommand)
@options.program_argument
@options.data_options
@options.nir_options
@options.foreign_bits_option
@energy_device_option
@options.json_option
def energy(
    program: Path, bits: Bits | None, energy_device: str, as_json: bool, **given: Any
) -> None:
    """Count events on data and estimate the energy.

    All constants of devices are published, each with its source. A NIR file of another tool is
    quantized first.

    Example: ultralif energy out/program.nir --data digits --energy-device loihi1,cmos45
    """
    from ultralif_deploy.pipeline import program_energy
    from ultralif_deploy.report.terminal import energy_tables

    result = program_energy(
        program, running.names(energy_device), running.settings(given), running.progress(), bits
    )
    running.show(result, as_json, energy_tables)
