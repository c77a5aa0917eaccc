"""`auto`: bits of weights and spikes chosen on training samples, and what it never looks at."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch

import ultralif_deploy as ul
from ultralif_deploy.data import Split, loading
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.energy.devices import load_device
from ultralif_deploy.energy.report import energy_report
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.pipeline import quantize_checkpoint
from ultralif_deploy.program.spike_format import SpikeBits
from ultralif_deploy.schema.choices import Candidate, Choice
from ultralif_deploy.simulators.loihi import simulator as loihi
from ultralif_deploy.soft.checkpoint_file import save
from ultralif_deploy.soft.network import Architecture, SoftNetwork
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import open_source
from ultralif_deploy.sources.programs import program_of
from ultralif_deploy.steps.choosing import (
    LADDER,
    Judge,
    choose_spike_bits,
    choose_weight_bits,
)
from ultralif_deploy.steps.searching import CHIPS, Goal

CHECKPOINT = Path(loading.__file__).parent / "digits_ultraplif.pt"
SETTINGS = ul.Settings(data="digits", timesteps=2)


DEVICE = load_device("yan2024")


def shortened(source: Deployable, samples: int) -> Deployable:
    """The source with its first training samples alone."""
    assert source.data.train is not None
    return replace(source, dataset=replace(source.data, train=source.data.train.cut(samples)[0]))


@pytest.fixture(scope="module")
def source() -> Deployable:
    return shortened(open_source(CHECKPOINT, SETTINGS), 800)


def chosen_bits(
    source: Deployable, *bounds: float | None, **cores: int
) -> tuple[dict[str, str], Choice]:
    """Bits of the weights for a goal with these bounds, and with so many cores of chips."""
    goal = Goal(DEVICE, *bounds, cores=cores)  # type: ignore[arg-type]
    return choose_weight_bits(Judge(source, goal), apply_passes(source.network), Progress())


def tried(source: Deployable, bits: dict[str, str]) -> Candidate:
    return Judge(source, Goal(DEVICE)).candidate(source, apply_passes(source.network), bits)[0]


def test_weights_are_the_fewest_within_the_loss(source: Deployable) -> None:
    bits, choice = chosen_bits(source, 1.0)
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    assert choice["reached"]
    assert chosen["loss"] <= 1.0
    assert chosen["on_front"]
    assert chosen["weight_bytes"] <= choice["candidates"][0]["weight_bytes"] / 2
    assert tried(source, bits)["weight_bits"] == chosen["weight_bits"]
    # One step further down in any population, and the loss is too large or nothing is saved.
    for name in bits:
        if bits[name] != LADDER[-1]:
            fewer = bits | {name: LADDER[LADDER.index(bits[name]) + 1]}
            assert tried(source, fewer)["loss"] > 1.0


def test_figures_are_those_of_the_program(source: Deployable) -> None:
    passed, bits = apply_passes(source.network), {"neuron": "4", "readout": "ternary"}
    found, program = Judge(source, Goal(DEVICE)).candidate(source, passed, bits)
    train = source.data.train
    assert train is not None
    assert train.y is not None
    count = len(train.x) // 2
    _, samples = train.cut(len(train.x) - count)
    inputs = np.concatenate([v for _, v in source.encoder.blocks(samples.x)], axis=1)
    trace = ul.load_on("reference", program).run(inputs, record=True)
    assert found["accuracy"] == (trace.predictions() == samples.y).mean()
    operations = sum(v.sum() for v in trace.counts.synaptic_operations.values())
    assert found["synaptic_operations"] == operations / count
    weights = {p.target: p.map.matrix().size for p in program.projections}
    counter = EventCounter(program)
    counter.add(inputs, trace)
    priced = energy_report(counter.events(), [DEVICE])["devices"]["yan2024"]
    assert found["joules"] == priced["per_inference_j"]
    total = sum(weights.values())
    mean = (4 * weights["neuron"] + np.log2(3) * weights["readout"]) / total
    assert found["mean_weight_bits"] == pytest.approx(mean, rel=1e-12)
    assert found["mean_spike_bits"] == 1
    assert found["weight_bytes"] == (4 * weights["neuron"] + 2 * weights["readout"]) // 8


def test_the_front_holds_what_nothing_beats(source: Deployable) -> None:
    _, choice = chosen_bits(source, 0.5)
    tried = choice["candidates"]

    def costs(one: object) -> np.ndarray:
        keys = ("weight_bytes", "synaptic_operations", "joules", "loss")
        return np.maximum([one[key] for key in keys], 0.0)  # type: ignore[index]

    for one in tried:
        beaten = [
            bool((costs(other) <= costs(one)).all() and (costs(other) < costs(one)).any())
            for other in tried
        ]
        assert one["on_front"] == (not any(beaten))
    assert {one["on_front"] for one in tried} == {True, False}


def test_test_samples_have_no_part_in_it(source: Deployable) -> None:
    test = source.data.test
    emptied = replace(source.data, test=Split(np.zeros_like(test.x), None))
    other = replace(source, dataset=emptied)
    found = [chosen_bits(one, 1.0) for one in (source, other)]
    assert found[0] == found[1]


def test_without_labels_changed_predictions_count(source: Deployable) -> None:
    assert source.data.train is not None
    train = Split(source.data.train.x, None)
    unlabelled = replace(source, dataset=replace(source.data, train=train))
    _, choice = chosen_bits(unlabelled, 3.0)
    assert choice["accuracy"] is None
    assert all(one["accuracy"] is None for one in choice["candidates"])
    assert all(one["loss"] >= 0 for one in choice["candidates"])
    assert choice["candidates"][0]["loss"] < choice["candidates"][len(LADDER) - 1]["loss"]


def test_where_nothing_is_within_the_loss_the_smallest_loss_counts(source: Deployable) -> None:
    assert source.data.train is not None
    labels = np.zeros(len(source.data.train.x), dtype=np.int64)
    judge = Judge(source, Goal(DEVICE))
    labels[-len(judge.samples.x) :] = judge.expected  # the soft network is always right
    perfect = replace(source.data, train=Split(source.data.train.x, labels))
    _, choice = chosen_bits(replace(source, dataset=perfect), 0.0)
    assert not choice["reached"]
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    assert chosen["loss"] == min(one["loss"] for one in choice["candidates"])


@pytest.mark.parametrize("key", ["weight_bytes", "joules"])
def test_the_most_accurate_within_a_budget(source: Deployable, key: str) -> None:
    every = tried(source, dict.fromkeys(("neuron", "readout"), "4"))
    most = every[key] * 1.01  # type: ignore[literal-required]
    bounds = (None, int(most), None) if key == "weight_bytes" else (None, None, most)
    _, choice = chosen_bits(source, *bounds)
    assert choice["max_loss"] is None
    within = [one for one in choice["candidates"] if one[key] <= most]  # type: ignore[literal-required]
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    assert chosen in within
    assert 0 < len(within) < len(choice["candidates"])
    assert chosen["loss"] == min(one["loss"] for one in within)


def test_a_budget_within_which_nothing_is(source: Deployable) -> None:
    few = shortened(source, 100)
    message = (
        r"none of \d+ candidates is within the budget; the nearest takes 1,184 bytes of weights, "
        r"where --weight-memory allows 100 \(allow more, or take a smaller network\)"
    )
    with pytest.raises(UltralifError, match=message):
        chosen_bits(few, None, 100)
    message = r"the nearest takes 2 cores of loihi2, where --max-cores allows 1 \(allow more"
    with pytest.raises(UltralifError, match=message):
        chosen_bits(few, loihi2=1)
    with pytest.raises(UltralifError, match=r"where --max-energy allows 10 pJ \(allow more"):
        chosen_bits(few, None, None, 1e-11)


def test_a_budget_without_room_is_refused_before_the_annealing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Energy and what pruning may empty are known only after it."""

    class Annealed(Exception):
        pass

    def annealed_network(*_: object) -> None:
        raise Annealed

    monkeypatch.setattr("ultralif_deploy.steps.annealing.annealed_network", annealed_network)

    def deployed(prune: float = 0.0, **budget: Any) -> None:
        options = ul.AnnealOptions(epochs=1, prune=prune)
        ul.deploy(
            CHECKPOINT,
            tmp_path / "out",
            SETTINGS,
            bits="auto",
            anneal=options,
            back_ends=(),
            **budget,
        )

    line = (
        r"no bits are within the budget; with ternary weights the network takes {} "
        r"\(allow more, or take a smaller network\)"
    )
    bytes_taken = "1,184 bytes of weights, where --weight-memory allows 1,183"
    with pytest.raises(UltralifError, match=line.format(bytes_taken)):
        deployed(weight_memory=1183, max_energy=1.0)
    with pytest.raises(UltralifError, match=line.format("2 cores of loihi2, where .* allows 1")):
        deployed(max_cores={"loihi2": 1})
    assert not (tmp_path / "out").exists()
    with monkeypatch.context() as patched:
        refuses = Mock(side_effect=Refused("it does not fit"))
        patched.setitem(CHIPS, "loihi1", refuses)  # other weights may fit
        with pytest.raises(Annealed):
            deployed(weight_memory=1184, max_cores={"loihi1": 1, "loihi2": 2})
        assert refuses.called
    for prune, budget in ((0.0, {"max_energy": 1e-15}), (0.9, {"weight_memory": 100})):
        with pytest.raises(Annealed):
            deployed(prune, **budget)


