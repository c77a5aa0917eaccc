"""The section on bits that `auto` chose: what every candidate costs and loses."""

from collections.abc import Iterator, Sequence

from ultralif_deploy.report.choices_words import (
    bits_in_words,
    choice_text,
    choices_of,
    counted_loss,
    spike_bits_in_words,
)
from ultralif_deploy.report.html.drawing.scatter import HEIGHT, Dot, Ordinate, scatter
from ultralif_deploy.report.html.page import Figure, Section, Table, cell, columns
from ultralif_deploy.report.words import Format, joule, percent, points, short, whole
from ultralif_deploy.schema.choices import Candidate, Choice
from ultralif_deploy.schema.report import Report
from ultralif_deploy.verify.accuracy.front import undominated

LEAST_LOSS = 1.0
"""Losses up to this many points are always on the axis."""


def choices_section(report: Report) -> Section | None:
    """What was tried for bits of spikes and weights; None if bits were given."""
    chosen = choices_of(report)
    if not chosen:
        return None
    return Section(
        "bits",
        "Bits of spikes and weights",
        tuple((choice_text(choice, what),) for what, choice in chosen),
        tuple(figure for what, choice in chosen for figure in _figures(choice, what)),
        tuple(_table(choice, what) for what, choice in chosen),
    )


def _figures(choice: Choice, what: str) -> Iterator[Figure]:
    """Loss over the bits of spikes or weights, and over joules where all candidates have some."""
    tried = choice["candidates"]
    if what == "weights":
        bits = [one["mean_weight_bits"] for one in tried]
        yield _figure(choice, f"Loss by bits of {what}", bits, short, "bits of a weight, the mean")
    else:
        bits = [one["mean_spike_bits"] for one in tried]
        yield _figure(choice, f"Loss by bits of {what}", bits, short, "bits of a spike, the mean")
    joules = [one["joules"] for one in tried if one["joules"]]
    if len(joules) == len(tried):
        title = f"Loss by energy, with bits of {what}"
        over = f"energy of one inference on {choice['device']}"
        yield _figure(choice, title, joules, joule, over)


def _figure(
    choice: Choice, title: str, values: Sequence[float], written: Format, over: str
) -> Figure:
    """Loss of every candidate over one of its costs.

    Args:
        choice: among the candidates.
        title: title of the figure.
        values: cost of every candidate.
        written: formats a cost.
        over: title of the axis of the costs.
    """
    tried = choice["candidates"]
    front = undominated(
        [(x, counted_loss(choice, one)) for x, one in zip(values, tried, strict=True)]
    )
    dots = [
        Dot(x, one["loss"], f"{_said(one)}, {written(x)}", on_front, one["chosen"])
        for x, one, on_front in zip(values, tried, front, strict=True)
    ]
    level = choice["max_loss"]
    top = 2 * max(LEAST_LOSS, level or 0.0)
    low = min(0.0, *(dot.y for dot in dots))
    ordinate = Ordinate("points lost", low, top, (0.0, top / 2, top), points, level)
    dashed = "" if level is None else "The dashed line is the loss that was allowed. "
    return Figure(
        title,
        "; ".join(dot.tip for dot in dots),
        HEIGHT,
        scatter(dots, ordinate, written, over),
        (("dot1", "chosen"), ("dot0", "smallest for its loss"), ("dot2", "others")),
        f"{dashed}Losses above {top:g} percentage points are drawn at the upper end. Every point "
        "is a program that ran on these samples; energy is estimated from the events of that run.",
    )


def _said(one: Candidate) -> str:
    return f"{bits_in_words(one)}: {points(one['loss'])} points lost"


def _table(choice: Choice, what: str) -> Table:
    named = columns(
        *("weights", "#spike bits", "#bytes of weights", "#operations", "#energy"),
        *("#accuracy", "#lost", ""),
    )
    rows = tuple(
        (
            cell(bits_in_words(one, spikes=False)),
            cell(spike_bits_in_words(one)),
            cell(one["weight_bytes"], whole(one["weight_bytes"])),
            cell(one["synaptic_operations"], whole(one["synaptic_operations"])),
            cell(one["joules"], "–" if one["joules"] is None else joule(one["joules"])),
            cell(one["accuracy"], percent(one["accuracy"])),
            cell(one["loss"], points(one["loss"])),
            cell("chosen" if one["chosen"] else "", style="good" if one["chosen"] else ""),
        )
        for one in choice["candidates"]
    )
    return Table(f"Candidates for bits of {what}", named, rows)
