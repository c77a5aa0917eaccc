"""A network as SVG: boxes from top to bottom, and arrows between them.

Arrows to the next box are straight. Arrows that skip boxes run on the right, and arrows that lead
back, or to the same box, run dashed on the left.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ultralif_deploy.io.printable import shortened
from ultralif_deploy.report.html.page import Mark, across, mark

LEFT, RIGHT, LANE = 0.31, 0.69, 0.035
"""Edges of the boxes, and the distance of lanes beside them, as shares of the figure's width."""

BOX, GAP = 62.0, 40.0
"""Heights in pixels of a box and of the space between two of them."""

MOST_LANES = 5
"""Lanes on one side; further arrows share the outermost one."""


@dataclass(frozen=True, slots=True)
class Box:
    """A population or the input: its name, and lines of text below the name."""

    name: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arrow:
    """A projection.

    Attributes:
        source: number of the box where it begins.
        target: number of the box where it ends.
        lines: lines of text beside it.
        delayed: whether it is dashed.
    """

    source: int
    target: int
    lines: tuple[str, ...]
    delayed: bool


def diagram_height(boxes: int) -> float:
    """Height in pixels of a diagram with so many boxes."""
    return boxes * BOX + (boxes - 1) * GAP + 2


def diagram(boxes: Sequence[Box], arrows: Sequence[Arrow]) -> tuple[Mark, ...]:
    """The marks of the figure, `diagram_height` pixels high."""
    straight: dict[int, list[Arrow]] = {}
    sides: dict[int, list[Arrow]] = {-1: [], 1: []}
    for arrow in arrows:
        if arrow.target == arrow.source + 1:
            straight.setdefault(arrow.source, []).append(arrow)
        else:
            sides[1 if arrow.target > arrow.source else -1].append(arrow)
    marks: list[Mark] = []
    for source, together in straight.items():
        marks += _straight(source, together)
    for side, listed in sides.items():
        lanes: list[list[tuple[int, int]]] = []
        for arrow in sorted(listed, key=lambda one: abs(one.target - one.source)):
            marks += _beside(arrow, side, _free_lane(lanes, arrow))
    for place, box in enumerate(boxes):
        marks += _box(place, box)
    return tuple(marks)


def _top(place: int) -> float:
    return 1 + place * (BOX + GAP)


def _box(place: int, box: Box) -> list[Mark]:
    y = _top(place)
    width = across(RIGHT - LEFT)
    marks = [mark("rect", x=across(LEFT), y=y, width=width, height=BOX, rx=5, class_="box")]
    for row, text in enumerate((shortened(box.name, 20), *box.lines)):
        style = "name middle" if row == 0 else "tick middle"
        marks.append(mark("text", text=text, x="50%", y=y + 19 + 17 * row, class_=style))
    return marks


def _straight(source: int, arrows: Sequence[Arrow]) -> list[Mark]:
    """An arrow to the next box; several arrows between the same boxes share it."""
    y = _top(source) + BOX
    marks = [
        mark("line", x1="50%", x2="50%", y1=y, y2=y + GAP - 6, class_="arrow"),
        _head("50%", y + GAP, "M-5 -8h10l-5 8z"),
    ]
    text = " + ".join(", ".join(arrow.lines) for arrow in arrows)
    marks.append(mark("text", text=text, x="52%", y=y + GAP / 2 + 4, class_="tick start"))
    return marks


def _free_lane(lanes: list[list[tuple[int, int]]], arrow: Arrow) -> int:
    """The innermost lane without an arrow at the same height; the arrow is entered there."""
    first, last = sorted((arrow.source, arrow.target))
    for number, taken in enumerate(lanes):
        if all(last <= low or first >= high for low, high in taken) and first != last:
            taken.append((first, last))
            return min(number, MOST_LANES - 1)
    lanes.append([(first, last)])
    return min(len(lanes), MOST_LANES) - 1


def _beside(arrow: Arrow, side: int, lane: int) -> list[Mark]:
    """An arrow in a lane; `side` is 1 on the right and −1 on the left."""
    edge = RIGHT if side > 0 else LEFT
    x = edge + side * LANE * (lane + 1)
    out = _top(arrow.source) + BOX * 0.72
    into = _top(arrow.target) + BOX * 0.28
    style = "arrow delayed" if arrow.delayed else "arrow"
    marks = [
        mark("line", x1=across(edge), x2=across(x), y1=out, y2=out, class_=style),
        mark("line", x1=across(x), x2=across(x), y1=out, y2=into, class_=style),
        mark("line", x1=across(x), x2=across(edge), y1=into, y2=into, class_=style),
        _head(across(edge), into, "M0 0l8 -5v10z" if side > 0 else "M0 0l-8 -5v10z"),
    ]
    at = across(x + side * 0.012)
    middle = (out + into) / 2 + 4 - 7 * (len(arrow.lines) - 1)
    anchor = "start" if side > 0 else "end"
    for row, text in enumerate(arrow.lines):
        marks.append(mark("text", text=text, x=at, y=middle + 14 * row, class_=f"tick {anchor}"))
    return marks


def _head(x: str, y: float, shape: str) -> Mark:
    """An arrowhead whose point lies at a place; nested so that x can be a share of the width."""
    path = mark("path", d=shape, transform="translate(10 10)", class_="head")
    frame = mark("svg", path, x=x, y=0, width=20, height=20)
    return mark("g", frame, transform=f"translate(-10 {y - 10:g})")
