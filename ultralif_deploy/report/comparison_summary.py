"""What the terminal shows of two deployments side by side."""

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ultralif_deploy.io.printable import printable, shortened
from ultralif_deploy.report.comparison import SAMPLES
from ultralif_deploy.report.terminal import titled
from ultralif_deploy.report.words import (
    Format,
    joule,
    percent,
    points,
    rate,
    ratio,
    signed,
    significant,
    whole,
)

TITLES = {"energy": "energy per inference, without idle power", "placement": "placement on chips"}
"""Of groups whose names do not say enough."""

LONGEST_NAME = 60


def comparison_summary(compared: dict[str, Any]) -> RenderableType:
    """A table for each group of quantities."""
    first, second = (printable(name) for name in compared["files"])
    lines = [f"first: {first}", f"second: {second}", *_conditions(compared["conditions"]), ""]
    groups = {k: v for k, v in compared.items() if k not in ("files", "conditions") and v}
    return Group(Text("\n".join(lines)), *(_table(k, rows) for k, rows in groups.items()))


def _conditions(differing: dict[str, list[str]]) -> list[str]:
    """What differs beside the deployments, in lines."""
    samples, lines = [], []
    for name, pair in differing.items():
        first, second = map(printable, pair)
        if name in SAMPLES:
            samples.append(f"{name} {first} and {second}")
        else:
            what = f"Energies that are not made alike, {_name(name)}"
            lines.append(f"{what}: first {first}; second {second}")
    if samples:
        what = "Measured differently, so that no difference is one of paired samples"
        lines.insert(0, f"{what}: {'; '.join(samples)}")
    return lines


def _table(group: str, rows: dict[str, dict[str, Any]]) -> Table:
    ratios = all("ratio" in row for row in rows.values())
    columns = ("first", "second", "difference", *(("second/first",) if ratios else ()))
    table = titled(TITLES.get(group, group), "", *columns, left=("",))
    for name, row in rows.items():
        written, difference = _formats(group, name)
        cells = [_figure(row, which, written) for which in ("first", "second")]
        cells.append("–" if row["difference"] is None else difference(row["difference"]))
        if ratios:
            cells.append("–" if row["ratio"] is None else ratio(row["ratio"]))
        label = f"{name} (95 % interval)" if "ci95" in row else _name(name)
        table.add_row(Text(label), *cells)
    return table


def _formats(group: str, name: str) -> tuple[Format, Format]:
    """How a quantity and a difference of it are written."""
    if group == "accuracy":
        if name.startswith("gap"):
            return points, points
        return percent, lambda value: f"{points(100 * value)} points"
    written: Format = whole
    if group == "energy":
        written = joule
    elif group == "spike rate":
        written = rate
    elif group == "spikes":
        written = _tenths
    elif name == "bits per weight":
        written = significant
    return written, signed(written)


def _tenths(value: float) -> str:
    return f"{value:,.1f}"


def _figure(row: dict[str, Any], which: str, written: Format) -> str:
    """A figure with its interval, or why there is none."""
    if row[which] is None:
        return str(row["missing"][which])
    interval = row["ci95"][which] if "ci95" in row else None
    if interval is None:
        return written(row[which])
    low, high = map(written, interval)
    return f"{written(row[which])} ({low} to {high})"


def _name(name: str) -> str:
    return printable(shortened(name, LONGEST_NAME))
