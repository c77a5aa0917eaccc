"""The fast simulator is the reference to the bit: spikes, logits, counts, executed integers."""

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import assert_same_trace, back_ends_agree, holds
from support.networks.saturated import LOGITS, SPIKES, saturated
from support.strategies.programs import programs
from support.strategies.shapes import KINDS, inputs_for
from support.vector_comparisons import (
    counts_are_exact,
    event_sums_are_exact,
    places_are_found,
)
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.graph import Conv2d, Dense, Identity, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, LeakyIntegrator, Threshold, UltraDLIF
from ultralif_deploy.program.program import Input, Population, Program, executed_arrays
from ultralif_deploy.program.trace import Reporting, run_in_steps
from ultralif_deploy.simulators.fast import products, spike_rows, synapses, tally
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.fast.whole import whole
from ultralif_deploy.simulators.native import vectors
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.verify.backends import load_on

CHAINS = programs(kinds=("threshold", "lif"), delayed=False, chain=True)
IMAGES = programs(kinds=("threshold", "lif"), delayed=False, chain=True, images=True)

COMPLETE = ("fast", "torch", "reference")
"""Back ends that refuse no program."""


def test_fast_equals_reference():
    back_ends_agree(fast.load)


@pytest.mark.parametrize("kind", KINDS)
def test_fast_equals_reference_in_networks_of_one_kind(monkeypatch, kind):
    monkeypatch.setattr(whole, "runs", lambda program: False)  # population by population
    back_ends_agree(fast.load, drawn=programs(kinds=(kind,)), examples=60)


def name_of(work):
    """Of the form that is timed."""
    way = work.args[0]  # of the whole program; else the signal of one projection
    return (way if callable(way) else work.func).__name__


def time_with(patch, seconds):
    """Let every program be timed, by this function."""
    for module in (fast, synapses):
        patch.setattr(module, "TIMED_ROWS", 1)
        patch.setattr(module, "seconds", seconds)


@pytest.mark.parametrize("faster", ["events", "product", "_by_whole"])
def test_every_form_is_exact(monkeypatch, faster):
    taken = set()

    def timed(work):
        taken.add(name_of(work))
        work()
        return float(name_of(work) != faster)

    time_with(monkeypatch, timed)
    back_ends_agree(fast.load, examples=60)
    back_ends_agree(fast.load, drawn=CHAINS, examples=40)
    back_ends_agree(fast.load, drawn=IMAGES, examples=40)
    assert taken == {"events", "product", "_by_whole", "_by_population"}


@pytest.mark.parametrize("record", [False, True])
def test_a_readout_alone_is_exact(record):
    rng = np.random.default_rng(0)
    weight, inputs = rng.integers(-8, 8, (3, 5)), rng.integers(0, 2, (4, 40, 5), dtype=np.uint8)
    readout = Population("r", 3, Integrator(), np.arange(3), np.ones(3))
    program = Program(
        Input(5, 1), (readout,), (Projection("input", "r", Dense(weight)),), "4", 4, 4
    )
    expected = reference.load(program).run(inputs, record)
    assert_same_trace(fast.load(program).run(inputs, record), expected)


def test_products_without_onnxruntime_are_exact(monkeypatch):
    def missing(_):
        raise ImportError

    monkeypatch.setattr(products, "_on_onnxruntime", missing)
    monkeypatch.setattr(whole, "runs", lambda program: False)
    time_with(monkeypatch, lambda work: float(name_of(work) == "events"))
    back_ends_agree(fast.load, examples=60)
    monkeypatch.setattr(products, "FLOAT32_EXACT", 1)
    back_ends_agree(fast.load, examples=40)


@pytest.mark.parametrize("largest", [1, 127, 128, 255])
@pytest.mark.parametrize("size", [3, 1200])
def test_products_are_exact_at_the_extremes(size, largest):
    # 1200 · 128 · 255 > 2^24: odd sums up there have no float32.
    weight = np.full((size, 4), -128, dtype=np.int8)
    weight[:, 1], weight[1::2, 2], weight[0, 3] = 127, 127, 127
    rows = np.full((3, size), largest, dtype=np.uint8)
    rows[1, 0], rows[2] = 0, np.arange(size) % (largest + 1)
    product = products.integer_product(weight, largest)(rows)
    assert_array_equal(product, rows.astype(np.int64) @ weight.astype(np.int64))
    assert product.dtype == np.int32


