"""The output of `ultralif sweep`."""

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.sweep_words import (
    PART_COLUMNS,
    best_words,
    cost,
    cost_words,
    has_parts,
    part_words,
    where_measured,
)
from ultralif_deploy.report.terminal import titled
from ultralif_deploy.report.words import percent, points, whole
from ultralif_deploy.schema.studies.sweep import Sweep


def sweep_summary(content: Sweep) -> RenderableType:
    """A table of all points, the most accurate first."""
    device = content["device"]
    spent = "operations" if device is None else f"energy, {device}"
    title = f"{content['checkpoint']}, {len(content['points'])} points"
    on_part = PART_COLUMNS if has_parts(content) else ()
    names = ("point", "accuracy", "gap", spent, "bytes of weights", *on_part, "verdict", "")
    table = titled(title, *names, left=("point", "verdict", ""))
    ordered = sorted(content["points"].items(), key=lambda item: -(item[1]["accuracy"] or 0.0))
    for name, one in ordered:
        mark = "best" if one["best"] else "front" if one["on_front"] else ""
        table.add_row(
            *(name, percent(one["accuracy"]), "–" if one["gap"] is None else points(one["gap"])),
            *(cost_words(content, cost(content, one)), whole(one["weight_bytes"])),
            *(text for _, text in part_words(one) if on_part),
            *(one["verdict"], mark),
            style="bold" if one["best"] else "",
        )
    refused = [Text(f"Refused, {name}: {why}") for name, why in content["refused"].items()]
    words = Text(f"{where_measured(content)}\nBest: {best_words(content)}")
    return Group(table, *refused, words)
