"""A scatter of points over a logarithmic axis, in which a line joins those on the front."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ultralif_deploy.report.html.drawing.charts import (
    AXIS,
    TOP,
    Axis,
    axis_marks,
    log_axis,
    vertical_title,
)
from ultralif_deploy.report.html.page import Mark, across, mark
from ultralif_deploy.report.words import Format

LEFT, WIDTH, HEIGHT = 0.1, 0.8, 264.0
"""Left end and width of the points, as shares of the figure's width, and pixels."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of the scatter.

    Attributes:
        x: value on the horizontal axis.
        y: value on the vertical axis; beyond its ends it is drawn at the end.
        tip: text shown when the pointer rests on the point.
        on_front: whether the line joins it.
        chosen: whether it is drawn larger and in another colour.
    """

    x: float
    y: float
    tip: str
    on_front: bool
    chosen: bool


@dataclass(frozen=True, slots=True)
class Ordinate:
    """The vertical axis.

    Attributes:
        title: what is measured along the axis, with its unit.
        low: value at the lower end.
        high: value at the upper end.
        ticks: values that get a line and a number.
        written: formats the number of a tick.
        level: a value that is drawn as a dashed line; None for none.
    """

    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    written: Format
    level: float | None = None


def scatter(
    dots: Sequence[Dot], ordinate: Ordinate, written: Format, title: str
) -> tuple[Mark, ...]:
    """The marks of the figure, `HEIGHT` pixels high.

    The CSS class of the chosen point is `dot1`, of those on the front `dot0`, of others `dot2`.

    Args:
        dots: the points; at least one.
        ordinate: the vertical axis.
        written: formats the numbers of the horizontal axis.
        title: title of the horizontal axis.
    """
    inner = log_axis([dot.x for dot in dots], written, title)
    axis = Axis(lambda x: LEFT + WIDTH * inner.place(x), inner.ticks, written, inner.title)
    bottom = HEIGHT - AXIS

    def down(value: float) -> float:
        within = min(ordinate.high, max(ordinate.low, value))
        share = (within - ordinate.low) / (ordinate.high - ordinate.low)
        return bottom - (bottom - TOP) * share

    marks = [*axis_marks(axis, TOP, bottom), vertical_title(ordinate.title)]
    for tick in ordinate.ticks:
        y = down(tick)
        marks += [
            mark("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
            mark("text", text=ordinate.written(tick), x=0, y=y - 4, class_="tick start"),
        ]
    if ordinate.level is not None:
        y = down(ordinate.level)
        ends = {"x1": across(LEFT), "x2": across(LEFT + WIDTH)}
        marks.append(mark("line", y1=y, y2=y, class_="level", **ends))
    placed = sorted(dots, key=lambda dot: (dot.x, dot.y))
    return (
        *marks,
        *_front([dot for dot in placed if dot.on_front], axis, down),
        *(_circle(dot, axis, down) for dot in placed),
    )


def _front(dots: Sequence[Dot], axis: Axis, down: Callable[[float], float]) -> list[Mark]:
    return [
        mark(
            "line",
            x1=across(axis.place(a.x)),
            x2=across(axis.place(b.x)),
            y1=down(a.y),
            y2=down(b.y),
            class_="line0",
        )
        for a, b in pairwise(dots)
    ]


def _circle(dot: Dot, axis: Axis, down: Callable[[float], float]) -> Mark:
    style = "dot1" if dot.chosen else "dot0" if dot.on_front else "dot2"
    said = mark("title", text=dot.tip)
    x, radius = across(axis.place(dot.x)), 6 if dot.chosen else 4
    return mark("circle", said, cx=x, cy=down(dot.y), r=radius, class_=style)
