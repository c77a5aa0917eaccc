"""Curves as SVG: points that lines join, and traces over a counted axis."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ultralif_deploy.report.html.drawing.charts import AXIS, round_step
from ultralif_deploy.report.html.page import Mark, across, mark, number

LEFT, WIDE = 0.17, 0.77
"""Where a curve begins and how wide it is, as shares of the figure's width."""


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
    step = round_step(max(max(values) - min(values), least) / 2)
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
    step = max(1, round(round_step(last / 5)))
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
