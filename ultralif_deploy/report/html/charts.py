"""Charts as SVG: rows of bars and ranges on an axis, curves, traces and rasters.

Horizontal positions are percentages and vertical ones are pixels, so that a chart fills any width
and its text stays readable on a phone. Colours are CSS classes, so that they follow the page.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ultralif_deploy.io.printable import shortened
from ultralif_deploy.report.html.page import Figure, Mark, across, mark, number

LABEL, TRACK, GAP, AXIS = 19, 11, 9, 24
"""Heights in pixels: the label of a row, each of its tracks, the gap after it, the axis below."""


LEFT, WIDE = 0.17, 0.77
"""Where a curve begins and how wide it is, as shares of the figure's width."""


@dataclass(frozen=True, slots=True)
class Axis:
    """A horizontal axis.

    Attributes:
        place: maps a value to its position, a share of the width from 0 to 1.
        ticks: values that get a line and a number.
        written: formats the number of a tick.
    """

    place: Callable[[float], float]
    ticks: tuple[float, ...]
    written: Callable[[float], str]


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


def linear_axis(largest: float, written: Callable[[float], str]) -> Axis:
    """An axis from 0 to `largest`; ticks are 1, 2 or 5 times a power of ten apart."""
    largest = largest if largest > 0 else 1.0
    step = _round_step(largest / 4.5)
    count = int(largest / step + 1e-9)
    return Axis(
        lambda value: min(1.0, max(0.0, value / largest)),
        tuple(step * i for i in range(count + 1)),
        written,
    )


def _round_step(least: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * f for f in (1, 2, 5, 10) if power * f >= least * (1 - 1e-9))


