"""Membrane potentials before the reset agree with the spikes of each form."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import ultralif_deploy as ul
from support.commands import DEMO
from support.strategies.programs import programs
from ultralif_deploy.io.parallel import in_order
from ultralif_deploy.program.program import Program
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.soft.neurons.baselines import DSpike
from ultralif_deploy.soft.neurons.kinds import RELEASED
from ultralif_deploy.verify import measuring
from ultralif_deploy.verify.margins import ALL_MARGINS, MOST_POWER, margin_histogram, margin_sample
from ultralif_deploy.verify.membranes import NEURONS


@settings(max_examples=60, deadline=None)
@given(programs(), st.integers(0, 2**16))
def test_the_reference_fires_where_its_margin_is_above_0(program: Program, seed: int) -> None:
    shape = (program.timesteps, 3, program.input.size)
    values = np.random.default_rng(seed).integers(0, program.input.maximum + 1, shape, np.uint8)
    loaded = reference.load(program)
    spikes = loaded.run(values, record=True).spikes
    assert spikes is not None
    neurons = {
        p.name: list(range(0, p.size, 2))
        for p in program.populations
        if p.spikes and "threshold" in p.parameters()
    }
    for name, margins in loaded.margins(values, neurons).items():
        np.testing.assert_array_equal(margins > 0, spikes[name][..., neurons[name]] > 0)


@pytest.mark.parametrize("kind", sorted(RELEASED))
def test_soft_spikes_are_the_sigmoid_of_soft_margins(kind: str) -> None:
    network = SoftNetwork(Architecture((5, 6, 4, 3), kind), seed=1)
    inputs = (torch.rand((7, 2, 5), generator=torch.Generator().manual_seed(0)) < 0.5).float()
    check_soft(network, inputs)


def test_soft_margins_of_convolutions_have_the_order_of_their_spikes() -> None:
    network = SoftNetwork(Architecture((64, 10), "ultratplif", channels=(1, 3, 4), side=8), seed=1)
    inputs = torch.rand((3, 2, 64), generator=torch.Generator().manual_seed(0))
    check_soft(network, inputs)


def check_soft(network: SoftNetwork, inputs: torch.Tensor) -> None:
    spikes = network(inputs).spikes
    margins = network.margins(inputs)
    assert set(margins) == set(spikes)
    for stage in network.stages():
        if stage.neuron is not None:
            found = margins[stage.name]
            if isinstance(stage.neuron, DSpike):  # its spike is no sigmoid
                wanted = stage.neuron.spike(found + stage.neuron.threshold(), 1.0)
            else:
                wanted = torch.sigmoid(found / stage.neuron.spike_temperature())
            torch.testing.assert_close(wanted, spikes[stage.name])
            assert stage.neuron.drives is None


def test_margins_and_runs_of_several_threads_leave_each_other_alone() -> None:
    network = SoftNetwork(Architecture((12, 300, 10), "ultratplif"))
    inputs = torch.rand(40, 30, 12, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        spikes, (expected,) = network(inputs).spikes, network.margins(inputs).values()

        def run(number: int) -> torch.Tensor:
            with torch.no_grad():
                made = network.margins(inputs) if number % 2 else network(inputs).spikes
                (values,) = made.values()
            return values

        for number, found in enumerate(in_order(run, range(24))):
            wanted = expected if number % 2 else next(iter(spikes.values()))
            torch.testing.assert_close(found, wanted)


def test_the_report_holds_all_forms_in_one_unit(tmp_path: Path) -> None:
    given_ = ul.Settings(data="digits", timesteps=6, limit=10)
    report = ul.deploy(
        DEMO, tmp_path, given_, certified_samples=2, back_ends=(), energy_devices=(), skip_passes=()
    )
    membranes = report["membranes"]
    assert membranes is not None
    assert (membranes["timesteps"], membranes["of"]) == (6, 6)
    ((name, population),) = membranes["populations"].items()
    raster = report["raster"]["populations"][name]["integer"]
    assert len(population["traces"]) == NEURONS
    for trace in population["traces"]:
        fired = [t for t, value in enumerate(trace["integer"]) if value > 0]
        drawn = report["raster"]["populations"][name]["drawn"]
        if trace["neuron"] in drawn:
            assert fired == [t for t, neuron in raster if neuron == trace["neuron"]]
        assert len(trace["soft"]) == len(trace["hard"]) == 6
        apart = np.abs(np.array(trace["hard"]) - trace["integer"])
        assert np.all(apart < 40 * trace["unit"])
        assert np.any(apart > 0)


def test_programs_of_one_timestep_have_no_traces(tmp_path: Path) -> None:
    given_ = ul.Settings(data="digits", timesteps=6, limit=5, encoding="constant")
    report = ul.deploy(DEMO, tmp_path, given_, certified_samples=2, back_ends=(), energy_devices=())
    assert report["program"]["timesteps"] == 1
    assert report["membranes"] is None


def test_the_histogram_counts_every_margin() -> None:
    margins = np.array([-0.5, 0.0, 0.99, 1.0, -1.5, 3.0, 4.0, -7.9, 2.0**40])
    found = margin_histogram(margins)
    assert found["ends"] == [2**power for power in range(MOST_POWER + 1)]
    assert found["below"][:4] == pytest.approx([1 / 9, 1 / 9, 0, 1 / 9])
    assert found["above"][:4] == pytest.approx([2 / 9, 1 / 9, 1 / 9, 1 / 9])
    assert found["above"][-1] == pytest.approx(1 / 9)
    assert sum(found["below"]) + sum(found["above"]) == pytest.approx(1)
    assert margin_histogram(np.array([-0.1]))["ends"] == [1]


def test_many_parts_at_once_measure_what_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = ul.Settings(data="digits", timesteps=4, limit=60)

    def figures(name: str) -> tuple[object, ...]:
        report = ul.deploy(
            DEMO, tmp_path / name, settings, certified_samples=2, back_ends=(), energy_devices=()
        )
        rates = [(p["accuracy"], round(p["spike_rate"], 4)) for p in report["epsilon_sweep"]]
        agreement = [p["agreement_integer_soft"] for p in report["populations"].values()]
        return report["accuracy"], report["membranes"], report["raster"], agreement, rates

    expected = figures("one")
    monkeypatch.setattr(measuring, "PART_BYTES", 1 << 14)
    assert figures("many") == expected


@pytest.mark.parametrize("wanted", [1, 7, 60, 1000])
def test_sampled_margins_are_in_units_of_their_neurons(wanted: int) -> None:
    margins = np.random.default_rng(0).normal(size=(3, 4, 5))
    unit = np.array([1.0, 2.0, 0.3, 0.7, 5.0])
    found = margin_sample(margins, unit, wanted / ALL_MARGINS)
    step = max(1, margins.size // wanted)
    np.testing.assert_array_equal(found, (margins / unit).reshape(-1)[::step])
