"""`match` finds the reading by which expected spikes were made, and loses none in its sieves."""

import itertools
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from support.foreign.frameworks import double_spikes, run_recorded, snntorch_graph
from support.networks.readings import data, meant, written
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.readers.nir.neurons import Conventions
from ultralif_deploy.schema.matching import Matched
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.steps.framework_spikes.search import match

DT = 1e-3


def found_with(folder: Path, expected: dict[str, np.ndarray], **options: object) -> Matched:
    np.savez(folder / "expected.npz", **expected)  # type: ignore[arg-type]
    settings = Settings(data=folder / "inputs.npz", **options)  # type: ignore[arg-type]
    return match(folder / "model.nir", folder / "expected.npz", settings)


def answers(found: Matched) -> list[dict[str, object]]:
    return [dict(reading["conventions"]) for reading in found["exact"]]


@st.composite
def conventions(draw: st.DrawFn) -> Conventions:
    reset = draw(st.sampled_from(["value", "subtract", "none", "late-value", "late-subtract"]))
    return Conventions(
        dt=DT,
        discretization=draw(st.sampled_from(["euler", "exponential"])),
        reset_mode=reset,
        fires=draw(st.sampled_from(["above", "at"])),
        synapse=draw(st.sampled_from(["current", "pulse"])),
        max_spikes=draw(st.sampled_from([1, 255])) if reset == "subtract" else 1,
        min_membrane=draw(st.sampled_from([None, -0.5])),
    )


