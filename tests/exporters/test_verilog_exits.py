"""Exported Verilog stops samples where its exit rule says; planted bugs are found."""

import shutil
import subprocess
import tempfile
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.commands import ultralif
from support.comparisons import assert_same_trace, holds
from support.hardware import small_program
from support.planted.text import change_text
from support.requirements import requires, requires_tool
from support.strategies.exits import other_rules_are_refused, rule_of, two_classes
from support.strategies.programs import programs
from support.strategies.shapes import inputs_for, seeds
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.exporters.verilog import exits, writer
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.exits import ExitRule, exact_rule
from ultralif_deploy.program.graph import INPUT, Projection
from ultralif_deploy.program.neurons import Integrator, LeakyIntegrator
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.runners.verilog import netlist, runner, tools
from ultralif_deploy.verify.backends import write_form

ICARUS = requires_tool("iverilog", "apt-get install -y iverilog")
LONG = programs(kinds=("threshold", "lif"), readouts=("integrator",))


def simulated(
    program: Program, rule: ExitRule | None, lanes: int | None = None
) -> runner.Simulated:
    """Exported with a rule, and built with Icarus Verilog."""
    directory = Path(tempfile.mkdtemp())
    write_form("verilog", program, directory / "verilog", rule, lanes=lanes)
    made = runner.load(program, directory / "verilog", "iverilog")
    weakref.finalize(made, shutil.rmtree, directory)
    return made


RULE = ExitRule(np.array([1, 2, 3]), np.array([[0, 1], [2, 0]]))
INPUTS = np.zeros((3, 4, 2), dtype=np.uint8)
INPUTS[:2, 0, 1] = INPUTS[:2, 1, 0] = 1  # each class leads by two, with a timestep to go
INPUTS[2, 2, 1] = 1  # the last timestep alone decides
ENDS = [3, 1, 3, 3]
"""Samples of `two_classes`, and where they stop: the first class wins where it draws level."""


def image_of_classes() -> Program:
    """Two channels of two positions are four classes; hardware sends them in another order."""
    bias = np.array([0, 1, 1, 0])  # the first of two equal ones is not the first that is sent
    out = Population("out", 4, Integrator(), bias, np.ones(4))
    kernel = np.array([1, 1]).reshape(2, 1, 1, 1)
    drives = (Projection(INPUT, "out", Conv2d(kernel, (1, 1, 2))),)
    return Program(Input(2), (out,), drives, "8", 3, 1)


def with_a_side(program: Program) -> Program:
    """The threshold units drive the leaky ones alone, and take longer than the read-out."""
    back = replace(program.incoming("plain")[0], source="plain", target="leaky")
    kept = (p for p in program.projections if (p.source, p.target) != ("plain", "out"))
    return replace(program, projections=(*kept, back))


def equal_to_the_reference(
    program: Program, rule: ExitRule, inputs: np.ndarray, lanes: int | None
) -> None:
    """Timesteps, predictions, logits, spikes and events, of exits and of whole runs."""
    judge, hardware = reference.load(program), simulated(program, rule, lanes)
    expected = judge.run_until_exit(inputs, rule, record=True)
    for stream in (False, True):
        found = hardware.run_until_exit(inputs, rule, record=True, stream=stream)
        assert_array_equal(found.timesteps, expected.timesteps)
        assert_same_trace(found.trace, expected.trace)
    whole = judge.run(inputs, record=True)
    assert_same_trace(hardware.run(inputs, record=True), whole)


def known_samples_stop_where_they_should() -> None:
    """Samples on which every part of the decision matters."""
    equal_to_the_reference(two_classes(), RULE, INPUTS, None)
    program = image_of_classes()
    equal_to_the_reference(program, exact_rule(program, 3), INPUTS[:, ::-1], 2)
    rng = np.random.default_rng(0)
    for program, lead in ((small_program(), 10), (with_a_side(small_program(hidden=12)), 3)):
        exact = exact_rule(program, program.timesteps)
        inputs = rng.integers(0, 2, (program.timesteps, 8, program.input.size), dtype=np.uint8)
        rule = ExitRule(lead * np.arange(1, program.timesteps + 1), exact.gain)
        ends = reference.load(program).run_until_exit(inputs, rule).timesteps
        assert len(np.unique(ends)) > 2, ends
        equal_to_the_reference(program, rule, inputs, 1)


@ICARUS
def test_known_samples_stop_where_they_should() -> None:
    known_samples_stop_where_they_should()


@ICARUS
def test_samples_of_drawn_programs_stop_where_they_should() -> None:
    def check(data: st.DataObject) -> None:
        program = data.draw(LONG)
        inputs = data.draw(inputs_for(program, program.timesteps, 4))
        rule = rule_of(program, data.draw(seeds))
        lanes = data.draw(st.sampled_from((None, 1, 2, 3)))
        equal_to_the_reference(program, rule, inputs, lanes)

    holds(check, st.data(), examples=8)


