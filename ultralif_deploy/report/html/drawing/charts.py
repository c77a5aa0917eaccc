"""Charts as SVG: rows of bars and ranges on an axis.

Horizontal positions are percentages and vertical ones are pixels, so that a chart fills any width
and its text stays readable on a phone. Colours are CSS classes, so that they follow the page.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ultralif_deploy.io.printable import shortened
from ultralif_deploy.report.html.page import Figure, Mark, across, mark

LABEL, TRACK, GAP, AXIS = 19, 11, 9, 42
"""Heights in pixels: the label of a row, each of its tracks, the gap after it, and the axis below
with its numbers and its title."""

TOP = 30.0
"""Pixels above a vertical axis, for its title."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal axis.

    Attributes:
        place: maps a value to its position, a share of the width from 0 to 1.
        ticks: values that get a line and a number.
        written: formats the number of a tick.
        title: what is measured along the axis, with its unit.
    """

    place: Callable[[float], float]
    ticks: tuple[float, ...]
    written: Callable[[float], str]
    title: str


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a chart.

    Attributes:
        label: text above the tracks, on the left.
        value: text above the tracks, on the right.
        tracks: marks of each track; the y of a mark counts from the top of its track.
    """

    label: str
    value: str
    tracks: tuple[tuple[Mark, ...], ...]


def linear_axis(largest: float, written: Callable[[float], str], title: str) -> Axis:
    """An axis from 0 to `largest`; ticks are 1, 2 or 5 times a power of ten apart.

    Args:
        largest: value at its right end.
        written: formats the numbers.
        title: see `Axis`.
    """
    largest = largest if largest > 0 else 1.0
    step = round_step(largest / 4.5)
    count = int(largest / step + 1e-9)
    return Axis(
        lambda value: min(1.0, max(0.0, value / largest)),
        tuple(step * i for i in range(count + 1)),
        written,
        title,
    )


def round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * f for f in (1, 2, 5, 10) if power * f >= least * (1 - 1e-9))


def log_axis(values: Sequence[float], written: Callable[[float], str], title: str) -> Axis:
    """A logarithmic axis over the decades of the positive values; 0 is put at the left end.

    Args:
        values: values that must lie on the axis.
        written: formats the numbers.
        title: see `Axis`; it is followed by `logarithmic`.
    """
    positive = [value for value in values if value > 0] or [1.0]
    first = math.floor(math.log10(min(positive)))
    last = max(first + 1, math.ceil(math.log10(max(positive))))
    stride = -(-(last - first) // 6)

    def place(value: float) -> float:
        if value <= 0:
            return 0.0
        return min(1.0, max(0.0, (math.log10(value) - first) / (last - first)))

    return Axis(
        place,
        tuple(10.0**e for e in range(first, last + 1, stride)),
        written,
        f"{title}, logarithmic",
    )


def bar(low: float, high: float, style: str, tip: str) -> Mark:
    """A bar between two positions.

    Args:
        low: left end, a share of the width from 0 to 1.
        high: right end, a share of the width from 0 to 1.
        style: CSS class.
        tip: text shown when the pointer rests on the bar.
    """
    width = across(max(0.0, high - low))
    return mark(
        "rect",
        mark("title", text=tip),
        x=across(low),
        y=0,
        width=width,
        height=TRACK - 2,
        class_=style,
    )


def stacked(parts: Sequence[tuple[str, float, str]], axis: Axis) -> tuple[Mark, ...]:
    """Bars end to end, for parts given as CSS class, value and tip."""
    marks, start = [], 0.0
    for style, value, tip in parts:
        marks.append(bar(axis.place(start), axis.place(start + value), style, tip))
        start += value
    return tuple(marks)


def dot(at: float, style: str, tip: str) -> Mark:
    """A dot.

    Args:
        at: its middle, a share of the width from 0 to 1.
        style: CSS class.
        tip: text shown when the pointer rests on the dot.
    """
    middle = (TRACK - 2) / 2
    return mark("circle", mark("title", text=tip), cx=across(at), cy=middle, r=4.5, class_=style)


def span(low: float, high: float, style: str) -> Mark:
    """A horizontal line between two positions.

    Args:
        low: left end, a share of the width from 0 to 1.
        high: right end, a share of the width from 0 to 1.
        style: CSS class.
    """
    middle = (TRACK - 2) / 2
    return mark("line", x1=across(low), x2=across(high), y1=middle, y2=middle, class_=style)


def rows_figure(
    title: str,
    description: str,
    rows: Sequence[Row],
    axis: Axis,
    legend: tuple[tuple[str, str], ...] = (),
    note: str = "",
) -> Figure:
    """A chart of rows one below the other, with a common axis.

    Args:
        title: see `Figure`.
        description: see `Figure`.
        rows: the rows, the topmost first.
        axis: the axis of all rows.
        legend: see `Figure`.
        note: see `Figure`.
    """
    marks: list[Mark] = []
    y = 0.0
    for row in rows:
        marks += [  # shortened, so that the value fits beside it on a phone
            mark("text", text=shortened(row.label), x=0, y=y + 13, class_="label"),
            mark("text", text=row.value, x="100%", y=y + 13, class_="label value"),
        ]
        y += LABEL
        for track in row.tracks:
            marks.append(mark("g", *track, transform=f"translate(0 {y:g})"))
            y += TRACK
        y += GAP
    return Figure(title, description, y + AXIS, (*axis_marks(axis, 0, y), *marks), legend, note)


def axis_marks(axis: Axis, top: float, bottom: float) -> list[Mark]:
    """Vertical lines at the ticks of an axis, their numbers below, and the title of the axis.

    Args:
        axis: the axis.
        top: upper end of the lines, pixels from the figure's upper edge.
        bottom: lower end of the lines, pixels from the figure's upper edge.
    """
    marks = []
    for tick in axis.ticks:
        at = axis.place(tick)
        anchor = "start" if at < 0.03 else "end" if at > 0.97 else "middle"
        x = across(at)
        marks += [
            mark("line", x1=x, x2=x, y1=top, y2=bottom, class_="grid"),
            mark("text", text=axis.written(tick), x=x, y=bottom + 15, class_=f"tick {anchor}"),
        ]
    return [*marks, horizontal_title(axis.title, bottom)]


def horizontal_title(text: str, bottom: float) -> Mark:
    """The title of a horizontal axis, below its numbers; `bottom` is where the axis lies."""
    return mark("text", text=text, x="50%", y=bottom + 33, class_="axis middle")


def vertical_title(text: str) -> Mark:
    """The title of a vertical axis, above its upper end."""
    return mark("text", text=text, x=0, y=11, class_="axis start")
