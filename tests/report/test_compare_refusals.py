"""`ultralif compare` with reports that are wrong, hostile, or none."""

import copy
import json
import os
from pathlib import Path
from typing import Any

import pytest

from support.commands import refused, ultralif
from support.reports import against, load, verified, written


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The embedded network with 8 and 4 bits."""
    return [verified(tmp_path_factory.mktemp(f"bits{bits}"), bits) for bits in (8, 4)]


def test_names_in_errors_cannot_steer_the_terminal(reports: list[Path], tmp_path: Path) -> None:
    bad = tmp_path / "bad.json"
    report = load(reports[0])
    report["populations"] = {"\x1b[31mred": 1}
    bad.write_text(json.dumps(report), encoding="utf-8")
    assert "populations.�[31mred is int '1'" in refused("compare", reports[0], bad)


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
        (("version",), 1, "version is not 2, the only one that is read; write it again with"),
        (("program", "neurons"), None, "not a whole report of this version: write it again with"),
        (("accuracy", "gap_ci95"), [1], "gap_ci95 is list '[1]'; expected two numbers or null"),
        (("accuracy", "gap_ci95"), [1, "x"], "gap_ci95 is str 'x'; expected two numbers or null"),
        (("accuracy", "gap_ci95"), [1, float("inf")], "expected a finite number"),
        (("energy", "devices", "step", "not_published"), "x", "is str 'x'; expected a list"),
        (
            ("energy", "devices", "cmos45", "constants", "accumulate", "low"),
            [],
            "accumulate.low is list '[]'; expected a number",
        ),
        (("energy", "devices", "step", "model"), 1, "step.model is int '1'; expected text"),
        (("energy", "devices", "step", "constants", "k" * 10_000), 1, "…kkk"),
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
    assert len(line) < 400 + len(str(bad))


def test_values_that_are_long_or_deep_make_short_lines(reports: list[Path], tmp_path: Path) -> None:
    bad, deep = tmp_path / "bad.json", "[" * 900 + "]" * 900
    for value in ('"' + "v" * 10_000 + '"', deep, json.dumps(["v" * 1000] * 1000)):
        text = changed(load(reports[0]), "accuracy", "integer", value="HERE")
        bad.write_text(text.replace('"HERE"', value), encoding="utf-8")
        line = refused("compare", reports[0], bad)
        assert "accuracy.integer is " in line
        assert len(line) < 300 + len(str(bad))
        text = changed(load(reports[0]), "data", "name", value="HERE")
        bad.write_text(text.replace('"HERE"', value), encoding="utf-8")
        (pair,) = ultralif("compare", reports[0], bad, "--json").json()["conditions"].values()
        assert len(pair[1]) <= 60


def test_long_names_are_short_in_tables(reports: list[Path], tmp_path: Path) -> None:
    other, name = load(reports[0]), "n" * 10_000
    other["populations"][name] = other["populations"]["neuron"]
    other["energy"]["devices"][name] = other["energy"]["devices"]["step"]
    path = written(other, tmp_path)
    constants = other["energy"]["devices"][name]["constants"]
    constants[name] = constants.pop("accumulate")
    (tmp_path / "first.json").write_text(json.dumps(other), encoding="utf-8")
    outcome = ultralif("compare", tmp_path / "first.json", path)
    assert outcome.code == 0
    assert outcome.out.count("n" * 20) < 20
    assert name in against(reports[0], other, tmp_path)["energy"]


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
    os.mkfifo(tmp_path / "pipe")
    assert "not a regular file" in refused("compare", tmp_path / "pipe", reports[0])
    assert "cannot be read" in refused("compare", "x" * 1000, reports[0])
    monkeypatch.setenv("ULTRALIF_MAX_MEMORY", "100")
    assert "report.json: declared contents: " in refused("compare", *reports)
