"""Curves as SVG: points that lines join, and traces over a counted axis."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ultralif_deploy.report.html.drawing.charts import (
    AXIS,
    TOP,
    horizontal_title,
    round_step,
    vertical_title,
)
from ultralif_deploy.report.html.page import Mark, across, mark, number

LEFT, WIDE, HEIGHT = 0.17, 0.77, 240.0
"""Where a curve begins and how wide it is, as shares of the figure's width, and the height of the
figure in pixels."""


@dataclass(frozen=True, slots=True)
class Ordinate:
    """A vertical axis.

    Attributes:
        title: what is measured along the axis, with its unit.
        least: least range of the axis, so that noise does not look like a difference.
        written: formats the numbers.
    """

    title: str
    least: float
    written: Callable[[float], str]


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
    ordinate: Ordinate,
    title: str,
) -> tuple[Mark, ...]:
    """A curve of points at equal distances.

    Lines join the points that have the same style as the first one.

    Args:
        points: the points from left to right; at least one has a value.
        names: text below each point.
        ordinate: the vertical axis.
        title: title of the horizontal axis.
    """
    known = [p.value for p in points if p.value is not None]
    level, marks = _vertical_axis(known, ordinate)
    bottom = HEIGHT - AXIS
    marks.append(horizontal_title(title, bottom))

    def at(index: int) -> str:
        return across(LEFT + WIDE * index / max(1, len(points) - 1))

    line = [(i, p) for i, p in enumerate(points) if p.style == points[0].style]
    for (i, before), (j, after) in pairwise(line):
        if before.value is not None and after.value is not None:
            y1, y2 = level(before.value), level(after.value)
            marks.append(mark("line", class_="curve", x1=at(i), x2=at(j), y1=y1, y2=y2))
    for i, (point, name) in enumerate(zip(points, names, strict=True)):
        marks.append(
            mark("text", text=name, x=at(i), y=bottom + 15, class_=f"tick middle minor{i % 2}")
        )
        if point.value is not None:
            tip = mark("title", text=point.tip)
            y = level(point.value)
            marks.append(mark("circle", tip, r=5, class_=point.style, cx=at(i), cy=y))
    return tuple(marks)


def _vertical_axis(
    values: Sequence[float], ordinate: Ordinate
) -> tuple[Callable[[float], float], list[Mark]]:
    """A vertical axis: the map of a value to pixels from the upper edge, and lines with numbers.

    Args:
        values: the values that must lie on the axis.
        ordinate: what the axis shows.
    """
    step = round_step(max(max(values) - min(values), ordinate.least) / 2)
    first, last = math.floor(min(values) / step), math.ceil(max(values) / step)
    last = max(last, first + 1)
    bottom = HEIGHT - AXIS

    def level(value: float) -> float:
        return bottom - (bottom - TOP) * (value - first * step) / ((last - first) * step)

    marks = [vertical_title(ordinate.title)]
    for i in range(first, last + 1):
        value, y = i * step, level(i * step)
        marks += [
            mark("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
            mark("text", text=ordinate.written(value), x=0, y=y - 4, class_="tick start"),
        ]
    return level, marks


@dataclass(frozen=True, slots=True)
class Series:
    """Values at equal distances along the horizontal axis, with a name and a CSS class."""

    name: str
    values: tuple[float, ...]
    style: str


def traces(
    series: Sequence[Series], ordinate: Ordinate, title: str, line: float | None = None
) -> tuple[Mark, ...]:
    """Lines over a horizontal axis that counts from 1; each ends in a dot.

    Args:
        series: the values of each line; all have the same length.
        ordinate: the vertical axis.
        title: title of the horizontal axis.
        line: a value that is drawn as a dashed line across; None for none.
    """
    values = [v for s in series for v in s.values] + ([] if line is None else [line])
    level, marks = _vertical_axis(values, ordinate)
    bottom = HEIGHT - AXIS
    marks.append(horizontal_title(title, bottom))
    if line is not None:
        y = level(line)
        marks.append(mark("line", x1=across(LEFT), x2="100%", y1=y, y2=y, class_="level"))
    last = len(series[0].values)
    step = max(1, round(round_step(last / 5)))
    ticks = (1, *range(step if step > 1 else 2, last + 1, step))

    def share(place: float) -> float:
        return (place - 1) / max(1, last - 1)

    for tick in ticks:
        x = across(LEFT + WIDE * share(tick))
        marks.append(mark("text", text=str(tick), x=x, y=bottom + 15, class_="tick middle"))
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
                height=HEIGHT,
                viewBox=f"0 0 1000 {number(HEIGHT)}",
                preserveAspectRatio="none",
            )
        )
        end = across(LEFT + WIDE * share(last))
        marks.append(mark("circle", tip, r=4, class_=one.style, cx=end, cy=level(one.values[-1])))
    return tuple(marks)
