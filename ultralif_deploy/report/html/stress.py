"""Makes stress.html, one file without external parts, from the content of stress.json alone."""

from ultralif_deploy.report.html import rendered
from ultralif_deploy.report.html.drawing.charts import log_axis
from ultralif_deploy.report.html.drawing.lines import LinePoint, lines
from ultralif_deploy.report.html.page import Figure, Page, Section, Table, cell, columns
from ultralif_deploy.report.stress_words import amount, interval, kept_up_to, level_words, weights
from ultralif_deploy.report.words import datum, percent
from ultralif_deploy.schema.studies.stress import Place, Stress, StressFault, StressLevel

HEIGHT = 260.0
"""Height of a chart in pixels."""

TITLES: dict[Place, str] = {
    "inputs": "Accuracy with disturbed inputs",
    "weights": "Accuracy with faulty bits of weights",
}


def stress_page(content: Stress) -> str:
    """The content of stress.html; all text is untrusted and is escaped."""
    page = Page(
        kind="Robustness report",
        subject=content["program"]["file"],
        headline=f"{percent(content['undisturbed']['accuracy'])} without faults",
        style="good",
        warnings=(),
        summary={
            "How accurate is it undisturbed?": (
                datum(content, percent, "undisturbed", "accuracy"),
                f" of {content['data']['samples']} samples of {content['data']['name']} "
                f"({interval(content['undisturbed']['ci95'])}).",
            ),
            "Up to which level is at most one point of accuracy lost?": (kept_up_to(content),),
        },
        sections=(_accuracy(content), _meanings(content)),
        version=content["ultralif_deploy"],
        figures_file="stress.json",
    )
    return rendered(page)


def _accuracy(content: Stress) -> Section:
    """A chart for faults of inputs and one for faults of weights, and a table of all figures."""
    data = content["data"]
    where = (
        f"Means of {content['repeats']} repeats on {data['samples']} samples, {data['encoding']} "
        f"encoding, T = {data['timesteps']}, seed {content['seed']}; bands are 95 % intervals of "
        "samples and repeats, the dashed line is the undisturbed program."
    )
    figures = [
        _figure(content, place, drawn)
        for place in TITLES
        if (drawn := {n: f for n, f in content["faults"].items() if f["place"] == place})
    ]
    return Section("accuracy", "Accuracy", ((where,),), tuple(figures), (_table(content),))


def _figure(content: Stress, place: Place, faults: dict[str, StressFault]) -> Figure:
    """Accuracy over the level of a fault, with a line for each fault."""
    levels = [level["level"] for fault in faults.values() for level in fault["levels"]]
    points = [
        [found for level in fault["levels"] if (found := _point(name, fault, level)) is not None]
        for name, fault in faults.items()
    ]
    said = "; ".join(
        f"{name}: {', '.join(level_words(level) for level in fault['levels'])}"
        for name, fault in faults.items()
    )
    undisturbed = content["undisturbed"]["accuracy"]
    axis = log_axis(levels, lambda level: f"{level:g}", "level of the fault")
    drawn = lines(points, axis, "accuracy", HEIGHT, undisturbed)
    legend = tuple((f"dot{i}", name) for i, name in enumerate(faults))
    return Figure(TITLES[place], said, HEIGHT, drawn, legend)


def _point(name: str, fault: StressFault, level: StressLevel) -> LinePoint | None:
    """The mean accuracy at a level, with its interval; None if no repeat ran."""
    accuracy, ends = level["accuracy"], level["ci95"]
    if accuracy is None or ends is None:
        return None
    tip = f"{name}, {amount(fault, level)}: {percent(accuracy)} ({interval(ends)})"
    return LinePoint(level["level"], accuracy, ends[0], ends[1], tip)


def _table(content: Stress) -> Table:
    """A row for every fault and level; the undisturbed program comes first."""
    undisturbed = content["undisturbed"]
    share = undisturbed["accuracy"]
    named = columns(
        *("fault", "#level", "amount", "#accuracy", "#spread", "95 % interval", "#refused")
    )
    rows = [
        (
            *(cell("undisturbed"), cell(0.0, "0"), cell(""), cell(share, percent(share))),
            *(cell(None), cell(interval(undisturbed["ci95"])), cell(0)),
        )
    ]
    for name, fault in content["faults"].items():
        for level in fault["levels"]:
            accuracy, spread = level["accuracy"], level["spread"]
            rows.append(
                (
                    cell(name),
                    cell(level["level"], f"{level['level']:g}"),
                    cell(amount(fault, level)),
                    cell(accuracy, percent(accuracy)),
                    cell(spread, percent(spread)),
                    cell(interval(level["ci95"])),
                    cell(level["refused"]),
                )
            )
    return Table("Accuracy by fault and level", named, tuple(rows))


def _meanings(content: Stress) -> Section:
    """The meaning of each fault, and how faulty weights are read."""
    table = Table(
        "Faults",
        columns("fault", "strikes", "what a level means"),
        tuple(
            (cell(name), cell(fault["place"]), cell(fault["meaning"]))
            for name, fault in content["faults"].items()
        ),
    )
    return Section("faults", "What the faults are", ((weights(content),),), (), (table,))
