"""Networks that went wrong in silence once, against the spikes of the frameworks they came from."""

import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.commands import refused, ultralif
from support.networks.cases import CASES, case, kept
from support.paths import shared_file
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.simulators.fast import simulator as fast

OPTIONS = {
    "norse-default-export": ("--dt", 1e-6),
    "synaptic-pulses-norse": ("--dt", 1e-3, "--synapse", "pulse"),
    "ties-spikingjelly": ("--fires", "at", "--dt", 1e-4),
}
"""What a user types for each file; the others need the default timestep alone."""


@pytest.mark.parametrize("name", CASES)
def test_float_spikes_are_the_frameworks(name):
    found = case(name)
    trace = run_hard(found.network, found.inputs)
    for population, spikes in found.expected.items():
        assert spikes.any()
        assert_array_equal(trace.spikes[population], spikes, population)


@pytest.mark.parametrize("name", CASES)
def test_eight_bits_keep_the_frameworks_spikes(name):
    found = case(name)
    program = quantize(apply_passes(found.network), 8)
    spikes = fast.load(program).run(found.inputs, record=True).spikes
    for population, expected in found.expected.items():
        recall, precision = kept(expected, spikes[population])
        assert min(recall, precision) >= 0.95, population


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_a_trained_grid_is_kept_exactly_at_every_width(bits):
    found = case("grid-of-trained-quantization")
    program = quantize(apply_passes(found.network), bits)
    spikes = fast.load(program).run(found.inputs, record=True).spikes
    assert_array_equal(spikes["lif"], found.expected["lif"])


def test_more_bits_keep_more_of_a_trained_grid_in_loihis_registers():
    found = case("grid-of-trained-quantization")
    recalls = []
    for bits in (3, 4, 8):
        program = quantize(apply_passes(found.network), bits, decay_bits=12)
        spikes = fast.load(program).run(found.inputs, record=True).spikes
        recalls.append(kept(found.expected["lif"], spikes["lif"])[0])
    assert recalls[0] < recalls[1] < recalls[2]


def test_twelve_bits_of_decay_lose_what_the_table_names():
    found = case("threshold-beyond-membrane")
    program = quantize(apply_passes(found.network), 8, decay_bits=12)
    spikes = fast.load(program).run(found.inputs, record=True).spikes
    assert kept(found.expected["lif"], spikes["lif"])[0] < 0.9


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("synaptic-pulses-norse", Conventions(dt=1e-3)),
        ("ties-spikingjelly", Conventions()),
    ],
)
def test_the_other_reading_gives_other_spikes(name, how):
    found = case(name, how)
    trace = run_hard(found.network, found.inputs)
    assert any(np.any(trace.spikes[p] != spikes) for p, spikes in found.expected.items())


@pytest.mark.parametrize("name", CASES)
def test_verify_says_what_became_of_it(name, tmp_path):
    folder = shared_file(f"cases/{name}/net.nir").parent
    how = OPTIONS.get(name, ("--dt", 1e-4))
    outcome = ultralif(
        *("verify", folder / "net.nir", "--data", folder / "inputs.npz"),
        *("--encoding", "events", *how, "--on", "fast", "--certify", 2, "-o", tmp_path),
    )
    assert outcome.code == 0, outcome
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"] in ("yes", "unsure")
    assert {row["parameter"] for row in report["parameters"]} >= {"weight", "threshold"}
    assert not [f for f in report["findings"] if f["kind"] == "parameter-error"]
    for population in report["populations"].values():
        assert min(population["spikes_kept"][k] for k in ("recall", "precision")) >= 0.95


def test_likely_misreadings_are_named(tmp_path):
    folder = shared_file("cases/synaptic-pulses-norse/net.nir").parent
    arguments = ("verify", folder / "net.nir", "--data", folder / "inputs.npz", "--on", "fast")
    more = ("--encoding", "events", "-o", tmp_path, "--json")
    report = ultralif(*arguments, "--dt", 1e-3, *more).json()
    (pulses,) = [f for f in report["findings"] if f["kind"] == "ambiguous"]
    assert "--synapse pulse" in pulses["remedy"]
    assert report["verdict"] == "unsure"
    confirmed = ultralif(*arguments, "--dt", 1e-3, "--synapse", "current", *more).json()
    assert not [f for f in confirmed["findings"] if f["kind"] == "ambiguous"]
    line = refused(*arguments, "--strict", *more)
    assert "--strict: the file does not say its timestep" in line


def test_ties_are_named_where_the_rule_was_assumed(tmp_path):
    folder = shared_file("cases/ties-spikingjelly/net.nir").parent
    arguments = ("verify", folder / "net.nir", "--data", folder / "inputs.npz", "--on", "fast")
    more = ("--encoding", "events", "--dt", 1e-4, "-o", tmp_path, "--json")
    report = ultralif(*arguments, *more).json()
    (ties,) = [f for f in report["findings"] if "threshold exactly" in f["text"]]
    assert "--fires at" in ties["remedy"]
    for rule in ("above", "at"):
        told = ultralif(*arguments, *more, "--fires", rule).json()
        assert not [f for f in told["findings"] if "threshold exactly" in f["text"]]


def test_scaled_time_constants_get_advice_that_is_right(tmp_path):
    folder = shared_file("cases/norse-default-export/net.nir").parent
    line = refused("inspect", folder / "net.nir")
    assert "Norse's exporter multiplies them by its dt" in line
    assert "1e-06 by default" in line
