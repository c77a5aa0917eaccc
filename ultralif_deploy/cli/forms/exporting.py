"""The command `ultralif export`."""

from pathlib import Path
from typing import Any

import click

from ultralif_deploy.cli import choices, options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand


@click.command(cls=GroupedCommand)
@options.program_argument
@options.data_options
@click.option(
    "--to",
    "targets",
    default="nir",
    show_default=True,
    metavar="NAME[,NAME]",
    help=f"Formats to write: {', '.join(('nir', *choices.EXPORTERS))}.",
)
@click.option(
    "--flavour",
    type=click.Choice(choices.FLAVOURS),
    default="lif",
    show_default=True,
    help="NIR node that stands for a threshold unit.",
)
@options.exit_options(
    "The C code gets functions, and the Verilog a module, that stop samples. exact: once no "
    "remaining timestep can change the prediction; confidence: once the lead of the first class "
    "per timestep reaches a threshold, which is chosen on the training samples of --data."
)
@click.option("--prefix", metavar="NAME", help="Begins the names in C. The default is ultralif.")
@click.option(
    "--package",
    type=click.Choice(choices.PACKAGES),
    help="The C files become a library of this build system, with its self-test as an example.",
)
@options.lanes_option
@click.option(
    "--unary",
    is_flag=True,
    help="Graded spikes become several threshold units that send one bit each, with the same "
    "logits. Stock neurons and standard NIR nodes can run these.",
)
@options.output_option("ultralif-out")
@options.json_option
def export(
    program: Path,
    targets: str,
    flavour: str,
    exit_rule: Any,
    confidence: float | None,
    prefix: str | None,
    package: str | None,
    lanes: int | None,
    unary: bool,
    output: Path,
    as_json: bool,
    **given: Any,
) -> None:
    """Write a program in formats that other tools read.

    The data set is read for --exit confidence alone.

    Example: ultralif export out/program.nir --to nir --flavour cubalif -o exported
    """
    from ultralif_deploy.report.inspection import exports_summary
    from ultralif_deploy.steps.exporting import export_program

    result = export_program(
        program,
        running.names(targets),
        output,
        flavour,
        exit_rule,
        prefix,
        package,
        lanes,
        unary,
        confidence=confidence,
        settings=running.settings(given),
        progress=running.progress(),
    )
    running.show(result, as_json, exports_summary)
