"""What the terminal shows of a network that another tool trained."""

from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from ultralif_deploy.report.terminal import (
    assumptions_table,
    back_ends_table,
    energy_tables,
    passes_table,
    percent,
    placement_table,
    titled,
    weights_in_words,
    written_files,
)


def network_summary(report: dict[str, Any], directory: str) -> RenderableType:
    """What quantization changed, whether the back ends agree, and what it costs."""
    accuracy, program, data = report["accuracy"], report["program"], report["data"]
    exact = all(result["exact"] for result in report["backends"].values())
    neurons = sum(p["size"] for p in program["populations"])
    text = (
        f"{report['network']['file']} became an integer program with {weights_in_words(program)} "
        f"weights, {neurons} neurons and {program['parameters']:,} parameters; its "
        f"{len(report['backends'])} back ends {'agree in every spike' if exact else 'DIFFER'}. "
        f"{data['samples']} samples of {data['name']} ({data['encoding']}, T = "
        f"{data['timesteps']}): {percent(report['predictions_equal'])} of the predictions are "
        "those of the float network."
    )
    if accuracy["float"] is not None:
        low, high = accuracy["gap_ci95"]
        text += (
            f" Accuracy {percent(accuracy['float'])} float, {percent(accuracy['integer'])} integer:"
            f" a gap of {accuracy['gap_float_integer']:+.2f} points (95 % interval {low:+.2f} to "
            f"{high:+.2f}, McNemar p = {accuracy['mcnemar_p']:.2g})."
        )
    columns = ("name", "neurons", "rate float", "rate integer", "spikes agree")
    table = titled("Populations, float against integer", *columns, left=("name",))
    for name, p in report["populations"].items():
        rates = (f"{p['spike_rate_float']:.4f}", f"{p['spike_rate_integer']:.4f}")
        table.add_row(name, str(p["neurons"]), *rates, percent(p["agreement"]))
    return Group(
        Text(text + "\n"),
        table,
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
    return Group(table, assumptions_table(found["assumed"]))