def test_cores_of_a_chip_are_those_of_the_placed_program(source: Deployable) -> None:
    few = shortened(source, 100)
    _, choice = chosen_bits(few, loihi2=2)
    assert choice["max_cores"] == {"loihi2": 2}
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    assert chosen["cores"] == {"loihi2": 2}
    assert chosen["loss"] == min(one["loss"] for one in choice["candidates"])
    passed = apply_passes(source.network)
    program = Judge(few, Goal(DEVICE)).candidate(few, passed, chosen["weight_bits"])[1]
    assert loihi.load2(program).placement.cores == 2


@pytest.mark.parametrize("allowed", [100.0, 6.0])
def test_each_population_gets_the_fewest_bits_of_spikes(tmp_path: Path, allowed: float) -> None:
    network = SoftNetwork(Architecture((64, 20, 12, 10), "ultratlif"), seed=2)
    with torch.no_grad():
        for name, value in network.named_parameters():
            if name.endswith("weight"):
                value.mul_(4.0)
    save(tmp_path / "net.pt", network, {}, {"timesteps": 1, "neuron": "ultratlif"})

    def opened(bits: SpikeBits) -> Deployable:
        settings = ul.Settings(data="digits", spike_bits=bits, limit=10)
        made = shortened(open_source(tmp_path / "net.pt", settings), 200)
        assert made.data.train is not None
        unlabelled = replace(made.data, train=Split(made.data.train.x, None))
        return replace(made, dataset=unlabelled)

    goal = Goal(DEVICE, allowed)
    source, choice = choose_spike_bits(opened, (), goal, Progress())
    found = source.require_soft().spike_bits()
    candidates = choice["candidates"]
    (chosen,) = [one for one in candidates if one["chosen"]]
    assert chosen["loss"] <= allowed
    assert [one["spike_bits"] for one in candidates[:4]] == [4, 3, 2, 1]
    mean = (20 * found["neuron1"] + 12 * found["neuron2"]) / 32
    assert chosen["mean_spike_bits"] == pytest.approx(mean, rel=1e-12)
    if allowed == 100.0:
        assert chosen["spike_bits"] == 1
        return
    assert len(set(found.values())) == 2
    assert chosen["spike_bits"] == found
    for name in (name for name in found if found[name] > 1):
        fewer = {**found, name: found[name] - 1}
        (one,) = [one for one in candidates if one["spike_bits"] in (fewer, *_alike(fewer))]
        assert one["loss"] > allowed


