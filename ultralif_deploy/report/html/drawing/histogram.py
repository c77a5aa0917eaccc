"""A histogram as SVG, whose columns have two parts on top of each other."""

from collections.abc import Sequence
from dataclasses import dataclass

from ultralif_deploy.report.html.drawing.charts import (
    AXIS,
    TOP,
    horizontal_title,
    round_step,
    vertical_title,
)
from ultralif_deploy.report.html.page import Mark, across, mark

LEFT, WIDE, HEIGHT = 0.12, 0.88, 220.0
"""Where the columns begin and how wide they are together, as shares of the figure's width, and the
height of the figure in pixels."""

LABELS = 8
"""At most so many columns have a label, so that labels do not meet on a phone."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A column.

    Attributes:
        end: the value at which it ends, below its right edge.
        lower: share in its lower part.
        upper: share in its upper part.
        tip: text shown when the pointer rests on it.
    """

    end: str
    lower: float
    upper: float
    tip: str


def histogram(bins: Sequence[Bin], styles: tuple[str, str], titles: tuple[str, str]) -> list[Mark]:
    """The marks of the figure, `HEIGHT` pixels high.

    Args:
        bins: the columns from left to right.
        styles: CSS classes of the lower and of the upper part.
        titles: titles of the horizontal and of the vertical axis.
    """
    bottom, wide = HEIGHT - AXIS, WIDE / len(bins)
    step = round_step(max(0.01, *(one.lower + one.upper for one in bins)) / 3)
    top = step * -(-max(0.01, *(one.lower + one.upper for one in bins)) // step)

    def level(share: float) -> float:
        return bottom - (bottom - TOP) * share / top

    marks = [vertical_title(titles[1]), horizontal_title(titles[0], bottom)]
    for i in range(round(top / step) + 1):
        y = level(i * step)
        marks += [
            mark("line", x1=0, x2="100%", y1=y, y2=y, class_="grid"),
            mark("text", text=f"{100 * i * step:g} %", x=0, y=y - 4, class_="tick start"),
        ]
    stride = -(-len(bins) // LABELS)
    for i, one in enumerate(bins):
        x, tip = LEFT + i * wide, mark("title", text=one.tip)
        ends = (level(0.0), level(one.lower), level(one.lower + one.upper))
        for style, low, high in zip(styles, ends[:2], ends[1:], strict=True):
            width = across(0.84 * wide)
            marks.append(
                mark("rect", tip, x=across(x), y=high, width=width, height=low - high, class_=style)
            )
        if i % stride == 0:
            anchor = "end" if i == len(bins) - 1 else "middle"
            end = across(x + 0.92 * wide)
            marks.append(mark("text", text=one.end, x=end, y=bottom + 15, class_=f"tick {anchor}"))
    return marks
