"""Sections on the losses of a deployment: the findings, and the rounding of parameters."""

from ultralif_deploy.report.html.page import Cell, Section, Table, cell, columns
from ultralif_deploy.report.words import figure
from ultralif_deploy.schema.report import Parameter, Report
from ultralif_deploy.schema.values import Severity

STYLES: dict[Severity, str] = {"failure": "bad", "warning": "doubtful", "note": ""}


def findings_section(report: Report) -> Section:
    """All findings, the most severe first."""
    title = "Findings"
    if not report["findings"]:
        return Section("findings", title, (("Nothing speaks against this result.",),))
    rows = tuple(
        (
            cell(f["severity"], style=STYLES[f["severity"]]),
            cell(f["text"]),
            cell(f["remedy"]),
            cell(f["kind"], style="code"),
        )
        for f in report["findings"]
    )
    named = columns("severity", "what was found", "what to do", "kind")
    return Section(
        "findings", title, tables=(Table("Findings, the most severe first", named, rows),)
    )


def parameters_section(report: Report) -> Section:
    """Intended value, stored value and rounding error of every parameter."""
    rows = tuple(_parameter(row) for row in report["parameters"])
    named = columns(
        "population", "parameter", "#meant", "#stored", "#largest error", "#relative", "#bound"
    )
    words = (
        "Each row shows the entry with the largest error, in the units of the network after its "
        "passes: gains are folded into the weights. Relative errors are shares of the neuron's "
        "largest weight, of its threshold, or of the parameter itself. Delays and their errors are "
        "in timesteps. A relative error above the bound is a finding. The bound of weights is "
        "wide, because the requested bits decide their error.",
    )
    table = Table("Meant, stored and error", named, rows)
    return Section("parameters", "Parameters", (words,), tables=(table,))


def _parameter(row: Parameter) -> tuple[Cell, ...]:
    bound = row["bound"]
    passes = bound is not None and row["relative"] > bound
    shown = (row["meant"], row["stored"], row["error"])
    return (
        cell(row["name"]),
        cell(row["parameter"]),
        *(cell(value, figure(value)) for value in shown),
        cell(row["relative"], f"{100 * row['relative']:.2g} %", "bad" if passes else ""),
        cell(bound, "none" if bound is None else f"{100 * bound:.2g} %"),
    )
