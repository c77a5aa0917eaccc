"""report.html: one file that needs nothing else, from the content of report.json."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ultralif_deploy.report import figures
from ultralif_deploy.report.words import (
    before,
    cost,
    deployed,
    joule,
    lost,
    percent,
    subject,
    weights_in_words,
)


def html_report(report: dict[str, Any]) -> str:
    """The page; equal reports give equal pages, byte for byte.

    Names, reasons and paths are untrusted text and are escaped. Figures are inline SVG, style and
    script are inline, and the page forbids itself every request.
    """
    environment = Environment(
        loader=PackageLoader("ultralif_deploy.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"joule": _joule, "percent": percent, "number": _number}
    energy = report["energy"]
    kind = before(report)
    drawn = {
        name: figures.raster(name, rows, _before_in_words(report))
        for name, rows in report["raster"].items()
        if rows["integer"] and rows["integer"][0]
    }
    priced = {n: d for n, d in energy["devices"].items() if d["per_inference_j"] is not None}
    return environment.get_template("report.html.j2").render(
        report=report,
        energy=energy,
        kind=kind,
        subject=subject(report),
        weights=weights_in_words(report["program"]),
        deployed=deployed(report),
        lost=lost(report),
        cost=cost(report),
        sweep=figures.sweep(report),
        rates=figures.rates(report) if report["populations"] else None,
        rasters=drawn,
        devices=figures.devices(energy),
        layers={n: figures.by_place(n, d) for n, d in priced.items()},
        tornados={n: figures.tornado(n, d) for n, d in priced.items()},
        placements=[
            b["facts"]["placement"]
            for b in report["backends"].values()
            if "placement" in b["facts"]
        ],
    )


def _before_in_words(report: dict[str, Any]) -> str:
    return "soft" if report.get("epsilon_sweep") else "float"


def _joule(value: float | None) -> str:
    return "not published" if value is None else joule(value)


def _number(value: float | None) -> str | Markup:
    """A figure with separators, in four digits where it is no whole number."""
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}"
