"""Joules by hand: models, ranges, baselines, and the report of them."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from support.networks.energy_programs import INPUTS, PJ, counted, on, picojoules, program
from ultralif_deploy.energy import chips
from ultralif_deploy.energy.baselines import baselines, bit_budget, break_even
from ultralif_deploy.energy.devices import SHIPPED, load_device
from ultralif_deploy.energy.estimate import estimate
from ultralif_deploy.energy.models import ENERGY_MODELS
from ultralif_deploy.energy.models.rows import CAUSES
from ultralif_deploy.energy.report import energy_csv, energy_report
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import LIF, Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program

# Models


def test_operations_by_hand() -> None:
    assert picojoules(on("cmos45")) == pytest.approx(11 * 0.1 + 9 * 0.1, rel=1e-12)
    graded = 6 * 0.3 + 5 * 0.1 + 9 * 0.1
    assert picojoules(on("cmos45", 255)) == pytest.approx(graded, rel=1e-12)


def test_leaky_membranes_multiply() -> None:
    leaky = program()
    neuron = LIF(np.full(2, 64), np.full(2, 1000), np.zeros(2))
    hidden = Population("h", 2, neuron, np.zeros(2), np.ones(2))
    leaky = Program(
        leaky.input, (hidden, leaky.readout), leaky.projections, "8", leaky.timesteps, 3
    )
    events = counted(leaky)
    found = estimate(events, load_device("cmos45"))
    expected = int(events.operations.sum()) * 0.1 + 9 * 0.1 + 6 * 3.2
    assert picojoules(found) == pytest.approx(expected, rel=1e-12)
    assert events.populations[0].state_bits == 24


def test_loihi_by_hand() -> None:
    found = on("loihi1")
    # 8 active updates of 9; two cores, so T + 2 timesteps of 3 neurons. A spike is one message:
    # 4 of inputs, 5 of h. Both cores lie on one tile.
    updates = 8 * 81.0 + (5 * 3 - 8) * 52.0
    assert picojoules(found) == pytest.approx(11 * 23.6 + updates + 9 * 1.7, rel=1e-12)
    run = counted(program()).chips["loihi1"]
    assert not isinstance(run, str)
    assert (run.messages, run.hops_east_west, run.hops_north_south) == (9, 0, 0)
    assert found.idle_j == pytest.approx(0.104 * run.seconds, rel=1e-12)
    assert found.parts_j["chip", "idle"] == found.idle_j
    assert sum(found.parts_j.values()) == pytest.approx(found.total_j + found.idle_j, rel=1e-12)


def test_sana_fe_by_hand() -> None:
    run = counted(program()).chips["loihi1"]
    assert not isinstance(run, str)
    # All biases of the threshold units are 0 or more on the chip; the read-out's is 0.
    found = picojoules(on("loihi1-sanafe"))
    expected = 11 * 35.5 + 15 * 51.2 + run.updates_moved * 21.6 + 5 * 69.3 + 9 * 111.0
    assert found == pytest.approx(expected, rel=1e-12)


def test_moved_neurons_by_hand() -> None:
    # The guard of half a unit keeps the biases of h from 0: 2 neurons, 3 timesteps. The read-out
    # holds 1 after the first timestep, −3 after the second: at rest before the first, where two
    # synapses are read.
    run = counted(program()).chips["loihi1"]
    assert not isinstance(run, str)
    assert run.updates_moved == 6 + 3
    silent = counted(program(), np.zeros_like(INPUTS)).chips["loihi1"]
    assert not isinstance(silent, str)
    assert silent.updates_moved == 6


def test_yan_and_step_by_hand() -> None:
    # 11 operations of 8 bits; h has no state, so 6 updates of 3 bits; 3 of the read-out's 32.
    bits = 2 * (6 * 3 + 3 * 32)
    yan = 11 * 0.1 + 11 * 8 * 0.3125 + bits * 0.3125 + 9 * 0.1 + 5 * 0.1
    assert picojoules(on("yan2024")) == pytest.approx(yan, rel=1e-12)
    step = 11 * 0.9 + (11 * 8 + bits) * 3.12
    assert picojoules(on("step")) == pytest.approx(step, rel=1e-12)


def test_lemaire_by_hand() -> None:
    # Dense: θ_in·N_out is 4·2 into h and 5·1 into the read-out; all memories are below 8 KiB.
    operations = (8 + 6 + 5) + (5 + 3 + 0)
    addressing = 8 + 5
    weights = (8 + 5) * 8
    potentials = 2 * ((8 + 6) * 3 + (5 + 3) * 32)
    spikes = (4 + 5) + (5 + 0)
    memory = (weights + potentials + spikes) / 64 * 10.0
    expected = (operations + addressing) * 0.1 + memory
    assert picojoules(on("lemaire2022")) == pytest.approx(expected, rel=1e-12)


def test_lemaire_of_a_convolution_by_hand() -> None:
    # 3×3 with stride 2: ⌈3/2⌉² = 4 additions per channel, 9 weights read, 2 products of addresses.
    linear = Conv2d(np.ones((2, 1, 3, 3), dtype=np.int8), (1, 5, 5), stride=(2, 2))
    size = linear.target_size
    made = Program(
        Input(25),
        (
            Population("h", size, Threshold(np.full(size, 100)), np.zeros(size), np.ones(size)),
            Population("out", 1, Integrator(), np.zeros(1), np.ones(1)),
        ),
        (
            Projection(INPUT, "h", linear),
            Projection("h", "out", Dense(np.ones((1, size), dtype=np.int8))),
        ),
        "8",
        1,
        1,
    )
    inputs = np.zeros((1, 1, 25), dtype=np.uint8)
    inputs[0, 0, :3] = 1
    rows = ENERGY_MODELS["lemaire2022"].rows(counted(made, inputs))
    mine = {(r.cause, r.constant): r.count for r in rows if r.place == "input->h"}
    assert mine["compute", "accumulate"] == 3 * 4 * 2
    assert mine["addressing", "accumulate"] == 3 * 9 * 2
    assert mine["addressing", "multiply_accumulate"] == 2 * 3
    assert mine["weight memory", "sram_8k"] == 3 * 9 * 2 * 8 / 64


@pytest.mark.parametrize(
    ("size_bits", "parts"),
    [
        (1, {"sram_8k": 1.0}),
        (8 << 13, {"sram_8k": 1.0}),
        (20 << 13, {"sram_8k": 0.5, "sram_32k": 0.5}),
        (1 << 23, {"sram_1m": 1.0}),
        (1 << 30, {"sram_1m": 1.0}),
    ],
)
def test_memories_cost_by_size(size_bits: int, parts: dict[str, float]) -> None:
    from ultralif_deploy.energy.models.lemaire import _memory

    rows = _memory("x", "weight memory", 8.0, 8, size_bits)
    assert {r.constant: r.count for r in rows} == parts


def test_paper_proxy_by_hand() -> None:
    # T = 3, rate 5/6, 6 weights (the zero one counts there), 0.9 pJ.
    assert picojoules(on("paper-proxy")) == pytest.approx(3 * 5 / 6 * 6 * 0.9, rel=1e-12)


def test_platforms_by_hand() -> None:
    assert picojoules(on("truenorth")) == pytest.approx(11 * 26.0, rel=1e-12)
    updates = 9 * 26000.0
    expected = 11 * 13300.0 + updates
    assert picojoules(on("spinnaker-kerasspiking")) == pytest.approx(expected, rel=1e-12)


def test_few_samples_run_on_the_chip_and_stand_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    many = np.concatenate([INPUTS, INPUTS, INPUTS, INPUTS, INPUTS], axis=1)
    whole = counted(program(), many)
    monkeypatch.setattr(chips, "MOST_SAMPLES", 3)
    part = counted(program(), many)
    run = part.chips["loihi1"]
    assert not isinstance(run, str)
    assert (run.samples, run.timesteps, run.messages) == (3, 5, 27)
    for name in ("loihi1", "loihi1-sanafe"):  # equal samples, so equal means
        found, expected = (estimate(e, load_device(name)) for e in (part, whole))
        assert found.total_j == pytest.approx(expected.total_j, rel=1e-12)
    monkeypatch.setattr(chips, "MOST_SAMPLES", 0)
    none = counted(program(), many).chips["loihi1"]
    assert not isinstance(none, str)
    assert none.messages == 0


# What is not known


def test_what_is_not_published_is_said() -> None:
    graded = on("loihi1", 255)
    assert graded.note.startswith("not placed: loihi1: inputs up to 255")
    assert graded.total_j is None
    for name in ("loihi2", "akida", "speck", "brainscales2"):
        assert on(name).total_j is None
        assert "synaptic_operation" in on(name).missing


def test_a_program_that_does_not_fit_is_said_to_be_unplaced() -> None:
    events = counted(program(255))
    assert str(events.chips["loihi1"]).startswith("loihi1: inputs up to 255")
    sana = estimate(events, load_device("loihi1-sanafe"))
    assert (sana.total_j, sana.note) == (None, f"not placed: {events.chips['loihi1']}")
    report = energy_report(events, [load_device("loihi1-sanafe")])
    assert report["devices"]["loihi1-sanafe"]["per_inference_j"] is None
    assert report["chips"]["loihi1"] == {"refused": events.chips["loihi1"]}


def test_a_chip_that_refuses_the_program_gets_no_joules() -> None:
    small = program()
    neuron = LIF(np.array([65, 65]), np.full(2, 1000), np.zeros(2))
    hidden = Population("h", 2, neuron, np.zeros(2), np.ones(2))
    made = Program(small.input, (hidden, small.readout), small.projections, "8", 3, 3)
    found = estimate(counted(made), load_device("loihi1"))
    assert "thresholds of fractions" in found.note
    assert (found.total_j, found.low_j, found.high_j, found.idle_j) == (None,) * 4
    assert found.parts_j == {}


# Ranges


def test_ranges_and_sensitivities_by_hand() -> None:
    found = on("cmos45")
    # An accumulate costs 0.03 to 0.1 pJ; comparisons have one figure.
    assert found.low_j == pytest.approx((11 * 0.03 + 9 * 0.1) * PJ, rel=1e-12)
    assert found.high_j == found.total_j
    bars = {bar.constant: bar for bar in found.bars}
    assert bars["accumulate"].published
    assert bars["accumulate"].low_j == pytest.approx(found.low_j, rel=1e-12)
    assert not bars["compare"].published
    assert bars["compare"].low_j == pytest.approx((11 * 0.1 + 9 * 0.05) * PJ, rel=1e-12)
    assert bars["compare"].high_j == pytest.approx((11 * 0.1 + 9 * 0.2) * PJ, rel=1e-12)
    assert [bar.constant for bar in found.bars] == ["compare", "accumulate"]


def test_every_device_keeps_its_total_within_its_range() -> None:
    for name in SHIPPED:
        found = on(name)
        if found.total_j is not None:
            assert found.low_j <= found.total_j <= found.high_j
            assert {cause for _, cause in found.parts_j} <= set(CAUSES)


# Baselines


def test_baselines_by_hand() -> None:
    events = counted(program())
    found = {b.name: b for b in baselines(events, load_device("cmos45"), load_device("yan2024"))}
    # 6 weights in one pass; 5 of them not 0, and every source sent something.
    assert {k: b.operations for k, b in found.items()} == {
        "ann-int8": 6,
        "ann-int8-sparse": 5,
        "ann-counts": 6,
        "ann-counts-sparse": 5,
    }
    dense = 6 * 0.3 + 6 * 8 * 0.3125 + 3 * 0.1 + 2 * 3 * 8 * 0.3125
    assert found["ann-int8"].total_j == pytest.approx(dense * PJ, rel=1e-12)
    assert found["ann-counts"].activation_bits == 2  # counts of 0 to 3
    counts = 5 * 0.3 + 5 * 8 * 0.3125 + 3 * 0.1 + 2 * 3 * 2 * 0.3125
    assert found["ann-counts-sparse"].total_j == pytest.approx(counts * PJ, rel=1e-12)


def test_silent_sources_are_zeros_of_the_baseline() -> None:
    inputs = np.zeros_like(INPUTS)
    inputs[1, 0, 1] = 1
    first, second = counted(program(), inputs).projections
    assert (first.once.tolist(), second.once.tolist()) == ([1], [1])


def test_break_even_and_bit_budget_by_hand() -> None:
    events = counted(program())
    found = break_even(events)
    assert found["spikes_per_synapse"] == 11 / 6
    assert found["spike_rate"] == (4 + 5) / (3 * 4)
    assert bit_budget(events) == {"bit_budget": 24.0, "s_ace": 18 * 8.0, "ns_ace": 11 * 8.0}


# Reports


def test_report_adds_up() -> None:
    events = counted(program(), np.concatenate([INPUTS, np.zeros_like(INPUTS)], axis=1))
    report = energy_report(events, [load_device(name) for name in SHIPPED])
    assert report["synaptic_operations"] == 11
    assert report["synaptic_operations_per_inference"] == 5.5
    assert report["dense_operations_per_inference"] == 18
    assert report["distribution"]["min"] == 0
    assert report["distribution"]["max"] == 11
    rows = list(csv.DictReader(io.StringIO(energy_csv(report))))
    for name, device in report["devices"].items():
        if device["total_j"] is None:
            continue
        idle = device["idle_per_inference_j"] or 0.0
        whole = device["per_inference_j"] + idle
        assert device["total_j"] == pytest.approx(2 * device["per_inference_j"], rel=1e-12)
        assert sum(device["by_cause_j"].values()) == pytest.approx(whole, rel=1e-12)
        lines = [float(r["joules_per_inference"]) for r in rows if r["device"] == name]
        assert sum(lines) == pytest.approx(whole, rel=1e-12)


def test_the_distribution_is_that_of_single_samples() -> None:
    """Fan-outs of 2 and 1: samples of 0, 1, 2, 3 and 6 operations, the weights to `out` being 0."""
    dense = Dense(np.array([[3, 0], [1, 1]], dtype=np.int8))
    last = Dense(np.zeros((1, 2), dtype=np.int8))
    made = program()
    first, second = made.projections
    made = replace(made, projections=(replace(first, map=dense), replace(second, map=last)))
    inputs = np.zeros((3, 5, 2), dtype=np.uint8)
    inputs[0, :, 0] = [1, 0, 0, 1, 1]
    inputs[0, :, 1] = [0, 0, 1, 1, 1]
    inputs[1, 4] = 1
    report = energy_report(counted(made, inputs), [])
    assert report["distribution"] == {"min": 0, "q25": 1, "median": 2, "q75": 3, "max": 6}
