"""The section that draws the network: populations, projections, sizes, rates and bits."""

from ultralif_deploy.report.html.drawing.diagram import Arrow, Box, diagram, diagram_height
from ultralif_deploy.report.html.page import Figure, Section, Table, cell, columns
from ultralif_deploy.report.words import format_in_words, significant, whole
from ultralif_deploy.schema.report import ProgramProjection, Report

DRAWN = 24
"""Most populations that are drawn; of larger networks the tables show everything."""


def diagram_section(report: Report) -> Section:
    """The integer program as boxes and arrows, and as tables."""
    program = report["program"]
    sizes = (
        f"{whole(program['neurons'])} neurons, {whole(program['parameters'])} stored parameters, "
        f"{program['timesteps']} timesteps."
    )
    words = f"The integer program: {sizes}"
    if any(p["delayed"] for p in program["projections"]):
        words += " Dashed arrows act one timestep later."
    figures: tuple[Figure, ...] = ()
    if len(program["populations"]) <= DRAWN:
        figures = (_figure(report),)
    else:
        words += f" Networks of more than {DRAWN} populations are not drawn."
    tables = (_populations(report), _projections(report))
    return Section("network", "Network", ((words,),), figures, tables)


def _figure(report: Report) -> Figure:
    program, rates = report["program"], report["populations"]
    boxes = [
        Box(
            "input",
            (
                f"{whole(program['input_size'])} values",
                f"{significant(report['input_spike_rate'])} of them not 0",
            ),
        )
    ]
    for p in program["populations"]:
        lines = [f"{whole(p['size'])} × {p['neuron']}", format_in_words(p["weight_bits"])]
        if p["name"] in rates:
            lines[1] += f", rate {significant(rates[p['name']]['spike_rate_integer'])}"
        boxes.append(Box(p["name"], tuple(lines)))
    place = {box.name: i for i, box in enumerate(boxes)}
    arrows = [
        Arrow(place[p["source"]], place[p["target"]], _said(p), p["delayed"])
        for p in program["projections"]
    ]
    described = "; ".join(
        f"{p['source']} to {p['target']}: {', '.join(_said(p))}" for p in program["projections"]
    )
    return Figure(
        "Populations and projections",
        f"{', '.join(f'{box.name} ({box.lines[0]})' for box in boxes)}. {described}.",
        diagram_height(len(boxes)),
        diagram(boxes, arrows),
    )


def _said(projection: ProgramProjection) -> tuple[str, ...]:
    """The map of a projection in words."""
    lines = [projection["map"]]
    if projection["weights"]:
        lines.append(f"{whole(projection['weights'])} weights")
    if projection["delayed"]:
        lines.append("delayed")
    return tuple(lines)


def _populations(report: Report) -> Table:
    rates = report["populations"]
    rows = []
    for p in report["program"]["populations"]:
        rate = rates[p["name"]]["spike_rate_integer"] if p["name"] in rates else None
        rows.append(
            (
                cell(p["name"]),
                cell(p["neuron"]),
                cell(p["size"], whole(p["size"])),
                cell(format_in_words(p["weight_bits"])),
                cell(rate, "reads out" if rate is None else significant(rate)),
                cell(p["current_bound"], whole(p["current_bound"])),
            )
        )
    named = columns("population", "model", "#neurons", "weights", "#spike rate", "#largest current")
    return Table("Populations", named, tuple(rows))


def _projections(report: Report) -> Table:
    energy = report["energy"]
    samples = energy["samples"]
    rows = tuple(
        (
            cell(p["source"]),
            cell(p["target"]),
            cell(p["map"]),
            cell(p["weights"], whole(p["weights"])),
            cell(
                operations := energy["counts"]["synaptic_operations"][p["name"]] / samples,
                whole(operations),
            ),
            cell("one timestep later" if p["delayed"] else "at once"),
        )
        for p in report["program"]["projections"]
    )
    named = columns("from", "to", "map", "#weights", "#operations of one inference", "acts")
    return Table("Projections", named, rows)
