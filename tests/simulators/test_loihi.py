"""The Loihi models: exact where they accept, refusals that name limit and way out, activity."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from support.commands import DEMO, ultralif
from support.comparisons import assert_same_trace, holds
from support.networks.placed import chain, spikes_in
from support.planting import copy_of
from support.strategies.programs import programs
from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import LIF, TropicalLIF
from ultralif_deploy.program.program import Program, executed_arrays
from ultralif_deploy.program.trace import Executable
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.simulators.reference import simulator as reference

Load = Callable[[Program], Executable]


def exact_where_accepted(
    load: Load, drawn: st.SearchStrategy[Program], examples: int, planted: bool = False
) -> int:
    """Spikes, logits, counts and executed weights; returns how many programs were accepted."""
    accepted = 0

    def check(data: st.DataObject) -> None:
        nonlocal accepted
        program = data.draw(drawn)
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        try:
            executable = load(program)
        except Refused:
            return
        accepted += 1
        expected = reference.load(program).run(inputs, record=True)
        assert_same_trace(executable.run(inputs, record=True), expected)
        for name, array in executed_arrays(program).items():
            np.testing.assert_array_equal(executable.executed()[name], array, name)

    holds(check, st.data(), examples=examples, planted=planted)
    return accepted


def test_loihi2_is_exact_where_it_accepts() -> None:
    kinds = ("threshold", "tropical", "lif", "cubalif", "logmax")
    assert exact_where_accepted(loihi.load2, programs(kinds=kinds), 400) > 40


def test_loihi1_is_exact_where_it_accepts() -> None:
    binary = programs(kinds=("threshold", "lif"), readouts=("integrator", "li")).filter(
        lambda p: p.input.maximum == 1
    )
    assert exact_where_accepted(loihi.load1, binary, 320) > 16


def lif(size: int, mode: str = "value", threshold: int = 64, reset: int = 0) -> LIF:
    def ones(value: int) -> np.ndarray:
        return np.full(size, value, dtype=np.int32)

    return LIF(ones(threshold), ones(410), ones(reset), mode)


def test_biases_are_no_part_of_the_synaptic_sums() -> None:
    """40000 membrane units are 625 weight units, far from the accumulator's 32767."""
    program = chain((3, 2, 1), lambda size: lif(size, threshold=64 * 900))
    driven = replace(program.populations[0], bias=np.full(2, 40000))
    program = replace(program, populations=(driven, program.populations[1]))
    inputs = spikes_in(program)
    expected = reference.load(program).run(inputs, record=True)
    assert expected.spikes is not None
    assert 0 < expected.spikes["p0"].mean() < 1
    assert_same_trace(loihi.load1(program).run(inputs, record=True), expected)


def tropical(size: int) -> TropicalLIF:
    zeros = np.zeros(size, dtype=np.int32)
    return TropicalLIF(zeros + 5, zeros + 1, zeros, zeros)


def recurrent(program: Program, source: str, target: str) -> Program:
    sizes = {p.name: p.size for p in program.populations}
    weight = np.ones((sizes[target], sizes[source]), dtype=np.int8)
    added = Projection(source, target, Dense(weight))
    return replace(program, projections=(*program.projections, added))


