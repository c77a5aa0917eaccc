"""The section on training: ε of every population, and accuracies, over the epochs."""

from ultralif_deploy.report.html.drawing.curves import HEIGHT, Ordinate, Series, traces
from ultralif_deploy.report.html.page import Figure, Section
from ultralif_deploy.report.summary import training_text
from ultralif_deploy.report.words import Format
from ultralif_deploy.schema.report import Report

COLOURS = 7
"""Largest number of lines with different colours; for more populations the mean is drawn."""


def training_section(report: Report) -> Section | None:
    """The course of the training; None if the file does not hold it."""
    epochs = report.get("training")
    if not epochs:
        return None
    names = list(epochs[0]["epsilons"])
    epsilons = {name: [e["epsilons"].get(name, e["epsilon"]) for e in epochs] for name in names}
    if not 1 <= len(names) <= COLOURS:
        epsilons = {"mean over the populations": [e["epsilon"] for e in epochs]}
    accuracies = {
        "soft, at the learned ε": [epoch["soft_accuracy"] for epoch in epochs],
        "hard, at ε = 0": [epoch["hard_accuracy"] for epoch in epochs],
    }
    figures = (
        _figure("Learned ε", epsilons, 0.1, lambda value: f"{value:.3g}"),
        _figure("Held-out accuracy", accuracies, 0.05, lambda value: f"{100 * value:.3g} %"),
    )
    return Section("training", "Training", ((training_text(report),),), figures)


def _figure(title: str, lines: dict[str, list[float]], least: float, written: Format) -> Figure:
    ends = [f"{name} from {written(v[0])} to {written(v[-1])}" for name, v in lines.items()]
    series = [
        Series(said, tuple(values), f"c{colour}")
        for colour, (said, values) in enumerate(zip(ends, lines.values(), strict=True))
    ]
    legend = tuple((f"c{colour}", name) for colour, name in enumerate(lines))
    return Figure(
        f"{title} over the epochs",
        f"{'; '.join(ends)}.",
        HEIGHT,
        traces(series, Ordinate(title, least, written), "epoch"),
        legend,
    )
