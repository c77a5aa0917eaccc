"""Figures by matplotlib, which is an extra: the spikes of a run, and the graph of a program."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ultralif_deploy.errors import Missing
from ultralif_deploy.program.graph import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

LEAST_HEIGHT, NEURON_HEIGHT, MOST_HEIGHT = 0.8, 0.03, 3.0
"""Inches of a raster: at least, for each neuron, and at most."""

BOX_WIDTH, BOX_HEIGHT, ROW = 3.6, 0.62, 1.15
"""Inches of the box of a population, and from one box to the next."""

SIDE = 2.2
"""Inches on either side of the boxes, for arrows that pass others."""


def raster_figure(spikes: Mapping[str, np.ndarray], sample: int) -> "Figure":
    """One raster for each population, below each other on the same timesteps.

    Args:
        spikes: of every population, uint8 [time, batch, neuron].
        sample: number in the batch.
    """
    heights = [
        min(MOST_HEIGHT, max(LEAST_HEIGHT, NEURON_HEIGHT * sent.shape[2]))
        for sent in spikes.values()
    ]
    figure = _figure(7.0, sum(heights) + 0.5 * len(heights) + 0.4)
    grid = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)
    for (name, sent), axes in zip(spikes.items(), grid[:, 0], strict=True):
        values = sent[:, sample]
        time, neuron = np.nonzero(values)
        axes.scatter(time, neuron, s=6.0 * values[time, neuron], c="black", linewidths=0)
        axes.set(ylim=(-0.5, sent.shape[2] - 0.5), ylabel="neuron")
        axes.set_title(f"{name}: {len(time):,} spikes of sample {sample}", loc="left", size=10)
    axes.set(xlabel="timestep", xlim=(-0.5, len(values) - 0.5))
    axes.xaxis.get_major_locator().set_params(integer=True)
    return figure


def diagram_figure(
    boxes: Sequence[tuple[str, str]],
    projections: Sequence[Projection],
    labels: Mapping[str, str],
    delayed: frozenset[str],
) -> "Figure":
    """Boxes below each other, the input at the top, with an arrow for each projection.

    Args:
        boxes: names of the input and of all populations, and what stands below each name.
        projections: between them.
        labels: what stands beside each arrow, by the projection's name.
        delayed: names of the projections that act one timestep later; their arrows are dashed.
    """
    width, height = BOX_WIDTH + 2 * SIDE, ROW * len(boxes)
    figure = _figure(width, height)
    axes = figure.subplots()
    axes.set(xlim=(0, width), ylim=(-height + BOX_HEIGHT, BOX_HEIGHT))
    axes.set_axis_off()
    place = {name: i for i, (name, _) in enumerate(boxes)}
    for i, (name, below) in enumerate(boxes):
        axes.text(width / 2, -i * ROW + 0.1, name, ha="center", va="center", weight="bold")
        axes.text(width / 2, -i * ROW - 0.15, below, ha="center", va="center", size=9)
        axes.add_patch(_box(width, i))
    passing = 0
    for one in projections:
        start, end = place[one.source], place[one.target]
        dashed = one.name in delayed
        if end == start + 1:
            top, bottom = -start * ROW - BOX_HEIGHT / 2, -end * ROW + BOX_HEIGHT / 2
            _arrow(axes, (width / 2, top), (width / 2, bottom), "arc3", dashed)
            middle = (top + bottom) / 2
            axes.text(width / 2 + 0.15, middle, labels[one.name], va="center", size=8)
        else:
            right, passing = passing % 2 == 0, passing + 1
            _passing_arrow(axes, width, (start, end), labels[one.name], right, dashed)
    return figure


def _figure(width: float, height: float) -> "Figure":
    try:
        from ultralif_deploy.program.display.shown_figure import ShownFigure
    except ImportError as error:
        raise Missing("matplotlib", "pip install matplotlib") from error
    return ShownFigure(figsize=(width, height), layout="constrained")


def _box(width: float, row: int) -> "Rectangle":
    from matplotlib.patches import Rectangle

    corner = ((width - BOX_WIDTH) / 2, -row * ROW - BOX_HEIGHT / 2)
    return Rectangle(corner, BOX_WIDTH, BOX_HEIGHT, fill=False)


def _passing_arrow(
    axes: "Axes", width: float, rows: tuple[int, int], label: str, right: bool, dashed: bool
) -> None:
    """An arrow outside the boxes: it skips populations, or leads back."""
    side = 1 if right else -1
    x = width / 2 + side * BOX_WIDTH / 2
    start, end = -rows[0] * ROW - 0.1 * (rows[0] == rows[1]), -rows[1] * ROW + 0.1
    bend = side * (0.35 if start > end else -0.35)
    if rows[0] == rows[1]:
        bend = -side * 2.0
    _arrow(axes, (x, start), (x, end), f"arc3,rad={-bend:g}", dashed)
    at = "left" if right else "right"
    text = x + side * (0.25 + 0.18 * ROW * abs(rows[0] - rows[1]))
    axes.text(text, (start + end) / 2, label, ha=at, va="center", size=8)


def _arrow(
    axes: "Axes", start: tuple[float, float], end: tuple[float, float], style: str, dashed: bool
) -> None:
    look = {
        "arrowstyle": "->",
        "connectionstyle": style,
        "linestyle": "dashed" if dashed else "solid",
        **dict.fromkeys(("shrinkA", "shrinkB"), 0),
    }
    axes.annotate("", end, start, arrowprops=look)
