"""However a command ends, it says so in one line and an exit code."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.cli.commands import main
from ultralif_deploy.steps import epochs, inspecting

ANNEAL = ("anneal", DEMO, "--data", "digits", "--epochs", 3)


def test_an_interrupt_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(*_: object) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(inspecting, "describe", stopped)
    assert refused("inspect", DEMO, code=130) == "Error: interrupted"


def test_an_interrupted_annealing_says_that_it_goes_on_and_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = epochs.describe_epoch

    def stop_after_two(result: Any, count: int) -> str:
        if result.epoch == 2:
            raise KeyboardInterrupt
        return describe(result, count)

    with monkeypatch.context() as patched:
        patched.setattr(epochs, "describe_epoch", stop_after_two)
        line = refused(*ANNEAL, "-o", tmp_path / "stopped", code=130)
    assert "finished epochs are kept in" in line
    assert "the same command goes on" in line
    assert [p.name for p in (tmp_path / "stopped").iterdir()] == ["anneal-state.pt"]
    rest = ultralif(*ANNEAL, "-o", tmp_path / "stopped", "--json").json()
    assert [result["epoch"] for result in rest["epochs"]] == [3]
    assert ultralif(*ANNEAL, "-o", tmp_path / "whole").code == 0
    one, other = (
        torch.load(tmp_path / name / "annealed.pt", weights_only=True)["model_state_dict"]
        for name in ("stopped", "whole")
    )
    assert all(torch.equal(one[key], other[key]) for key in other)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError("23.8 GiB"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 23.8 GiB"),
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 23.8 GiB.\nGPU 0 has 8 GiB"),
    ],
)
def test_too_little_memory(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    def greedy(*_: object) -> Any:
        raise error

    monkeypatch.setattr(inspecting, "describe", greedy)
    line = refused("inspect", DEMO)
    assert "not enough memory" in line
    assert "23.8 GiB" in line
    assert "fewer timesteps or samples" in line


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_greek(encoding: str) -> None:
    result = CliRunner(charset=encoding).invoke(main, ["inspect", str(DEMO)])
    assert result.exit_code == 0, result
    assert "UltraPLIF" in result.stdout
    assert "?" in result.stdout  # ε


INTERRUPTED_WHILE = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # background jobs ignore it
from ultralif_deploy.__main__ import run

class Finder:
    @staticmethod
    def find_spec(name, *_):
        if name == {name!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Finder)
sys.argv[1:] = ["inspect", {demo!r}]
run()
"""
INTERRUPTED_AFTER = """
import atexit, os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from ultralif_deploy.__main__ import run
atexit.register(os.kill, os.getpid(), signal.SIGINT)
sys.argv[1:] = ["docs", "--list"]
run()
"""


def process(code: str, **how: Any) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", code]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | how
    return subprocess.run(command, text=True, check=False, **pipes)


@pytest.mark.parametrize("name", ["click", "ultralif_deploy.cli.options", "numpy", "torch"])
def test_an_interrupt_while_modules_are_imported(name: str) -> None:
    ended = process(INTERRUPTED_WHILE.format(name=name, demo=str(DEMO)))
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "Error: interrupted\n")


def test_an_interrupt_after_the_end_changes_nothing() -> None:
    ended = process(INTERRUPTED_AFTER)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "troubleshooting" in ended.stdout


RUN = "import sys; from ultralif_deploy.__main__ import run; sys.argv[1:] = {!r}; run()"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is missing")
def test_output_that_cannot_be_written() -> None:
    with Path("/dev/full").open("w") as full:
        ended = process(RUN.format(["--help"]), stdout=full)
        assert (ended.returncode, ended.stderr) == (2, "Error: output: No space left on device\n")
        assert process(RUN.format(["docs", "none"]), stderr=full).returncode == 2


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="/proc is missing")
def test_files_of_the_system_are_no_input_and_no_output() -> None:
    line = refused("inspect", "/proc/self/mem")
    assert line == "Error: /proc/self/mem: cannot be read (Input/output error)"
    line = refused("quantize", DEMO, "-o", "/proc/self/mem")
    assert "/proc/self/mem: a file, no directory; expected a directory for results" in line


def test_too_many_timesteps_are_refused_before_they_are_encoded(tmp_path: Path) -> None:
    assert ultralif("quantize", DEMO, "-o", tmp_path).code == 0
    run = ("simulate", tmp_path / "program.nir", "--data", "digits", "--timesteps", 10**7)
    assert "10000000 timesteps" in refused(*run)


def test_paths_that_are_no_text_work_to_the_end(tmp_path: Path) -> None:
    """File names on Linux are bytes of any value but 0 and that of `/`."""
    odd = {name: tmp_path / f"odd\udcff{name}" for name in ("model.pt", "data.npz", "out")}
    shutil.copy(DEMO, odd["model.pt"])
    shutil.copy(DEMO.with_name("digits.npz"), odd["data.npz"])
    arguments = ["--limit", 20, "--certify", 2, "--on", "fast", "-o", odd["out"]]
    run = ultralif("deploy", odd["model.pt"], "--data", odd["data.npz"], *arguments)
    assert run.code == 0, run
    assert "odd\ufffdmodel.pt" in (odd["out"] / "report.html").read_text()
    assert ultralif("verify", "--certificate", odd["out"] / "certificate.json").code == 0
