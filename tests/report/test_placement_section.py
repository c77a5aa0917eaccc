"""The map of cores shows what the placement says; exported files are links beside the page."""

import copy
from pathlib import Path
from typing import Any

import pytest

from support.commands import DEMO, ultralif
from support.reports import load
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.hardware.placement import CHIPS, placement_section
from ultralif_deploy.report.html.record import exports_section


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("placement")
    run = ("verify", DEMO, "--data", "digits", "--limit", 20, "--certify", 2)
    assert ultralif(*run, "--on", "fast,loihi1,c", "-o", path).code == 0
    return path


@pytest.fixture
def report(directory: Path) -> Any:
    return copy.deepcopy(load(directory / "report.json"))


def cores(report: Any) -> list[str]:
    (figure,) = placement_section(report).figures
    rects = (mark for mark in figure.marks if mark.tag == "rect")
    return [dict(rect.attributes)["class"] for rect in rects]


def test_every_core_has_the_colour_of_its_population(report: Any) -> None:
    assert cores(report) == ["c0", "c1", *["free"] * 126]
    placement = report["backends"]["loihi1"]["facts"]["placement"]
    placement["populations"]["neuron"] |= {"cores": 126, "core_numbers": [*range(126)]}
    placement["populations"]["readout"] |= {"cores": 4, "core_numbers": [126, 127, 128, 129]}
    placement |= {"cores": 130, "chips": 2}
    assert cores(report) == [*["c0"] * 126, *["c1"] * 4, *["free"] * 126]
    placement["chips"] = CHIPS + 1
    assert len(cores(report)) == CHIPS * 128
    assert "The first 4 chips" in placement_section(report).figures[0].note


def test_every_link_leads_to_a_file_that_was_written(directory: Path, report: Any) -> None:
    links = [row[1].link for row in exports_section(report).tables[0].rows]
    assert {link.split("/")[1] for link in links} >= {"program.nir", "c", "onnx"}
    for link in links:
        assert (directory / link).is_file()
        assert f'href="{link}"' in (directory / "report.html").read_text("utf-8")


def test_a_link_is_never_an_address_elsewhere(report: Any) -> None:
    report["exports"]["written"] = {"c": {"sha256": {'javascript:a"b': "0"}, "bytes": 1}}
    assert 'href="./javascript%3Aa%22b"' in render_html(report)


def test_no_raw_json_is_on_the_page(report: Any) -> None:
    assert "{&#34;" not in render_html(report)
    assert "bytes of code, " in render_html(report)
