"""The comparisons that tests make of the kernels on the processor's vectors.

They are apart from the tests, so that planted bugs meet them too. Each function raises
AssertionError at the first difference.
"""

import itertools
from collections.abc import Callable
from functools import cache
from typing import Any
from unittest.mock import patch

import numba
import numpy as np
from numpy.testing import assert_array_equal

from support.strategies.second_order import FREE, SPIKING
from support.strategies.second_order import MODELS as SECOND_ORDER
from ultralif_deploy.program.exits import ExitRule, Stopped, exact_rule
from ultralif_deploy.program.fixed import largest_held
from ultralif_deploy.program.graph import INPUT, Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import (
    LIF,
    CubaLI,
    CubaLIF,
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    Integrator,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    MultiThreshold,
    NeuronModel,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.simulators.fast.whole import kernel, laying, models, tables
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates


def event_sums_are_exact(spike_rows: Any) -> None:
    """Sums of many extreme weights, around the sizes at which the kernels group events and rows."""
    group, lanes = spike_rows.EVENTS_PER_GROUP, spike_rows.LANES
    counts = [0, 1, 7, 8, 9, 15, 16, lanes, group - 1, group, group + 1, group + 8, 2 * group + 9]
    for sources in (5, lanes, 2 * group + 15):
        rows = np.zeros((1, len(counts) * 3, sources), dtype=np.uint8)
        for row in range(rows.shape[1]):  # enough rows for a second block
            rows[0, row, max(0, sources - counts[row % len(counts)]) :] = 1
        rows = rows[:, ::-1].repeat(2, axis=0)
        for neurons in (1, lanes - 1, lanes, lanes + 3):
            weight = np.full((neurons, sources), 127, dtype=np.int8)
            weight[::2] = -128
            weight[::3] = np.random.default_rng(0).integers(-128, 128, weight[::3].shape)
            tiles = spike_rows.tiled(weight)
            np.testing.assert_array_equal(spike_rows.untiled(tiles, neurons), weight)
            exact = rows.astype(np.int64) @ weight.T.astype(np.int64)
            np.testing.assert_array_equal(spike_rows.currents(rows, tiles, neurons), exact)


def places_are_found(append_places: Any) -> None:
    """The set bits of masks, in order, from any first place, one mask after the other."""
    generator = np.random.default_rng(1)
    masks = [0, 1, 1 << 63, (1 << 64) - 1, 0xFF, (1 << 17) - 1]
    masks += [int(m) for m in generator.integers(0, 1 << 64, 20, dtype=np.uint64)]
    masks += [m & n & k for m, n, k in zip(masks, masks[7:], masks[9:], strict=False)]

    @numba.njit
    def find(masks, firsts, places):  # type: ignore[no-untyped-def]
        found = 0
        for i in range(len(masks)):
            found = append_places(masks[i], firsts[i], places, found)
        return found

    firsts = generator.integers(0, 1 << 20, len(masks))
    places = np.zeros(64 * len(masks) + 64, dtype=np.uint32)
    found = find(np.array(masks, dtype=np.uint64), firsts, places)
    pairs = zip(masks, firsts, strict=True)
    expected = [first + i for mask, first in pairs for i in range(64) if mask >> i & 1]
    np.testing.assert_array_equal(places[:found], expected)


def counts_are_exact(tally: Any) -> None:
    """Counts of spikes and their costs at extremes, for sizes and times around the kernels' own."""
    generator = np.random.default_rng(2)
    for size in (1, 63, 64, 65, 200):
        for time, batch in ((1, 1), (3, tally.SAMPLES_PER_BLOCK + 1), (tally.LARGEST_BYTE + 2, 2)):
            signal = generator.integers(0, 3, (time, batch, size)).astype(np.uint8)
            signal[:, 0] = 1
            signal[0, 0, size // 2] = 9  # the largest comes once and early
            for most in (1, 1 << 20):
                prices = generator.integers(-most, most + 1, (2, size))
                prices[0] = -most
                cost = tally.costs(list(prices), size)
                counts = np.ones((3, batch), dtype=np.int64)
                assert tally.count(signal, cost, tally.exact_within(cost), counts) == signal.max()
                active = (signal != 0).sum(axis=0, dtype=np.int64)
                np.testing.assert_array_equal(counts[0], 1 + active.sum(axis=1))
                np.testing.assert_array_equal(counts[1:], 1 + (active @ prices.T).T)


def products_are_exact(product_tiles: Any, instruction: str, largest: int = 255) -> None:
    """Sums of extreme bytes in tiles of each size, by some instructions.

    Args:
        product_tiles: the module.
        instruction: one of its `instructions`.
        largest: largest byte; pairs are added in 16 bits where that says that they may be.
    """
    generator = np.random.default_rng(4)
    group = product_tiles.added_in_16_bits(largest)
    for vectors, together in product_tiles.together(instruction).items():
        product = product_tiles.tiling(vectors, instruction, instruction == "avx2" and group > 0)

        @numba.njit
        def run(signal, starts, distances, weight, current, ends, product=product):  # type: ignore[no-untyped-def]
            quads = len(distances)
            product(signal, starts, 1, distances, quads, weight, 0, current, ends, 2, group)

        size = 4 * (2 * group + 5)
        rows = generator.integers(0, largest + 1, (together + 1, size)).astype(np.uint8)
        rows[-1] = largest
        weight = generator.integers(-128, 128, (16 * vectors, size)).astype(np.int8)
        weight[:2] = [[-128], [127]]
        packed = product_tiles.packed(weight)
        assert_array_equal(product_tiles.unpacked(packed, len(weight)), weight)
        places, width = np.arange(together + 1), 16 * vectors + 2
        current = np.zeros((together + 1, width), dtype=np.int32)
        distances = np.arange(0, size, 4)
        run(rows.reshape(-1), places * size, distances, packed, current.reshape(-1), places * width)
        assert_array_equal(current[1:, 2:], rows[1:].astype(int) @ weight.T.astype(int))
        assert not current[0].any()


def lanes_are_exact(leaky_lanes: Any) -> None:
    """Updates of leaky neurons at their extremes in each reset mode, against the reference."""
    rng = np.random.default_rng(6)
    time, size = 9, 2 * leaky_lanes.WORD_LANES
    cases = itertools.product((LIF, CubaLIF), RESETS, ((15, 24), (12, 30)))
    for number, (model, reset_mode, (bits, width)) in enumerate(cases):
        top = largest_held(width)
        near = rng.choice([-top, -65, -1, 0, 1, 64, top - 1, top], (4, size))
        decays = rng.choice([0, 1, 1 << bits - 2, (1 << bits) - 1, 1 << bits], (model.WORDS, size))
        limit = np.where(rng.random(size) < 0.3, -top - 2, near[0])  # it fires where saturated
        floor = np.minimum(near[2], -1)
        neuron = model(limit, *decays, near[1], reset_mode, bits, width, floor=floor)
        bias, current = near[3] // 3, rng.integers(-3, 4, (time, size)) * (top >> 9)
        assert leaky_lanes.fits(neuron, 3 * (top >> 9), bias)
        values = leaky_lanes.parameters(neuron, bias).reshape(-1)
        v = np.zeros(model.WORDS * size, dtype=np.int32)
        spikes = np.zeros(time * size, dtype=np.uint8)
        drive = current.astype(np.int32).reshape(-1)
        fields = {"width": size, "bits": bits, "fraction": 6, "top": top}
        (one,) = laying.table([fields], tables.SOURCE_FIELDS)
        run = leaky_lanes.UPDATES[number // 2]
        run(one, values, drive, 0, size, v, len(v), 0, spikes, 0, 1, time)
        parameters = {name: one.tolist() for name, one in neuron.parameters().items()}
        state, expected = [0] * len(v), []
        for now in current.tolist():
            fired, state = updates.step(neuron, parameters, bias.tolist(), now, state)
            expected += fired
        assert_array_equal(spikes, expected)
        assert_array_equal(v, state)


def drawn_neuron(
    rng: np.random.Generator, kind: str, number: int, limit: np.ndarray
) -> NeuronModel:
    """Neurons of a kind with a limit each, in current units.

    Args:
        rng: random parameters.
        kind: one of `MODELS`.
        number: LIF takes the reset modes in turn.
        limit: int64 [neuron].
    """
    size, decay = len(limit), rng.integers(0, 2000, len(limit))
    near = rng.integers(0, 100, (3, size)).cumsum(axis=0) * (2 + np.abs(limit) // 100)
    levels, share = (limit + near).reshape(-1), np.array([500, 2000, 4096])
    table, stride = np.sort(rng.integers(0, 9000, 40))[::-1], 1 + size // 5
    soft = rng.integers(-300, 2000, size), table
    if kind == "lif":
        mode, reset = list(RESETS)[number % len(RESETS)], 32 * np.abs(near[0] - near[1])
        return LIF(64 * limit + 1, 2 * decay, reset, mode, floor=-100 * np.abs(limit))
    if kind in SPIKING:
        return SECOND_ORDER[kind](4 * limit, **drawn_words(rng, kind, size))
    made: dict[str, Callable[[], NeuronModel]] = {
        "threshold": lambda: Threshold(limit),
        "tropical": lambda: TropicalLIF(limit, decay // 9, -near[0], near[2]),
        "released": lambda: UltraDLIF(64 * (limit + near[2]), decay, "released", stride),
        "paper": lambda: UltraDLIF(64 * (limit + near[2]), decay, "paper", stride),
        "logmax": lambda: LogMaxLIF(64 * limit, *soft, 9),
        "multi": lambda: MultiThreshold(levels, 3),
        "gradedlif": lambda: GradedLIF(64 * levels, decay, share, 3),
        "gradedmax": lambda: GradedLogMaxLIF(64 * levels, *soft, share, 9, 3),
        "gradedreleased": lambda: GradedUltraDLIF(64 * levels, decay, share, 3, "released", 3),
        "gradedpaper": lambda: GradedUltraDLIF(64 * levels, decay, share, 3, "paper", 2),
    }
    return made[kind]()


def drawn_words(rng: np.random.Generator, kind: str, size: int) -> dict[str, np.ndarray]:
    """Parameters of a model with two state words beside its threshold, in quarters of a current.

    Args:
        rng: random parameters.
        kind: a key of `SECOND_ORDER`.
        size: neurons.
    """
    widths = {"shift": 2, "coefficient_bits": 12, "state_bits": 20}
    drawn = {name: np.full(size, value) for name, value in widths.items()}
    drawn |= {name: rng.integers(1000, 4096, size) for name in SECOND_ORDER[kind].COEFFICIENTS}
    return drawn | {name: rng.integers(0, 500, size) for name in FREE[kind]}


MODELS = (
    *("released", "paper", "logmax", "tropical", *SPIKING),
    *("multi", "gradedlif", "gradedmax", "gradedreleased", "gradedpaper"),
)
"""Kinds of `drawn_neuron` beside LIF and threshold units."""


def drawn_chain(
    rng: np.random.Generator,
    sizes: tuple[int, ...],
    time: int,
    kinds: tuple[str, ...] = ("threshold",),
) -> Program:
    """A dense chain of random 8-bit weights, some of them 0, with biases and near thresholds.

    Populations take the kinds in turn.
    """
    populations, projections, source = [], [], INPUT
    names = [*(f"hidden{i}" for i in range(1, len(sizes) - 1)), "readout"]
    for k, (name, before, size) in enumerate(zip(names, sizes[:-1], sizes[1:], strict=True)):
        weight = rng.integers(-128, 128, (size, before)) * (rng.random((size, before)) < 0.8)
        spread = int(128 * before**0.5 / 4)
        limit = rng.integers(-spread, spread + 1, size)
        neuron: NeuronModel = Integrator()
        if name != "readout":
            neuron = drawn_neuron(rng, kinds[k % len(kinds)], k + time, limit)
        bias = rng.integers(-9, 10, size)
        populations.append(Population(name, size, neuron, bias, np.ones(size)))
        projections.append(Projection(source, name, Dense(weight.astype(np.int8))))
        source = name
    return Program(Input(sizes[0], 1), tuple(populations), tuple(projections), "8", time, 1)


def drawn_graph(
    rng: np.random.Generator, time: int, delayed: bool, readout: NeuronModel | None = None
) -> Program:
    """Three populations of which the last hears all others, by weights and as they are.

    Args:
        rng: random weights of 8 bits.
        time: timesteps.
        delayed: whether the first and the last hear themselves and each other one timestep later.
        readout: None is a read-out that leaks.
    """
    size, classes, inputs = 66, 3, 20
    readout = readout or LeakyIntegrator(rng.integers(0, 4097, classes))
    decay = rng.integers(0, 4097, size)
    spiking = (
        Threshold(rng.integers(-200, 200, size)),
        LIF(64 * rng.integers(0, 300, size), decay, np.zeros(size), "subtract"),
        LIF(64 * rng.integers(-100, 300, size), decay, np.zeros(size)),
    )
    ends = [(INPUT, "a"), ("a", "b"), ("a", "c"), (INPUT, "c"), ("b", "c"), ("a", "r"), ("c", "r")]
    if delayed:
        ends += [("c", "a"), ("c", "c"), ("a", "a")]
    sizes = {INPUT: inputs, "a": size, "b": size, "c": size, "r": classes}
    projections = []
    for source, target in ends:
        weight = rng.integers(-128, 128, (sizes[target], sizes[source])).astype(np.int8)
        same = (source, target) in (("a", "c"), ("c", "a"))
        projections.append(Projection(source, target, Identity(size) if same else Dense(weight)))
    bias = rng.integers(-9, 10, size)
    populations = [
        *(
            Population(n, size, one, bias, np.ones(size))
            for n, one in zip("abc", spiking, strict=True)
        ),
        Population("r", classes, readout, bias[:classes], np.ones(classes)),
    ]
    return Program(Input(inputs, 1), tuple(populations), tuple(projections), "8", time, 1)


def drawn_images(rng: np.random.Generator) -> Program:
    """A convolution into rings across its channels, which are not beside each other in memory."""
    linear = Conv2d(
        rng.integers(-128, 128, (3, 1, 2, 2)).astype(np.int8), (1, 4, 4), (1, 1), (1, 1)
    )
    size = linear.target_size
    limit = rng.integers(-100, 300, size)
    rings = UltraDLIF(64 * limit, rng.integers(0, 2000, size), "released", size // 3)
    weight = rng.integers(-128, 128, (3, size)).astype(np.int8)
    populations = (
        Population("a", size, rings, rng.integers(-9, 10, size), np.ones(size)),
        Population("r", 3, Integrator(), np.zeros(3), np.ones(3)),
    )
    projections = Projection(INPUT, "a", linear), Projection("a", "r", Dense(weight))
    return Program(Input(16, 1), populations, projections, "8", 3, 1)


def wholes_are_exact(whole: Any, block: int = kernel.ROWS_PER_BLOCK) -> None:
    """Programs around the sizes at which the kernel makes tiles and blocks, against the reference.

    Chains, and graphs whose populations hear several others, some of them one timestep later.
    """
    for program, inputs, expected in _expected_of_wholes(block):
        for threads, share in ((1, 0), (2, 1)):
            shares = patch.dict(whole.lay_out.__globals__, EVENT_SHARE=share)
            with patch.object(whole, "LEAST_SHARED", 0), shares:
                made = whole.Whole(program)
                run = made.run(inputs, True, threads)
            _assert_same(run, expected)
            assert run.highest == inputs.max(initial=0)
        weights, values = made.executed()
        for p in program.projections:
            if isinstance(p.map, Dense):
                assert_array_equal(weights[p.name], p.map.weight)
        for one in program.populations:
            assert_array_equal(values[one.name], models.lanes_of(one).own())


@cache
def _expected_of_wholes(block: int) -> list[tuple[Program, np.ndarray, Trace]]:
    """Programs and inputs of `wholes_are_exact`, and what the reference makes of them."""
    rng = np.random.default_rng(3)
    drawn = []
    for sizes in ((70, 5), (10, 130, 3), (67, 64, 65, 12)):
        for time, batch, kind in (
            (1, block + 3, "threshold"),
            (block + 6, 1, "lif"),
            (7, 10, "lif"),
        ):
            drawn.append((drawn_chain(rng, sizes, time, (kind,)), batch))
    sizes = 20, *range(62, 62 + len(MODELS)), 3
    drawn += [(drawn_chain(rng, sizes, 2, MODELS), 3), (drawn_images(rng), 3)]
    sums = LeakySum(**drawn_words(rng, "leaky_sum", 3))
    for readout in (CubaLI(*rng.integers(0, 4097, (2, 3))), sums):
        drawn.append((drawn_graph(rng, 5, True, readout), 3))
    for delayed in (False, True):
        drawn += [(drawn_graph(rng, time, delayed), batch) for time, batch in ((9, 2), (3, block))]
    found = []
    for program, batch in drawn:
        shape = program.timesteps, batch, program.input.size
        inputs = (rng.random(shape) < 0.3).astype(np.uint8)
        found.append((program, inputs, reference.load(program).run(inputs, record=True)))
    return found


def wholes_stop_exactly(whole: Any) -> None:
    """Samples that stop early, more of them than a block holds, against the reference."""
    for program, inputs, rule, expected in _expected_of_stops():
        made = whole.Whole(program)
        for threads in (1, 2):
            with patch.object(whole, "LEAST_SHARED", 0):
                run = made.run(inputs, True, threads, rule)
            assert_array_equal(run.timesteps, expected.timesteps)
            _assert_same(run, expected.trace)
        assert_array_equal(made.run(inputs, False, 1, rule).logits, expected.trace.logits)


@cache
def _expected_of_stops() -> list[tuple[Program, np.ndarray, ExitRule, Stopped]]:
    """Programs, inputs and rules of `wholes_stop_exactly`, and what the reference makes of them."""
    rng = np.random.default_rng(5)
    time, batch = 5, kernel.ROWS_PER_BLOCK + 6
    found = []
    for program in (
        drawn_chain(rng, (70, 5), time),
        drawn_chain(rng, (20, 66, 65, 3), time),
        drawn_chain(rng, (20, 66, 3), time, ("lif",)),
        drawn_chain(rng, (20, 66, 67, 3), time, ("tropical", "gradedreleased")),
        drawn_graph(rng, time, delayed=True, readout=Integrator()),
    ):
        inputs = (rng.random((time, batch, program.input.size)) < 0.3).astype(np.uint8)
        heard = sum(p.map.source_size for p in program.incoming(program.readout.name))
        margin = np.full(time, int(64 * heard**0.5))
        rule = ExitRule(margin, exact_rule(program, time).gain)
        expected = reference.load(program).run_until_exit(inputs, rule, record=True)
        assert len(np.unique(expected.timesteps)) > 3
        found.append((program, inputs, rule, expected))
    return found


def _assert_same(run: Any, expected: Trace) -> None:
    assert expected.spikes is not None
    assert_array_equal(run.logits, expected.logits)
    counts = expected.counts
    for found, counted in (
        (run.spike_counts, counts.spikes),
        (run.operations, counts.synaptic_operations),
    ):
        assert found.keys() == counted.keys()
        for name, values in counted.items():
            assert_array_equal(found[name], values)
    assert run.spikes.keys() == expected.spikes.keys()
    for name, spikes in expected.spikes.items():
        assert_array_equal(run.spikes[name], spikes)
