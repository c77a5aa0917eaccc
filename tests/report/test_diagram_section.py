"""The diagram shows every population and projection of report.json, skips and recurrences too."""

import copy
from typing import Any

import pytest

from support.reports import load, verified
from ultralif_deploy.report.html.diagram import DRAWN, diagram_section
from ultralif_deploy.report.html.drawing.diagram import Arrow, Box, diagram
from ultralif_deploy.report.html.page import Mark


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(verified(tmp_path_factory.mktemp("diagram"), 4))


@pytest.fixture
def report(whole: Any) -> Any:
    return copy.deepcopy(whole)


def texts(marks: tuple[Mark, ...]) -> list[str]:
    return [mark.text for mark in marks if mark.tag == "text"]


def test_boxes_and_arrows_are_those_of_the_program(report: Any) -> None:
    section = diagram_section(report)
    said = texts(section.figures[0].marks)
    assert {"input", "64 values", "neuron", "64 × Threshold", "readout"} <= set(said)
    rate = report["populations"]["neuron"]["spike_rate_integer"]
    assert f"4-bit, rate {rate:.2g}" in said
    assert {"Dense, 4,096 weights", "Dense, 640 weights"} <= set(said)
    populations, projections = section.tables
    assert [row[0].text for row in populations.rows] == ["neuron", "readout"]
    counts = report["energy"]["counts"]["synaptic_operations"]
    for row in projections.rows:
        name = f"{row[0].text}->{row[1].text}"
        assert row[4].order == counts[name] / report["energy"]["samples"]
    weights = sum(row[3].order for row in projections.rows)
    assert weights == 64 * 64 + 64 * 10 < report["program"]["parameters"]


def test_a_delayed_projection_is_dashed_and_named(report: Any) -> None:
    report["program"]["projections"].append(
        {
            **report["program"]["projections"][0],
            **{"name": "neuron->neuron", "source": "neuron", "delayed": True},
        }
    )
    report["energy"]["counts"]["synaptic_operations"]["neuron->neuron"] = 0
    section = diagram_section(report)
    styles = [dict(mark.attributes).get("class") for mark in section.figures[0].marks]
    assert styles.count("arrow delayed") == 3
    assert "delayed" in texts(section.figures[0].marks)
    assert "one timestep later" in [row[-1].text for row in section.tables[1].rows]


def test_skips_run_on_the_right_and_do_not_share_a_lane_where_they_meet() -> None:
    boxes = [Box(str(i), ()) for i in range(6)]
    ends = ((0, 2), (2, 4), (1, 5), (4, 1))
    arrows = [Arrow(a, b, (f"{a} to {b}",), a > b) for a, b in ends]
    lanes = {
        mark.text: float(dict(mark.attributes)["x"].removesuffix("%"))
        for mark in diagram(boxes, arrows)
        if " to " in mark.text
    }
    assert lanes["0 to 2"] == lanes["2 to 4"] < lanes["1 to 5"]
    assert lanes["4 to 1"] < 50 < lanes["0 to 2"]


def test_large_networks_are_listed_and_not_drawn(report: Any) -> None:
    report["program"]["populations"] *= DRAWN
    section = diagram_section(report)
    assert section.figures == ()
    assert len(section.tables[0].rows) == 2 * DRAWN
