"""Sections on the network: accuracy over ε, spike rates, spikes of one sample."""

from ultralif_deploy.report.html.drawing.cells import grid
from ultralif_deploy.report.html.drawing.charts import (
    Row,
    bar,
    linear_axis,
    rows_figure,
)
from ultralif_deploy.report.html.drawing.curves import HEIGHT, Ordinate, Point, curve
from ultralif_deploy.report.html.page import Figure, Mark, Section, Table, cell, columns, mark
from ultralif_deploy.report.summary import trained
from ultralif_deploy.report.words import (
    Format,
    percent,
    rate,
    significant,
    weights_in_words,
    whole,
)
from ultralif_deploy.schema.measured import EpsilonPoint, Population, RasterPopulation
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.values import Kind

GREY_LEVELS = 8
"""Number of grey levels in which soft spikes are drawn."""


def accuracy_section(report: Report) -> Section:
    """Accuracy and spike rate while ε falls to 0, compared with the deployed program."""
    data = report["data"]
    where = (
        f"{data['samples']} samples of {data['name']} ({data['test_split']}), {data['encoding']} "
        f"encoding, T = {data['timesteps']}, seed {data['seed']}."
    )
    figures = []
    sweep = report["epsilon_sweep"]
    if sweep:
        names = [*(f"{point['epsilon']:.2g}" for point in sweep), "integer"]
        before = [_sweep_point(p, p["accuracy"], percent(p["accuracy"])) for p in sweep]
        after = report["accuracy"]["integer_first_draw"]
        deployed = Point(after, f"deployed, integer: {percent(after)}", "deployed")
        if after is not None:
            if report["accuracy"]["draws"] > 1:
                where += " The curves are of the first draw of the input spikes."
            if sweep[1]["samples"] < data["samples"]:
                where += (
                    f" But for the learned ε they are of the first {sweep[1]['samples']} samples."
                )
            figures.append(_curve("Accuracy", [*before, deployed], names, 0.05, _short_percent))
        rates = [_sweep_point(p, p["spike_rate"], rate(p["spike_rate"])) for p in sweep]
        mean = _mean_rate(report)
        rates.append(Point(mean, "" if mean is None else f"deployed: {rate(mean)}", "deployed"))
        figures.append(_curve("Mean spike rate", rates, names, 0.05, lambda r: f"{r:.2f}"))
    if not sweep:
        where += " The network was read with hard spikes, so there is no ε."
    return Section("accuracy", "Accuracy", ((where,),), tuple(figures), (_accuracies(report),))


def _sweep_point(point: EpsilonPoint, value: float | None, text: str) -> Point:
    """A point of the curve over ε."""
    return Point(value, f"ε = {point['epsilon']:.4g}: {text}", "swept")


def _curve(
    name: str, points: list[Point], names: list[str], least: float, written: Format
) -> Figure:
    ordinate = Ordinate(name.lower(), least, written)
    return Figure(
        f"{name} over ε",
        f"{name} of the network as trained while its ε falls to 0, then of the deployed integer "
        f"program. {'; '.join(p.tip for p in points if p.tip)}.",
        HEIGHT,
        curve(points, names, ordinate, "ε, then the integer program"),
        (("swept", "as trained, ε falling to 0"), ("deployed", "deployed integer program")),
    )


def _short_percent(fraction: float) -> str:
    return f"{100 * fraction:.3g} %"


def _mean_rate(report: Report) -> float | None:
    """Spikes per neuron and timestep in the deployed program; None if no population spikes."""
    populations = report["populations"].values()
    neurons = sum(p["neurons"] for p in populations)
    spikes = sum(p["neurons"] * p["spike_rate_integer"] for p in populations)
    return spikes / neurons if neurons else None


def accuracies(report: Report) -> dict[str, float | None]:
    """Accuracy of each form of the network, the deployed one last; None without labels."""
    accuracy = report["accuracy"]
    integer = f"integer, {weights_in_words(report['program'])} weights, deployed"
    if trained(report) == "float":
        return {"float, as read": accuracy["soft"], integer: accuracy["integer"]}
    return {
        "soft, as trained": accuracy["soft"],
        "hard, nothing done": accuracy["hard_naive"],
        f"hard, annealing: {report['annealing']}": accuracy["hard"],
        integer: accuracy["integer"],
    }


def _accuracies(report: Report) -> Table:
    accuracy, found = report["accuracy"], accuracies(report)
    rows = [(cell(name), cell(value, percent(value))) for name, value in found.items()]
    note = ""
    before = trained(report)
    if accuracy["mcnemar_p"] is not None:
        drawn = f", the mean of {accuracy['draws']} draws" if accuracy["draws"] > 1 else ""
        note = (
            f"Samples that only the {before} network gets right: {accuracy['only_soft_correct']}; "
            f"that only the integer program gets right: {accuracy['only_integer_correct']}{drawn}."
        )
    return Table("Accuracy of each form", columns("network", "#accuracy"), tuple(rows), note)


def layers_section(report: Report) -> Section:
    """Spike rates of network and program, and how often their spikes agree."""
    populations = report["populations"]
    if not populations:
        return Section("layers", "Layers", (("No population spikes.",),))
    kind = trained(report)
    figures = (_rates(populations, kind),)
    return Section("layers", "Layers", (), figures, (_layer_table(populations, kind),))


