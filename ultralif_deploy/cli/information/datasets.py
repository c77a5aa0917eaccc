"""The command `data`."""

import click

from ultralif_deploy.cli import options, running
from ultralif_deploy.cli.grouped_help import GroupedCommand
from ultralif_deploy.errors import UltralifError

DIGITS = "UCI optical recognition of handwritten digits, 1797 of 8×8 pixels (CC BY 4.0)"


@click.command(cls=GroupedCommand)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@options.json_option
def data(names: tuple[str, ...], as_json: bool) -> None:
    """List data sets that --data takes by name, and where they lie.

    They are found where torchvision, tonic, Keras and Debian's packages keep them. Nothing is
    downloaded; what was not found comes with the line that gets it.

    Example: ultralif data mnist
    """
    from ultralif_deploy.data.loading import EMBEDDED
    from ultralif_deploy.data.named import KNOWN, place_of, searched
    from ultralif_deploy.report.summaries.datasets import datasets_summary

    found: dict[str, dict[str, str | None]] = {
        name: {"what": DIGITS, "place": str(path), "how": "comes with this package"}
        for name, path in EMBEDDED.items()
    }
    for name, known in KNOWN.items():
        place = place_of(name)
        where = None if place is None else str(place)
        found[name] = {"what": known.what, "place": where, "how": known.how}
    unknown = [name for name in names if name not in found]
    if unknown:
        raise UltralifError(f"no data set {unknown[0]!r}; expected one of {', '.join(found)}")
    result = {
        "searched": [str(folder) for folder in searched()],
        "datasets": {name: found[name] for name in names or found},
    }
    running.show(result, as_json, datasets_summary)
