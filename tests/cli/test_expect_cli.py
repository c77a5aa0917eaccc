"""`--expect` of verify and simulate: the user's spikes in report and certificate."""

import itertools
import json
from pathlib import Path
from typing import Any

import nir
import numpy as np
import pytest

from support.commands import refused, ultralif
from support.networks.readings import data, meant, written
from support.schemas import errors, validator
from ultralif_deploy.readers.nir.neurons import Conventions

HOW = Conventions(dt=1e-3, fires="at", reset_mode="subtract")
OPTIONS = ("--dt", 1e-3, "--fires", "at", "--reset", "subtract")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network with its data, and the spikes and logits of one reading."""
    path = tmp_path_factory.mktemp("expected")
    inputs = data(path / "inputs.npz", 5)
    trace = meant(written(path / "model.nir", "LIF", 5), HOW, inputs)
    arrays: dict[str, Any] = {**trace.spikes, "logits": trace.logits}
    np.savez(path / "expected.npz", **arrays)
    np.savez(path / "logits.npz", logits=trace.logits)
    wrong = trace.spikes["hidden"].copy()
    wrong[3, [0, 5], 2] ^= True
    np.savez(path / "wrong.npz", hidden=wrong)
    return path


def verified(folder: Path, output: Path, expect: str, *more: object) -> dict[str, Any]:
    files = ("--data", folder / "inputs.npz", "--expect", folder / expect)
    run = ("verify", folder / "model.nir", *files, "--on", "fast", "--certify", 4, "-o", output)
    outcome = ultralif(*run, *(more or OPTIONS), "--json")
    assert outcome.code == 0, outcome.err
    report: dict[str, Any] = outcome.json()
    assert errors(validator("report"), report) == []
    return report


def certificate(output: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((output / "certificate.json").read_text("utf-8"))
    assert errors(validator("certificate"), content) == []
    return content


def test_a_right_reading_differs_nowhere(folder: Path, tmp_path: Path) -> None:
    report = verified(folder, tmp_path, "expected.npz")
    expected = report["expected"]
    assert expected["first"] is None
    assert expected["float_logits"] == 0
    assert {p["float"] for p in expected["populations"].values()} == {0}
    assert list(expected["populations"]) == ["hidden", "last"]
    assert not [f for f in report["findings"] if "ultralif match" in f["remedy"]]
    claim = certificate(tmp_path)["expected"]
    assert claim["file_sha256"] == expected["sha256"]
    assert set(claim["float"].values()) == {0}


def test_a_wrong_reading_is_the_first_line_and_a_finding(folder: Path, tmp_path: Path) -> None:
    report = verified(folder, tmp_path, "expected.npz", "--dt", 1e-3)
    hidden = report["expected"]["populations"]["hidden"]
    assert hidden["float"] > 0
    assert hidden["integer"] > 0
    assert report["verdict"] != "yes"
    assert [f for f in report["findings"] if "ultralif match" in f["remedy"]]
    assert report["expected"]["first"]["population"] == "hidden"
    page = (tmp_path / "report.html").read_text("utf-8")
    line = page.index("expected.npz expects")
    assert line < page.index("<main>")
    files = ("--data", folder / "inputs.npz", "--expect", folder / "expected.npz")
    run = ("verify", folder / "model.nir", *files, "--on", "fast", "-o", tmp_path / "text")
    assert ultralif(*run, "--dt", 1e-3).out.startswith("expected.npz expects")


def test_counts_are_those_of_the_file(folder: Path, tmp_path: Path) -> None:
    found = verified(folder, tmp_path, "wrong.npz")["expected"]
    assert found["populations"]["hidden"]["float"] == 2
    assert found["first"]["timestep"] == 3
    assert certificate(tmp_path)["expected"]["float"] == {"hidden": 1}, "of four samples"
    limited = verified(folder, tmp_path, "wrong.npz", *OPTIONS, "--limit", 3)["expected"]
    assert limited["samples"] == 3
    assert limited["populations"]["hidden"]["float"] == 1


def changed_count(output: Path) -> None:
    content = certificate(output)
    content["expected"]["integer"]["hidden"] += 1
    (output / "certificate.json").write_text(json.dumps(content), "utf-8")


def dropped_claim(output: Path) -> None:
    content = certificate(output)
    del content["expected"]
    (output / "certificate.json").write_text(json.dumps(content), "utf-8")


def changed_spikes(output: Path) -> None:
    arrays = dict(np.load(output / "vectors.npz"))
    arrays["expected.hidden"] = 1 - arrays["expected.hidden"]
    np.savez(output / "vectors.npz", **arrays)


def other_shape(output: Path) -> None:
    arrays = dict(np.load(output / "vectors.npz"))
    arrays["expected.hidden"] = arrays["expected.hidden"][:2]
    np.savez(output / "vectors.npz", **arrays)


@pytest.mark.parametrize("tamper", [changed_count, dropped_claim, changed_spikes, other_shape])
def test_the_certificate_holds_what_was_expected(folder: Path, tmp_path: Path, tamper: Any) -> None:
    verified(folder, tmp_path, "wrong.npz")
    check = ("verify", "--certificate", tmp_path / "certificate.json")
    assert ultralif(*check).code == 0
    tamper(tmp_path)
    assert "expected spikes" in refused(*check, code=1)


def test_simulate_counts_in_integers_and_in_float_where_there_is_a_float_network(
    folder: Path, tmp_path: Path
) -> None:
    report = verified(folder, tmp_path, "wrong.npz")
    wanted = report["expected"]["populations"]["hidden"]["integer"]
    files = ("--data", folder / "inputs.npz", "--expect", folder / "wrong.npz")
    for program in (tmp_path / "program.nir", folder / "model.nir"):
        how = () if program.parent == tmp_path else OPTIONS
        found = ultralif("simulate", program, *files, *how, "--json").json()
        assert errors(validator("commands"), {"simulate": found}) == []
        hidden = found["expected"]["populations"]["hidden"]
        assert hidden["integer"] == wanted
        assert hidden["float"] == (None if program.parent == tmp_path else 2)
    text = ultralif("simulate", tmp_path / "program.nir", *files)
    assert text.out.startswith("wrong.npz expects")


def test_refusals(folder: Path, tmp_path: Path) -> None:
    inputs = ("--data", folder / "inputs.npz")
    run = ("verify", folder / "model.nir", *inputs, "-o", tmp_path / "out", "--dt", 1e-3)
    assert "no such file" in refused(*run, "--expect", tmp_path / "none.npz")
    assert "expected spikes [25 timesteps" in refused(*run, "--expect", folder / "inputs.npz")
    assert not (tmp_path / "out").exists()
    simulate = ("simulate", folder / "model.nir", *inputs, *OPTIONS)
    found = ultralif(*simulate, "--expect", folder / "logits.npz", "--json").json()["expected"]
    assert found["float_logits"] == 0
    assert ultralif("quantize", *simulate[1:], "-o", tmp_path).code == 0
    line = refused("simulate", tmp_path / "program.nir", *inputs, "--expect", folder / "logits.npz")
    assert "logits alone, which integers have in another unit" in line
    line = refused(*simulate, "--expect", folder / "expected.npz", "--exit", "exact")
    assert "--expect: it is for whole runs" in line


def test_neurons_that_passes_remove_count_too(tmp_path: Path) -> None:
    """A neuron without inputs never fires; a framework that says it does is heard."""
    ones = np.ones(3)
    nodes = {
        "input": nir.Input(np.array([5])),
        "fc": nir.Linear(np.array([[1.0] * 5, [0.0] * 5, [0.5] * 5])),
        "lif": nir.LIF(4e-3 * ones, 4 * ones, 0 * ones, ones, 0 * ones),
        "fc2": nir.Linear(np.ones((2, 3))),
        "last": nir.LIF(4e-3 * ones[:2], 4 * ones[:2], 0 * ones[:2], ones[:2], 0 * ones[:2]),
        "output": nir.Output(np.array([2])),
    }
    order = ("input", "fc", "lif", "fc2", "last", "output")
    edges = list(itertools.pairwise(order))
    nir.write(tmp_path / "model.nir", nir.NIRGraph(nodes, edges, type_check=False))
    inputs = data(tmp_path / "inputs.npz", 1)
    spikes = meant(tmp_path / "model.nir", Conventions(dt=1e-3), inputs).spikes
    expected = {name: one.copy() for name, one in spikes.items()}
    expected["lif"][4, 1, 1] = True
    np.savez(tmp_path / "expected.npz", **expected)  # type: ignore[arg-type]
    report = verified(tmp_path, tmp_path / "out", "expected.npz", "--dt", 1e-3)
    assert report["populations"]["lif"]["neurons"] < 3
    assert report["expected"]["populations"]["lif"] == {
        "spikes": int(expected["lif"].sum()),
        "float": 1,
        "integer": 1,
    }
    assert certificate(tmp_path / "out")["expected"]["float"]["lif"] == 0
    files = ("--data", tmp_path / "inputs.npz", "--expect", tmp_path / "expected.npz")
    run = ("simulate", tmp_path / "model.nir", *files, "--dt", 1e-3, "--on", "reference", "--json")
    assert ultralif(*run).json()["expected"]["populations"] == report["expected"]["populations"]
