"""The command `ultralif export`."""

from pathlib import Path

import click

from ultralif_deploy.cli import choices, options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand


@click.command(cls=GroupedCommand)
@options.program_argument
@options.memory_option
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
@click.option(
    "--exit",
    "exit_rule",
    type=click.Choice(("exact",)),
    help="The C code gets functions, and the Verilog a module, that stop a sample once no "
    "remaining timestep can change the prediction.",
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
    exit_rule: str | None,
    prefix: str | None,
    package: str | None,
    lanes: int | None,
    unary: bool,
    output: Path,
    as_json: bool,
) -> None:
    """Write a program in formats that other tools read.

    Example: ultralif export out/program.nir --to nir --flavour cubalif -o exported
    """
    from ultralif_deploy.report.inspection import exports_summary
    from ultralif_deploy.steps.exporting import export_program

    result = export_program(
        program, running.names(targets), output, flavour, exit_rule, prefix, package, lanes, unary
    )
    running.show(result, as_json, exports_summary)