@pytest.mark.parametrize(("count", "held"), [(518, True), (519, False)])
def test_convolutions_are_exact_at_the_extremes(count, held):
    # 518 · 127 · 255 < 2^24 ≤ 519 · 127 · 255, where odd sums have no float32.
    weight = np.zeros((2, 1, 23, 23), dtype=np.int8)
    weight[0].flat[:count], weight[1].flat[:count:2] = 127, -127
    linear = Conv2d(weight, (1, 24, 24), padding=(1, 0))
    assert products.convolves_exactly(linear, 255) == held
    rows = np.full((3, linear.source_size), 255, dtype=np.uint8)
    rows[1, 0], rows[2] = 254, np.arange(rows.shape[1]) % 256
    made = synapses.synapses(linear, 255)
    assert isinstance(made.multiply, products.FloatConvolution) == held
    found = made.product(rows[None])[0]
    assert_array_equal(found, rows.astype(np.int64) @ linear.matrix().T.astype(np.int64))
    assert_array_equal(made.events(rows[None])[0], found)
    assert_array_equal(made.weights(), weight)


def test_event_sums_do_not_overflow():
    event_sums_are_exact(spike_rows)


@pytest.mark.parametrize("compresses", [True, False])
def test_places_of_events_are_found_with_and_without_compressing(compresses):
    places_are_found(vectors.appender(compresses))


def test_counts_of_events_are_exact():
    counts_are_exact(tally)


def test_the_largest_fan_out_is_counted_and_a_larger_one_refused():
    signal, counts = (
        np.ones((tally.LARGEST_BYTE, 1, 200), dtype=np.uint8),
        np.zeros((2, 1), dtype=np.int64),
    )
    most = 2_105_376
    cost = tally.costs([np.full(200, most)], 200)
    tally.count(signal, cost, tally.exact_within(cost), counts)
    assert counts.tolist() == [[tally.LARGEST_BYTE * 200], [tally.LARGEST_BYTE * 200 * most]]
    with pytest.raises(UltralifError, match=r"2,105,377 non-zero weights.*at most 2,105,376"):
        tally.exact_within(tally.costs([np.full(1, most + 1)], 1))


def test_record_changes_nothing_else():
    def check(data):
        program = data.draw(programs())
        inputs = data.draw(inputs_for(program, program.timesteps, 2))
        for name in COMPLETE:
            silent, recorded = (
                load_on(name, program).run(inputs, record) for record in (False, True)
            )
            assert silent.spikes is None
            assert set(recorded.spikes) == {p.name for p in program.populations if p.spikes}
            assert_array_equal(silent.logits, recorded.logits)
            assert silent.counts.as_dict() == recorded.counts.as_dict()

    holds(check, st.data(), examples=40)


@pytest.mark.parametrize("batch", [1, 2, 16, 17, 40])
def test_chunks_join_to_the_whole(monkeypatch, batch):
    def check(data):
        program = data.draw(programs())
        inputs = data.draw(inputs_for(program, program.timesteps, batch))
        expected = reference.load(program).run(inputs, record=True)
        executable = fast.load(program)
        executable.threads = 3
        for _ in range(2):  # the second time all chunks run in threads
            assert_same_trace(executable.run(inputs, record=True), expected)

    chunks = []
    real = fast.Fast._counts

    def spied(self, inputs, counters):
        chunks.append(inputs.shape[1])
        return real(self, inputs, counters)

    monkeypatch.setattr(whole, "runs", lambda program: False)  # it makes no chunks
    monkeypatch.setattr(fast.Fast, "_counts", spied)
    holds(check, st.data(), examples=10)
    monkeypatch.setattr(fast, "CHUNK_VALUES", 1)
    assert (max(chunks) < batch) == (batch > 16)
    holds(check, st.data(), examples=10)
    assert (chunks[-1] == 1) == (batch == 1 or batch > 16)


def test_inputs_may_be_broadcast_and_read_only():
    def check(data):
        program = data.draw(programs())
        once = data.draw(inputs_for(program, 1, 3))
        inputs = np.broadcast_to(once, (program.timesteps, *once.shape[1:]))
        expected = reference.load(program).run(inputs.copy(), record=True)
        assert_same_trace(fast.load(program).run(inputs, record=True), expected)

    holds(check, st.data(), examples=40)


@pytest.mark.parametrize(("time", "batch"), [(0, 2), (3, 0), (0, 0)])
def test_nothing_to_run_gives_nothing(time, batch):
    def check(program):
        inputs = np.zeros((time, batch, program.input.size), dtype=np.uint8)
        expected = reference.load(program).run(inputs, record=True)
        assert expected.logits.tolist() == [[0] * program.readout.size] * batch
        assert_same_trace(fast.load(program).run(inputs, record=True), expected)

    holds(check, programs(timesteps=3), examples=40)


