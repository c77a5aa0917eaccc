"""`ultralif compare`: two reports side by side, and files that are none."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from commands import DEMO, refused, ultralif

from ultralif_deploy import comparison


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The embedded network with 8 and 4 bits."""
    paths = []
    for bits in (8, 4):
        path = tmp_path_factory.mktemp(f"bits{bits}")
        run = ("verify", DEMO, "--data", "digits", "--limit", 50, "--certify", 2, "--bits", bits)
        assert ultralif(*run, "--on", "fast", "-o", path).code == 0
        paths.append(path / "report.json")
    return paths


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def test_figures_are_those_of_the_reports(reports: list[Path]) -> None:
    found = ultralif("compare", *reports, "--json").json()
    a, b = map(load, reports)
    assert found["files"] == [str(path) for path in reports]
    assert found["size"]["bits per weight"] == {"first": 8, "second": 4, "difference": -4}
    for group, name, path in (
        ("accuracy", "integer", ("accuracy", "integer")),
        ("accuracy", "gap, points", ("accuracy", "gap_soft_integer")),
        ("energy", "loihi1", ("energy", "devices", "loihi1", "per_inference_j")),
        ("spike rate", "neuron", ("populations", "neuron", "spike_rate_integer")),
        (
            "operations",
            "synaptic, per inference",
            ("energy", "synaptic_operations_per_inference"),
        ),
    ):
        first, second = a, b
        for key in path:
            first, second = first[key], second[key]
        expected = {"first": first, "second": second, "difference": second - first}
        assert found[group][name] == expected
    assert found["size"]["C, bytes of state"]["first"] is None


def test_equal_reports_differ_in_nothing(reports: list[Path]) -> None:
    found = ultralif("compare", reports[0], reports[0], "--json").json()
    assert found.pop("conditions") == {}
    del found["files"]
    differences = [row["difference"] for rows in found.values() for row in rows.values()]
    assert set(differences) <= {0, None}
    assert differences.count(0) > 10


def test_other_conditions_are_said(reports: list[Path], tmp_path: Path) -> None:
    assert ultralif("compare", *reports, "--json").json()["conditions"] == {}
    other = load(reports[1])
    other["data"] |= {"seed": 3, "name": "\x1b[31mred"}
    other["assumed"]["gain"]["value"] = 0.25
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    found = ultralif("compare", reports[0], path, "--json").json()["conditions"]
    assert found == {
        "name": ["digits", "\x1b[31mred"],
        "seed": ["0", "3"],
        "gain": ["0.5", "0.25"],
    }
    printed = ultralif("compare", reports[0], path).out
    assert "Measured differently" in printed
    assert "\x1b" not in printed


def test_names_in_errors_cannot_steer_the_terminal(reports: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    report = load(reports[0])
    report["populations"] = {"\x1b[31mred": 1}
    bad.write_text(json.dumps(report), encoding="utf-8")
    assert "populations.�[31mred is int '1'" in refused("compare", reports[0], bad)


def test_tables(reports: list[Path]) -> None:
    printed = ultralif("compare", *reports).out
    for text in ("accuracy", "spike rate", "energy", "loihi1", "bits per weight", "−4"):
        assert text in printed


def test_networks_with_other_layers_and_devices(reports: list[Path], tmp_path: Path) -> None:
    other = load(reports[0])
    other["populations"] = {"[bold]\x1b[31mred": other["populations"]["neuron"]}
    other["energy"]["devices"]["mine"] = {"per_inference_j": None}
    del other["energy"]["devices"]["loihi1"]
    path = tmp_path / "other.json"
    path.write_text(json.dumps(other), encoding="utf-8")
    found = ultralif("compare", reports[0], path, "--json").json()
    nothing = {"second": None, "difference": None}
    assert found["energy"]["mine"] == {"first": None} | nothing
    assert found["energy"]["loihi1"]["difference"] is None
    assert found["spike rate"]["neuron"]["second"] is None
    printed = ultralif("compare", reports[0], path).out
    assert "\x1b" not in printed
    assert "[bold]�[31mred" in printed


def changed(report: Any, *path: str, value: Any) -> str:
    report = copy.deepcopy(report)
    inner = report
    for key in path[:-1]:
        inner = inner[key]
    if value is None:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return json.dumps(report)


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("accuracy", "integer"), "high", "accuracy.integer is str 'high'; expected a number"),
        (("accuracy", "integer"), True, "accuracy.integer is bool 'True'; expected a number"),
        (("accuracy", "integer"), float("nan"), "expected a finite number"),
        (("accuracy", "integer"), 10**400, "expected a finite number"),
        (("accuracy",), [1], "accuracy is list '[1]'; expected an object"),
        (("energy", "devices"), 3, "energy.devices is int '3'; expected an object"),
        (("program", "parameters"), None, "program.parameters is missing; not a whole report"),
        (("populations",), {"a": 1}, "populations.a is int '1'; expected an object"),
        (("version",), 2, "version is not 1, the only one that is read"),
        (("energy",), None, "not a report of ultralif deploy or verify"),
    ],
)
def test_reports_that_are_wrong_inside(
    reports: list[Path], tmp_path: Path, path: tuple[str, ...], value: Any, message: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_text(changed(load(reports[0]), *path, value=value), encoding="utf-8")
    line = refused("compare", reports[0], bad)
    assert message in line
    assert "bad.json" in line


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[]", "not a report"),
        (b"{", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"version": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"null", "not a report"),
    ],
)
def test_files_that_are_no_reports(
    reports: list[Path], tmp_path: Path, content: bytes, message: str
) -> None:
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)
    assert message in refused("compare", bad, reports[0])


def test_missing_and_huge_files(
    reports: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no such file" in refused("compare", reports[0], tmp_path / "none.json")
    assert "not a regular file" in refused("compare", tmp_path, reports[0])
    monkeypatch.setattr(comparison, "MAX_BYTES", 100)
    assert "bytes; a report has at most 100" in refused("compare", *reports)
