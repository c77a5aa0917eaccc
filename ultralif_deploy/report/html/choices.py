"""The section on bits that `auto` chose: what every candidate costs and loses."""

from ultralif_deploy.report.choices_words import bits_in_words, choice_text, choices_of
from ultralif_deploy.report.html.drawing.scatter import HEIGHT, Dot, Ordinate, scatter
from ultralif_deploy.report.html.page import Figure, Section, Table, cell, columns
from ultralif_deploy.report.words import percent, points, whole
from ultralif_deploy.schema.choices import Candidate, Choice
from ultralif_deploy.schema.report import Report

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
    dots = [
        Dot(
            float(one["weight_bytes"] if what == "weights" else one["synaptic_operations"]),
            one["loss"],
            _said(one),
            one["on_front"],
            one["chosen"],
        )
        for one in tried
    ]
    top = 2 * max(LEAST_LOSS, choice["max_loss"])
    low = min(0.0, *(dot.y for dot in dots))
    ordinate = Ordinate("points lost", low, top, (0.0, top / 2, top), points, choice["max_loss"])
    over = "stored bytes of weights" if what == "weights" else "synaptic operations of one sample"
    return Figure(
        f"Loss by bits of {what}",
        "; ".join(dot.tip for dot in dots),
        HEIGHT,
        scatter(dots, ordinate, whole, over),
        (("dot1", "chosen"), ("dot0", "smallest for its loss"), ("dot2", "others")),
        f"The dashed line is the loss that was allowed. Losses above {top:g} percentage points are "
        "drawn at the upper end.",
    )


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
