"""Cells as SVG: rasters, confusion matrices, and pictures of grey levels."""

from collections.abc import Sequence
from itertools import groupby

from ultralif_deploy.report.html.drawing.charts import AXIS
from ultralif_deploy.report.html.page import Mark, across, mark
from ultralif_deploy.report.words import whole

LABELS, TITLE = 0.09, 20.0
"""Share of a matrix's width for the labels on its left, and pixels for a title above it."""

NUMBERED, CELL, SMALL_CELL = 12, 24.0, 10.0
"""Most classes of a matrix whose cells hold numbers, and heights of cells with and without them."""

FAINTEST, STRONGEST = 0.08, 0.5
"""Opacities of cells; numbers stay readable on the strongest."""


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


def matrix_height(size: int) -> float:
    """Height in pixels of a confusion matrix with so many classes."""
    return TITLE + size * _cell_height(size) + AXIS


def _cell_height(size: int) -> float:
    return CELL if size <= NUMBERED else SMALL_CELL


def matrix(rows: Sequence[Sequence[int]]) -> tuple[Mark, ...]:
    """A confusion matrix: one row for each label, one column for each predicted class.

    A cell is the stronger the larger its share of the row. The CSS class of cells on the diagonal
    is `right`, that of the others `wrong`.

    Args:
        rows: numbers of samples.
    """
    size, high = len(rows), _cell_height(len(rows))
    width = (1 - LABELS) / size
    marks = [mark("text", text="label ↓, predicted class →", x=0, y=13, class_="tick start")]
    stride = 1 if size <= NUMBERED else 5
    for label, counts in enumerate(rows):
        y = TITLE + label * high
        if label % stride == 0:
            marks += [
                mark("text", text=str(label), x=0, y=y + high / 2 + 4, class_="tick start"),
                mark(
                    "text",
                    text=str(label),
                    x=across(LABELS + (label + 0.5) * width),
                    y=TITLE + size * high + 15,
                    class_="tick middle",
                ),
            ]
        for predicted, count in enumerate(counts):
            if not count:
                continue
            x = LABELS + predicted * width
            share = count / sum(counts)
            marks.append(
                mark(
                    "rect",
                    mark("title", text=f"label {label}, predicted {predicted}: {whole(count)}"),
                    x=across(x),
                    y=y + 0.5,
                    width=across(width),
                    height=high - 1,
                    class_="right" if predicted == label else "wrong",
                    fill_opacity=FAINTEST + (STRONGEST - FAINTEST) * share,
                )
            )
            if size <= NUMBERED:
                middle = across(x + width / 2)
                base = y + high / 2 + 4
                marks.append(mark("text", text=str(count), x=middle, y=base, class_="cell middle"))
    return tuple(marks)


def picture(rows: Sequence[str], height: float) -> Mark:
    """A picture of grey levels, drawn as runs of equal ones.

    Args:
        rows: a hexadecimal digit for each column, f being the darkest.
        height: height in pixels; the picture keeps its shape.
    """
    wide, high = max(map(len, rows)), len(rows)
    runs: dict[str, list[str]] = {}
    for y, row in enumerate(rows):
        x = 0
        for level, cells in groupby(row):
            length = len(list(cells))
            if level != "0":
                runs.setdefault(level, []).append(f"M{x} {y}h{length}v1h-{length}z")
            x += length
    paths = [
        mark("path", d="".join(parts), class_="mark", fill_opacity=int(level, 16) / 15)
        for level, parts in sorted(runs.items())
    ]
    return mark(
        "svg",
        mark("rect", x=0, y=0, width=wide, height=high, class_="paper"),
        *paths,
        x=0,
        y=0,
        width="100%",
        height=height,
        viewBox=f"0 0 {wide} {high}",
        preserveAspectRatio="xMinYMid meet",
        shape_rendering="crispEdges",
    )