REFUSED: dict[str, tuple[Load, Program, str]] = {
    "graded": (loihi.load1, chain((4, 3, 2), maximum=7), r"inputs up to 7; .*at most 1; encode"),
    "sums": (loihi.load1, chain((600, 3, 2)), r"p0: synaptic sums reach \d+; limit 32767; use few"),
    "logits": (
        loihi.load1,
        chain((4, 200, 2), timesteps=50),
        r"out: logits may reach \d+; limit 1",
    ),
    "tropical": (
        loihi.load1,
        chain((4, 3, 2), tropical),
        "p0: stock neurons have no TropicalLIF; use lava, which takes every model",
    ),
    "reset": (
        loihi.load1,
        chain((4, 3, 2), lambda n: lif(n, "subtract", 64, 64)),
        "p0: reset subtract; stock neurons reset to 0; use loihi2 or lava",
    ),
    "fraction": (loihi.load1, chain((4, 3, 2), lambda n: lif(n, threshold=65)), "multiples of 64"),
    "profiles": (
        loihi.load1,
        chain((4, 9, 2), lambda n: replace(lif(n), decay=np.arange(n, dtype=np.int32))),
        "9 different thresholds and decays; limit 8",
    ),
    "loop": (
        loihi.load2,
        recurrent(chain((4, 3, 3, 2)), "p1", "p0"),
        "p1->p0: spikes must come back after one timestep",
    ),
    "axons": (
        loihi.load1,
        chain((8400, 2, 2), bits="2"),
        r"6\d\d\d input axons of a core; limit 4096",
    ),
    "width": (
        loihi.load2,
        chain((66000, 1, 1), maximum=255, bits="2"),
        r"p0: Threshold may reach \d+; limit 8388607 \(24 bits\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refusals_name_limit_need_and_way_out(case: str) -> None:
    load, program, message = REFUSED[case]
    with pytest.raises(Refused, match=message):
        load(program)


def test_activity_counts_what_the_trace_counts() -> None:
    program = chain((30, 1500, 8), bits="2")
    made = loihi.load1(program)
    inputs = spikes_in(program, 4)
    counts = made.run(inputs).counts
    found = made.describe()["activity"]
    operations = sum(int(v.sum()) for v in counts.synaptic_operations.values())
    assert found["synaptic_operations"] == operations
    # Every input reaches both cores of p0, every spike of p0 the one core of the read-out.
    sent = 2 * int(counts.spikes[INPUT].sum()) + int(counts.spikes["p0"].sum())
    assert found["messages"] == sent
    neurons = 1508 * found["chip_timesteps"]
    assert found["updates_active"] + found["updates_inactive"] == neurons
    slowest = found["longest_timestep_ns"]
    assert slowest > 113 + 750 * 5.3
    assert found["mean_timestep_ns"] <= slowest
    assert loihi.load2(program).describe()["activity"]["mean_timestep_ns"] is None


@pytest.mark.parametrize("load", [loihi.load1, loihi.load2])
def test_a_changed_weight_or_register_shows(load: Callable[[Program], loihi.Loihi]) -> None:
    program = chain((6, 5, 2))
    made = load(program)
    made.weights["input->p0"].data[3] += made.factor
    changed = made.executed()
    assert not np.array_equal(changed["input->p0"], program.projections[0].map.matrix())
    population = replace(program.populations[0], bias=np.ones(5, dtype=np.int32))
    other = load(replace(program, populations=(population, program.populations[1])))
    made.units["p0"] = other.units["p0"]
    assert not np.array_equal(made.executed()["p0.bias"], program.populations[0].bias)


PLANTED = {
    "membranes do not wait": ("simulators.loihi.simulator", "t = now - depth[p.name]", "t = now"),
    "no synaptic delay": (
        "simulators.loihi.simulator",
        "now - 1 - placement.delays[q.name]",
        "now - 1",
    ),
    "decay rounds down": (
        "chips.registers",
        "np.sign(v) * ((np.abs(v) * (DECAY_ONE - self.decay)) >> 12)",
        "(v * (DECAY_ONE - self.decay)) >> 12",
    ),
}


@pytest.mark.parametrize("bug", PLANTED)
def test_planted_bugs_are_found(bug: str) -> None:
    module, old, new = PLANTED[bug]
    changed = copy_of(f"ultralif_deploy.{module}", (old, new))
    load = getattr(changed, "load1", None)
    if load is None:
        loihi = "ultralif_deploy.simulators.loihi.simulator"
        load = copy_of(loihi, registers=changed.registers).load1
    binary = programs(kinds=("threshold", "lif"), readouts=("integrator", "li")).filter(
        lambda p: p.input.maximum == 1
    )
    with pytest.raises(AssertionError):
        exact_where_accepted(load, binary, 300, planted=True)


def test_the_report_carries_the_placement(tmp_path: Path) -> None:
    report = ultralif(
        *("verify", DEMO, "--data", "digits", "--certify", 5, "--json", "--on", "loihi1"),
        *("-o", tmp_path),
    )
    facts = report.json()["backends"]["loihi1"]["facts"]
    assert facts["placement"]["cores"] >= 2
    assert facts["placement"]["worst_core"] in facts["placement"]["populations"]
    assert facts["activity"]["samples"] == 5


def test_the_placement_stands_in_the_summary_where_a_chip_ran(tmp_path: Path) -> None:
    def lines(back_ends: str) -> list[list[str]]:
        done = ultralif(
            *("deploy", DEMO, "--data", "digits", "--certify", 4, "--on", back_ends),
            *("-v", "-o", tmp_path),
        )
        assert done.code == 0, done.err
        rows = (re.findall(r"[^│]+", line) for line in done.out.splitlines())
        return [[cell.strip() for cell in row] for row in rows if len(row) == 8]

    assert [row[:4] for row in lines("loihi1") if row[0] == "loihi1"] == [
        ["loihi1", "neuron*", "1", "64"],
        ["loihi1", "readout", "1", "10"],
    ]
    assert not [row for row in lines("fast") if row[0].startswith("loihi")]
