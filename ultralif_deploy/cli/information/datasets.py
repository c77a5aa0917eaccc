"""The command `data`."""

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.errors import UltralifError


@click.command(cls=GroupedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.json_option
def data(names: tuple[str, ...], as_json: bool) -> None:
    """List data sets that --data takes by name, and where they lie.

    They are found where torchvision, tonic, Keras and Debian's packages keep them. Nothing is
    downloaded; what was not found comes with the line that gets it.

    Example: ultralif data mnist
    """
    from ultralif_deploy.data.named import KNOWN, place_of, searched
    from ultralif_deploy.report.summaries.datasets import datasets_summary

    unknown = [name for name in names if name not in KNOWN]
    if unknown:
        raise UltralifError(f"no data set {unknown[0]!r}; expected one of {', '.join(KNOWN)}")
    found = {
        name: {
            "what": KNOWN[name].what,
            "place": None if (place := place_of(name)) is None else str(place),
            "how": KNOWN[name].how,
        }
        for name in names or KNOWN
    }
    result = {"searched": [str(folder) for folder in searched()], "datasets": found}
    running.show(result, as_json, datasets_summary)