@given(
    how=conventions(),
    kind=st.sampled_from(["IF", "LIF", "CubaLIF"]),
    seed=st.integers(0, 1000),
    back=st.booleans(),
    last_alone=st.booleans(),
)
@settings(max_examples=8)
def test_the_hidden_reading_is_found(
    how: Conventions,
    kind: str,
    seed: int,
    back: bool,
    last_alone: bool,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("drawn")
    inputs = data(folder / "inputs.npz", seed)
    spikes = meant(written(folder / "model.nir", kind, seed, back), how, inputs).spikes
    if last_alone:
        del spikes["hidden"]
    if not any(one.any() for one in spikes.values()):
        return
    plain = Conventions()
    open_ones = {"CubaLIF": {}, "LIF": {"synapse"}, "IF": {"synapse", "discretization"}}[kind]
    wanted = replace(how, **{name: getattr(plain, name) for name in open_ones})
    if all(one.max(initial=0) <= 1 for one in spikes.values()) and not last_alone:
        wanted = replace(wanted, max_spikes=1)
    # Where the first population cannot be compared alone, every reading runs the whole network:
    # then those of one timestep are enough.
    found = found_with(folder, spikes, dt=DT if back or last_alone else None)
    assert asdict(wanted) in answers(found)
    for reading in found["exact"]:
        again = meant(folder / "model.nir", Conventions(**reading["conventions"]), inputs).spikes  # type: ignore[arg-type]
        assert all(np.array_equal(again[name], one) for name, one in spikes.items())


@pytest.mark.parametrize(("kind", "back"), [("LIF", False), ("CubaLIF", True)])
def test_the_sieves_lose_no_exact_reading(kind: str, back: bool, tmp_path: Path) -> None:
    inputs = data(tmp_path / "inputs.npz", 1)
    model = written(tmp_path / "model.nir", kind, 3, back)
    spikes = meant(model, Conventions(dt=DT, reset_mode="late-value"), inputs).spikes
    found = found_with(tmp_path, spikes, dt=DT)
    every = 0
    for values in itertools.product(*found["open"].values()):
        how = Conventions(**({"dt": DT} | dict(zip(found["open"], values, strict=True))))  # type: ignore[arg-type]
        every += 1
        again = meant(model, how, inputs).spikes
        same = all(np.array_equal(again[name], one) for name, one in spikes.items())
        assert same == (asdict(how) in answers(found)), how
    assert every == found["readings"] > 40


@pytest.mark.parametrize("kind", ["LIF", "CubaLIF"])
def test_only_the_right_timestep_is_exact(kind: str, tmp_path: Path) -> None:
    inputs = data(tmp_path / "inputs.npz", 2)
    model = written(tmp_path / "model.nir", kind, 2)
    for dt in (2e-4, DT, 1e-5):
        spikes = meant(model, Conventions(dt=dt), inputs[:]).spikes
        if any(one.any() for one in spikes.values()):
            assert {one["dt"] for one in answers(found_with(tmp_path, spikes))} == {dt}


def test_a_question_that_the_user_answered_is_closed(tmp_path: Path) -> None:
    inputs = data(tmp_path / "inputs.npz", 4)
    model = written(tmp_path / "model.nir", "LIF", 4)
    spikes = meant(model, Conventions(dt=DT, reset_mode="subtract"), inputs).spikes
    found = found_with(tmp_path, spikes, dt=DT, reset="value")
    assert "dt" not in found["open"]
    assert "reset_mode" not in found["open"]
    assert not found["exact"]
    assert {one["conventions"]["reset_mode"] for one in found["nearest"]} == {"value"}


@pytest.mark.parametrize("flipped", [("hidden", 7, 3, 2), ("last", 11, 5, 1)])
def test_one_wrong_spike_is_found(flipped: tuple[str, int, int, int], tmp_path: Path) -> None:
    population, timestep, sample, neuron = flipped
    inputs = data(tmp_path / "inputs.npz", 5)
    model = written(tmp_path / "model.nir", "LIF", 5)
    trace = meant(model, Conventions(dt=DT, fires="at"), inputs)
    spikes = {name: one.copy() for name, one in trace.spikes.items()}
    spikes[population][timestep, sample, neuron] ^= True
    found = found_with(tmp_path, spikes)
    assert not found["exact"]
    best = found["nearest"][0]
    assert best["conventions"]["fires"] == "at"
    assert best["differing"] == 1
    first = best["first"]
    assert first is not None
    place = (first["population"], first["timestep"], first["sample"], first["neuron"])
    assert place == flipped
    assert first["expected"] == 1 - first["found"]
    assert first["membrane"] == pytest.approx(trace.margins[population][flipped[1:]] + 0.5)
    assert first["threshold"] == 0.5


def test_logits_alone_find_the_membrane_as_read_out(tmp_path: Path) -> None:
    inputs = data(tmp_path / "inputs.npz", 6)
    model = written(tmp_path / "model.nir", "LIF", 6)
    logits = meant(model, Conventions(dt=DT, read_out="membrane"), inputs).logits
    found = found_with(tmp_path, {"logits": logits.astype(np.float32)}, dt=DT)
    assert {"dt": DT, "read_out": "membrane"}.items() <= answers(found)[0].items()
    wrong = found_with(tmp_path, {"logits": np.roll(logits, 1, axis=0)}, dt=DT)
    assert not wrong["exact"]
    first = wrong["nearest"][0]["first"]
    assert first is not None
    assert first["population"] is None


def test_several_spikes_need_their_reset(tmp_path: Path) -> None:
    inputs = data(tmp_path / "inputs.npz", 7)
    model = written(tmp_path / "model.nir", "IF", 7)
    how = Conventions(dt=DT, reset_mode="subtract", max_spikes=255)
    spikes = meant(model, how, inputs).spikes
    assert max(int(one.max()) for one in spikes.values()) > 1
    assert found_with(tmp_path, spikes)["exact"][0]["conventions"]["max_spikes"] == 255
    with pytest.raises(UltralifError, match="without --reset subtract"):
        found_with(tmp_path, spikes, reset="value")


SNNTORCH = {
    ("zero", False): "value",
    ("zero", True): "value",
    ("subtract", True): "late-subtract",
    ("subtract", False): "immediate-subtract",
    ("none", True): "none",
}
"""snnTorch's options of the reset, which its files lose, and their reading."""


@pytest.mark.parametrize("reset", SNNTORCH, ids=str)
def test_resets_that_the_files_of_snntorch_lose(reset: tuple[str, bool], tmp_path: Path) -> None:
    import nir
    import snntorch as snn

    torch.manual_seed(2)
    mechanism, delay = reset
    how = {"reset_mechanism": mechanism, "reset_delay": delay, "spike_grad": double_spikes}
    beta, threshold = torch.full((8,), 0.7), torch.full((8,), 0.3)
    net = nn.Sequential(
        nn.Linear(5, 8), snn.Leaky(beta=beta, threshold=threshold, init_hidden=True, **how)
    ).double()
    inputs = data(tmp_path / "inputs.npz", 8)
    expected = run_recorded(net, (snn.Leaky,), inputs, net)
    net[1].reset_mem()
    nir.write(tmp_path / "model.nir", snntorch_graph(net, (5,)))
    (spikes,) = expected.values()
    found = found_with(tmp_path, {"spikes": spikes})
    assert SNNTORCH[reset] in {one["reset_mode"] for one in answers(found)}
    assert {one["dt"] for one in answers(found)} == {1e-4}