@pytest.mark.parametrize("back_end", COMPLETE)
def test_executed_integers_are_those_of_the_program(back_end):
    def check(program):
        executed = load_on(back_end, program).executed()
        stored = executed_arrays(program)
        assert set(executed) == set(stored)
        for name, array in stored.items():
            assert_array_equal(executed[name], array, name)

    holds(check, programs(), examples=60)


@pytest.mark.parametrize("back_end", COMPLETE)
def test_a_run_leaves_no_trace_in_the_next(back_end):
    def check(data):
        program = data.draw(programs())
        executable = load_on(back_end, program)
        first = data.draw(inputs_for(program, program.timesteps, 2))
        other = data.draw(inputs_for(program, program.timesteps, 3))
        before = executable.run(first, record=True)
        executable.run(other)
        assert_same_trace(executable.run(first, record=True), before)

    holds(check, st.data(), examples=40)


def by_hand(hidden, weight, bias=None):
    """Two inputs, two neurons that drive themselves, a read-out of one."""
    unit = np.ones(2)
    bias = np.zeros(2) if bias is None else np.array(bias)
    return Program(
        Input(2, 255),
        (
            Population("h", 2, hidden, bias, unit),
            Population("out", 1, Integrator(), np.array([-1]), np.ones(1)),
        ),
        (
            Projection("input", "h", Dense(np.array(weight))),
            Projection("h", "h", Dense(np.array([[0, -5], [0, 3]]))),
            Projection("h", "out", Dense(np.array([[4, 2]]))),
        ),
        "8",
        3,
        3,
    )


def runs(program, values):
    inputs = np.array(values, dtype=np.uint8)[:, None, :]
    for back_end in COMPLETE:
        yield load_on(back_end, program).run(inputs, record=True)


def test_threshold_by_hand():
    # I = (x0 − 5·h1', 2·x1 + 3·h1'), h' of the timestep before; fires above (1, 2).
    program = by_hand(Threshold(np.array([1, 2])), [[1, 0], [0, 2]])
    for trace in runs(program, [[1, 2], [7, 0], [2, 1]]):
        # t0: (1, 4) -> (0, 1). t1: (7 − 5, 0 + 3) -> (1, 1). t2: (2 − 5, 2 + 3) -> (0, 1).
        assert trace.spikes["h"][:, 0].tolist() == [[0, 1], [1, 1], [0, 1]]
        assert trace.logits.tolist() == [[2 + 6 + 2 - 3]]
        assert trace.counts.as_dict() == {
            "samples": 1,
            "timesteps": 3,
            # The input sends 2 + 1 + 2 values, each through one weight; h1's spikes of t0 and t1
            # go through two weights one timestep later, h0's of t1 through none.
            "synaptic_operations": {"input->h": 5, "h->h": 4, "h->out": 4},
            "spikes": {"input": 5, "h": 4},
            "multiply_accumulates": 5,
        }


def test_lif_by_hand():
    # v = leak(v) + 64·x; decay 2048 halves; thresholds 64 and 8388606, the second saturates.
    hidden = LIF(np.array([64, 8388606]), np.array([2048, 0]), np.zeros(2))
    program = by_hand(hidden, [[1, 0], [0, 127]], bias=[1, 8000000])
    for trace in runs(program, [[1, 0], [1, 0], [0, 48]]):
        # n0: 65 > 64 fires, v = 0; then again; then 1.
        # n1: 8000000; saturates at 8388607 > 8388606: fires, v = 0; 8000000 + 64·(127·48 + 3).
        assert trace.spikes["h"][:, 0].tolist() == [[1, 0], [1, 1], [0, 1]]
        assert trace.logits.tolist() == [[4 + 6 + 2 - 3]]


def test_a_leaky_readout_saturates_on_both_sides():
    # A decay of 0 adds up: ±64·127·255·100 a timestep pass ±(2^31 − 1) in the eleventh; then back.
    readout = Population("out", 2, LeakyIntegrator(np.zeros(2)), np.zeros(2), np.ones(2))
    weight = np.zeros((2, 200), dtype=np.int8)
    weight[0, :100], weight[0, 100:] = 127, -127
    weight[1] = -weight[0]
    projection = Projection("input", "out", Dense(weight))
    program = Program(Input(200, 255), (readout,), (projection,), "8", 12, 1)
    inputs = np.zeros((12, 1, 200), dtype=np.uint8)
    inputs[:11, :, :100] = 255
    step = 64 * 127 * 255 * 100
    assert 10 * step < 2**31 - 1 < 11 * step
    for steps, expected in ((10, 10 * step), (11, 2**31 - 1), (12, 2**31 - 1 - step)):
        inputs[11, :, 100:] = 255
        for back_end in COMPLETE:
            trace = load_on(back_end, program).run(inputs[:steps])
            assert trace.logits.tolist() == [[expected, -expected]], back_end


