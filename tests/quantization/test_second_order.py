"""Models with two state words in integers spike as the float network does."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from support.networks.second_order_models import floats
from support.strategies.second_order import SPIKING
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.program import neurons
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.second_order import WordLengths
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates


@pytest.mark.parametrize("bits", [{"state_bits": 12}, {"state_bits": 33}, {"coefficient_bits": 21}])
def test_word_lengths_out_of_range_are_refused(bits: dict[str, int]) -> None:
    with pytest.raises(UltralifError, match=r"bits = \d+; expected"):
        WordLengths(**bits)


def layered(kind: str, seed: int) -> Network:
    draw, names = floats(seed, 6), ("hidden", "out")
    if kind == "silif":
        alpha = draw(0.3, 0.99)
        neuron: Any = float_neurons.SiLIF(
            np.ones(6), np.ones(6), alpha, draw(0.3, 1), draw(0, 1), draw(0, 2)
        )
    elif kind == "csilif":
        alpha = draw(0.3, 0.999) * np.exp(1j * draw(0, 3))
        neuron = float_neurons.CSiLIF(np.full(6, 0.5), np.ones(6), alpha.real, alpha.imag)
    else:
        neuron = float_neurons.AdaLIF(
            np.full(6, 0.5), draw(0.3, 1), np.full(6, 0.9), np.full(6, 0.01), True
        )
    decay = draw(0.8, 0.96)
    # On a grid of 8 bits, so that only states and coefficients are rounded.
    grids = [np.rint(127 * draw(-1, 1, 6)) * draw(0.002, 0.02)[:, None] for _ in names]
    grids[1] = np.rint(127 * draw(-1, 1, 6)) / 256
    return Network(
        Input(6),
        (
            Population("hidden", 6, neuron, draw(0.0, 0.3)),
            Population("out", 6, float_neurons.LeakySum(np.ones(6), decay), draw(-0.1, 0.1)),
        ),
        (dense(INPUT, "hidden", grids[0]), dense("hidden", "out", grids[1])),
        60,
        1,
    )


@pytest.mark.parametrize("kind", SPIKING)
def test_programs_spike_as_the_float_network(kind: str) -> None:
    kept = []
    for seed in range(4):
        network = layered(kind, seed)
        inputs = (np.random.default_rng(seed).random((60, 8, 6)) < 0.4).astype(np.uint8)
        program = quantize(network, 8, lengths=WordLengths(32, 20))
        trace, expected = (
            reference.load(program).run(inputs, record=True),
            run_hard(network, inputs),
        )
        assert trace.spikes is not None
        assert 0.03 < expected.spikes["hidden"].mean() < 0.9
        kept.append((trace.spikes["hidden"] == expected.spikes["hidden"]).mean())
        if kept[-1] == 1:
            real = program.real_logits(trace.logits)
            assert_allclose(real, expected.logits, atol=0.02 * np.abs(expected.logits).max())
    assert np.mean(kept) > 0.999
    assert max(kept) == 1


def test_words_and_shifts_follow_the_lengths() -> None:
    program = quantize(layered("silif", 0), 8, lengths=WordLengths(20, 13))
    neuron = program.population("hidden").neuron
    assert isinstance(neuron, neurons.SiLIF)
    assert set(neuron.state_bits.tolist()) == {20}
    assert set(neuron.coefficient_bits.tolist()) == {13}
    # 20 bits: a sign, 7 bits of headroom, 12 bits for the threshold, rounded up to the next shift.
    assert np.all((neuron.threshold >= 1 << 12) & (neuron.threshold < 1 << 13))
    readout = program.readout.neuron
    assert isinstance(readout, neurons.LeakySum)
    assert len(set(readout.shift.tolist())) == 1


def test_a_leaky_read_out_never_saturates() -> None:
    """Driven to its limit for ever it stays inside its word."""
    network = layered("silif", 1)
    program = quantize(network, 8)
    readout = program.readout
    assert isinstance(readout.neuron, neurons.LeakySum)
    weight = program.incoming("out")[0].map.matrix().astype(np.int64)
    for sign in (1, -1):
        extreme = (np.maximum(sign * weight, 0)).sum(axis=1) * sign
        parameters = {k: v.tolist() for k, v in readout.parameters().items()}
        state = [0] * 12
        for _ in range(400):
            _, state = updates.step(
                readout.neuron, parameters, readout.bias.tolist(), extreme.tolist(), state
            )
        top = (1 << (int(readout.neuron.state_bits[0]) - 1)) - 1
        assert top // 8 < np.abs(state[6:]).max() < top


def test_gain_left_over_is_refused() -> None:
    network = layered("silif", 0)
    hidden = network.populations[0]
    gained = replace(hidden, neuron=replace(hidden.neuron, gain=np.full(6, 0.5)))
    with pytest.raises(UltralifError, match="hidden: gain left; apply fold-gain first"):
        quantize(replace(network, populations=(gained, network.populations[1])))
