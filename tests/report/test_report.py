"""report.html and energy.csv say what report.json says, whatever the names in it."""

import copy
import csv
import json
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.commands import DEMO, ultralif
from support.paths import shared_file
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.io.printable import shortened
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.drawing.charts import linear_axis, log_axis, rows_figure
from ultralif_deploy.report.html.page import Column, across, columns, number
from ultralif_deploy.report.summary import summary
from ultralif_deploy.report.words import (
    constant,
    datum,
    joule,
    plain,
    points,
    rate,
    ratio,
    short,
    signed,
    whole,
)
from ultralif_deploy.verify.judging import NO, YES, verdict, within_allowed
from ultralif_deploy.verify.raster import NEURONS, TIMESTEPS, sample_raster

VERIFY = (
    "verify",
    DEMO,
    "--data",
    "digits",
    "--limit",
    40,
    "--certify",
    5,
    "--on",
    "fast,loihi1,c",
)
UNITS = {"pJ": 1e-12, "nJ": 1e-9, "µJ": 1e-6, "mJ": 1e-3, "J": 1.0, "%": 0.01}
HOSTILE = "<script>alert(1)</script>\"'&<img src=x onerror=alert(2)>"


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report")
    assert ultralif(*VERIFY, "-o", path).code == 0
    return path


@pytest.fixture
def report(directory: Path) -> Any:
    return json.loads((directory / "report.json").read_text(encoding="utf-8"))


class Page(HTMLParser):
    """Tags, the summary's figures, and its words beside them."""

    VOID = ("meta", "link")

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.figures: list[tuple[dict[str, str | None], str]] = []
        self.words = ""
        self.open: list[str] = []
        self.summary = False
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag not in self.VOID:
            self.open.append(tag)
        self.summary |= found.get("id") == "summary"
        if tag == "data":
            self.figures.append((found, ""))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self.summary &= tag != "section"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "data":
            self.figures[-1] = (self.figures[-1][0], self.figures[-1][1] + data)
        elif self.summary:
            self.words += data


def resolve(report: Any, pointer: str) -> Any:
    for key in pointer.split("/")[1:]:
        name = key.replace("~1", "/").replace("~0", "~")
        report = report[int(name)] if isinstance(report, list) else report[name]
    return report


def read(text: str) -> tuple[float, float]:
    """A figure as a reader understands it, and half a unit of its last digit."""
    digits, _, unit = text.replace(",", "").replace("−", "-").partition(" ")
    scale = UNITS[unit] if unit else 1.0
    decimals = len(digits.partition(".")[2])
    return float(digits) * scale, 0.51 * 10.0**-decimals * scale


def check_summary(html: str, report: Any) -> None:
    page = Page(html)
    assert len(page.figures) >= 8
    for attributes, text in page.figures:
        pointer, attribute = attributes["data-pointer"], attributes["value"]
        value = resolve(report, str(pointer))
        assert attribute == str(value), pointer
        shown, tolerance = read(text)
        assert math.isclose(shown, value, rel_tol=5.1e-3, abs_tol=tolerance), pointer
    words = page.words
    for name in (*report["energy"]["devices"], *report["backends"], *report["backends_not_run"]):
        words = words.replace(name, "")
    assert set(re.findall(r"\d+", words)) <= {"95", str(report["program"]["weight_bits"])}


def test_every_figure_of_the_summary_is_that_of_report_json(directory: Path, report: Any) -> None:
    check_summary((directory / "report.html").read_text(encoding="utf-8"), report)


def test_the_terminal_says_the_same_words(directory: Path, report: Any) -> None:
    printed = " ".join(ultralif(*VERIFY, "-o", directory).out.split())
    for answer in summary(report).values():
        # report.json has its keys sorted, so names may come in another order.
        for part in (str(p) for p in answer if not isinstance(p, str)):
            assert part in printed
    assert "report.html, report.json, energy.csv" in printed


def test_a_second_run_writes_the_same_bytes(directory: Path) -> None:
    names = ("report.html", "report.json", "energy.csv")
    before = [(directory / name).read_bytes() for name in names]
    ultralif(*VERIFY, "-o", directory)
    assert [(directory / name).read_bytes() for name in names] == before