def _alike(bits: dict[str, int]) -> set[int]:
    """The bits that all populations have; empty where they differ."""
    return set(bits.values()) if len(set(bits.values())) == 1 else set()


def test_too_few_training_samples(source: Deployable) -> None:
    few = shortened(source, 19)
    with pytest.raises(UltralifError, match="18 training samples; `auto` chooses bits on at least"):
        chosen_bits(few, 1.0)


def test_the_written_program_is_the_chosen_one(tmp_path: Path) -> None:
    result = quantize_checkpoint(
        CHECKPOINT, tmp_path, SETTINGS, "auto", max_gap=9.0, weight_memory=1400
    )
    choice = result["weight_choice"]
    assert choice["max_weight_bytes"] == 1400
    assert choice["max_loss"] == 9.0
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    written = ul.read_nir(tmp_path / "program.nir")
    assert written.weight_bits // 8 == chosen["weight_bytes"] <= 1400
    bits = {name: one.name for name, one in written.formats.items()}
    source = open_source(CHECKPOINT, SETTINGS)
    _, program = program_of(source, source.network, bits)
    for ours, theirs in zip(written.projections, program.projections, strict=True):
        np.testing.assert_array_equal(ours.map.matrix(), theirs.map.matrix())


def test_a_budget_needs_bits_that_are_chosen(tmp_path: Path) -> None:
    budgets: tuple[dict[str, Any], ...] = (
        {"weight_memory": 9},
        {"max_energy": 1.0},
        {"max_cores": {"loihi2": 3}},
    )
    for budget in budgets:
        with pytest.raises(UltralifError, match="they bound bits that are chosen; expected --bits"):
            quantize_checkpoint(CHECKPOINT, tmp_path, SETTINGS, 8, **budget)
    with pytest.raises(UltralifError, match="max cores of 'akida'; expected loihi1 or loihi2"):
        quantize_checkpoint(CHECKPOINT, tmp_path, SETTINGS, "auto", max_cores={"akida": 3})
    with pytest.raises(UltralifError, match=r"^weight memory = 0; expected a number above 0"):
        quantize_checkpoint(CHECKPOINT, tmp_path, SETTINGS, "auto", weight_memory=0)
    with pytest.raises(UltralifError, match=r"^max energy = nan; expected a number above 0"):
        quantize_checkpoint(CHECKPOINT, tmp_path, SETTINGS, "auto", max_energy=float("nan"))