def test_ultradlif_by_hand():
    # Released form, two neurons: both see the larger membrane. No drive of neuron 1 but leak −1·64.
    hidden = UltraDLIF(np.array([100, 500]), np.array([4096, 0]), "released")
    program = by_hand(hidden, [[1, 0], [0, -1]])
    for trace in runs(program, [[2, 1], [0, 0], [8, 0]]):
        # t0: v = (128, −64): 128 > 100 fires, not > 500; after (0, −64).
        # t1: v = (0, −64): none. t2: v = (512, −64): both fire.
        assert trace.spikes["h"][:, 0].tolist() == [[1, 0], [0, 0], [1, 1]]


@pytest.mark.parametrize("back_end", COMPLETE)
def test_membranes_saturate_at_the_largest_value(back_end):
    trace = load_on(back_end, saturated()).run(np.zeros((2, 1, 2), dtype=np.uint8), record=True)
    assert {name: spikes[:, 0].tolist() for name, spikes in trace.spikes.items()} == dict.fromkeys(
        ("lif", "cubalif", "released", "paper", "logmax"), SPIKES
    )
    assert trace.logits.tolist() == [LOGITS]


def test_one_neuron_is_its_own_neighbour():
    for form, expected in (("released", [0, 0, 1]), ("paper", [0, 1, 0])):
        # decay 4096: released forgets 1, then 1, then 2 > 1; paper keeps max(0, v) = v: 1, 2, 2.
        hidden = UltraDLIF(np.array([64]), np.array([4096]), form)
        program = Program(
            Input(1, 2),
            (
                Population("h", 1, hidden, np.zeros(1), np.ones(1)),
                Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
            ),
            (
                Projection("input", "h", Identity(1)),
                Projection("h", "out", Identity(1)),
            ),
            "8",
            3,
            3,
        )
        values = [[1], [1], [2]] if form == "released" else [[1], [1], [1]]
        for trace in runs(program, values):
            assert trace.spikes["h"][:, 0, 0].tolist() == expected


def test_unknown_back_end():
    with pytest.raises(UltralifError, match=r"back end 'abacus'; available: reference, fast"):
        load_on("abacus", by_hand(Threshold(np.zeros(2)), [[1, 0], [0, 1]]))


@pytest.mark.parametrize("back_end", COMPLETE)
@pytest.mark.parametrize(
    "inputs",
    [np.zeros((3, 1, 2), np.int64), np.zeros((3, 1, 3), np.uint8), np.zeros((3, 2), np.uint8)],
    ids=["dtype", "width", "axes"],
)
def test_wrong_inputs_are_refused(back_end, inputs):
    program = by_hand(Threshold(np.zeros(2)), [[1, 0], [0, 1]])
    with pytest.raises(UltralifError, match=r"inputs are .*; expected uint8 \[time, batch, 2\]"):
        load_on(back_end, program).run(inputs)


class Telling:
    """The reference, telling of every sample."""

    def __init__(self, program):
        self.executable = reference.load(program)
        self.on_sample = None

    def run(self, inputs, record=False):
        for sample in range(inputs.shape[1]):
            self.on_sample(sample + 1)
        return self.executable.run(inputs, record)


def test_steps_give_the_whole_trace_and_tell_of_every_sample():
    program = by_hand(Threshold(np.zeros(2)), [[1, 0], [0, 1]])
    inputs = np.random.default_rng(0).integers(0, 2, (3, 5, 2), dtype=np.uint8)
    whole = reference.load(program).run(inputs, record=True)
    for executable, expected in (
        (reference.load(program), [2, 4, 5]),
        (Telling(program), [1, 2, 2, 3, 4, 4, 5, 5]),
    ):
        told = []
        assert isinstance(executable, Reporting) == (len(expected) > 3)
        assert_same_trace(run_in_steps(executable, inputs, 2, told.append, record=True), whole)
        assert told == expected
    told = []
    assert len(run_in_steps(reference.load(program), inputs[:, :0], 2, told.append).logits) == 0
    assert told == [0]
