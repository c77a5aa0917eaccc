"""What a program takes on an FPGA at least: never more than yosys makes of it."""

from pathlib import Path

import numpy as np
import pytest

from support.commands import refused
from support.hardware import small_program
from support.requirements import requires_tool
from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.exporters.verilog.design import design
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.steps.hardware import synthesis
from ultralif_deploy.steps.hardware.bounds import least_block_rams
from ultralif_deploy.steps.hardware.parts import ECP5, ICE40, PARTS, Part

ICE40_TOOLS = requires_tool("nextpnr-ice40", "apt-get install -y yosys nextpnr-ice40")


def readout(weight: np.ndarray) -> Program:
    """A read-out of the input with these weights [class, input]."""
    size, inputs = weight.shape
    population = Population("out", size, Integrator(), np.zeros(size), np.ones(size))
    maps = (Projection("input", "out", Dense(weight.astype(np.int8))),)
    return Program(Input(inputs), (population,), maps, "8", 2, 1)


def drawn(inputs: int, size: int = 10) -> np.ndarray:
    return np.random.default_rng(0).integers(-128, 128, (size, inputs))


def least(weight: np.ndarray, lanes: int | None = None) -> tuple[int, int]:
    made = design(readout(weight), lanes)
    return least_block_rams(made, ICE40), least_block_rams(made, ECP5)


def test_bits_that_no_optimization_removes_are_counted() -> None:
    assert least(drawn(2048)) == (40, 9)  # 2048 words of 80 bits
    assert least(drawn(2048), 1) == (40, 9)  # 20 480 words of 8 bits


def test_what_optimization_may_remove_is_not_counted() -> None:
    assert least(np.zeros((10, 2048))) == (0, 0)
    alike = drawn(2048)
    for equal in (alike[0], ~alike[0]):
        alike[1] = equal
        assert least(alike) == (36, 8)
    assert least(np.where(np.arange(2048) < 1536, drawn(2048), 0)) == (30, 7)


def test_what_look_up_tables_might_hold_is_not_counted() -> None:
    assert least(drawn(20)) == (0, 0)
    assert least_block_rams(design(small_program(), None), ICE40) == 0


def test_what_cannot_fit_is_refused_before_any_tool_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synthesis, "check_part", lambda part: ("yosys", "nextpnr"))
    monkeypatch.setattr(synthesis, "_run", lambda *_: pytest.fail("a tool ran"))
    write_nir(readout(drawn(2048)), tmp_path / "program.nir")
    line = refused("synthesize", tmp_path / "program.nir", "--part", "up5k", code=1)
    assert "does not fit up5k: its weights and parameters take at least 40 block RAMs" in line
    assert "the part has 30" in line
    assert "a part with more (ecp5-12, ecp5-25, ecp5-45, ecp5-85)" in line
    write_nir(readout(drawn(1 << 14, 32)), tmp_path / "huge.nir")
    line = refused("synthesize", tmp_path / "huge.nir", "--part", "ecp5-85", code=1)
    assert line.endswith("use fewer bits (--bits of deploy or quantize), or a smaller network")


@ICE40_TOOLS
def test_the_bound_is_what_the_tools_find(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a small iCE40, of which the table knows a wrong number of block RAMs."""
    options = ("--lp1k", "--package", "qn84")
    monkeypatch.setitem(PARTS, "lp1k", Part(ICE40, options, "Lattice iCE40LP1K-QN84", 99))
    weight = drawn(17 * 512, 1)  # the least work for yosys of what does not fit
    assert least(weight)[0] == 17
    write_nir(readout(weight), tmp_path / "program.nir")
    with pytest.raises(CheckFailed, match=r"does not fit lp1k: .*ICESTORM_RAM 17 of 16; use fewer"):
        synthesis.synthesize_program(tmp_path / "program.nir", "lp1k", progress=Progress())
