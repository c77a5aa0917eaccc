"""Graded spikes from a soft network: the hard network sends the soft spike in whole levels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from support.commands import ultralif
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.network.neurons import (
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    MultiThreshold,
)
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.spike_format import SpikeBits
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.soft.anneal import AnnealOptions, cools, schedule
from ultralif_deploy.soft.checkpoint import load_checkpoint
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.neurons.kinds import RELEASED, default_theta
from ultralif_deploy.soft.neurons.ring import PaperUltraDPLIF

SOFT_MAXIMUM = sorted(k for k, neuron in RELEASED.items() if neuron.SOFT_MAXIMUM)
WITH_LEVELS = sorted(k for k, neuron in RELEASED.items() if neuron.GRADED)

CASES = [
    *((kind, bits, 4, False) for kind in WITH_LEVELS for bits in (2, 3)),
    *((kind, 2, 1, False) for kind in WITH_LEVELS),
    *((kind, 4, 1, True) for kind in WITH_LEVELS),
]


def graded_model(kind: str, timesteps: int) -> type:
    """The float64 model that a kind becomes with levels."""
    if RELEASED[kind].RING:
        return GradedUltraDLIF
    if timesteps == 1:
        return MultiThreshold
    return GradedLogMaxLIF if RELEASED[kind].SOFT_MAXIMUM else GradedLIF


MIXED = {"neuron1": 3, "neuron2": 1}


def drawn(
    kind: str, bits: SpikeBits, batch_norm: bool = False, ends: tuple[int, int] = (12, 4)
) -> SoftNetwork:
    torch.manual_seed(3)
    shape = Architecture(
        (ends[0], 9, 8, ends[1]),
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
    assert {type(p.neuron) for p in hard.populations[:-1]} == {graded_model(kind, timesteps)}
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


@pytest.mark.parametrize("kind", ["ultratplif", "plif", "ultradplif"])
def test_integers_keep_the_levels(kind: str) -> None:
    network, inputs = drawn(kind, 2), inputs_for(4)
    hard = apply_passes(harden(network, Encoder("rate", 4)))
    program = quantize(hard, 8)
    assert program.population("neuron1").largest_sent == 3
    trace = fast.load(program).run(inputs, record=True)
    expected = run_hard(hard, inputs).spikes
    assert trace.spikes is not None
    for name, counts in trace.spikes.items():
        assert (counts == expected[name]).mean() > 0.95, name


def test_the_only_kind_without_levels_is_refused_by_name() -> None:
    assert set(RELEASED) - set(WITH_LEVELS) == {"adalif"}
    with pytest.raises(UltralifError, match="spike bits 2: adalif has no graded integer model"):
        drawn("adalif", 2)


def test_the_ring_of_the_paper_keeps_levels_too() -> None:
    neuron = PaperUltraDPLIF(1.0, 0.9)
    neuron.levels = 3
    current = 2 * torch.randn(5, 6, 7, generator=torch.Generator().manual_seed(1)).double()
    hard = neuron.hard_limit(
        lambda value, _: np.full(7, float(torch.as_tensor(value).detach())), 1, 5
    )
    assert isinstance(hard, GradedUltraDLIF)
    with torch.no_grad():
        expected = neuron(current, 0.0).numpy()
    assert len(np.unique(expected)) == 4
    np.testing.assert_array_equal(hard.run(current.numpy())[0], np.rint(3 * expected))


def test_epochs_of_graded_spikes_and_leaky_membranes_are_straight_through() -> None:
    falling = {kind for kind in RELEASED if cools(drawn(kind, 1))}
    assert falling == set(SOFT_MAXIMUM)
    assert not any(cools(drawn(kind, 2)) for kind in WITH_LEVELS)
    options = AnnealOptions(epochs=6)
    assert [e.straight_through for e in schedule(options)] == [False] * 2 + [True] * 4
    assert all(epoch.straight_through for epoch in schedule(options, cooling=False))


@pytest.mark.parametrize(
    ("kind", "timesteps"),
    [("ultratplif", 4), ("ultratlif", 1), ("plif", 1), ("plif", 4), ("ultradlif", 4)],
)
def test_each_population_has_its_own_levels(kind: str, timesteps: int) -> None:
    network, inputs = drawn(kind, MIXED), inputs_for(timesteps)
    assert network.spike_bits() == MIXED
    with torch.no_grad():
        soft = network(torch.tensor(inputs, dtype=torch.float64), 0.0)
    for passed in (hard := harden(network, Encoder("rate", timesteps)), apply_passes(hard)):
        trace = run_hard(passed, inputs)
        np.testing.assert_allclose(trace.logits, soft.logits.numpy(), rtol=0, atol=1e-9)
        for name, bits in MIXED.items():
            levels = (1 << bits) - 1
            expected = np.rint(levels * soft.spikes[name].numpy()).astype(int)
            assert len(np.unique(expected)) > (2 if bits > 1 else 1)
            np.testing.assert_array_equal(trace.spikes[name], expected, name)


@pytest.mark.parametrize(
    ("bits", "message"),
    [
        ({"neuron1": 3}, "no spike bits for 'neuron2'; expected 1 to 4"),
        (MIXED | {"other": 2}, "spike bits of 'other'; expected populations neuron1, neuron2"),
        (MIXED | {"neuron1": 5}, "spike bits of 'neuron1' = 5; expected 1 to 4"),
        (MIXED | {"neuron1": True}, "spike bits of 'neuron1' = True; expected 1 to 4"),
        (MIXED | {"neuron1": "3"}, "spike bits of 'neuron1' = '3'; expected 1 to 4"),
        (0, "spike bits = 0; expected 1 to 4"),
    ],
)
def test_bits_that_fit_no_population_are_refused(tmp_path: Path, bits: Any, message: str) -> None:
    with pytest.raises(UltralifError, match=f"^{message}$"):
        drawn("ultratlif", bits)
    save(tmp_path / "net.pt", drawn("ultratlif", 1), {}, {"spike_bits": bits})
    with pytest.raises(UltralifError, match=f"net.pt: {message}$"):
        load_checkpoint(tmp_path / "net.pt")


def test_a_checkpoint_keeps_its_bits(tmp_path: Path) -> None:
    save(tmp_path / "net.pt", drawn("ultratlif", 1, ends=(64, 10)).float(), {}, {})
    common = ("--data", "digits", "--limit", 60, "--timesteps", 2)
    given = ("--spike-bits", "neuron1=3,neuron2=1", "--epochs", 1, "--theta", 0)
    made = ultralif("anneal", tmp_path / "net.pt", *common, *given, "-o", tmp_path / "annealed")
    assert made.code == 0, made.err
    annealed = tmp_path / "annealed" / "annealed.pt"
    shown = ultralif("quantize", annealed, *common, "--json", "-o", tmp_path)
    assert shown.code == 0
    written = {"value": "neuron1=3,neuron2=1", "source": "checkpoint"}
    assert shown.json()["assumed"]["spike_bits"] == written
    program = read_nir(tmp_path / "program.nir")
    assert [p.largest_sent for p in program.populations[:-1]] == [7, 1]