def log_axis(values: Sequence[float], written: Callable[[float], str]) -> Axis:
    """A logarithmic axis over the decades of the positive values; 0 is put at the left end."""
    positive = [value for value in values if value > 0] or [1.0]
    first = math.floor(math.log10(min(positive)))
    last = max(first + 1, math.ceil(math.log10(max(positive))))
    stride = -(-(last - first) // 6)

    def place(value: float) -> float:
        if value <= 0:
            return 0.0
        return min(1.0, max(0.0, (math.log10(value) - first) / (last - first)))

    return Axis(place, tuple(10.0**e for e in range(first, last + 1, stride)), written)


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
    """Vertical lines at the ticks of an axis, and their numbers below.

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
    return marks


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a curve.

    Attributes:
        value: its value; None if there is none, and then the point is not drawn.
        tip: text shown when the pointer rests on the point.
        style: CSS class.
    """

    value: float | None
    tip: str
    style: str


def curve(
    points: Sequence[Point],
    names: Sequence[str],
    height: float,
    least: float,
    written: Callable[[float], str],
) -> tuple[Mark, ...]:
    """A curve of points at equal distances.

    Lines join the points that have the same style as the first one.

    Args:
        points: the points from left to right; at least one has a value.
        names: text below each point.
        height: height of the figure in pixels.
        least: least range of the vertical axis, so that noise does not look like a difference.
        written: formats the numbers on the vertical axis.
    """
    known = [p.value for p in points if p.value is not None]
    level, marks = _vertical_axis(known, height, least, written)

    def at(index: int) -> str:
        return across(LEFT + WIDE * index / max(1, len(points) - 1))

    line = [(i, p) for i, p in enumerate(points) if p.style == points[0].style]
    for (i, before), (j, after) in pairwise(line):
        if before.value is not None and after.value is not None:
            y1, y2 = level(before.value), level(after.value)
            marks.append(mark("line", class_="curve", x1=at(i), x2=at(j), y1=y1, y2=y2))
    for i, (point, name) in enumerate(zip(points, names, strict=True)):
        marks.append(
            mark("text", text=name, x=at(i), y=height - 8, class_=f"tick middle minor{i % 2}")
        )
        if point.value is not None:
            tip = mark("title", text=point.tip)
            y = level(point.value)
            marks.append(mark("circle", tip, r=5, class_=point.style, cx=at(i), cy=y))
    return tuple(marks)


def _vertical_axis(
    values: Sequence[float], height: float, least: float, written: Callable[[float], str]
) -> tuple[Callable[[float], float], list[Mark]]:
    """A vertical axis: the map of a value to pixels from the upper edge, and lines with numbers.

    Args:
        values: the values that must lie on the axis.
        height: height of the figure in pixels.
        least: least range of the axis, in the unit of the values.
        written: formats the numbers.
    """
    step = _round_step(max(max(values) - min(values), least) / 2)
    first, last = math.floor(min(values) / step), math.ceil(max(values) / step)
    last = max(last, first + 1)
    top, bottom = 14.0, height - AXIS

    def level(value: float) -> float:
        return bottom - (bottom - top) * (value - first * step) / ((last - first) * step)

    marks = []
    for i in range(first, last + 1):
        value, y = i * step, level(i * step)
        marks += [
            mark("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
            mark("text", text=written(value), x=0, y=y - 4, class_="tick start"),
        ]
    return level, marks


@dataclass(frozen=True, slots=True)
class Series:
    """Values at equal distances along the horizontal axis, with a name and a CSS class."""

    name: str
    values: tuple[float, ...]
    style: str


def traces(
    series: Sequence[Series], height: float, least: float, written: Callable[[float], str]
) -> tuple[Mark, ...]:
    """Lines over a horizontal axis that counts from 1; each ends in a dot.

    Args:
        series: the values of each line; all have the same length.
        height: height of the figure in pixels.
        least: least range of the vertical axis, in the unit of the values.
        written: formats the numbers on the vertical axis.
    """
    level, marks = _vertical_axis([v for s in series for v in s.values], height, least, written)
    last = len(series[0].values)
    step = max(1, round(_round_step(last / 5)))
    ticks = (1, *range(step if step > 1 else 2, last + 1, step))

    def share(place: float) -> float:
        return (place - 1) / max(1, last - 1)

    for tick in ticks:
        x = across(LEFT + WIDE * share(tick))
        marks.append(mark("text", text=str(tick), x=x, y=height - 8, class_="tick middle"))
    for one in series:
        tip = mark("title", text=one.name)
        path = [
            f"{number(1000 * share(i))},{number(level(v))}" for i, v in enumerate(one.values, 1)
        ]
        drawn = mark("polyline", tip, points=" ".join(path), class_=f"trace {one.style}")
        marks.append(
            mark(
                "svg",
                drawn,
                x=across(LEFT),
                y=0,
                width=across(WIDE),
                height=height,
                viewBox=f"0 0 1000 {number(height)}",
                preserveAspectRatio="none",
            )
        )
        end = across(LEFT + WIDE * share(last))
        marks.append(mark("circle", tip, r=4, class_=one.style, cx=end, cy=level(one.values[-1])))
    return tuple(marks)


def grid(
    levels: Sequence[tuple[str, Sequence[tuple[int, int]]]],
    size: tuple[int, int],
    frame: tuple[float, float, float, float],
) -> Mark:
    """A raster in which some cells are filled.

    Args:
        levels: pairs of a CSS class and the cells (column, row) that get it, drawn in this order.
        size: number of columns and rows.
        frame: x, y, width and height of the raster; x and width are shares of the figure's width,
            y and height are pixels.
    """
    wide, high = size
    paths = [
        mark("path", d="".join(f"M{c} {r}h1v1h-1z" for c, r in cells), class_=style)
        for style, cells in levels
        if cells
    ]
    x, y, width, height = frame
    return mark(
        "svg",
        mark("rect", x=0, y=0, width=wide, height=high, class_="paper"),
        *paths,
        x=across(x),
        y=y,
        width=across(width),
        height=height,
        viewBox=f"0 0 {wide} {high}",
        preserveAspectRatio="none",
    )
