"""What the terminal shows of a network that another tool trained."""

from typing import Any

from rich.console import Group, RenderableType

from ultralif_deploy.report.terminal import (
    assumptions_table,
    back_ends_table,
    energy_tables,
    parameters_table,
    passes_table,
    placement_table,
    stored_parameters,
    summary_text,
    titled,
    written_files,
)
from ultralif_deploy.report.words import percent, rate


def network_summary(report: dict[str, Any], directory: str) -> RenderableType:
    """What quantization changed, whether the back ends agree, and what it costs."""
    columns = ("name", "neurons", "rate float", "rate integer", "spikes kept", "true")
    table = titled("Populations, float against integer", *columns, left=("name",))
    for name, p in report["populations"].items():
        rates = rate(p["spike_rate_float"]), rate(p["spike_rate_integer"])
        kept = (percent(p["spikes_kept"][key]) for key in ("recall", "precision"))
        table.add_row(name, str(p["neurons"]), *rates, *kept)
    return Group(
        summary_text(report),
        table,
        parameters_table(report["parameters"]),
        passes_table(report),
        back_ends_table(report),
        placement_table(report),
        energy_tables(report["energy"]),
        assumptions_table(report["assumed"]),
        written_files(report, directory),
    )


def network_inspection(found: dict[str, Any]) -> RenderableType:
    """Populations and settings as tables."""
    title = f"{found['file']}: a network of {len(found['populations'])} populations"
    columns = ("population", "neurons", "neuron", "reset", "hears")
    table = titled(title, *columns, left=("population", "neuron", "reset", "hears"))
    for p in found["populations"]:
        hears = ", ".join(
            f"{q['source']} ({q['map']}{', one timestep later' if q['late'] else ''})"
            for q in p["hears"]
        )
        table.add_row(p["name"], str(p["neurons"]), p["neuron"], p["reset"] or "", hears)
    return Group(*stored_parameters(found), table, assumptions_table(found["assumed"]))
