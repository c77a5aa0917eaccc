"""The output of `ultralif data`."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import titled
from ultralif_deploy.schema.commands import DataSets, DataWritten


def datasets_summary(content: DataSets) -> RenderableType:
    """A table of data sets, and how to get those that were not found."""
    columns = ("name", "data set", "place")
    table = titled("Data sets that --data takes by name", *columns, left=columns)
    for name, one in content["datasets"].items():
        table.add_row(name, one["what"], one["place"] or "not found")
    lines = [
        f"{name}: {one['how']}" for name, one in content["datasets"].items() if one["place"] is None
    ]
    said = f"Searched: {', '.join(content['searched'])}. $ULTRALIF_DATA names further folders."
    return Group(table, *([Text("\n".join(lines))] if lines else []), Text(said))


def written_summary(content: DataWritten) -> RenderableType:
    """What was written, and how to go on."""
    sizes = [f"{name}: {' × '.join(map(str, shape))}" for name, shape in content["samples"].items()]
    return Text("\n".join([*sizes, f"Written to {content['file']}, which --data takes"]))
