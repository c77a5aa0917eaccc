"""The section on bits that `auto` chose: what every candidate costs and loses."""

from itertools import pairwise

from ultralif_deploy.report.choices_words import bits_in_words, choice_text, choices_of
from ultralif_deploy.report.html.charts import AXIS, Axis, axis_marks, log_axis
from ultralif_deploy.report.html.page import (
    Figure,
    Mark,
    Section,
    Table,
    across,
    cell,
    columns,
    mark,
)
from ultralif_deploy.report.words import percent, points, whole
from ultralif_deploy.schema.choices import Candidate, Choice
from ultralif_deploy.schema.report import Report

LEFT, WIDTH, TOP, HEIGHT = 0.1, 0.8, 14.0, 230.0
"""Left end and width of the points, as shares of the figure's width, and pixels."""

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
        tuple(_figure(choice, what) for what, choice in chosen),
        tuple(_table(choice, what) for what, choice in chosen),
    )


def _figure(choice: Choice, what: str) -> Figure:
    """Loss over synaptic operations for spikes, over bytes for weights."""
    tried = choice["candidates"]
    across_by = "weight_bytes" if what == "weights" else "synaptic_operations"
    xs = [float(one[across_by]) for one in tried]  # type: ignore[literal-required]
    top = 2 * max(LEAST_LOSS, choice["max_loss"])
    low = min(0.0, *(one["loss"] for one in tried))
    inner = log_axis(xs, whole)
    axis = Axis(lambda x: LEFT + WIDTH * inner.place(x), inner.ticks, whole)
    bottom = HEIGHT - AXIS

    def down(loss: float) -> float:
        """Losses beyond the axis lie on its upper end."""
        return bottom - (bottom - TOP) * (min(loss, top) - low) / (top - low)

    marks = axis_marks(axis, TOP, bottom)
    for loss in (0.0, top / 2, top):
        y = down(loss)
        marks += [
            mark("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
            mark("text", text=f"{points(loss)}", x=0, y=y - 4, class_="tick start"),
        ]
    limit = down(choice["max_loss"])
    ends = {"x1": across(LEFT), "x2": across(LEFT + WIDTH)}
    marks.append(mark("line", y1=limit, y2=limit, class_="level", **ends))
    placed = sorted(zip(xs, tried, strict=True), key=lambda pair: (pair[0], pair[1]["loss"]))
    marks += _front([(axis.place(x), down(one["loss"])) for x, one in placed if one["on_front"]])
    marks += [_dot(axis.place(x), down(one["loss"]), one) for x, one in placed]
    over = "stored bytes of weights" if what == "weights" else "synaptic operations of one sample"
    return Figure(
        f"Loss by bits of {what}",
        "; ".join(_said(one) for one in tried),
        HEIGHT,
        tuple(marks),
        (("dot1", "chosen"), ("dot0", "smallest for its loss"), ("dot2", "others")),
        f"Percentage points lost over {over}, logarithmic; the dashed line is what was allowed, "
        f"and larger losses than {top:g} points lie on the upper end.",
    )


def _front(places: list[tuple[float, float]]) -> list[Mark]:
    return [
        mark("line", x1=across(x1), x2=across(x2), y1=y1, y2=y2, class_="line0")
        for (x1, y1), (x2, y2) in pairwise(places)
    ]


def _dot(x: float, y: float, one: Candidate) -> Mark:
    style = "dot1" if one["chosen"] else "dot0" if one["on_front"] else "dot2"
    said = mark("title", text=_said(one))
    return mark("circle", said, cx=across(x), cy=y, r=6 if one["chosen"] else 4, class_=style)


def _said(one: Candidate) -> str:
    return f"{bits_in_words(one)}: {points(one['loss'])} points lost"


def _table(choice: Choice, what: str) -> Table:
    named = columns(
        *("weights", "#spike bits", "#bytes of weights", "#operations", "#accuracy", "#lost", "")
    )
    rows = tuple(
        (
            cell(bits_in_words(one, spikes=False)),
            cell(one["spike_bits"]),
            cell(one["weight_bytes"], whole(one["weight_bytes"])),
            cell(one["synaptic_operations"], whole(one["synaptic_operations"])),
            cell(one["accuracy"], percent(one["accuracy"])),
            cell(one["loss"], points(one["loss"])),
            cell("chosen" if one["chosen"] else "", style="good" if one["chosen"] else ""),
        )
        for one in choice["candidates"]
    )
    return Table(f"Candidates for bits of {what}", named, rows)
