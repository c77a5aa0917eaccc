"""Registers of stock neurons, and populations on cores: exact, and as the chip is published."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from support.comparisons import assert_same_trace
from support.networks.placed import chain, relays, spikes_in
from support.planting import copy_of
from ultralif_deploy.chips import Chip, chip
from ultralif_deploy.chips.placement import place
from ultralif_deploy.chips.registers import LARGEST_GUARDED, registers
from ultralif_deploy.chips.sparse_rows import sparse_rows, weight_of
from ultralif_deploy.errors import Refused
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, Dense, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.simulators.reference import simulator as reference


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


def test_a_source_with_one_synapse_takes_memory_too() -> None:
    program = chain((3, 1, 2))
    full = replace(program.projections[0], map=Dense(np.full((1, 3), 5, dtype=np.int8)))
    program = replace(program, projections=(full, program.projections[1]))
    placed = loihi.load2(program).placement.populations
    assert placed["p0"].synapse_bits.tolist() == [3 * 64]
    assert placed["p0"].state_bits.tolist() == [32]
    assert placed["out"].state_bits.tolist() == [2 * 32]


def images(strides: int = 1) -> Program:
    """Two convolutions of threshold units, 3x12x10 to 16 and 24 channels, and a read-out."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        return rng.integers(-7, 8, shape).astype(np.int8)

    first = Conv2d(weights(16, 3, 3, 3), (3, 12, 10))
    second = Conv2d(weights(24, 16, 3, 3), first.output_shape, (strides, strides))
    last = Dense(weights(4, second.target_size))
    sizes = (first.target_size, second.target_size, 4)
    units = [Threshold(rng.integers(0, 30, size).astype(np.int32)) for size in sizes[:2]]
    models, names = (*units, Integrator()), ("a", "b", "out")
    return Program(
        Input(first.source_size),
        tuple(
            Population(name, size, model, np.zeros(size), np.ones(size))
            for name, size, model in zip(names, sizes, models, strict=True)
        ),
        tuple(
            Projection(source, target, one)
            for source, target, one in zip(
                (INPUT, *names[:2]), names, (first, second, last), strict=True
            )
        ),
        "4",
        3,
        1,
    )


def small(name: str) -> Chip:
    """A chip of so small cores that images need many."""
    made = chip(name)
    return replace(made, limits=made.limits | {"neurons": 128, "synapse_bits": 90_000})


@pytest.mark.parametrize("strides", [1, 2])
def test_convolutions_keep_positions_together(strides: int) -> None:
    program = images(strides)
    made = place(program, small("loihi2"))
    for name, channels in (("a", 16), ("b", 24)):
        placed = made.populations[name]
        at = placed.core.reshape(channels, -1)  # [channel, position]
        assert np.all(np.diff(at.T.reshape(-1)) >= 0)
        assert (placed.synapse_bits + placed.state_bits).max() <= 90_000
    by_number = place(program, small("loihi2"), ("number",))
    assert made.cores < 0.9 * by_number.cores
    assert made.messages < 0.5 * by_number.messages


def test_every_core_counts_its_own_active_neurons(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loihi, "chip", small)
    made = loihi.load2(images())
    placed = made.placement.populations["a"]
    assert np.any(np.diff(placed.core) < 0)
    inputs = spikes_in(made.program, 1)
    expected = reference.load(made.program).run(inputs, record=True)
    assert_same_trace(made.run(inputs, record=True), expected)
    assert expected.spikes is not None
    current = made.program.projections[0].map.apply(inputs.astype(np.int64))
    active = ((current != 0) | (expected.spikes["a"] != 0)).sum(axis=(0, 1))
    own = np.zeros(placed.cores, dtype=np.int64)
    np.add.at(own, placed.core, active)
    columns = slice(placed.first_core, placed.first_core + placed.cores)
    assert made.activity.active[columns].tolist() == own.tolist()


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


def test_hops_are_steps_between_tiles() -> None:
    made = loihi.load1(relays(9 * 1024, 1, np.arange(0, 9 * 1024, 3)))
    fired = made.run(spikes_in(made.program, 1), record=True).spikes
    assert fired is not None
    reaches = np.diff(made.placement.synapses["p0->out"].indptr) > 0
    core, populations = made.placement.numbers, made.placement.populations
    y, x = np.divmod(core // 4, 8)  # of the cores' tiles
    here, target = populations["p0"].core, populations["out"].first_core
    steps = np.abs(x[here] - x[target]) + np.abs(y[here] - y[target])
    expected = (fired["p0"][:, 0] * reaches * steps).sum()
    assert made.describe()["activity"]["hops"] == expected > 0


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


def test_a_population_drives_itself_one_timestep_later() -> None:
    """Every core sends to itself in time, so a loop makes nothing later and waits for nothing."""
    made = chain((20, 15, 12, 2))
    rng = np.random.default_rng(3)
    loops = tuple(
        Projection(name, name, Dense(rng.integers(-40, 40, (size, size)).astype(np.int8)))
        for name, size in (("p0", 15), ("p1", 12))
    )
    program = replace(made, projections=(*made.projections, *loops))
    assert program.delayed == {"p0->p0", "p1->p1"}
    placed = place(program, chip("loihi2"))
    assert {name: p.depth for name, p in placed.populations.items()} == {"p0": 1, "p1": 2, "out": 3}
    assert set(placed.delays.values()) == {0}
    inputs = spikes_in(program)
    expected = reference.load(program).run(inputs, record=True)
    assert expected.spikes is not None
    assert all(0 < expected.spikes[name].mean() < 1 for name in ("p0", "p1"))
    assert_same_trace(expected, loihi.load2(program).run(inputs, record=True))


def test_a_longer_loop_is_refused() -> None:
    """Its spikes would be back after two timesteps; the program wants them after one."""
    made = chain((6, 5, 3, 2))
    back = Projection("p1", "p0", Dense(np.ones((5, 3), dtype=np.int8)))
    program = replace(made, projections=(*made.projections, back))
    with pytest.raises(Refused, match="p1->p0: spikes must come back after one timestep"):
        place(program, chip("loihi2"))