def test_energy_csv_holds_the_parts(directory: Path, report: Any) -> None:
    with (directory / "energy.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {(r["device"], r["place"], r["cause"]): float(r["joules_per_inference"]) for r in rows}
    assert found == {
        (name, place, cause): joules
        for name, device in report["energy"]["devices"].items()
        for place, parts in device["by_place"].items()
        for cause, joules in parts.items()
    }


def test_it_stands_alone_and_forbids_requests(directory: Path) -> None:
    html = (directory / "report.html").read_text(encoding="utf-8")
    page = Page(html)
    assert not [a for _, a in page.tags if "src" in a or "style" in a or a.keys() & {"onclick"}]
    links = [a["href"] for _, a in page.tags if "href" in a]
    assert all(link.startswith(("#", "data:", "./")) for link in links if link)
    policy = next(a["content"] for _, a in page.tags if "http-equiv" in a)
    assert policy
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert [tag for tag, _ in page.tags].count("script") == 1


def test_figures_have_names_and_headings_are_reached(directory: Path) -> None:
    page = Page((directory / "report.html").read_text(encoding="utf-8"))
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    drawings = [a for tag, a in page.tags if tag == "svg" and "role" in a]
    assert len(drawings) > 8
    for a in drawings:
        assert a["role"] == "img"
        assert {a["aria-labelledby"], a["aria-describedby"]} <= set(ids)
    for _, a in page.tags:
        target = a.get("href") or ""
        assert not target.startswith("#") or target[1:] in ids


def test_hostile_names_stay_text(report: Any) -> None:
    report["populations"] = {HOSTILE: report["populations"].popitem()[1]}
    report["backends_not_run"] = {HOSTILE: {"why": HOSTILE, "message": HOSTILE, "install": None}}
    report["raster"]["populations"] = {HOSTILE: report["raster"]["populations"].popitem()[1]}
    report["backends"] = {
        HOSTILE: {"exact": False, "samples": 1, "difference": HOSTILE, "facts": {}}
    }
    devices = report["energy"]["devices"]
    for name in list(devices):
        devices[name + HOSTILE] = devices.pop(name)
        devices[name + HOSTILE]["by_place"] = {HOSTILE: {"compute": 1e-9}}
        devices[name + HOSTILE]["not_covered"] = HOSTILE
    report["exports"]["refused"] = {HOSTILE: HOSTILE}
    report["source"]["file"] = report["data"]["name"] = report["command"] = HOSTILE
    report["assumed"] = {HOSTILE: {"value": HOSTILE, "source": HOSTILE}}
    report["verdict"] = "no"
    report["findings"] = [Finding(HOSTILE, HOSTILE, HOSTILE, "failure").as_dict()]
    report["parameters"][0] |= {"name": HOSTILE, "parameter": HOSTILE}
    page = Page(html := render_html(report))
    tags = [tag for tag, _ in page.tags]
    assert tags.count("script") == 1
    assert "img" not in tags
    assert not any(name.startswith("on") for _, a in page.tags for name in a)
    assert "&lt;script&gt;alert(1)" in html
    assert "Does not deploy" in html


def test_devices_without_figures_say_so(report: Any) -> None:
    for device in report["energy"]["devices"].values():
        for key in ("total_j", "per_inference_j", "low_per_inference_j", "high_per_inference_j"):
            device[key] = None
        device |= {"idle_per_inference_j": None, "by_place": {}, "by_cause_j": {}}
        device |= {"sensitivity": [], "not_published": ["synaptic_operation"]}
    html = render_html(report)
    # Three columns of seven devices, and a constant of Loihi 1.
    assert html.count('<td class="figure" data-order="">not published</td>') == 22
    assert "Not published or not placed: " in html
    report["energy"]["devices"] = {}
    assert "synaptic operations" in render_html(report)


def test_the_program_stands_beside_networks_without_spikes(report: Any) -> None:
    html = render_html(report)
    table = html[html.index("The same layers without spikes") :].split("</table>")[0]
    energy = report["energy"]
    assert "this program, with spikes" in table
    assert f"{energy['synaptic_operations_per_inference']:,.0f}" in table
    assert joule(energy["devices"]["yan2024"]["per_inference_j"]) in table
    del energy["devices"]["yan2024"]
    assert "this program, with spikes" not in render_html(report)


def test_one_sided_counts_are_means_over_the_draws(report: Any) -> None:
    report["accuracy"]["draws"] = 1
    assert not re.search(r"the mean of \d+ draws", render_html(report))
    report["accuracy"] |= {"draws": 7, "mcnemar_p": 1.0}
    assert "only the integer program gets right" in (html := render_html(report))
    assert ", the mean of 7 draws." in html


def test_a_report_without_labels(report: Any) -> None:
    accuracy = report["accuracy"]
    report["accuracy"] = dict.fromkeys(accuracy)
    report["classes"] = None
    for point in report["epsilon_sweep"]:
        point["accuracy"] = None
    html = render_html(report)
    assert "the data have no labels, so there is no accuracy" in html
    assert "Accuracy over ε" not in html
    assert "Mean spike rate over ε" in html


@pytest.mark.parametrize(
    ("gap", "allowed", "deploys"), [(0.5, 0.5, True), (0.51, 0.5, False), (9.0, None, True)]
)
def test_a_gap_larger_than_allowed_does_not_deploy(
    report: Any, gap: float, allowed: float | None, deploys: bool
) -> None:
    report["accuracy"] |= {"gap_soft_integer": gap, "max_gap": allowed}
    found = verdict((), exact=True, gap_allowed=within_allowed(report["accuracy"]))
    assert found == (YES if deploys else NO)
    report["verdict"] = found
    said = plain(summary(report)["Does it deploy?"])
    assert said.startswith("Yes" if deploys else "No")
    assert ("+0.50 points allowed" in said) is not deploys


def test_a_gap_too_large_is_written_before_it_ends_the_run(tmp_path: Path) -> None:
    arguments = (*VERIFY[:5], 100, "--certify", 2, "--on", "fast", "--bits", "ternary")
    assert ultralif(*arguments, "--max-gap", 0.1, "-o", tmp_path).code == 1
    assert "Does not deploy" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_networks_of_other_tools(tmp_path: Path) -> None:
    model = shared_file("nir/braille_noDelay_bias_zero.nir")
    rng = np.random.default_rng(4)
    x, y = (rng.random((12, 70, 12)) < 0.3).astype(np.uint8), rng.integers(0, 7, 12)
    np.savez(tmp_path / "data.npz", x_test=x, y_test=y)
    run = ("verify", model, "--data", tmp_path / "data.npz", "--certify", 2, "--on", "fast")
    assert ultralif(*run, "-o", tmp_path).code == 0
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    check_summary(html, report)
    assert "float network" in html
    assert "there is no ε" in html
    assert "agrees with float" in html
    assert "agrees with hard" not in html  # the same network, and so the same column
    raster = report["raster"]
    assert (raster["compared"], raster["timesteps"], raster["of"]) == ("float", TIMESTEPS, 70)
    assert "The first 64 of 70 timesteps are drawn." in html


def test_the_command_is_there_to_type_again(report: Any) -> None:
    assert report["command"].startswith("ultralif verify ")
    assert "--limit 40 --certify 5 --on fast,loihi1,c -o " in report["command"]


def test_raster_keeps_evenly_spaced_neurons_of_one_sample() -> None:
    spikes = np.zeros((2, 3, 2 * NEURONS), dtype=np.uint8)
    spikes[1, 2, [2, 3]] = 1  # 3 is not drawn
    soft = np.full((2, 3, 2 * NEURONS), 0.126)
    found = sample_raster({"a": soft}, {"a": spikes}, "soft", 2)
    a = found["populations"]["a"]
    assert a["drawn"] == list(range(0, 2 * NEURONS, 2))
    assert a["integer"] == [[1, 2]]
    assert np.shape(a["soft"]) == (2, NEURONS)
    assert a["soft"][0][0] == 0.13
    long = sample_raster(
        {"a": np.ones((TIMESTEPS + 1, 1, 1), dtype=bool)},
        {"a": np.ones((TIMESTEPS + 1, 1, 1), dtype=np.uint8)},
        "float",
    )
    assert (long["timesteps"], long["of"]) == (TIMESTEPS, TIMESTEPS + 1)
    assert long["populations"]["a"]["float"][-1] == [TIMESTEPS - 1, 0]


def test_axes() -> None:
    axis = linear_axis(0.9, str, "x")
    assert axis.ticks == pytest.approx((0, 0.2, 0.4, 0.6, 0.8))
    assert axis.place(0.45) == 0.5
    assert axis.place(2.0) == 1.0
    assert linear_axis(0.0, str, "x").place(0.0) == 0.0
    decades = log_axis([2e-9, 3e-8, 0.0], str, "x")
    assert decades.ticks == pytest.approx((1e-9, 1e-8, 1e-7))
    assert decades.place(1e-8) == pytest.approx(0.5)
    assert decades.place(0.0) == 0.0
    assert rows_figure("t", "d", [], axis).height > 0


def test_long_names() -> None:
    assert shortened("x" * 30) == "x" * 30
    assert shortened("a" * 40 + "b" * 40) == "a" * 14 + "…" + "b" * 15
    assert shortened("a" * 40 + "b" * 40, 61) == "a" * 30 + "…" + "b" * 30


def test_words() -> None:
    assert [joule(v) for v in (0.0, 1.234e-9, 2.5e-6, 3.0)] == ["0 pJ", "1.23 nJ", "2.5 µJ", "3 J"]
    assert [short(v) for v in (0.123, 9.31, 1234567.0)] == ["0.12", "9.3", "1,230,000"]
    assert (points(-0.5), points(-0.001)) == ("−0.50", "+0.00")
    assert [ratio(v) for v in (0.524, 1.0, 0.00123, 12345.0)] == [
        "×0.52",
        "×1.00",
        "×0.0012",
        "×12,300",
    ]
    assert [rate(v) for v in (0.51377, None)] == ["0.5138", "–"]
    assert [signed(whole)(v) for v in (1234, -5)] == ["+1,234", "−5"]
    assert constant({"value": 0.1, "low": 0.03, "high": 0.1, "unit": "pJ"}) == "0.1 pJ (0.03 – 0.1)"
    assert constant({"value": 2.0, "low": 2.0, "high": 2.0, "unit": "W"}) == "2 W"
    assert constant({"value": None, "low": None, "high": None, "unit": "W"}) == "not published"
    assert (across(0.5), number(1.5), number(2.0), number("x")) == ("50%", "1.5", "2", "x")
    assert columns("a", "#b") == (Column("a"), Column("b", True))
    found = datum({"a/b": {"~": [7]}}, str, "a/b", "~", 0)
    assert (found.pointer, found.value, found.text) == ("/a~1b/~0/0", 7, "7")


def test_rendering_leaves_the_report_alone(report: Any) -> None:
    before = copy.deepcopy(report)
    assert render_html(report) == render_html(before)
    assert report == before
