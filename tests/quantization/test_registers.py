"""Scales leave room for everything that a register must hold, and nothing is clipped."""

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import holds
from support.strategies.shapes import seeds
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.fixed import INT32_MAX, largest_held
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.quantization import neurons as integer_neurons
from ultralif_deploy.quantization import quantize as quantization
from ultralif_deploy.quantization.memory import gain, needed_decay_bits
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.registers import PLAIN, current_range, needs, word_of
from ultralif_deploy.quantization.second_order import WordLengths
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

KINDS = ("lif", "cubalif", "released", "paper", "logmax", "tropical")
LEAKY = KINDS[:-1]
SKIPPED = ("remove-constant", "fold-bias", "elide-membrane")
"""Passes that would take the parameters away which are looked at."""


def neuron_of(kind, rng, size, magnitude):
    threshold = magnitude * rng.choice([0.0, 0.5, 1.0, -1.0, 3.0], size)
    tau, alpha = (1 - 10.0 ** rng.uniform(-6, 0, size) for _ in range(2))
    tau = np.where(rng.random(size) < 0.2, 1.0, tau)
    reset = magnitude * rng.choice([0.0, 0.0, 1.0, -2.0], size)
    mode, inclusive = str(rng.choice(list(RESETS))), bool(rng.integers(2))
    if kind == "lif":
        return float_neurons.LIF(threshold, tau, inclusive, reset, mode)
    if kind == "cubalif":
        return float_neurons.CubaLIF(threshold, tau, alpha, inclusive, reset, mode)
    if kind == "logmax":
        return float_neurons.LogMaxLIF(
            threshold, magnitude * (1 - tau), magnitude * rng.random(), inclusive
        )
    if kind == "tropical":
        return float_neurons.TropicalLIF(
            threshold, magnitude * (tau - 0.5), reset, reset, inclusive
        )
    return float_neurons.UltraDLIF(threshold, tau, kind, inclusive)


def extreme(kind, seed, most=9):
    """One population whose weights, thresholds and biases lie orders of magnitude apart."""
    rng = np.random.default_rng(seed)
    size, inputs = int(rng.integers(1, 6)), int(rng.integers(1, 9))
    weight = rng.normal(0, 1, (size, inputs)) * 10.0 ** rng.uniform(-most, most, (size, 1))
    if kind in ("released", "paper", "logmax"):
        weight = rng.normal(0, 1, (size, inputs)) * 10.0 ** rng.uniform(-most, most)
    magnitude = 10.0 ** rng.uniform(-most, most)
    bias = magnitude * rng.choice([0.0, 1e-3, 1.0], size)
    population = Population("p", size, neuron_of(kind, rng, size, magnitude), bias)
    readout = Population("out", 1, float_neurons.Integrator(), np.zeros(1))
    return Network(
        Input(inputs),
        (population, readout),
        (dense("input", "p", weight), dense("p", "out", np.ones((1, size)))),
        timesteps=int(rng.choice([1, 10, 1000])),
        divisor=1,
    )


def asked_of(network, name="p"):
    (population,) = [p for p in network.populations if p.name == name]
    currents = current_range(population, network.incoming(name), network.largest_sent)
    return needs(population, *currents, network.timesteps, WordLengths())


def beyond_registers(network, program):
    """What of a program its registers do not hold."""
    asked, made = asked_of(network), program.population("p")
    top = INT32_MAX if hasattr(made.neuron, "initial") else largest_held(word_of(made).bits)
    held = np.abs(made.neuron.threshold.astype(np.int64)) <= top
    fires = (made.neuron.threshold < top) | ~asked.reaches
    wrong = list(np.flatnonzero(~(held & fires)))
    for field in ("reset", "initial"):
        if hasattr(made.neuron, field):
            meant = getattr(network.populations[0].neuron, field)
            stored = getattr(made.neuron, field) * made.membrane_unit
            wrong += list(np.flatnonzero(np.abs(meant - stored) > made.membrane_unit))
    off = np.abs(network.populations[0].bias - made.bias * made.membrane_unit)
    return wrong + list(np.flatnonzero(off > made.membrane_unit))


def registers_hold(kind, examples=150, planted=False):
    refused, made = [], []

    def check(bits, seed):
        network = apply_passes(extreme(kind, seed), skip=SKIPPED)
        try:
            program = quantize(network, bits)
        except UltralifError as error:
            refused.append(str(error))
            return
        made.append(seed)
        assert beyond_registers(network, program) == []

    holds(check, st.sampled_from([8, 4, "ternary"]), seeds, examples=examples, planted=planted)
    assert all(line.startswith(("p: ", "out: ")) for line in refused)  # by name
    return len(made), len(refused)