PLANTED = {
    "ties are decided": ("exit", "(risen == best && risen_index < winner)", "1'b0"),
    "ties are open": (
        "exit",
        "(risen > best || (risen == best && risen_index < winner))",
        "(risen >= best && risen_index != winner)",
    ),
    "the last of the largest wins": ("exit", "value > best", "value >= best"),
    "the first one that comes wins": ("exit", "(value == best && number < winner)", "1'b0"),
    "one timestep fewer remains": ("exit", "factor = {1'b0, left}", "factor = {1'b0, left} - 1"),
    "gains turned round": ("exit", "{winner, index}", "{index, winner}"),
    "margin of the timestep after": ("exit", "_address = elapsed", "_address = elapsed + 1'b1"),
    "no margin": ("exit", "LIMITED != 0 && product > margin", "1'b0"),
    "the last class is not asked": (
        "exit",
        "risen_index == CLASSES - 1",
        "risen_index == CLASSES - 2",
    ),
    "the read-out alone waits": ("exit", "&done", "done[POPULATIONS-1]"),
    "nobody waits": ("exit", "hold = done | ends", "hold = {POPULATIONS{1'b0}}"),
    "the state outlives the exit": ("exit", "restart = stops", "restart = 1'b0"),
    "no timestep follows the first": ("exit", "first <= 1'b0;", ""),
    "the rest is not dropped": ("exit", "dropping <= !ended", "dropping <= 1'b0"),
    "whole runs stop": ("exit", "(everyone && whole && !ended)", "1'b0"),
}
"""Module, text, and what replaces it."""


@ICARUS
@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, old, new = PLANTED[bug]
    sources = tmp_path / "sources"
    shutil.copytree(writer.SOURCES, sources)
    change_text(sources / f"ultralif_{module}.v", old, new)
    monkeypatch.setattr(writer, "SOURCES", sources)
    with pytest.raises((AssertionError, UltralifError), match=r"Mismatch|verilog: "):
        known_samples_stop_where_they_should()


@ICARUS
def test_the_self_test_compares_exits(tmp_path: Path) -> None:
    """Without a remark of Icarus; one tie that is decided otherwise is found."""
    program = two_classes()
    write_form("verilog", program, tmp_path / "verilog", exact_rule(program, 3))
    done = self_test(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "0 beats differ" in done.stdout
    change_text(tmp_path / "verilog" / "ultralif_exit.v", "risen > best", "risen >= best")
    assert self_test(tmp_path).returncode != 0


def self_test(folder: Path) -> subprocess.CompletedProcess[str]:
    command = ["make", "-C", str(folder / "verilog"), "check", f"BUILD={folder}/build"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.mark.skipif(tools.verilator() is None, reason="Verilator is not installed")
def test_verilator_has_nothing_to_remark(tmp_path: Path) -> None:
    tool = tools.found("verilator")
    for number, (program, limited) in enumerate(
        ((small_program(), True), (image_of_classes(), False))
    ):
        rule = exact_rule(program, program.timesteps)
        if limited:
            rule = ExitRule(np.arange(program.timesteps), rule.gain)
        folder = tmp_path / str(number)
        write_form("verilog", program, folder, rule)
        names = sorted(str(p) for p in folder.glob("ultralif_*.v"))
        flags = ("--lint-only", "-Wall", "-Wno-WIDTHEXPAND", "-Wno-DECLFILENAME")
        tools.run([tool.path, *flags, "--top-module", "ultralif_top", *names], folder, tool)


@ICARUS
def test_samples_really_stop_by_either_rule(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`simulate --on verilog` finds in the hardware what it counted from whole runs."""
    monkeypatch.setattr(tools, "TOOLS", {"iverilog": tools.icarus})  # it builds at once
    program = two_classes()
    write_nir(program, tmp_path / "program.nir")
    frames = np.random.default_rng(0).integers(0, 2, (8, 3, 2), dtype=np.uint8)
    labels = np.arange(8) % 2
    data = {"x_train": frames, "y_train": labels, "x_test": frames, "y_test": labels}
    np.savez(tmp_path / "data.npz", **data)
    run = ("simulate", tmp_path / "program.nir", "--data", tmp_path / "data.npz", "--json")
    for rule in ("exact", "confidence"):
        found, expected = (
            ultralif(*run, "--on", on, "--exit", rule).json()["exits"] for on in ("verilog", "c")
        )
        assert min(found["timesteps"]) < 3
        assert set(found.pop("executed")) == set(expected.pop("executed"))
        assert found == expected


@requires("verilog-netlist")
def test_a_netlist_stops_samples_too(tmp_path: Path) -> None:
    program = two_classes()
    write_form("verilog", program, tmp_path / "verilog", RULE)
    hardware = netlist.load(program, tmp_path / "verilog", "iverilog")
    expected = reference.load(program).run_until_exit(INPUTS, RULE, record=True)
    assert expected.timesteps.tolist() == ENDS
    found = hardware.run_until_exit(INPUTS, RULE, record=True)
    assert found.timesteps.tolist() == ENDS
    assert_same_trace(found.trace, expected.trace)


@ICARUS
def test_other_rules_are_refused() -> None:
    other_rules_are_refused(simulated)


def test_rules_that_no_word_holds_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program, gain = two_classes(), np.zeros((2, 2), dtype=np.int64)
    with pytest.raises(Refused, match=r"verilog: out: an exit rule for 65536 timesteps; expected "):
        write_form("verilog", program, tmp_path / "verilog", ExitRule(np.zeros(1 << 16), gain))
    monkeypatch.setattr(exits, "MOST_CLASSES", 1)
    with pytest.raises(Refused, match=r"out: an exit rule for 2 classes; .* the back end c"):
        write_form("verilog", program, tmp_path / "verilog", exact_rule(program, 3))
    out = replace(program.readout, neuron=LeakyIntegrator(np.zeros(2)))
    forgets = replace(program, populations=(out,))
    with pytest.raises(Refused, match="the read-out out is a LeakyIntegrator"):
        write_form("verilog", forgets, tmp_path / "verilog", exact_rule(program, 3))
    assert not (tmp_path / "verilog").exists()
