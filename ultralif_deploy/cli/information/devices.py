"""The command `devices`."""

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand


@click.command(cls=GroupedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.json_option
def devices(names: tuple[str, ...], as_json: bool) -> None:
    """List what --energy-device takes, with the sources.

    Example: ultralif devices loihi1
    """
    from ultralif_deploy.energy.devices import SHIPPED
    from ultralif_deploy.energy.devices.facts import described
    from ultralif_deploy.report.summaries.devices import devices_summary

    running.show(described(names or sorted(SHIPPED)), as_json, devices_summary)
