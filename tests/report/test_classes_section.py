"""The section on classes shows what report.json holds."""

import copy
import re
from pathlib import Path
from typing import Any

import pytest

from support.reports import load, verified
from ultralif_deploy.io.npz import read_npz
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.classes import WORST, classes_section


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return verified(tmp_path_factory.mktemp("classes"), 2).parent


@pytest.fixture
def report(directory: Path) -> Any:
    return load(directory / "report.json")


def test_the_report_counts_what_predictions_hold(directory: Path, report: Any) -> None:
    found = read_npz(directory / "predictions.npz")
    lost = (found["soft"] == found["label"]) & (found["integer"] != found["label"])
    assert report["classes"]["lost"] == lost.sum() > 0
    right = sum(one["right_integer"] for one in report["classes"]["accuracies"])
    assert right == (found["integer"] == found["label"]).sum()


def test_matrices_tables_and_pictures_are_drawn(report: Any) -> None:
    section = classes_section(report)
    assert section is not None
    for figure, key in zip(section.figures, ("confusion_before", "confusion_integer"), strict=True):
        drawn = [int(m.text) for m in figure.marks if dict(m.attributes)["class"] == "cell middle"]
        assert drawn == [count for row in report["classes"][key] for count in row if count]
    accuracies, changed = section.tables
    assert len(accuracies.rows) == len(report["classes"]["accuracies"])
    lost = report["classes"]["samples_lost"][0]
    shown = [cell.text for cell in changed.rows[0]]
    assert shown == [str(lost["sample"]), "lost", *map(str, (lost[k] for k in shown_keys))]
    assert section.pictures[0].title == f"Sample {lost['sample']}, lost"
    assert "<h2>Classes</h2>" in render_html(report)


shown_keys = ("label", "before", "integer")


def test_a_picture_has_the_grey_of_every_cell(report: Any) -> None:
    lost = next(one for one in report["classes"]["samples_lost"] if "picture" in one)
    lost["picture"] = ["0f", "33"]
    report["classes"]["samples_lost"] = [lost]
    section = classes_section(report)
    assert section is not None
    (svg,) = section.pictures[0].marks
    paths = {dict(m.attributes)["fill-opacity"]: dict(m.attributes)["d"] for m in svg.inside[1:]}
    assert paths == {"0.2": "M0 1h2v1h-2z", "1": "M1 0h1v1h-1z"}


def test_of_many_classes_the_worst_are_listed(report: Any) -> None:
    many = copy.deepcopy(report)
    many["classes"] |= {
        "confusion_before": None,
        "confusion_integer": None,
        "accuracies": [
            {"label": i, "samples": 100, "right_before": 90, "right_integer": 100 - i}
            for i in range(50)
        ],
    }
    section = classes_section(many)
    assert section is not None
    assert section.figures == ()
    assert [row[0].order for row in section.tables[0].rows] == list(range(49, 49 - WORST, -1))
    assert re.search("all 50 classes", section.tables[0].note)


def test_without_labels_there_is_no_section(report: Any) -> None:
    assert classes_section({**report, "classes": None}) is None
