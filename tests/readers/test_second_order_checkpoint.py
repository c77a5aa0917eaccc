"""State dicts of second-order networks: what is read, what is refused, and the way to a program."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from support.commands import refused, ultralif
from support.comparisons import assert_same_trace
from support.networks.nir_files import NODES, added, assert_same_program, changed, put
from support.networks.second_order import KINDS, saved, state_dict
from support.strategies.programs import programs
from support.strategies.second_order import SPIKING
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.graph import Dense
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.readers.second_order import HardCheckpoint, read_second_order
from ultralif_deploy.soft.checkpoint_file import read_tensors
from ultralif_deploy.verify.backends import load_on

STEPS = 30


def opened(path: Path, neuron: str | None = None) -> HardCheckpoint:
    return read_second_order(path, read_tensors(path), neuron=neuron, timesteps=STEPS)


def network_of(tmp_path: Path, kind: str) -> Network:
    option = kind if kind in ("adlif", "cadlif") else None
    return opened(saved(tmp_path / f"{kind}.pth", state_dict(kind)), option).network


def spikes_in(samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((STEPS, samples, 6)) < 0.3).astype(np.uint8)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    x = spikes_in(24).swapaxes(0, 1)
    np.savez(tmp_path / "data.npz", x_train=x[:12], x_test=x[12:], y_test=np.arange(12) % 4)
    return tmp_path / "data.npz"


# The published equations, written out


def direct(kind: str, state: dict[str, Any], inputs: np.ndarray) -> tuple[list[Any], np.ndarray]:
    """Spikes of both hidden layers and the summed membrane, sample by sample, with plain loops."""
    s = {k: v.double().numpy() for k, v in state.items()}
    hidden: list[Any] = [np.zeros((STEPS, inputs.shape[1], n)) for n in (9, 7)]
    total = np.zeros((inputs.shape[1], 4))
    for sample in range(inputs.shape[1]):
        u: list[Any] = [np.zeros(9, complex), np.zeros(7, complex), np.zeros(4)]
        w, fired = [np.zeros(9), np.zeros(7)], [np.zeros(9), np.zeros(7)]
        for t in range(STEPS):
            signal = inputs[t, sample].astype(float)
            for layer in range(3):
                p = {k.split(".", 2)[2]: v for k, v in s.items() if k.startswith(f"snn.{layer}.")}
                x = p["W.weight"] @ signal - p["norm.running_mean"]
                x = x / np.sqrt(p["norm.running_var"] + 1e-5) * p["norm.weight"] + p["norm.bias"]
                if layer == 2:
                    alpha = np.minimum(np.maximum(p["alpha"], np.exp(-1 / 5)), np.exp(-1 / 25))
                    u[2] = alpha * u[2] + (1 - alpha) * x
                    total[sample] += u[2]
                    continue
                if kind == "csilif":
                    rate = -np.exp(p["log_log_alpha"]) + 1j * p["alpha_img"]
                    alpha = np.exp(rate * np.exp(p["log_dt"]))
                    u[layer] = alpha * (u[layer] - 0.5 * fired[layer]) + p["b"] * x
                    fired[layer] = (2 * u[layer].real > 1).astype(float)
                else:
                    if kind == "silif":
                        dt = np.exp(p["dt"])
                        alpha = np.exp(-np.exp(p["alpha"]) * dt)
                        beta = np.exp(-np.exp(p["beta"]) * dt)
                        low = 0.0
                    elif kind == "adlif":
                        alpha = np.clip(p["alpha"], np.exp(-1 / 5), np.exp(-1 / 25))
                        beta = np.clip(p["beta"], np.exp(-1 / 30), np.exp(-1 / 120))
                        low = -1.0
                    else:
                        alpha = np.clip(p["alpha"], 0.36, 0.96)
                        beta = np.clip(p["beta"], 0.96, 0.99)
                        low = 0.0
                    a, b = np.clip(p["a"], low, 1), np.clip(p["b"], 0, 2)
                    old = u[layer].real
                    w[layer] = beta * w[layer] + a * old + b * fired[layer]
                    u[layer] = alpha * (old - fired[layer]) + (1 - alpha) * (x - w[layer])
                    fired[layer] = (u[layer] > 1).astype(float)
                signal = hidden[layer][t, sample] = fired[layer]
    return hidden, total


@pytest.mark.parametrize("kind", KINDS)
def test_the_network_is_the_published_one(kind: str, tmp_path: Path) -> None:
    network, inputs = network_of(tmp_path, kind), spikes_in(4)
    hidden, total = direct(kind, state_dict(kind), inputs)
    for made in (network, apply_passes(network)):
        trace = run_hard(made, inputs)
        assert min(np.abs(m).min() for m in trace.margins.values()) > 1e-9
        for name, spikes in zip(("snn.0", "snn.1"), hidden, strict=True):
            assert 0.02 < spikes.mean() < 0.95
            assert_array_equal(trace.spikes[name], spikes, name)
        assert_allclose(trace.logits, total, atol=1e-9)


@pytest.mark.parametrize("kind", KINDS)
def test_programs_are_exact_and_near_the_float_network(kind: str, tmp_path: Path) -> None:
    network, inputs = apply_passes(network_of(tmp_path, kind)), spikes_in(6)
    program = quantize(network, 8, spikes_in(20, 1))
    trace = load_on("fast", program).run(inputs, record=True)
    assert_same_trace(trace, load_on("reference", program).run(inputs, record=True))
    assert trace.spikes is not None
    same = (trace.spikes["snn.0"] == run_hard(network, inputs).spikes["snn.0"]).mean()
    assert same > 0.97


def test_kinds_are_found_from_keys_and_the_rest_from_the_option(tmp_path: Path) -> None:
    for kind in KINDS:
        path = saved(tmp_path / f"{kind}.pth", state_dict(kind))
        found = opened(path)
        assert found.neuron == ("adlif" if kind == "cadlif" else kind)
        source = found.assumptions.as_dict()["neuron"]["source"]
        assert source == ("default" if kind in ("adlif", "cadlif") else "checkpoint")
    assert opened(path, "cadlif").neuron == "cadlif"
    alpha = [opened(path, k).network.populations[0].neuron.alpha for k in ("adlif", "cadlif")]
    assert alpha[0].min() >= np.exp(-1 / 5)
    assert alpha[1].min() < np.exp(-1 / 5)


def test_compiled_and_wrapped_state_dicts_are_the_same(tmp_path: Path) -> None:
    state = state_dict("silif")
    wrapped = {"model_state_dict": {f"_orig_mod.{k}": v for k, v in state.items()}}
    torch.save(wrapped, tmp_path / "wrapped.pth")
    inputs = spikes_in(3)
    expected = run_hard(network_of(tmp_path, "silif"), inputs).logits
    assert_array_equal(run_hard(opened(tmp_path / "wrapped.pth").network, inputs).logits, expected)


# Refusals


def without(*keys: str) -> Callable[[dict[str, Any]], None]:
    def edit(state: dict[str, Any]) -> None:
        for key in keys:
            del state[key]

    return edit


def with_value(key: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda state: state.update({key: value})


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (without("snn.0.dt"), None),
        (without("snn.0.beta"), "snn.0 has the parameters a, alpha, b, dt; expected those of a"),
        (without("snn.1.beta"), "snn.1: missing: beta; unknown: none"),
        (without("snn.1.norm.bias"), "snn.1: missing: norm.bias"),
        (with_value("snn.1.V.weight", torch.zeros(7, 7)), "unknown: V.weight"),
        (with_value("fc1.weight", torch.zeros(7, 7)), "key 'fc1.weight'; expected snn.<layer>"),
        (
            with_value("snn.4.alpha", torch.zeros(7)),
            r"layers \[0, 1, 2, 4\]; expected snn.0",
        ),
        (without("snn.1.W.weight"), "snn.1.W.weight: none; expected"),
        (with_value("snn.1.W.weight", torch.zeros(7)), r"snn.1.W.weight: \(7,\); expected"),
        (with_value("snn.1.W.weight", torch.zeros(7, 8)), "takes 8 inputs; the layer before has 9"),
        (with_value("snn.1.a", torch.zeros(3)), r"snn.1.a has shape \(3,\); expected \(7,\)"),
        (
            with_value("snn.1.a", torch.zeros(7, dtype=torch.int32)),
            "torch.int32; expected fl",
        ),
        (with_value("snn.1.a", torch.full((7,), torch.nan)), "7 values that are NaN or infinite"),
        (with_value("snn.1.norm.running_var", -torch.ones(7)), "has negative values"),
        (with_value("snn.1.a", [1, 2]), "entry 'snn.1.a' is no tensor"),
    ],
)
def test_files_that_are_no_such_network(
    edit: Callable[[dict[str, Any]], None], message: str | None, tmp_path: Path
) -> None:
    state = state_dict("silif")
    edit(state)
    path = saved(tmp_path / "bad.pth", state)
    if message is None:  # without dt in the first layer it is an adLIF, and the second is not
        message = "snn.1: missing: none; unknown: dt"
    with pytest.raises(UltralifError, match=message):
        opened(path)


def test_a_network_without_batch_norm_is_read(tmp_path: Path) -> None:
    state = {k: v for k, v in state_dict("silif").items() if "norm" not in k}
    network = opened(saved(tmp_path / "plain.pth", state)).network
    assert all(isinstance(p.map, Dense) for p in network.projections)


def test_options_that_contradict_the_file(tmp_path: Path) -> None:
    path = saved(tmp_path / "silif.pth", state_dict("silif"))
    assert "--neuron adlif does not have parameters" in refused(
        "inspect", path, "--neuron", "adlif"
    )
    assert "--theta 1.0: second-order networks" in refused("inspect", path, "--theta", 1)
    line = refused("anneal", path, "-o", tmp_path / "o")
    assert "has hard spikes already, so there is nothing to anneal" in line
    assert not (tmp_path / "o").exists()


def test_annealing_needs_a_soft_network(tmp_path: Path, data: Path) -> None:
    path = saved(tmp_path / "silif.pth", state_dict("silif"))
    given_ = (path, "--data", data, "-o", tmp_path / "o")
    assert ultralif("verify", *given_, "--max-gap", 50).code == 0  # float against integer
    assert "nothing to anneal" in refused("deploy", *given_, "--anneal")


# Commands


@pytest.mark.parametrize("kind", ["silif", "csilif"])
def test_from_state_dict_to_certificate(kind: str, tmp_path: Path, data: Path) -> None:
    path, out = saved(tmp_path / f"{kind}.pth", state_dict(kind)), tmp_path / "out"
    found = ultralif("inspect", path, "--json").json()
    assert (found["neuron"], found["widths"]) == (kind, [6, 9, 7, 4])
    assert found["assumed"]["timesteps"] == {"value": 250, "source": "default"}
    assert "softmax" in found["assumed"]["readout"]["value"]
    assert "read-out" in ultralif("inspect", path).out
    written = ultralif("quantize", path, "-o", out, "--json").json()
    assert written["program"]["populations"][2]["neuron"] == "LeakySum"
    # T comes from the data, since nobody said it.
    run = ("simulate", out / "program.nir", "--data", data, "--json")
    result = ultralif(*run).json()
    assert result["counts"]["timesteps"] == STEPS
    assert ultralif(*run, "--on", "reference").json() == result
    energy = ultralif("energy", out / "program.nir", "--data", data, "--json").json()
    assert energy["synaptic_operations"] > 0
    report = ultralif("verify", path, "--data", data, "-o", out, "--json").json()
    assert all(result["exact"] for result in report["backends"].values())
    accuracy = report["accuracy"]
    assert accuracy["compared"] == "float"
    assert accuracy["soft"] == accuracy["hard"] == accuracy["hard_naive"]
    assert report["prediction_agreement"]["integer_hard"] > 0.8
    assert report["populations"]["snn.0"]["agreement_integer_hard"] > 0.97
    assert report["assumed"]["readout"]["source"] == "default"
    assert ultralif("verify", "--certificate", out / "certificate.json").code == 0
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "there is no ε" in page
    assert "spikes of the float network" in page
    text = ultralif("verify", path, "--data", data, "-o", out).out
    assert "the float network is right for" in " ".join(text.split())


def test_word_lengths_are_options(tmp_path: Path) -> None:
    path, out = saved(tmp_path / "silif.pth", state_dict("silif")), tmp_path / "out"
    lengths = ("--state-bits", 18, "--coefficient-bits", 12)
    ultralif("quantize", path, *lengths, "-o", out)
    neuron = read_nir(out / "program.nir").populations[0].neuron
    assert set(neuron.state_bits.tolist()) == {18}
    assert set(neuron.coefficient_bits.tolist()) == {12}


@pytest.mark.parametrize("kind", ["silif", "csilif"])
def test_the_published_networks(kind: str, shared: Callable[[str], Path], tmp_path: Path) -> None:
    path = shared(f"checkpoints/{kind}_ssc.pth")
    ultralif("quantize", path, "-o", tmp_path)
    program = read_nir(tmp_path / "program.nir")
    assert [p.size for p in program.populations] == [512, 512, 35]
    rng = np.random.default_rng(0)
    inputs = (rng.random((20, 1, 140)) < 0.05).astype(np.uint8)
    trace = load_on("fast", program).run(inputs, record=True)
    assert_same_trace(trace, load_on("reference", program).run(inputs, record=True))
    network = replace(apply_passes(opened(path).network), timesteps=20)
    assert trace.spikes is not None
    for name, spikes in run_hard(network, inputs).spikes.items():
        assert 0.01 < spikes.mean() < 0.5
        assert (spikes == (trace.spikes[name] != 0)).mean() > 0.97


# NIR


@settings(max_examples=25)
@given(st.data())
def test_programs_survive_nir(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "second_order.nir"
    program = data.draw(programs(kinds=SPIKING, readouts=("leaky_sum", "integrator")))
    write_nir(program, path)
    assert_same_program(read_nir(path), program)


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    path = tmp_path / "program.nir"
    write_nir(quantize(apply_passes(network_of(tmp_path, "silif"))), path)
    return path


def test_a_change_in_the_file_changes_the_program(stored: Path) -> None:
    before = read_nir(stored)
    after = read_nir(changed(stored, added("snn_0/alpha", 2, -1)))
    difference = before.populations[0].neuron.alpha - after.populations[0].neuron.alpha
    assert difference.tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0]
    after = read_nir(changed(stored, added("readout/bias", 1, 5)))
    assert (after.readout.bias - before.readout.bias).tolist() == [0, 5, 0, 0]


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda f: put(f, f"{NODES}/snn_0/alpha", np.zeros(3)), "snn.0: alpha: shape"),
        (lambda f: put(f, f"{NODES}/snn_0/threshold", np.zeros(3)), "snn.0: reset: shape"),
        (
            lambda f: put(f, f"{NODES}/snn_0/b", np.full(9, 0.5)),
            "snn.0: b: not whole numbers",
        ),
        (added("snn_0/alpha", 0, 1 << 20), "snn.0: alpha reaches"),
        (added("snn_0/shift", 0, 99), "snn.0: shift from"),
        (added("readout/state_bits", 0, 40), "readout: state bits from"),
        (added("readout/state_bits", 0, 10), "timesteps of values up to"),
        (lambda f: put(f, f"{NODES}/readout/alpha", np.zeros((2, 2))), "expected one value per"),
    ],
)
def test_damaged_nodes_are_refused(edit: Any, message: str, stored: Path) -> None:
    with pytest.raises(UltralifError, match=message):
        read_nir(changed(stored, edit))