@pytest.mark.parametrize("kind", KINDS)
def test_no_parameter_lies_beyond_its_register(kind):
    made, _ = registers_hold(kind)
    assert made > 8


@pytest.mark.parametrize("kind", LEAKY)
def test_scales_from_the_weights_alone_are_found_out(kind, monkeypatch):
    def nothing(population, low, high, timesteps, lengths):
        asked = needs(population, low, high, timesteps, lengths)
        return type(asked)(asked.reaches, np.zeros_like(asked.values), asked.top, asked.swing)

    def clipped(self, integers, values, what, top=INT32_MAX):
        return np.clip(integers, -top, top)

    monkeypatch.setattr(quantization, "needs", nothing)
    monkeypatch.setattr(integer_neurons.Rounding, "within", clipped)
    with pytest.raises(AssertionError):
        registers_hold(kind, planted=True)


def one_lif(weight, threshold, tau=0.995, bias=0.0, timesteps=200):
    lif = float_neurons.LIF(np.array([threshold]), np.array([tau]), False, np.zeros(1))
    populations = (
        Population("p", 1, lif, np.array([bias])),
        Population("out", 1, float_neurons.Integrator(), np.zeros(1)),
    )
    projections = (
        dense("input", "p", np.array([weight])),
        dense("p", "out", np.ones((1, 1))),
    )
    inputs = Input(len(weight))
    return Network(inputs, populations, projections, timesteps, 1)


def test_a_high_threshold_takes_bits_from_the_weights():
    network = one_lif([1.0, -0.25, 0.5], 2000.0, tau=1.0, timesteps=5000)
    program = quantize(network, 8, decay_bits=12)
    (weights,) = program.incoming("p")
    assert 32 <= np.abs(weights.map.weight).max() <= 66  # the membrane holds 131070 / 2000
    inputs = np.ones((5000, 1, 3), dtype=np.uint8)
    spikes = fast.load(program).run(inputs, record=True).spikes["p"]
    expected = run_hard(network, inputs).spikes["p"]
    assert expected.sum() == spikes.sum() == 3


def test_a_very_high_threshold_takes_a_wider_membrane():
    network = one_lif([1.0, -0.25, 0.5], 20_000.0, tau=1.0, timesteps=50_000)
    program = quantize(network, 8)
    made, (weights,) = program.population("p"), program.incoming("p")
    assert (made.neuron.membrane_bits, made.neuron.decay_bits) == (32, 12)
    assert np.abs(weights.map.weight).max() >= 64
    # The word with one more fraction bit could not hold the threshold.
    held = 20_000.0 / made.membrane_unit[0]
    assert held <= largest_held(32) < 2 * held
    narrow = quantize(network, 8, decay_bits=12)
    assert narrow.population("p").neuron.membrane_bits == 24
    assert np.abs(narrow.incoming("p")[0].map.weight).max() < 8


def test_a_slow_leak_takes_finer_membrane_units():
    network = one_lif([0.5, 0.3], 100.0, tau=0.99995, timesteps=3000)
    inputs = (np.random.default_rng(0).random((3000, 4, 2)) < 0.3).astype(np.uint8)
    expected = run_hard(network, inputs).spikes["p"]
    kept = {}
    for bits in (None, 12):
        program = quantize(network, 8, decay_bits=bits)
        spikes = fast.load(program).run(inputs, record=True).spikes["p"]
        kept[bits] = np.count_nonzero(expected & (spikes != 0)) / np.count_nonzero(expected)
    assert program.population("p").neuron.fraction_bits == 6
    assert kept[None] > 0.9 > kept[12]


def test_a_threshold_out_of_reach_costs_no_bits_and_never_fires():
    network = one_lif([1.0, 0.4567], 1e12)
    program = quantize(network, 8)
    assert np.abs(program.incoming("p")[0].map.weight).max() == 127
    made = program.population("p")
    assert made.neuron.threshold.tolist() == [largest_held(word_of(made).bits)]


def test_weights_that_a_register_rounds_to_nothing_are_refused():
    network = one_lif([1e-7, 5e-8], 1.0, tau=1.0, timesteps=50_000_000)
    with pytest.raises(UltralifError, match="p: neuron 0 must hold 1 in a register of 131,070 "):
        quantize(network, 8, decay_bits=12)
    assert np.abs(quantize(network, 8).incoming("p")[0].map.weight).max() > 1


