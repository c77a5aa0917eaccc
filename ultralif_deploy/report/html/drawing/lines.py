"""Line charts of shares, in which a band around each line shows its intervals."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ultralif_deploy.report.html.drawing.charts import (
    AXIS,
    TOP,
    Axis,
    axis_marks,
    vertical_title,
)
from ultralif_deploy.report.html.page import Mark, across, mark

LEFT, WIDTH = 0.1, 0.86
"""Left end and width of the lines, as shares of the figure's width."""

UNITS = 1000
"""Width of a band in its own coordinates, which are stretched to the width of the lines."""


@dataclass(frozen=True, slots=True)
class LinePoint:
    """A point of a line.

    Attributes:
        x: value on the horizontal axis.
        y: value on the vertical axis.
        low: lower end of the interval of y.
        high: upper end of the interval of y.
        tip: text shown when the pointer rests on the point.
    """

    x: float
    y: float
    low: float
    high: float
    tip: str


def lines(
    drawn: Sequence[Sequence[LinePoint]], axis: Axis, title: str, height: float, level: float
) -> tuple[Mark, ...]:
    """Lines of shares from 0 to 1, with bands.

    The CSS classes of line i are `line<i>`, `band<i>` and `dot<i>`.

    Args:
        drawn: the points of every line, from left to right.
        axis: the horizontal axis.
        title: title of the vertical axis.
        height: height of the figure in pixels.
        level: a share that is drawn as a dashed line, for comparison.
    """
    bottom = height - AXIS
    inner = Axis(lambda x: LEFT + WIDTH * axis.place(x), axis.ticks, axis.written, axis.title)

    def down(share: float) -> float:
        return bottom - (bottom - TOP) * share

    marks = [*axis_marks(inner, TOP, bottom), vertical_title(title)]
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = down(share)
        marks += [
            mark("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
            mark("text", text=f"{share:.0%}", x=0, y=y - 4, class_="tick start"),
        ]
    y = down(level)
    marks.append(mark("line", x1=across(LEFT), x2=across(LEFT + WIDTH), y1=y, y2=y, class_="level"))
    marks += [_band(i, points, axis, height, down) for i, points in enumerate(drawn) if points]
    for i, points in enumerate(drawn):
        marks += _line(i, [(inner.place(p.x), down(p.y), p.tip) for p in points])
    return tuple(marks)


def _line(number: int, places: Sequence[tuple[float, float, str]]) -> list[Mark]:
    """The dots of a line, and straight lines between them.

    Args:
        number: number of the line.
        places: place of each dot: share of the width, pixels from the upper edge, and its tip.
    """
    marks = [
        mark("line", x1=across(x1), x2=across(x2), y1=y1, y2=y2, class_=f"line{number}")
        for (x1, y1, _), (x2, y2, _) in pairwise(places)
    ]
    for x, y, tip in places:
        said = mark("title", text=tip)
        marks.append(mark("circle", said, cx=across(x), cy=y, r=4, class_=f"dot{number}"))
    return marks


def _band(
    number: int,
    points: Sequence[LinePoint],
    axis: Axis,
    height: float,
    down: Callable[[float], float],
) -> Mark:
    """The intervals of a line's points as one area.

    Args:
        number: number of the line.
        points: its points, from left to right.
        axis: the horizontal axis.
        height: height of the figure in pixels.
        down: maps a share to pixels from the upper edge.
    """
    upper = [(UNITS * axis.place(p.x), down(p.high)) for p in points]
    lower = [(UNITS * axis.place(p.x), down(p.low)) for p in reversed(points)]
    outline = "L".join(f"{x:.1f} {y:.2f}" for x, y in upper + lower)
    return mark(
        "svg",
        mark("path", d=f"M{outline}Z", class_=f"band{number}"),
        x=across(LEFT),
        y=0,
        width=across(WIDTH),
        height=height,
        viewBox=f"0 0 {UNITS} {height:g}",
        preserveAspectRatio="none",
    )
