"""`auto`: bits of weights and spikes chosen on training samples, and what it never looks at."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ultralif_deploy as ul
from ultralif_deploy.data import Split, loading
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.pipeline import quantize_checkpoint
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import open_source
from ultralif_deploy.sources.programs import program_of
from ultralif_deploy.steps.choosing import (
    LADDER,
    Judge,
    choose_spike_bits,
    choose_weight_bits,
)

CHECKPOINT = Path(loading.__file__).parent / "digits_ultraplif.pt"
SETTINGS = ul.Settings(data="digits", timesteps=2)


@pytest.fixture(scope="module")
def source() -> Deployable:
    return open_source(CHECKPOINT, SETTINGS)


def judge_of(source: Deployable) -> Judge:
    return Judge(source, source.network, ())


def test_weights_are_the_fewest_within_the_loss(source: Deployable) -> None:
    bits, choice = choose_weight_bits(judge_of(source), 1.0, Progress())
    (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
    assert choice["reached"]
    assert chosen["loss"] <= 1.0
    assert chosen["on_front"]
    assert chosen["weight_bytes"] <= choice["candidates"][0]["weight_bytes"] / 2
    made, _ = judge_of(source).candidate(bits)
    assert made["weight_bits"] == chosen["weight_bits"]
    # One step further down in any population, and the loss is too large or nothing is saved.
    for name in bits:
        if bits[name] != LADDER[-1]:
            fewer = bits | {name: LADDER[LADDER.index(bits[name]) + 1]}
            assert judge_of(source).candidate(fewer)[0]["loss"] > 1.0


def test_figures_are_those_of_the_program(source: Deployable) -> None:
    judge = judge_of(source)
    found, program = judge.candidate({"neuron": "4", "readout": "ternary"})
    train = source.data.train
    assert train is not None
    assert train.y is not None
    count = len(train.x) // 2
    _, samples = train.cut(len(train.x) - count)
    inputs = np.concatenate([v for _, v in source.encoder.blocks(samples.x)], axis=1)
    trace = ul.load_on("reference", program).run(inputs)
    assert found["accuracy"] == (trace.predictions() == samples.y).mean()
    operations = sum(v.sum() for v in trace.counts.synaptic_operations.values())
    assert found["synaptic_operations"] == operations / count
    weights = {p.target: p.map.matrix().size for p in program.projections}
    assert found["weight_bytes"] == (4 * weights["neuron"] + 2 * weights["readout"]) // 8


def test_the_front_holds_what_nothing_beats(source: Deployable) -> None:
    _, choice = choose_weight_bits(judge_of(source), 0.5, Progress())
    tried = choice["candidates"]

    def costs(one: object) -> np.ndarray:
        keys = ("weight_bytes", "synaptic_operations", "loss")
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
    found = [choose_weight_bits(judge_of(one), 1.0, Progress()) for one in (source, other)]
    assert found[0] == found[1]


def test_without_labels_changed_predictions_count(source: Deployable) -> None:
    assert source.data.train is not None
    train = Split(source.data.train.x, None)
    unlabelled = replace(source, dataset=replace(source.data, train=train))
    _, choice = choose_weight_bits(judge_of(unlabelled), 3.0, Progress())
    assert choice["accuracy"] is None
    assert all(one["accuracy"] is None for one in choice["candidates"])
    assert all(one["loss"] >= 0 for one in choice["candidates"])
    assert choice["candidates"][0]["loss"] < choice["candidates"][len(LADDER) - 1]["loss"]


def test_a_loss_that_nothing_reaches_keeps_eight_bits(source: Deployable) -> None:
    assert source.data.train is not None
    labels = np.zeros(len(source.data.train.x), dtype=np.int64)
    judge = judge_of(source)
    labels[-len(judge.samples.x) :] = judge.expected  # the soft network is always right
    train = Split(source.data.train.x, labels)
    perfect = replace(source, dataset=replace(source.data, train=train))
    bits, choice = choose_weight_bits(judge_of(perfect), 0.0, Progress())
    assert set(bits.values()) == {"8"}
    assert not choice["reached"]


def test_spikes_get_the_fewest_bits_within_the_loss() -> None:
    def opened(bits: int) -> Deployable:
        return open_source(CHECKPOINT, replace(SETTINGS, spike_bits=bits))

    for allowed, expected in ((100.0, 1), (0.2, None)):
        source, choice = choose_spike_bits(opened, (), allowed, Progress())
        assert [one["spike_bits"] for one in choice["candidates"]] == [1, 2, 3, 4]
        (chosen,) = [one for one in choice["candidates"] if one["chosen"]]
        assert source.require_soft().architecture.spike_bits == chosen["spike_bits"]
        within = [one for one in choice["candidates"] if one["loss"] <= allowed]
        assert chosen is within[0]
        assert expected in (None, chosen["spike_bits"])


def test_too_few_training_samples(source: Deployable) -> None:
    assert source.data.train is not None
    few = replace(source, dataset=replace(source.data, train=source.data.train.cut(19)[0]))
    with pytest.raises(UltralifError, match="18 training samples; `auto` chooses bits on at least"):
        choose_weight_bits(judge_of(few), 1.0, Progress())


def test_the_written_program_is_the_chosen_one(tmp_path: Path, source: Deployable) -> None:
    result = quantize_checkpoint(CHECKPOINT, tmp_path, SETTINGS, "auto", max_gap=1.0)
    bits, choice = choose_weight_bits(judge_of(source), 1.0, Progress())
    assert result["weight_choice"] == choice
    written = ul.read_nir(tmp_path / "program.nir")
    assert {name: one.name for name, one in written.formats.items()} == bits
    _, program = program_of(source, source.network, bits)
    for ours, theirs in zip(written.projections, program.projections, strict=True):
        np.testing.assert_array_equal(ours.map.matrix(), theirs.map.matrix())
