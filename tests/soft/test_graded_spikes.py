"""Graded spikes from a soft network: the hard network sends the soft spike in whole levels."""

from pathlib import Path

import numpy as np
import pytest
import torch

from support.commands import DEMO, ultralif
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.network.neurons import GradedLogMaxLIF, MultiThreshold
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.soft.anneal import AnnealOptions, schedule
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.neuron_kinds import RELEASED, default_theta

SOFT_MAXIMUM = sorted(k for k, neuron in RELEASED.items() if neuron.SOFT_MAXIMUM)
AT_ONE_TIMESTEP = sorted(k for k, n in RELEASED.items() if n.GRADED and not n.RING)
NEVER = sorted(set(RELEASED) - set(AT_ONE_TIMESTEP))

CASES = [
    *((kind, bits, 4, False) for kind in SOFT_MAXIMUM for bits in (2, 3)),
    *((kind, 2, 1, False) for kind in AT_ONE_TIMESTEP),
    *((kind, 4, 1, True) for kind in AT_ONE_TIMESTEP),
]


def drawn(kind: str, bits: int, batch_norm: bool = False) -> SoftNetwork:
    torch.manual_seed(3)
    shape = Architecture(
        (12, 9, 8, 4),
        kind,
        batch_norm=batch_norm,
        spike_bits=bits,
        theta=default_theta(kind, False),
    )
    network = SoftNetwork(shape).double().eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("weight"):
                value.mul_(3.0)
    return network


def inputs_for(timesteps: int) -> np.ndarray:
    return (np.random.default_rng(5).random((timesteps, 40, 12)) < 0.4).astype(np.uint8)


@pytest.mark.parametrize(("kind", "bits", "timesteps", "batch_norm"), CASES)
def test_the_hard_network_sends_the_levels_of_the_soft_one(
    kind: str, bits: int, timesteps: int, batch_norm: bool
) -> None:
    network, inputs = drawn(kind, bits, batch_norm), inputs_for(timesteps)
    levels = (1 << bits) - 1
    with torch.no_grad():
        soft = network(torch.tensor(inputs, dtype=torch.float64), 0.0)
    hard = harden(network, Encoder("rate", timesteps))
    model = MultiThreshold if timesteps == 1 else GradedLogMaxLIF
    assert {type(p.neuron) for p in hard.populations[:-1]} == {model}
    for passed in (hard, apply_passes(hard)):
        trace = run_hard(passed, inputs)
        np.testing.assert_allclose(trace.logits, soft.logits.numpy(), rtol=0, atol=1e-9)
        for name, counts in trace.spikes.items():
            expected = np.rint(levels * soft.spikes[name].numpy()).astype(int)
            assert len(np.unique(expected)) > 2, name
            np.testing.assert_array_equal(counts, expected, name)


@pytest.mark.parametrize("kind", SOFT_MAXIMUM)
def test_more_bits_come_closer_to_the_soft_network(kind: str) -> None:
    inputs = inputs_for(1)
    errors = []
    for bits in (1, 2, 3, 4):
        network = drawn(kind, bits)
        with torch.no_grad():
            soft = network(torch.tensor(inputs, dtype=torch.float64)).logits.numpy()
        logits = run_hard(harden(network, Encoder("rate", 1)), inputs).logits
        errors.append(float(np.abs(logits - soft).mean()))
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < errors[0] / 4


def test_integers_keep_the_levels() -> None:
    network, inputs = drawn("ultratplif", 2), inputs_for(4)
    hard = apply_passes(harden(network, Encoder("rate", 4)))
    program = quantize(hard, 8)
    assert program.population("neuron1").largest_sent == 3
    trace = fast.load(program).run(inputs, record=True)
    expected = run_hard(hard, inputs).spikes
    assert trace.spikes is not None
    for name, counts in trace.spikes.items():
        assert (counts == expected[name]).mean() > 0.95, name


@pytest.mark.parametrize("kind", NEVER)
def test_models_without_levels_are_refused_by_name(kind: str) -> None:
    with pytest.raises(UltralifError, match=rf"spike bits 2: {kind} has no graded integer model"):
        drawn(kind, 2)


def test_a_leaky_membrane_with_levels_is_refused_over_several_timesteps() -> None:
    with pytest.raises(UltralifError, match=r"neuron1: spike bits 2: a leaky membrane .* over 4 t"):
        harden(drawn("lif", 2), Encoder("rate", 4))


def test_epochs_of_graded_spikes_are_straight_through() -> None:
    options = AnnealOptions(epochs=6)
    assert [e.straight_through for e in schedule(options)] == [False] * 2 + [True] * 4
    assert all(epoch.straight_through for epoch in schedule(options, 2))


def test_a_checkpoint_keeps_its_bits(tmp_path: Path) -> None:
    common = ("--data", "digits", "--limit", 60)
    ultralif(
        *("anneal", DEMO, *common, "--spike-bits", 2, "--epochs", 1, "-o", tmp_path / "annealed")
    )
    shown = ultralif("quantize", tmp_path / "annealed" / "annealed.pt", *common, "-o", tmp_path)
    assert shown.code == 0
    program = read_nir(tmp_path / "program.nir")
    assert {p.largest_sent for p in program.populations[:-1]} == {3}
