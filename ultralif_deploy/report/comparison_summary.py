"""What the terminal shows of two deployments side by side."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.printable import printable
from ultralif_deploy.report.terminal import titled
from ultralif_deploy.report.words import Format, joule, percent, points, significant, whole


def comparison_summary(compared: dict[str, Any]) -> RenderableType:
    """A table for each group of quantities."""
    first, second = (printable(name) for name in compared["files"])
    tables = []
    for group, rows in compared.items():
        if group in ("files", "conditions") or not rows:
            continue
        table = titled(group, "", "first", "second", "difference", left=("",))
        for name, row in rows.items():
            written, difference = _formats(group, name)
            known = row["difference"] is not None
            table.add_row(
                Text(printable(name)),
                _figure(row["first"], written),
                _figure(row["second"], written),
                difference(row["difference"]) if known else "–",
            )
        tables.append(table)
    text = f"first: {first}\nsecond: {second}\n"
    if compared["conditions"]:
        differ = "; ".join(f"{k} {a} and {b}" for k, (a, b) in compared["conditions"].items())
        text += f"Measured differently, so that no difference is one of paired samples: {differ}\n"
    return Group(Text("\n".join(map(printable, text.split("\n")))), *tables)


def _formats(group: str, name: str) -> tuple[Format, Format]:
    """How a quantity and a difference of it are written."""
    if name.startswith("gap"):
        return points, points
    if group == "accuracy":
        return percent, lambda value: f"{points(100 * value)} points"
    if group == "energy":
        return joule, lambda value: f"{'−' if value < 0 else '+'}{joule(abs(value))}"
    if group == "spike rate":
        return significant, lambda value: f"{value:+.2g}".replace("-", "−")
    if name == "bits per weight":
        return significant, lambda value: f"{value:+.2g}".replace("-", "−")
    return whole, lambda value: f"{value:+,.0f}".replace("-", "−")


def _figure(value: float | None, written: Format) -> str:
    return "–" if value is None else written(value)
