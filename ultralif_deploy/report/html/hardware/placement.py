"""The section on placement: a map of the cores of each chip, and figures by population."""

from ultralif_deploy.report.html.page import Cell, Figure, Mark, Section, Table, cell, columns, mark
from ultralif_deploy.report.words import percent, whole
from ultralif_deploy.schema.back_ends import PlacedPopulation, Placement
from ultralif_deploy.schema.report import Report

ROW, CORE, LABEL = 16, 15, 20.0
"""Cores in a row of the map, the height of a core in pixels, and pixels above a chip's cores."""

COLOURS = 7
"""Colours of populations; with more populations they repeat."""

CHIPS = 4
"""Most chips that are drawn."""


def placement_section(report: Report) -> Section:
    """Cores of each population on the chips."""
    found = [
        placement
        for result in report["backends"].values()
        if (placement := result["facts"].get("placement")) is not None
    ]
    if not found:
        return Section("placement", "Placement", (("The program was placed on no chip.",),))
    rows = tuple(
        _row(placement, name, p) for placement in found for name, p in _in_order(placement)
    )
    figures = ("#neurons", "#memory", "#of the core", "#axons in", "#axons out", "#timesteps late")
    named = columns("chip", "population", "#cores", *figures)
    words = (
        "One box is one neuron core, and its colour is the population that it holds. The table "
        "has the figures of the fullest core of each population.",
    )
    table = Table("Cores of each population", named, rows)
    return Section("placement", "Placement", (words,), tuple(map(_map, found)), (table,))


def _in_order(placement: Placement) -> list[tuple[str, PlacedPopulation]]:
    """The populations in the order of the pipeline."""
    return sorted(placement["populations"].items(), key=lambda item: item[1]["depth"])


def _row(placement: Placement, name: str, p: PlacedPopulation) -> tuple[Cell, ...]:
    worst = " (the fullest)" if name == placement["worst_core"] else ""
    return (
        cell(placement["chip"]),
        cell(name + worst),
        cell(p["cores"]),
        cell(p["neurons_per_core"]),
        cell(p["memory_bits"], f"{p['memory_bits'] / 8192:.1f} KiB"),
        cell(p["memory_share"], percent(p["memory_share"])),
        cell(p["input_axons"]),
        cell(p["output_axons"]),
        cell(p["depth"]),
    )


def _map(placement: Placement) -> Figure:
    """The cores of a chip model, chip by chip."""
    each, populations = placement["cores_per_chip"], _in_order(placement)
    chips = min(placement["chips"], CHIPS)
    holder = {
        core: (f"c{number % COLOURS}", name)
        for number, (name, p) in enumerate(populations)
        for core in p["core_numbers"]
    }
    marks: list[Mark] = []
    height = LABEL + -(-each // ROW) * CORE
    for chip in range(chips):
        top = chip * (height + 6)
        marks.append(mark("text", text=f"chip {chip}", x=0, y=top + 13, class_="tick start"))
        for core in range(each):
            style, name = holder.get(chip * each + core, ("free", "not used"))
            marks.append(
                mark(
                    "rect",
                    mark("title", text=f"core {core}: {name}"),
                    x=f"{100 * (core % ROW) / ROW:g}%",
                    y=top + LABEL + core // ROW * CORE,
                    width=f"{96 / ROW:g}%",
                    height=CORE - 2,
                    class_=style,
                )
            )
    said = "; ".join(f"{name}: {whole(p['cores'])} cores" for name, p in populations)
    drawn = "" if chips == placement["chips"] else f" The first {chips} chips are drawn."
    used = f"{whole(placement['cores'])} of {whole(placement['chips'] * each)} cores are used."
    return Figure(
        placement["chip"],
        f"Cores by population. {said}.",
        chips * (height + 6),
        tuple(marks),
        tuple((f"c{i}", name) for i, (name, _) in enumerate(populations[:COLOURS])),
        used + drawn,
    )
