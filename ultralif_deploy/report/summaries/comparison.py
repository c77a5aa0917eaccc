"""The comparison of two deployments, for the terminal."""

from typing import get_args

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ultralif_deploy.io.printable import printable, shortened
from ultralif_deploy.report.comparison import LATENCY, PART, SAMPLES
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
from ultralif_deploy.schema import commands as schema

GROUPS: tuple[schema.Group, ...] = get_args(schema.Group)

TITLES: dict[schema.Group, str] = {
    "energy": "energy per inference, without idle power",
    "placement": "placement on chips",
    "hardware": "on an FPGA, by yosys, nextpnr and simulation",
}
"""Titles of groups whose names do not say enough."""

LONGEST_NAME = 60


def comparison_summary(compared: schema.ComparedReports) -> RenderableType:
    """A table for each group of quantities."""
    first, second = (printable(name) for name in compared["files"])
    lines = [f"first: {first}", f"second: {second}", *_conditions(compared["conditions"]), ""]
    tables = (_table(group, compared[group]) for group in GROUPS if compared[group])
    return Group(Text("\n".join(lines)), *tables)


def _conditions(differing: dict[str, list[str]]) -> list[str]:
    """Lines about conditions that differ, apart from the deployments themselves."""
    samples, lines = [], []
    for name, pair in differing.items():
        first, second = map(printable, pair)
        if name in SAMPLES:
            samples.append(f"{name} {first} and {second}")
        elif name == PART:
            lines.append(f"On different FPGAs: first {first}; second {second}")
        else:
            what = f"Energies that are not made alike, {_name(name)}"
            lines.append(f"{what}: first {first}; second {second}")
    if samples:
        what = "Measured differently, so that no difference is one of paired samples"
        lines.insert(0, f"{what}: {'; '.join(samples)}")
    return lines


def _table(group: schema.Group, rows: dict[str, schema.ComparedFigure]) -> Table:
    ratios = all("ratio" in row for row in rows.values())
    columns = ("first", "second", "difference", *(("second/first",) if ratios else ()))
    table = titled(TITLES.get(group, group), "", *columns, left=("",))
    for name, row in rows.items():
        written, difference = _formats(group, name)
        cells = [_figure(row, "first", written), _figure(row, "second", written)]
        cells.append("–" if row["difference"] is None else difference(row["difference"]))
        if ratios:
            by = row["ratio"]
            cells.append("–" if by is None else ratio(by))
        label = f"{name} (95 % interval)" if "ci95" in row else _name(name)
        table.add_row(Text(label), *cells)
    return table


def _formats(group: schema.Group, name: str) -> tuple[Format, Format]:
    """The formats of a quantity and of its difference."""
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
    elif name == LATENCY:
        written = _microseconds
    elif name == "bits per weight":
        written = significant
    return written, signed(written)


def _microseconds(value: float) -> str:
    return f"{1e6 * value:.1f} µs"


def _tenths(value: float) -> str:
    return f"{value:,.1f}"


def _figure(row: schema.ComparedFigure, which: schema.Side, written: Format) -> str:
    """A figure with its interval, or the reason why there is none."""
    value = row[which]
    if value is None:
        return str(row["missing"][which])
    interval = row["ci95"][which] if "ci95" in row else None
    if interval is None:
        return written(value)
    low, high = map(written, interval)
    return f"{written(value)} ({low} to {high})"


def _name(name: str) -> str:
    return printable(shortened(name, LONGEST_NAME))
