"""Makes sweep.html, one file without external parts, from the content of sweep.json alone."""

from ultralif_deploy.report.html import rendered
from ultralif_deploy.report.html.drawing.scatter import (
    HEIGHT,
    Dot,
    Ordinate,
    scatter,
)
from ultralif_deploy.report.html.page import Figure, Page, Section, Table, cell, columns
from ultralif_deploy.report.sweep_words import (
    PART_COLUMNS,
    best_words,
    cost,
    cost_words,
    has_parts,
    part_words,
    where_measured,
)
from ultralif_deploy.report.words import Format, joule, percent, points, whole
from ultralif_deploy.schema.studies.sweep import Sweep, SweptPoint
from ultralif_deploy.verify.accuracy.front import undominated

LEAST_RANGE = 0.02
"""Accuracies are drawn over at least this range, so that small differences look small."""


def sweep_page(content: Sweep) -> str:
    """The content of sweep.html; all text is untrusted and is escaped."""
    best = any(one["best"] for one in content["points"].values())
    page = Page(
        kind="Sweep",
        subject=content["checkpoint"],
        headline=f"{len(content['points'])} points",
        style="good" if best else "bad",
        warnings=tuple(f"{name}: {why}" for name, why in content["refused"].items()),
        summary={
            "Which point is best?": (best_words(content),),
            "What was varied?": (_varied(content),),
            "On which samples?": (where_measured(content),),
        },
        sections=(_front(content), _table(content)),
        version=content["ultralif_deploy"],
        figures_file="sweep.json",
    )
    return rendered(page)


def _varied(content: Sweep) -> str:
    named = (f"{name}: {', '.join(map(str, v))}" for name, v in content["vary"].items())
    return f"{'; '.join(named)}."


def _front(content: Sweep) -> Section:
    """Accuracy over energy, and accuracy over memory."""
    device = content["device"]
    over = "synaptic operations" if device is None else f"joules on {device}"
    labelled = {n: p for n, p in content["points"].items() if p["accuracy"] is not None}
    if not labelled:
        return Section("front", "Accuracy and cost", (("The data have no labels.",),))
    figures = (
        _figure(
            content,
            f"{over} of one inference",
            {name: cost(content, one) for name, one in labelled.items()},
            lambda value: whole(value) if device is None else joule(value),
        ),
        _figure(
            content,
            "stored bytes of weights",
            {name: float(one["weight_bytes"]) for name, one in labelled.items()},
            whole,
        ),
    )
    said = "No other point is as accurate as those on the line for less."
    return Section("front", "Accuracy and cost", ((said,),), figures)


def _figure(content: Sweep, over: str, xs: dict[str, float], written: Format) -> Figure:
    found = {name: _accuracy(content["points"][name]) for name in xs}
    front = undominated([(x, -found[name]) for name, x in xs.items()])
    low, high = min(found.values()), max(found.values())
    spare = max(0.0, LEAST_RANGE - (high - low)) / 2
    low, high = max(0.0, low - spare), min(1.0, high + spare)
    dots = [
        Dot(
            x,
            found[name],
            _said(content, name),
            on_front,
            content["points"][name]["best"],
        )
        for (name, x), on_front in zip(xs.items(), front, strict=True)
    ]
    ordinate = Ordinate("accuracy", low, high, (low, (low + high) / 2, high), percent)
    return Figure(
        f"Accuracy over {over}",
        "; ".join(dot.tip for dot in dots),
        HEIGHT,
        scatter(dots, ordinate, written, over),
        (("dot1", "best"), ("dot0", "cheapest for its accuracy"), ("dot2", "others")),
    )


def _accuracy(point: SweptPoint) -> float:
    assert point["accuracy"] is not None
    return point["accuracy"]


def _said(content: Sweep, name: str) -> str:
    one = content["points"][name]
    return f"{name}: {percent(one['accuracy'])}, {cost_words(content, cost(content, one))}"


def _table(content: Sweep) -> Section:
    """All points; the table can be sorted by every column."""
    device = content["device"]
    spent = "operations" if device is None else f"joules, {device}"
    named = columns(
        *content["vary"],
        *("#accuracy", "#gap", f"#{spent}", "#bytes of weights"),
        *(f"#{name}" for name in PART_COLUMNS if has_parts(content)),
        *("verdict", "", "folder"),
    )
    rows = []
    for name, one in content["points"].items():
        spending, gap = cost(content, one), one["gap"]
        rows.append(
            (
                *(cell(value, str(value)) for value in one["values"].values()),
                cell(one["accuracy"], percent(one["accuracy"])),
                cell(gap, "–" if gap is None else points(gap)),
                cell(spending, cost_words(content, spending)),
                cell(one["weight_bytes"], whole(one["weight_bytes"])),
                *(cell(value, text) for value, text in part_words(one) if has_parts(content)),
                cell(one["verdict"], style="good" if one["verdict"] == "yes" else ""),
                cell("best" if one["best"] else "front" if one["on_front"] else ""),
                cell(f"points/{name}", style="code"),
            )
        )
    table = Table("All points", named, tuple(rows))
    return Section("points", "Points", (), (), (table,))
