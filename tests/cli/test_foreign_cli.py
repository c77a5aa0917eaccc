"""NIR files of other tools through every command."""

from itertools import pairwise
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest

from support.commands import DEMO, refused, ultralif
from support.networks.nir_files import recurrent
from ultralif_deploy.cli import choices
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.readers.nir.neurons import DISCRETIZATIONS


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return recurrent(tmp_path_factory.mktemp("foreign") / "model.nir")


@pytest.fixture(scope="module")
def data(model: Path) -> Path:
    rng = np.random.default_rng(1)
    x, y = (rng.random((60, 12, 6)) < 0.4).astype(np.uint8), rng.integers(0, 3, 60)
    path = model.parent / "data.npz"
    np.savez(path, x_train=x[:20], y_train=y[:20], x_test=x[20:], y_test=y[20:])
    return path


def test_inspect(model: Path) -> None:
    found = ultralif("inspect", model, "--dt", "5e-5", "--json").json()
    names = [(p["name"], p["neuron"], p["reset"]) for p in found["populations"]]
    assert names == [
        ("hidden", "CubaLIF", "value"),
        ("last", "LIF", "value"),
        ("readout", "Integrator", None),
    ]
    assert found["populations"][0]["incoming"][0] == {
        "source": "hidden",
        "map": "Dense",
        "delayed": True,
    }
    assert found["assumed"]["dt"] == {"value": 5e-5, "source": "option"}
    assert "one timestep later" in ultralif("inspect", model).out


def test_quantize_writes_a_program_that_is_read_as_one(
    model: Path, data: Path, tmp_path: Path
) -> None:
    result = ultralif(
        *("quantize", model, "--bits", 4, "--timesteps", 9, "--reset", "late-subtract"),
        *("--encoding", "events", "-o", tmp_path, "--json"),
    ).json()
    assert result["assumed"]["reset"] == {"value": "late-subtract", "source": "option"}
    program = read_nir(tmp_path / "program.nir")
    assert program.timesteps == 9
    assert getattr(program.population("hidden").neuron, "reset_mode", "") == "late-subtract"
    simulated = ultralif(
        "simulate", tmp_path / "program.nir", "--data", data, "--timesteps", 12, "--json"
    )
    assert simulated.json()["assumed"] == {}


def test_verify_measures_and_certifies(model: Path, data: Path, tmp_path: Path) -> None:
    outcome = ultralif(
        "verify", model, "--data", data, "--certify", 10, "-o", tmp_path, "--max-gap", 50, "--json"
    )
    assert outcome.code == 0, outcome
    report = outcome.json()
    assert report["accuracy"]["compared"] == "float"
    assert {"soft", "integer", "gap_soft_integer", "gap_ci95"} <= set(report["accuracy"])
    assert report["accuracy"]["soft"] == report["accuracy"]["hard"]
    assert report["source"] == {"file": model.name, "architecture": None}
    assert {b["exact"] for b in report["backends"].values()} == {True}
    assert report["assumed"]["discretization"]["value"] == "euler"
    assert {row["pass"] for row in report["passes"]} >= {"none", "remove-constant"}
    for population in report["populations"].values():
        assert 0.02 < population["spike_rate_soft"] < 0.9
        assert population["agreement_integer_soft"] > 0.95
    assert ultralif("verify", "--certificate", tmp_path / "certificate.json").code == 0
    simulated = ultralif("simulate", model, "--data", data, "--json").json()
    assert simulated["accuracy"] == report["accuracy"]["integer"]
    energy = ultralif("energy", model, "--data", data, "--json").json()
    assert energy["counts"] == report["energy"]["counts"]
    text = ultralif("verify", model, "--data", data, "-v", "-o", tmp_path).out
    assert "float, as read" in text


def test_what_makes_no_sense_is_refused(model: Path, data: Path, tmp_path: Path) -> None:
    assert "nothing to anneal" in refused("anneal", model, "--data", data, "-o", tmp_path)
    assert "nothing to anneal" in refused(
        "deploy", model, "--anneal", "--data", data, "-o", tmp_path
    )
    assert "--theta 1.0: a NIR file has none" in refused("inspect", model, "--theta", 1)
    assert "--dt 0.1: it is for NIR files of other tools" in refused("inspect", DEMO, "--dt", 0.1)
    assert "tau_mem = 0.0003 s with a timestep of 0.001 s" in refused(
        "inspect", model, "--dt", 1e-3
    )
    assert "no data; give --data" in refused("energy", model)
    assert "no data; give --data" in refused("verify", model, "-o", tmp_path)


