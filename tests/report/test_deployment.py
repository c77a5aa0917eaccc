"""What `ul.deploy` returns: typed as report.json, tables for pandas, words for notebooks."""

import builtins
import copy
import re
from html import escape
from pathlib import Path
from typing import Any, get_args, get_overloads, get_type_hints

import pytest

import ultralif_deploy as ul
from support.commands import DEMO
from support.reports import load
from support.requirements import import_or_skip
from ultralif_deploy.report.deployment import TABLES, DeploymentReport
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.summary import summary
from ultralif_deploy.report.words import plain
from ultralif_deploy.schema.report import Report


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("deployed")


@pytest.fixture(scope="module")
def report(directory: Path) -> ul.DeploymentReport:
    settings = ul.Settings(data="digits", limit=30)
    return ul.deploy(DEMO, directory, settings, certified_samples=2, back_ends=("fast",))


def test_it_is_the_content_of_report_json(report: ul.DeploymentReport, directory: Path) -> None:
    assert dict(report) == load(directory / "report.json")


def test_every_key_has_the_type_of_report_json() -> None:
    typed: dict[str, Any] = {}
    for one in get_overloads(DeploymentReport.__getitem__):
        hints = get_type_hints(one)
        for key in get_args(hints["key"]):
            typed[key] = hints["return"]
    assert typed == get_type_hints(Report)


def test_notebooks_show_the_summary_and_warnings(report: ul.DeploymentReport) -> None:
    html = report._repr_html_()
    for question, answer in summary(report.content).items():
        assert f"<p><b>{question}</b> {escape(plain(answer))}</p>" in html
    hostile = DeploymentReport(report)
    hostile["source"] = {"file": "<script>.pt", "architecture": None}
    finding = {"kind": "x", "text": "<b>", "remedy": "", "severity": "failure"}
    hostile["findings"] = [finding]
    html = hostile._repr_html_()
    assert "&lt;script&gt;.pt became" in html
    assert html.startswith("<p>⚠ &lt;b&gt;.</p>")


def test_tables_hold_the_figures_of_the_report(report: ul.DeploymentReport) -> None:
    import_or_skip("pandas", "pip install pandas")
    populations = report.to_dataframe()
    assert list(populations["population"]) == ["neuron", "readout"]
    assert (
        populations["spike_rate_integer"][0]
        == (report["populations"]["neuron"]["spike_rate_integer"])
    )
    assert populations["spikes_kept"].isna().tolist() == [False, True]
    accuracy = report.to_dataframe("accuracy").set_index("form")["accuracy"]
    assert accuracy["integer"] == report["accuracy"]["integer"]
    assert accuracy["soft"] == report["accuracy"]["soft"]
    energy = report.to_dataframe("energy").set_index("device")["per_inference_j"]
    places = report.to_dataframe("energy by place").groupby("device")["per_inference_j"].sum()
    for device in ("cmos45", "yan2024"):
        assert energy[device] == report["energy"]["devices"][device]["per_inference_j"]
        assert places[device] == pytest.approx(energy[device])
    other = DeploymentReport(report)
    other["backends_not_run"] = {"c": {"why": "missing", "message": "no cc", "install": None}}
    back_ends = other.to_dataframe("back ends").set_index("back_end")
    assert back_ends["exact"].tolist() == [True, True, None]
    assert back_ends["reason"]["c"] == "no cc"
    for table in ("parameters", "passes", "findings"):
        assert len(report.to_dataframe(table)) == len(report[table])


def test_unknown_tables_and_missing_pandas(
    report: ul.DeploymentReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = re.escape(f"no table 'joules'; expected one of {', '.join(TABLES)}")
    with pytest.raises(ul.UltralifError, match=expected):
        report.to_dataframe("joules")
    found = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError(name)
        return found(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ul.Missing, match="pip install pandas"):
        report.to_dataframe()


def test_no_chart_is_titled_with_a_chip_that_refuses(report: ul.DeploymentReport) -> None:
    assert any(title.startswith("loihi1: ") for title in titles(report.content))
    refused = copy.deepcopy(report)
    device: Any = refused["energy"]["devices"]["loihi1"]
    device |= dict.fromkeys(key for key in device if key.endswith("per_inference_j"))
    device |= {"total_j": None, "note": "not placed: loihi1: neuron: too large", "by_place": {}}
    device |= {"sensitivity": [], "by_cause_j": {}}
    left = titles(refused.content)
    assert any(title.startswith("cmos45: ") for title in left)
    assert [title for title in left if title.split(":")[0] == "loihi1"] == []


def titles(report: Report) -> list[str]:
    """Titles of all charts of the page."""
    return re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", render_html(report))
