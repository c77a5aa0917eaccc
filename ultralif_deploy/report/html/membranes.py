"""Sections on membranes: distances from the threshold, and traces of a few neurons."""

from ultralif_deploy.report.html.drawing import histogram as columns_of
from ultralif_deploy.report.html.drawing.curves import HEIGHT, Ordinate, Series, traces
from ultralif_deploy.report.html.drawing.histogram import Bin, histogram
from ultralif_deploy.report.html.page import Figure, Section, Table, cell, columns
from ultralif_deploy.report.words import figure, percent, short, whole
from ultralif_deploy.schema.measured import MembraneTrace, Population
from ultralif_deploy.schema.report import Report

DRAWN = 6
"""At most so many populations have a histogram; the table has all."""

FORMS = {"soft": "c2", "hard": "c1", "integer": "c0 dashed"}
"""CSS class of the trace of each form, in the order in which they are drawn."""


def margins_section(report: Report) -> Section | None:
    """How far membranes stay from their thresholds; None if no population spikes."""
    populations = report["populations"]
    if not populations:
        return None
    words = (
        "Where a membrane potential ends close to the threshold, rounding can add or remove a "
        "spike. Distances are counted in units of the integer membrane, its smallest step."
    )
    figures = tuple(_histogram(n, p) for n, p in list(populations.items())[:DRAWN])
    return Section(
        "margins", "Distance from the threshold", ((words,),), figures, (_table(report),)
    )


def _histogram(name: str, population: Population) -> Figure:
    found = population["margin_histogram"]
    below, above, ends = found["below"], found["above"], found["ends"]
    bins = [
        Bin(
            whole(end) if end < 4096 else f"{whole(end / 1024)}k",
            low,
            high,
            f"below {whole(end)} units: {percent(low + high)}, of which {percent(high)} fire",
        )
        for end, low, high in zip(ends, below, above, strict=True)
    ]
    titles = ("distance in units of the integer membrane", "share of updates")
    return Figure(
        name,
        f"Updates of {name} in the hard network by the distance of the membrane potential from the "
        f"threshold. {percent(sum(below))} end below it, {percent(sum(above))} at or above it.",
        columns_of.HEIGHT,
        tuple(histogram(bins, ("swept", "deployed"), titles)),
        (("swept", "below the threshold"), ("deployed", "at or above it")),
    )


def _table(report: Report) -> Table:
    rows = []
    for name, population in report["populations"].items():
        margins = population["margin_units"]
        quantiles = (margins["q01"], margins["q05"], margins["q50"])
        near = population["margin_below_one_unit"]
        rows.append(
            (cell(name), *(cell(q, short(q)) for q in quantiles), cell(near, percent(near)))
        )
    named = columns(
        "population", "#1 % are below", "#5 % are below", "#half are below", "#share within 1 unit"
    )
    return Table("Distances in units of the integer membrane", named, tuple(rows))


def traces_section(report: Report) -> Section | None:
    """Membrane potentials of a few neurons for one sample; None where none were recorded."""
    membranes = report["membranes"]
    if membranes is None or not membranes["populations"]:
        return None
    steps, of = membranes["timesteps"], membranes["of"]
    populations = membranes["populations"]
    words = (
        f"Test sample {membranes['sample']}: membrane potential minus threshold before the reset, "
        "in the units of the network. A neuron fires where the line is above 0. The neurons "
        "drawn are those whose number of spikes is nearest to half of the timesteps."
    )
    if steps < of:
        words += f" The first {steps} of {of} timesteps are drawn."
    memoryless = [name for name, one in populations.items() if not one["remembers"]]
    if memoryless:
        words += (
            f" In {', '.join(memoryless)}, the program compares the current of each timestep with "
            "the threshold: what the membrane keeps from earlier timesteps never changes a spike."
        )
    return Section(
        "membranes",
        "Membrane potentials of one sample",
        ((words,),),
        tuple(_trace(name, trace) for name, one in populations.items() for trace in one["traces"]),
    )


def _trace(name: str, trace: MembraneTrace) -> Figure:
    lines = {
        "soft": trace.get("soft"),
        "hard": trace["hard"],
        "integer": trace["integer"],
    }
    drawn = [Series(form, tuple(values), FORMS[form]) for form, values in lines.items() if values]
    fired = {one.name: sum(value > 0 for value in one.values) for one in drawn}
    said = "; ".join(f"{form} above 0 in {count} timesteps" for form, count in fired.items())
    ordinate = Ordinate("membrane potential − threshold", 2 * trace["unit"], lambda v: f"{v:.3g}")
    return Figure(
        f"{name}, neuron {trace['neuron']}",
        f"Membrane potential minus threshold over {len(trace['hard'])} timesteps: {said}.",
        HEIGHT,
        traces(drawn, ordinate, "timestep", line=0.0),
        tuple((FORMS[one.name], one.name) for one in drawn),
        f"One unit of the integer membrane is {figure(trace['unit'])}; the dashed line is the "
        "threshold.",
    )
