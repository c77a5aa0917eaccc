"""The section on classes: confusion, accuracy of each, and the samples lost and gained."""

from ultralif_deploy.report.html.drawing.cells import matrix, matrix_height, picture
from ultralif_deploy.report.html.page import Cell, Figure, Section, Table, cell, columns
from ultralif_deploy.report.summary import trained
from ultralif_deploy.report.words import percent, points, whole
from ultralif_deploy.schema.measured import ChangedSample, ClassAccuracy, Classes
from ultralif_deploy.schema.report import Report
from ultralif_deploy.schema.values import Kind

WORST = 20
"""Classes in the table where there are too many for confusion matrices."""

LISTED = 8
"""Samples lost, and samples gained, in the table."""

PICTURE = 96.0
"""Height of a picture in pixels."""


def classes_section(report: Report) -> Section | None:
    """What becomes of each class in the program; None if the data has no labels."""
    classes = report["classes"]
    if classes is None:
        return None
    before = trained(report)
    words = (
        f"Of {whole(report['data']['samples'])} test samples, {whole(classes['lost'])} were lost: "
        f"only the {before} network is right. {whole(classes['gained'])} were gained: only the "
        "integer program is right. predictions.npz holds the predictions for every sample."
    )
    if report["accuracy"]["draws"] > 1:
        words += (
            " All figures here are of the first draw of the input spikes; the accuracies above are "
            "means over all draws."
        )
    tables = [_accuracies(classes, before)]
    changed = _changed(classes, before)
    if changed is not None:
        tables.append(changed)
    return Section(
        "classes",
        "Classes",
        ((words,),),
        _matrices(classes, before),
        tuple(tables),
        tuple(
            _picture(kind, one, before)
            for kind in ("lost", "gained")
            for one in (classes["samples_lost"] if kind == "lost" else classes["samples_gained"])
            if "picture" in one
        ),
    )


def _matrices(classes: Classes, before: Kind) -> tuple[Figure, ...]:
    """Confusion matrices of both forms; none where there are too many classes."""
    found = (
        (f"{before} network", classes["confusion_before"]),
        ("integer program", classes["confusion_integer"]),
    )
    figures = []
    for name, rows in found:
        if rows is None:
            continue
        wrong = [
            f"label {label} as {predicted}: {count}"
            for label, counts in enumerate(rows)
            for predicted, count in enumerate(counts)
            if count and label != predicted
        ]
        figures.append(
            Figure(
                f"Confusion matrix of the {name}",
                "Samples by label and predicted class. Wrong predictions: "
                f"{'; '.join(wrong) or 'none'}.",
                matrix_height(len(rows)),
                matrix(rows),
                (("right", "right"), ("wrong", "wrong")),
            )
        )
    return tuple(figures)


def _accuracies(classes: Classes, before: Kind) -> Table:
    """Accuracy of each class; of many classes the worst."""
    found = classes["accuracies"]
    title, note = "Accuracy of each class", ""
    if classes["confusion_integer"] is None and len(found) > WORST:
        title = f"The {WORST} classes with the lowest accuracy of the integer program"
        note = f"report.json holds all {len(found)} classes."
        found = sorted(found, key=lambda one: one["right_integer"] / one["samples"])[:WORST]
    named = columns("#class", "#samples", f"#{before}", "#integer", "#change in points")
    return Table(title, named, tuple(map(_accuracy, found)), note)


def _accuracy(one: ClassAccuracy) -> tuple[Cell, ...]:
    before = one["right_before"] / one["samples"]
    integer = one["right_integer"] / one["samples"]
    change = 100 * (integer - before)
    return (
        cell(one["label"]),
        cell(one["samples"], whole(one["samples"])),
        cell(before, percent(before)),
        cell(integer, percent(integer)),
        cell(change, points(change)),
    )


def _changed(classes: Classes, before: Kind) -> Table | None:
    """The first samples lost and gained; None where there are none."""
    lost, gained = classes["samples_lost"][:LISTED], classes["samples_gained"][:LISTED]
    rows = [
        (
            cell(one["sample"]),
            cell(kind, style=style),
            *(cell(one["label"]), cell(one["before"]), cell(one["integer"])),
        )
        for kind, style, listed in (("lost", "bad", lost), ("gained", "good", gained))
        for one in listed
    ]
    if not rows:
        return None
    more = classes["lost"] + classes["gained"] - len(rows)
    note = f"{whole(more)} more are in predictions.npz." if more else ""
    named = columns("#sample", "what changed", "#label", f"#{before} predicts", "#integer predicts")
    return Table("Samples lost and gained", named, tuple(rows), note)


def _picture(kind: str, one: ChangedSample, before: Kind) -> Figure:
    """One of the samples that were lost or gained."""
    wrong = f"integer {one['integer']}" if kind == "lost" else f"{before} {one['before']}"
    return Figure(
        f"Sample {one['sample']}, {kind}",
        f"A picture of test sample {one['sample']}.",
        PICTURE,
        (picture(one["picture"], PICTURE),),
        note=f"label {one['label']}, {wrong}",
    )