def test_unknown_and_damaged_nodes_are_refused_by_name(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    for change, message in (
        ("type", "node 'last' is of type 'Rotor'; expected one of Affine"),
        ("missing", "not a NIR graph (KeyError"),
        ("external", "ExternalLink"),
    ):
        path.write_bytes(model.read_bytes())
        with h5py.File(path, "r+") as file:
            node = file["node/nodes/last"]
            if change == "type":
                del node["type"]
                node["type"] = "Rotor"
            elif change == "missing":
                del file["node/nodes/last/type"]
            else:
                node["more"] = h5py.ExternalLink("/etc/passwd", "/")
        assert message in refused("inspect", path)


def test_a_network_without_spikes(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.nir"
    nodes = {
        "input": nir.Input(np.array([6])),
        "fc": nir.Linear(np.random.default_rng(2).normal(size=(3, 6))),
        "last": nir.LI(*(np.full(3, x) for x in (4e-4, 1.0, 0.0))),
        "output": nir.Output(np.array([3])),
    }
    names = list(nodes)
    edges = list(pairwise(names))
    nir.write(path, nir.NIRGraph(nodes, edges, type_check=False))
    report = ultralif("verify", path, "--data", data, "-o", tmp_path, "--json").json()
    assert report["populations"] == {}
    assert report["prediction_agreement"]["integer_hard"] > 0.9


def test_options_are_those_there_are() -> None:
    assert list(choices.RESETS) == list(RESETS)
    assert choices.DISCRETIZATIONS == DISCRETIZATIONS


@pytest.mark.parametrize("name", ["\x1b[31mred", "\u202eltr", "\x9b1m"])
def test_names_cannot_steer_the_terminal(tmp_path: Path, data: Path, name: str) -> None:
    path = named(tmp_path, name)
    for command in ("inspect", "simulate", "verify"):
        given = () if command == "inspect" else ("--data", data)
        out = ("--on", "fast", "-o", tmp_path / "o") if command == "verify" else ()
        outcome = ultralif(command, path, *given, *out)
        assert outcome.code == 0, outcome
        assert all(line.isprintable() for line in outcome.out.splitlines())


@pytest.mark.parametrize("name", ["[red]neuron", ":smile:"])
def test_names_are_shown_as_they_are(tmp_path: Path, name: str) -> None:
    assert name in ultralif("inspect", named(tmp_path, name)).out


def test_a_stride_of_0_is_one_line_without_warnings(tmp_path: Path) -> None:
    conv = nir.Conv2d((3, 3), np.ones((1, 1, 2, 2)), 1, 0, 1, 1, np.zeros(1))
    nodes = {
        "input": nir.Input(np.array([1, 3, 3])),
        "c": conv,
        "output": nir.Output(np.array([4])),
    }
    path = tmp_path / "c.nir"
    nir.write(path, nir.NIRGraph(nodes, [("input", "c"), ("c", "output")], type_check=False))
    with h5py.File(path, "r+") as file:
        file["node/nodes/c/stride"][()] = 0
    line = refused("inspect", path)
    assert "not a NIR graph" in line
    assert "Warning" not in line


def named(directory: Path, name: str) -> Path:
    """A network whose neurons have a name."""
    nodes = {
        "input": nir.Input(np.array([6])),
        "fc": nir.Linear(np.eye(3, 6)),
        name: nir.Threshold(np.full(3, 0.5)),
        "output": nir.Output(np.array([3])),
    }
    edges = [("input", "fc"), ("fc", name), (name, "output")]
    nir.write(directory / "model.nir", nir.NIRGraph(nodes, edges, type_check=False))
    return directory / "model.nir"


def polarity_model(directory: Path) -> Path:
    """Events of two polarities in a picture of 3 × 4, into one LIF layer of 3 classes."""
    rng = np.random.default_rng(2)
    nodes = {
        "input": nir.Input(np.array([2, 3, 4])),
        "flat": nir.Flatten({"input": np.array([2, 3, 4])}, start_dim=0, end_dim=-1),
        "fc": nir.Linear(rng.normal(size=(3, 24))),
        "last": nir.LIF(np.full(3, 1e-4), np.ones(3), np.zeros(3), np.full(3, 0.2)),
        "output": nir.Output(np.array([3])),
    }
    path = directory / "polarities.nir"
    nir.write(path, nir.NIRGraph(nodes, list(pairwise(nodes)), type_check=False))
    return path


def test_events_without_an_axis_of_time_run_as_one_timestep(tmp_path: Path) -> None:
    model, rng = polarity_model(tmp_path), np.random.default_rng(3)
    x, y = rng.integers(0, 4, (40, 2, 3, 4), dtype=np.uint8), rng.integers(0, 3, 40)
    np.savez(tmp_path / "plain.npz", x_test=x, y_test=y)
    np.savez(tmp_path / "framed.npz", x_test=x[:, None], y_test=y)
    found = {}
    for name in ("plain", "framed"):
        how = ("--timesteps", 1, "--dt", 1e-4, "--on", "fast", "--certify", 5)
        data = tmp_path / f"{name}.npz"
        ultralif("verify", model, "--data", data, *how, "-o", tmp_path / name)
        with np.load(tmp_path / name / "vectors.npz") as vectors:
            found[name] = {key: vectors[key] for key in vectors.files}
        again = ("simulate", tmp_path / name / "program.nir", "--data", data, "--json")
        found[name]["predictions"] = np.array(ultralif(*again).json()["predictions"])
    assert found["plain"].keys() == found["framed"].keys()
    for key, values in found["plain"].items():
        np.testing.assert_array_equal(values, found["framed"][key], strict=True)
    assert any(np.array_equal(v, x[:5].reshape(1, 5, 24)) for v in found["plain"].values())


def test_two_channels_for_many_timesteps_are_not_guessed_in_silence(tmp_path: Path) -> None:
    model, x = polarity_model(tmp_path), np.full((9, 2, 3, 4), 255, np.uint8)
    np.savez(tmp_path / "x.npz", x_test=x)
    given = ("inspect", model, "--data", tmp_path / "x.npz", "--timesteps", 4)
    findings = ultralif(*given, "--json").json()["findings"]
    (found,) = (f for f in findings if "two polarities; images are assumed" in f["text"])
    assert found["kind"] == "ambiguous"
    assert "samples of shape (2, 3, 4)" in refused(*given, "--strict", "--dt", 1e-4)
