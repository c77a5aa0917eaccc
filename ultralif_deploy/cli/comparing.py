"""The command `compare`."""

from pathlib import Path

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand


@click.command(cls=GroupedCommand)
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@options.memory_option
@options.json_option
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Show two deployments side by side.

    Compares accuracy, spike rates, operations, energy and sizes. FIRST and SECOND are report.json
    files, or directories that deploy or verify wrote (-o). Differences are second minus first.

    Example: ultralif compare eight-bits four-bits
    """
    from ultralif_deploy.report.comparison import compare_reports
    from ultralif_deploy.report.summaries.comparison import comparison_summary

    compared = compare_reports(first, second)
    running.show(compared, as_json, comparison_summary)