@pytest.mark.parametrize("tau", [-0.1, 1.5])
def test_leaks_that_no_decay_says_are_refused(tau):
    with pytest.raises(UltralifError, match=f"p: neuron 0 keeps {tau:g} of its membrane in a"):
        quantize(one_lif([1.0], 1.0, tau=tau), 8)


def test_coefficients_beyond_one_are_refused():
    one = np.ones(1)
    neuron = float_neurons.SiLIF(one, one, 1.5 * one, 0.5 * one, 0 * one, 0 * one)
    populations = (
        Population("p", 1, neuron, np.zeros(1)),
        Population("out", 1, float_neurons.Integrator(), np.zeros(1)),
    )
    projections = (dense("input", "p", [[1.0]]), dense("p", "out", [[1.0]]))
    network = Network(Input(1), populations, projections, 3, 1)
    with pytest.raises(UltralifError, match=r"p: alpha of neuron 0 is 1\.5; expected −1 to 1"):
        quantize(network, 8)


def test_bounds_of_currents():
    network = one_lif([1.0, -0.25, 0.5], 1.0, bias=0.125)
    low, high = current_range(network.populations[0], network.incoming("p"), lambda source: 3)
    assert (low.tolist(), high.tolist()) == ([-0.625], [4.625])


def test_geometric_sums():
    tau = np.array([0.0, 0.5, 0.9, 1.0])
    assert_array_equal(gain(tau, 3), [1.0, 1.75, np.float64(1 - 0.9**3) / (1 - 0.9), 3.0])


# Decays


@pytest.mark.parametrize(
    ("tau", "timesteps", "bits"),
    [
        (0.9, 1000, 12),  # 410 of 4096, 0.01 timesteps
        (0.5, 1000, 12),
        (1.0, 1000, 12),
        (0.995, 10, 12),  # a short run forgets nothing that matters
        (0.995, 1000, 23),
        (1 - 1e-5, 100_000, 24),
    ],
)
def test_decays_have_the_bits_that_their_spikes_need(tau, timesteps, bits):
    neuron = float_neurons.LIF(np.ones(2), np.full(2, tau), False, np.zeros(2))
    assert needed_decay_bits(neuron, timesteps) == bits


def test_slow_leaks_fire_in_time():
    # τ/dt = 8000: twelve bits round the leak to 0 or 1 of 4096.
    network = one_lif([0.3, 0.2, -0.1], 150.0, tau=1 - 1 / 8000, timesteps=9000)
    rng = np.random.default_rng(0)
    inputs = (rng.random((9000, 3, 3)) < 0.4).astype(np.uint8)
    expected = run_hard(network, inputs).spikes["p"]
    assert expected.sum() > 10
    wide = quantize(network, 8)
    assert wide.population("p").neuron.decay_bits > 12
    assert_array_equal(fast.load(wide).run(inputs, record=True).spikes["p"] != 0, expected)
    short = inputs[:50, :1]
    traces = (back_end.load(wide).run(short, record=True) for back_end in (fast, reference))
    assert_array_equal(*(trace.spikes["p"] for trace in traces))


def test_biases_have_room_beside_membranes():
    assert PLAIN.bias_top == 2 ** (32 - 2) / 64
    network = one_lif([1e-6], 1.0, tau=0.5, bias=0.75)
    program = quantize(network, 8)
    made = program.population("p")
    assert abs(made.bias[0] * made.membrane_unit[0] - 0.75) <= made.membrane_unit[0]


# Errors that cancel out


def test_errors_of_weights_cancel_out_over_a_memory():
    rng = np.random.default_rng(1)
    weight = rng.uniform(0, 1, 64)
    network = one_lif(weight.tolist(), 1e9, tau=0.999, timesteps=4000)
    program = quantize(network, 4)
    scale = program.population("p").scale[0]
    error = scale * program.incoming("p")[0].map.weight[0] - weight
    rounded = np.rint(weight / scale).clip(-8, 7) * scale - weight
    assert abs(error.sum()) < 0.02 * scale
    assert np.abs(error).max() <= max(1.5 * scale, np.abs(rounded).max())
    assert isinstance(network.projections[0].map, Dense)


@pytest.mark.parametrize(("form", "swing"), [("released", 2 * 1.75), ("paper", 2 * 3.0)])
def test_a_ring_adds_currents_up_over_its_memory(form, swing):
    ring = float_neurons.UltraDLIF(np.ones(2), np.full(2, 0.5), form, False)
    population = Population("p", 2, ring, np.zeros(2))
    asked = needs(population, np.full(2, -1.0), np.ones(2), 3, WordLengths())
    assert_array_equal(asked.swing, [swing, swing])
