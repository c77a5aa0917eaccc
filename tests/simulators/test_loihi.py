"""The Loihi models: exact where they accept, refusals that name limit and way out, placement."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import strategies as st

from support.commands import DEMO, ultralif
from support.comparisons import assert_same_trace, holds
from support.planting import copy_of
from support.strategies.programs import programs
from support.strategies.shapes import MODES, inputs_for
from ultralif_deploy.chips import chip
from ultralif_deploy.chips.registers import LARGEST_GUARDED, registers
from ultralif_deploy.chips.sparse_rows import sparse_rows, weight_of
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, NeuronModel, Threshold, TropicalLIF
from ultralif_deploy.program.program import Input, Population, Program, executed_arrays
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
    assert exact_where_accepted(loihi.load2, programs(kinds=kinds), 400) > 100


def test_loihi1_is_exact_where_it_accepts() -> None:
    binary = programs(kinds=("threshold", "lif"), readouts=("integrator", "li")).filter(
        lambda p: p.input.maximum == 1
    )
    assert exact_where_accepted(loihi.load1, binary, 320) > 40


def chain(
    sizes: tuple[int, ...],
    neuron: Callable[[int], NeuronModel] | None = None,
    seed: int = 0,
    bits: str = "8",
    timesteps: int = 4,
    maximum: int = 1,
) -> Program:
    """Fully connected populations of threshold units, or another model, and an Integrator."""
    rng = np.random.default_rng(seed)
    half = 1 << (int(bits) - 1)
    names = [INPUT, *(f"p{i}" for i in range(len(sizes) - 2)), "out"]
    populations, projections = [], []
    for i, size in enumerate(sizes[1:], 1):
        weight = rng.integers(-half, half, (size, sizes[i - 1])).astype(np.int8)
        projections.append(Projection(names[i - 1], names[i], Dense(weight)))
        zeros = np.zeros(size, dtype=np.int32)
        made = neuron(size) if neuron else Threshold(zeros + 20)
        model: NeuronModel = Integrator() if i == len(sizes) - 1 else made
        populations.append(Population(names[i], size, model, zeros, np.ones(size)))
    return Program(
        Input(sizes[0], maximum), tuple(populations), tuple(projections), bits, timesteps, 1, {}
    )


def spikes_in(program: Program, batch: int = 3, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (program.timesteps, batch, program.input.size)
    return rng.integers(0, 2, shape, dtype=np.uint8)


def test_the_guard_is_exact_up_to_its_edge() -> None:
    """Every sum from edge to edge, over the residue that any other sum leaves behind."""
    limits = chip("loihi1")

    def wrong(make: Callable[..., object], bound: int) -> int:
        weight = np.full((1, -(-bound // 127)), 127, dtype=np.int8)
        program = chain((weight.shape[1], 1, 1))
        population = replace(
            program.populations[0], neuron=Threshold(np.array([3], dtype=np.int32))
        )
        projection = replace(program.projections[0], map=Dense(weight))
        program = replace(
            program,
            populations=(population, program.populations[1]),
            projections=(projection, program.projections[1]),
        )
        unit = make(program, population, limits)
        sums = np.arange(-bound, bound + 1)
        differ = 0
        for before in (-bound, -1, 0, 3, bound):
            _, held = unit.step(unit.start(1), np.array([[before]]))  # type: ignore[attr-defined]
            spikes, _ = unit.step(held, sums[:, None])  # type: ignore[attr-defined]
            differ += int((spikes[:, 0] != (sums > 3)).sum())
        return differ

    guarded = 127 * ((LARGEST_GUARDED - 3) // 127)
    assert wrong(registers, guarded) == 0
    assert wrong(registers, 127 * 20) == 0  # beyond: decay 4096
    unguarded = copy_of(
        "ultralif_deploy.chips.registers", ("LARGEST_GUARDED = 2047", "LARGEST_GUARDED = 9999")
    )
    assert wrong(unguarded.registers, 127 * 20) > 0


def test_stock_neurons_say_what_is_unverified() -> None:
    small = loihi.load1(chain((8, 4, 2), bits="4")).describe()["models"]
    large = loihi.load1(chain((200, 4, 2))).describe()["models"]
    assert "4095" in small["p0"]
    assert "unverified" in large["p0"]


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


def relays(size: int, count: int, sources: np.ndarray) -> Program:
    """Populations that pass the input on unchanged, and a read-out of a few of the last."""
    names = [INPUT, *(f"p{i}" for i in range(count))]
    zeros = np.zeros(size, dtype=np.int32)
    populations = [Population(n, size, Threshold(zeros), zeros, np.ones(size)) for n in names[1:]]
    projections = [Projection(names[i], names[i + 1], Identity(size)) for i in range(count)]
    weight = np.zeros((1, size), dtype=np.int8)
    weight[0, sources] = 1
    projections.append(Projection(names[-1], "out", Dense(weight)))
    populations.append(Population("out", 1, Integrator(), zeros[:1], np.ones(1)))
    return Program(Input(size, 1), tuple(populations), tuple(projections), "2", 2, 1, {})


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


def test_large_populations_are_split_over_cores_and_stay_exact() -> None:
    program = chain((300, 2500, 1200, 10), bits="2")
    for load, neurons in ((loihi.load1, 1024), (loihi.load2, 8192)):
        made = load(program)
        placed = made.placement.populations
        assert made.placement.cores == sum(p.cores for p in placed.values())
        for p in placed.values():
            per_core = np.bincount(p.core)
            assert per_core.max() <= neurons
            assert per_core.max() - per_core.min() <= 1
            memory = (p.synapse_bits + p.state_bits).max()
            assert memory <= made.chip.need("synapse_bits")
        assert placed["p1"].cores > 1  # 2500 · 1200 synapses fit no single core
        inputs = spikes_in(program)
        expected = reference.load(program).run(inputs, record=True)
        assert_same_trace(made.run(inputs, record=True), expected)


def test_more_cores_than_a_chip_take_another_chip() -> None:
    made = loihi.load1(relays(40000, 4, np.arange(10)))
    facts = made.describe()["placement"]
    assert facts["chips"] == -(-facts["cores"] // 128) > 1
    made.run(spikes_in(made.program, 1))
    assert made.describe()["activity"]["messages_between_chips"] > 0


def test_axon_memory_is_the_published_formula() -> None:
    program = chain((3, 20, 2), bits="8")
    full = Dense(np.full((20, 3), 5, dtype=np.int8))
    first = replace(program.projections[0], map=full)
    program = replace(program, projections=(first, program.projections[1]))
    placed = loihi.load1(program).placement.populations["p0"]
    assert placed.synapse_bits.tolist() == [3 * 64 * -(-(10 + 20 * (8 + 5)) // 64)]
    assert placed.input_axons.tolist() == [3]
    assert placed.output_axons.tolist() == [20]


def test_skip_projections_wait_for_the_longer_way() -> None:
    program = chain((4, 4, 4, 2))
    skip = Projection(INPUT, "out", Dense(np.ones((2, 4), dtype=np.int8)))
    program = replace(program, projections=(*program.projections, skip))
    made = loihi.load2(program)
    assert made.placement.delays["input->out"] == 2
    assert [p.depth for p in made.placement.populations.values()] == [1, 2, 3]
    inputs = spikes_in(program)
    assert_same_trace(made.run(inputs, True), reference.load(program).run(inputs, True))
    assert made.describe()["activity"]["chip_timesteps"] == 3 * (program.timesteps + 3)


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


def test_hops_are_steps_between_tiles() -> None:
    made = loihi.load1(relays(9 * 1024, 1, np.arange(0, 9 * 1024, 3)))
    cores = made.placement.populations["p0"].cores
    fired = made.run(spikes_in(made.program, 1), record=True).spikes
    assert fired is not None
    reaches = np.diff(made.placement.synapses["p0->out"].indptr) > 0
    target = cores // 4  # the read-out's tile, in the first row of the mesh
    tiles = made.placement.populations["p0"].core // 4
    expected = (fired["p0"][:, 0] * reaches * np.abs(tiles - target)).sum()
    assert made.describe()["activity"]["hops"] == expected > 0


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


def test_sparse_rows_are_the_dense_map() -> None:
    rng = np.random.default_rng(0)
    for linear in (
        Conv2d(rng.integers(-3, 3, (4, 2, 3, 2)), (2, 5, 4), (2, 1), (1, 1), (1, 2)),
        Conv2d(rng.integers(-3, 3, (4, 1, 3, 3)), (2, 3, 3), (1, 1), (3, 2), (2, 1), 2),
        Dense(rng.integers(-3, 3, (4, 7)).astype(np.int8)),
        Identity(3),
    ):
        rows = sparse_rows(linear)
        np.testing.assert_array_equal(rows.toarray(), linear.matrix().T)
        if not isinstance(linear, Identity):
            np.testing.assert_array_equal(weight_of(linear, rows), linear.weight)


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


def test_the_report_carries_the_placement() -> None:
    report = ultralif(
        "verify", DEMO, "--data", "digits", "--certify", 5, "--json", "--on", "loihi1"
    )
    facts = report.json()["backends"]["loihi1"]["facts"]
    assert facts["placement"]["cores"] >= 2
    assert facts["placement"]["worst_core"] in facts["placement"]["populations"]
    assert facts["activity"]["samples"] == 5


def test_the_placement_stands_in_the_summary_where_a_chip_ran(tmp_path: Path) -> None:
    def lines(back_ends: str) -> list[list[str]]:
        done = ultralif(
            *("deploy", DEMO, "--data", "digits", "--certify", 4, "--on", back_ends),
            *("-o", tmp_path),
        )
        assert done.code == 0, done.err
        rows = (re.findall(r"[^│]+", line) for line in done.out.splitlines())
        return [[cell.strip() for cell in row] for row in rows if len(row) == 8]

    assert [row[:4] for row in lines("loihi1") if row[0] == "loihi1"] == [
        ["loihi1", "neuron*", "1", "64"],
        ["loihi1", "readout", "1", "10"],
    ]
    assert not [row for row in lines("fast") if row[0].startswith("loihi")]