def _rates(populations: dict[str, Population], kind: str) -> Figure:
    rates = {
        name: (p["spike_rate_soft"], p["spike_rate_integer"]) for name, p in populations.items()
    }
    title = "spikes of a neuron in a timestep"
    axis = linear_axis(max(map(max, rates.values())), lambda rate: f"{rate:g}", title)
    rows = []
    for name, (before, after) in rates.items():
        tracks = (
            (bar(0, axis.place(before), "swept", f"{kind} {before:.4f}"),),
            (bar(0, axis.place(after), "deployed", f"integer {after:.4f}"),),
        )
        rows.append(Row(name, f"{before:.3f} → {after:.3f}", tracks))
    return rows_figure(
        "Spike rate",
        "Mean spikes of a neuron in a timestep, by population, before and after. "
        + "; ".join(f"{row.label}: {row.value}" for row in rows),
        rows,
        axis,
        (("swept", f"{kind} network"), ("deployed", "integer program")),
    )


def _layer_table(populations: dict[str, Population], kind: str) -> Table:
    """Sizes, rates, and which share of spikes and silences the program has as well.

    A network that was read with hard spikes is its own hard network, and needs one column.
    """
    compared = {kind: "agreement_integer_soft", "hard": "agreement_integer_hard"}
    if kind == "float":
        del compared["hard"]
    rows = tuple(
        (
            cell(name),
            cell(p["neurons"], whole(p["neurons"])),
            cell(p["spike_rate_soft"], significant(p["spike_rate_soft"])),
            cell(p["spike_rate_integer"], significant(p["spike_rate_integer"])),
            *(cell(p[key], percent(p[key])) for key in compared.values()),  # type: ignore[literal-required]
        )
        for name, p in populations.items()
    )
    rates = (f"#rate {kind}", "#rate integer")
    agreement = (f"#agrees with {name}" for name in compared)
    named = columns("population", "#neurons", *rates, *agreement)
    return Table("Populations that spike", named, rows)


def raster_section(report: Report) -> Section:
    """The spikes of one sample, in the network and in the program side by side."""
    raster = report["raster"]
    populations, kind = raster["populations"], raster["compared"]
    if not populations:
        return Section("raster", "Spikes of one sample", (("No population spikes.",),))
    left = "soft spikes as grey levels" if kind == "soft" else "spikes of the float network"
    words = (
        f"Test sample {raster['sample']}: {left} on the left, the integer program's on the right. "
        "Each row is a neuron; a dark cell is a spike."
    )
    if raster["timesteps"] < raster["of"]:
        words += f" The first {raster['timesteps']} of {raster['of']} timesteps are drawn."
    figures = tuple(_raster(name, p, kind, raster["timesteps"]) for name, p in populations.items())
    return Section("raster", "Spikes of one sample", ((words,),), figures)


def _raster(name: str, population: RasterPopulation, kind: Kind, steps: int) -> Figure:
    drawn = population["drawn"]
    row_of = {neuron: row for row, neuron in enumerate(drawn)}
    after = [(t, row_of[n]) for t, n in population["integer"]]
    levels: list[tuple[str, list[tuple[int, int]]]]
    if kind == "soft":
        levels = [(f"grey{level}", []) for level in range(1, GREY_LEVELS + 1)]
        for t, values in enumerate(population["soft"]):
            for row, value in enumerate(values):
                level = round(value * GREY_LEVELS)
                if level:
                    levels[level - 1][1].append((t, row))
    else:
        levels = [("grey8", [(t, row_of[n]) for t, n in population["float"]])]
    size = steps, len(drawn)
    rows = len(drawn) * (8 if len(drawn) <= 12 else 5)
    marks: tuple[Mark, ...] = (
        mark("text", text=kind, x=0, y=12, class_="label"),
        mark("text", text="integer", x="51%", y=12, class_="label"),
        grid(levels, size, (0.0, LABEL_SPACE, 0.49, rows)),
        grid([("mark", after)], size, (0.51, LABEL_SPACE, 0.49, rows)),
        mark("text", text="0", x=0, y=LABEL_SPACE + rows + 15, class_="tick start"),
        mark("text", text=f"{steps}", x="49%", y=LABEL_SPACE + rows + 15, class_="tick end"),
        mark("text", text="0", x="51%", y=LABEL_SPACE + rows + 15, class_="tick start"),
        mark("text", text=f"{steps}", x="100%", y=LABEL_SPACE + rows + 15, class_="tick end"),
        mark("text", text="timestep", x="24.5%", y=LABEL_SPACE + rows + 15, class_="axis middle"),
        mark("text", text="timestep", x="75.5%", y=LABEL_SPACE + rows + 15, class_="axis middle"),
    )
    of = population["neurons"]
    shown = f"{len(drawn)} of {of} neurons" if len(drawn) < of else f"{of} neurons"
    note = f"{shown}{', evenly spaced' if len(drawn) < of else ''}, {steps} timesteps."
    return Figure(
        name,
        f"Spikes of {shown} of {name} in {steps} timesteps: {kind} beside integer, which fires "
        f"{len(after)} times.",
        LABEL_SPACE + rows + 20,
        marks,
        note=note,
    )


LABEL_SPACE = 20.0
"""Pixels above a raster."""
