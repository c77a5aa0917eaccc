"""The table of meant and stored, the spikes kept, and the verdict that follows from them."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import strategies as st

from support.comparisons import holds
from support.strategies.networks import networks
from support.strategies.shapes import KINDS, inputs_for
from ultralif_deploy.findings.findings import FAILURE, NOTE, Finding
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.neurons import MODELS
from ultralif_deploy.quantization import rounding
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.rounding import BOUND, rounding_table
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.verify.judging import (
    NO,
    UNSURE,
    WITH_LOSSES,
    YES,
    accuracy_findings,
    judgement,
    verdict,
)
from ultralif_deploy.verify.spikes_kept import Kept, SpikesKept


def lif_network(tau=0.9, threshold=1.0, timesteps=50):
    lif = float_neurons.LIF(np.full(3, threshold), np.full(3, tau), False, np.zeros(3))
    weight = np.random.default_rng(0).normal(0.2, 0.3, (3, 8))
    return Network(
        Input(8),
        (
            Population("p", 3, lif, np.full(3, 0.01)),
            Population("out", 2, float_neurons.Integrator(), np.zeros(2)),
        ),
        (dense("input", "p", weight), dense("p", "out", np.eye(2, 3))),
        timesteps,
        1,
    )


def rows_of(network, program):
    return {(row.name, row.parameter): row for row in rounding_table(network, program)}


def test_every_parameter_has_a_row_with_its_error():
    network = lif_network()
    program = quantize(network, 8)
    rows = rows_of(network, program)
    assert list(rows) == [
        ("input->p", "weight"),
        ("p", "bias"),
        ("p", "threshold"),
        ("p", "leak per timestep"),
        ("p", "reset"),
        ("p->out", "weight"),
    ]
    p = program.population("p")
    stored = program.incoming("p")[0].map.weight * p.scale[:, None]
    error = np.abs(stored - network.projections[0].map.weight)
    assert rows["input->p", "weight"].error == error.max()
    leak = rows["p", "leak per timestep"]
    assert (leak.meant, leak.stored) == (pytest.approx(0.1), 410 / 4096)
    assert not any(row.exceeds for row in rows.values())


def test_rows_of_drawn_networks_are_what_is_stored():
    def check(data):
        network = apply_passes(data.draw(networks(KINDS)))
        program = quantize(network, 8)
        for row in rounding_table(network, program):
            assert row.error >= abs(row.meant - row.stored) * (1 - 1e-12)
            assert row.relative >= 0
            assert np.isfinite([row.meant, row.stored, row.error, row.relative]).all()

    holds(check, st.data(), examples=60)


@pytest.mark.parametrize(
    ("field", "parameter"), [("decay", "leak per timestep"), ("threshold", "threshold")]
)
def test_a_parameter_that_was_changed_is_found(field, parameter):
    network = lif_network()
    program = quantize(network, 8)
    p = program.population("p")
    values = getattr(p.neuron, field).copy()
    values[1] = values[1] * 1.1
    changed = replace(p, neuron=replace(p.neuron, **{field: values}))
    program = replace(program, populations=(changed, program.readout))
    row = rows_of(network, program)["p", parameter]
    assert row.exceeds
    assert row.neuron == 1
    assert row.relative == pytest.approx(0.1, abs=0.01)
    assert row.bound == BOUND


def test_a_weight_that_was_changed_is_in_the_table():
    network = lif_network()
    program = quantize(network, 8)
    weight = program.projections[0].map.weight.copy()
    n, i = np.unravel_index(np.abs(weight).argmax(), weight.shape)
    weight[n, i] = 0
    first = replace(program.projections[0], map=replace(program.projections[0].map, weight=weight))
    row = rows_of(network, replace(program, projections=(first, program.projections[1])))[
        "input->p", "weight"
    ]
    assert (row.neuron, row.stored) == (n, 0.0)
    assert row.exceeds


# Spikes kept


def kept_of(network, program, inputs):
    kept, found = SpikesKept(), run_hard(network, inputs)
    spikes = fast.load(program).run(inputs, record=True).spikes
    for p in network.populations[:-1]:
        kept.add(
            program.population(p.name),
            p.neuron.threshold,
            found.spikes[p.name],
            found.margins[p.name],
            spikes[p.name],
        )
    return kept


def test_spikes_kept_are_counted_by_place_and_timestep():
    def check(data):
        network = apply_passes(data.draw(networks(("lif", "threshold"))))
        inputs = data.draw(inputs_for(network, network.timesteps, 4))
        program = quantize(network, 8)
        kept = kept_of(network, program, inputs)
        expected = run_hard(network, inputs).spikes
        spikes = fast.load(program).run(inputs, record=True).spikes
        for name, counts in kept.populations.items():
            both = int((expected[name] & (spikes[name] != 0)).sum())
            assert (counts.wanted, counts.found) == (expected[name].sum(), spikes[name].sum())
            assert counts.both == both
            assert counts.recall == (both / counts.wanted if counts.wanted else None)

    holds(check, st.data(), examples=25)


@pytest.mark.parametrize(
    ("counts", "kind", "severity"),
    [
        (Kept(wanted=10, found=10, both=10), None, None),
        (Kept(), "silent-population", "warning"),
        (Kept(wanted=10), "silenced-population", "failure"),
        (Kept(wanted=100, found=80, both=80), "spikes-lost", "warning"),
        (Kept(wanted=80, found=100, both=80), "spikes-lost", "warning"),
        (Kept(wanted=10, found=10, both=10, saturated=3), "saturated-membrane", "warning"),
    ],
)
def test_what_is_said_of_the_counts(counts, kind, severity):
    found = list(SpikesKept({"p": counts}).findings())
    assert [(f.kind, f.severity) for f in found] == ([(kind, severity)] if kind else [])
    assert all(f.text.startswith("p") and f.remedy for f in found)


def test_a_network_that_never_fires_does_not_deploy_in_silence():
    network = lif_network(threshold=1000.0)
    program = quantize(network, 8)
    inputs = np.ones((50, 2, 8), dtype=np.uint8)
    (finding,) = kept_of(network, program, inputs).findings()
    assert finding.kind == "silent-population"
    assert "--dt" in finding.remedy


def test_saturated_membranes_are_counted():
    network = lif_network(tau=1.0, threshold=1e-3, timesteps=50)
    down = dense("input", "p", -np.ones((3, 8)))
    network = replace(network, projections=(down, network.projections[1]))
    program = quantize(network, 8)
    p = program.population("p")
    finer = replace(p, scale=p.scale / 1e6)
    program = replace(program, populations=(finer, program.readout))
    kept = kept_of(network, program, np.ones((50, 2, 8), dtype=np.uint8))
    assert kept.populations["p"].saturated > 0


# Verdicts


@pytest.mark.parametrize(
    ("findings", "exact", "allowed", "expected"),
    [
        ((), True, True, YES),
        ((Finding("fewer-bits", "x", "", NOTE),), True, True, YES),
        ((Finding("ambiguous", "x"),), True, True, UNSURE),
        ((Finding("ambiguous", "x"), Finding("spikes-lost", "x")), True, True, WITH_LOSSES),
        ((Finding("silenced-population", "x", "", FAILURE),), True, True, NO),
        ((), False, True, NO),
        ((), True, False, NO),
    ],
)
def test_verdicts(findings, exact, allowed, expected):
    assert verdict(findings, exact=exact, gap_allowed=allowed) == expected


def measured(soft, hard_accuracy, integer, compared="soft"):
    population = {
        "agreement_integer_soft": 0.7,
        "spikes_kept": {"recall": 0.6, "precision": 0.9},
    }
    better = {
        "agreement_integer_soft": 0.9,
        "spikes_kept": {"recall": 0.99, "precision": 0.9},
    }
    gap = None if soft is None else 100 * (soft - integer)
    accuracy = {"soft": soft, "hard": hard_accuracy, "integer": integer}
    accuracy |= {"compared": compared, "gap_soft_integer": gap, "max_gap": None}
    return {"accuracy": accuracy, "populations": {"good": better, "bad": population}}


@pytest.mark.parametrize(
    ("accuracies", "annealed", "trainable", "severity", "words"),
    [
        ((0.9, 0.9, 0.895), False, True, None, ()),
        ((0.9, 0.9, 0.85), False, True, "warning", ("5.0 by quantization", "--bits", "in bad")),
        ((0.9, 0.8, 0.8), False, True, "warning", ("10.0 by hardening", "--anneal", "in bad")),
        ((0.9, 0.8, 0.8), False, False, "warning", ("the data file has none",)),
        ((0.9, 0.8, 0.8), True, True, "warning", ("--epochs",)),
        ((0.85, 0.1, 0.1), False, True, "failure", ("75.0 points",)),
        ((0.9, 0.9, 0.8, "float"), False, True, "warning", ("10.0 by quantization", "more bits")),
        ((None, None, None), False, True, None, ()),
    ],
)
def test_lost_accuracy_gets_advice(accuracies, annealed, trainable, severity, words):
    found = list(accuracy_findings(measured(*accuracies), 10, annealed, trainable))
    assert [f.severity for f in found] == ([severity] if severity else [])
    for word in words:
        assert word in str(found[0])


@pytest.mark.parametrize(
    ("accuracies", "words"),
    [
        ((0.9, 0.8, 0.8), "agree, so this is what rounding to whole spikes takes"),
        ((0.9, 0.9, 0.8), "agree, so this is what the read-out's weights lose"),
    ],
)
def test_a_loss_without_changed_spikes_names_no_population(accuracies, words):
    figures = measured(*accuracies)
    for population in figures["populations"].values():
        population["agreement_integer_soft"] = population["spikes_kept"]["recall"] = 1.0
    (found,) = accuracy_findings(figures, 10, False, True)
    assert words in str(found)


def test_the_gravest_finding_stands_first():
    network = lif_network()
    program = quantize(network, 8)
    figures = measured(0.9, 0.89, 0.885) | {
        "findings": [Finding("silenced-population", "p fires never", "", FAILURE)]
    }
    judged = judgement([Finding("ambiguous", "dt")], network, program, figures, exact=True)
    assert judged["verdict"] == NO
    severities = [finding["severity"] for finding in judged["findings"]]
    assert severities == ["failure", "warning", "warning"]
    assert {row["name"] for row in judged["parameters"]} == {"input->p", "p", "p->out"}


def test_weights_that_gave_up_bits_are_named():
    network = lif_network(tau=1.0, threshold=3000.0, timesteps=5000)
    program = quantize(network, 8, decay_bits=12)
    figures = measured(0.9, 0.9, 0.9) | {"findings": []}
    (finding,) = judgement([], network, program, figures, exact=True)["findings"]
    assert (finding["kind"], finding["severity"]) == ("fewer-bits", "note")
    assert "instead of 8" in finding["text"]


WORD_LENGTHS = {"shift", "coefficient_bits", "state_bits"}
"""Chosen, not rounded."""


def test_every_parameter_of_every_model_has_a_row():
    for model in MODELS:
        arrays = {f.name for f in fields(model) if "ndarray" in str(f.type)} - WORD_LENGTHS
        known = {name for of, name in rounding._FIELDS if of in (object, model)}
        assert arrays <= known, model.__name__
