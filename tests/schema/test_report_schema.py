"""report.json and certificate.json hold what their JSON Schemas say, whatever was deployed."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.commands import DEMO, ultralif
from support.networks.nir_files import recurrent
from support.networks.second_order import saved, state_dict
from support.paths import ROOT
from support.reports import load
from support.schemas import errors, validator

SCRIPT = ROOT / "examples" / "report_schema.py"
SHORT = ("--limit", 20, "--certify", 2, "--on", "fast")


REPORT, CERTIFICATE = validator("report"), validator("certificate")


def spikes(path: Path, inputs: int, *, labels: bool) -> Path:
    """A data file of other tools' networks."""
    rng = np.random.default_rng(1)
    arrays = {"x_test": (rng.random((20, 12, inputs)) < 0.4).astype(np.uint8)}
    if labels:
        arrays["y_test"] = rng.integers(0, 3, 20)
    np.savez(path, **arrays)
    return path


def soft(folder: Path) -> tuple[object, ...]:
    return "verify", DEMO, "--data", "digits", *SHORT


def annealed(folder: Path) -> tuple[object, ...]:
    return "deploy", DEMO, "--data", "digits", "--anneal", "--epochs", 0, *SHORT


def not_run(folder: Path) -> tuple[object, ...]:
    return "verify", DEMO, "--data", "digits", *SHORT[:-1], "loihi1,loihi2,c,onnx,lava,lava-loihi1"


def foreign(folder: Path) -> tuple[object, ...]:
    data = spikes(folder / "data.npz", 6, labels=True)
    return "verify", recurrent(folder / "model.nir"), "--data", data, *SHORT, "--max-gap", 99


def unlabelled(folder: Path) -> tuple[object, ...]:
    data = spikes(folder / "data.npz", 6, labels=False)
    return "verify", recurrent(folder / "model.nir"), "--data", data, *SHORT


def second_order(folder: Path) -> tuple[object, ...]:
    data = spikes(folder / "data.npz", 6, labels=True)
    path = saved(folder / "silif.pth", state_dict("silif"))
    return "verify", path, "--data", data, *SHORT, "--bits", "ternary"


KINDS = (soft, annealed, not_run, foreign, unlabelled, second_order)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind.__name__)
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("schema")
    outcome = ultralif(*request.param(path), "-o", path)
    assert outcome.code == 0, outcome.err
    if request.param is not_run:
        reasons = {r["why"] for r in load(path / "report.json")["backends_not_run"].values()}
        assert reasons == {"refused", "missing"}
    return path


def test_reports_of_every_kind(directory: Path) -> None:
    assert errors(REPORT, load(directory / "report.json")) == []


def test_certificates_of_every_kind(directory: Path) -> None:
    assert errors(CERTIFICATE, load(directory / "certificate.json")) == []


def shortened(content: Any) -> Any:
    """The same with at most three entries of each list, because a change is checked some 100 times.

    The points of rasters are most of a report.
    """
    if isinstance(content, dict):
        return {key: shortened(value) for key, value in content.items()}
    return [shortened(one) for one in content[:3]] if isinstance(content, list) else content


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("written")
    assert ultralif(*soft(path), "-o", path).code == 0
    report = shortened(load(path / "report.json"))
    assert errors(REPORT, report) == []
    (path / "report.json").write_text(json.dumps(report), encoding="utf-8")
    return path


def part(content: Any, path: tuple[str | int, ...]) -> Any:
    for key in path:
        content = content[key]
    return content


PARTS: tuple[tuple[str | int, ...], ...] = (
    ("accuracy",),
    ("backends", "fast"),
    ("backends", "fast", "facts"),
    ("data",),
    ("energy",),
    ("energy", "break_even", "references", 0),
    ("energy", "chips", "loihi1"),
    ("energy", "devices", "yan2024"),
    ("energy", "devices", "yan2024", "constants", "compare"),
    ("epsilon_sweep", 0),
    ("exports", "written", "c"),
    ("parameters", 0),
    ("passes", 0),
    ("populations", "neuron", "spikes_kept"),
    ("program", "populations", 0),
    ("raster", "populations", "neuron"),
)


@pytest.mark.parametrize("path", [(), *PARTS])
def test_unknown_keys_are_refused(written: Path, path: tuple[str | int, ...]) -> None:
    report = load(written / "report.json")
    part(report, path)["spare"] = 1
    assert errors(REPORT, report)


@pytest.mark.parametrize("path", [(), *PARTS])
def test_missing_keys_are_refused(written: Path, path: tuple[str | int, ...]) -> None:
    optional = {"draws", "only_soft_correct", "only_integer_correct", "soft", "float"}
    whole = load(written / "report.json")
    for key in set(part(whole, path)) - (optional if "accuracy" in path else {"soft"}):
        report = load(written / "report.json")
        del part(report, path)[key]
        assert errors(REPORT, report), key


def put(*path: str | int, value: Any) -> Callable[[Any], None]:
    def edit(content: Any) -> None:
        part(content, path[:-1])[path[-1]] = value

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        put("version", value=1),
        put("version", value="2"),
        put("verdict", value="perhaps"),
        put("accuracy", "soft", value=94.2),
        put("accuracy", "soft", value="0.94"),
        put("accuracy", "gap_ci95", value=[0.0]),
        put("assumed", "gain", "value", value=None),
        put("backends", "fast", "exact", value=1),
        put("backends_not_run", "slate", value={"why": "forgot", "message": "", "install": None}),
        put("data", "samples", value=1.5),
        put("data", "samples", value=-1),
        put("data", "samples", value=None),
        put("energy", "devices", "yan2024", "per_inference_j", value="1 pJ"),
        put("energy", "devices", "yan2024", "by_place", "neuron", value=1e-9),
        put("findings", value={}),
        put("program", "sha256", value="0" * 63),
        put("raster", "populations", "neuron", "integer", 0, value=[1, 2, 3]),
    ],
)
def test_wrong_values_are_refused(written: Path, edit: Callable[[Any], None]) -> None:
    report = load(written / "report.json")
    edit(report)
    assert errors(REPORT, report)


@pytest.mark.parametrize(
    "edit",
    [
        put("version", value=1),
        put("spare", value=1),
        put("backends", "fast", "samples", value="2"),
        put("backends", "fast", "traces_sha256", "logits", value="0"),
        lambda content: content.pop("vectors"),
    ],
)
def test_wrong_certificates_are_refused(written: Path, edit: Callable[[Any], None]) -> None:
    claim = load(written / "certificate.json")
    edit(claim)
    assert errors(CERTIFICATE, claim)


def test_the_files_are_what_the_types_say() -> None:
    subprocess.run([sys.executable, str(SCRIPT), "--check"], check=True)


@pytest.mark.parametrize("schema", [REPORT.schema, CERTIFICATE.schema])
def test_every_key_is_explained(schema: Any) -> None:
    for kind in (schema, *schema["$defs"].values()):
        assert kind["description"]
        for key, described in kind.get("properties", {}).items():
            assert described["description"], key


def test_the_identifier_names_the_version() -> None:
    assert REPORT.schema["$id"] == "urn:ultralif-deploy:report:2"
    assert CERTIFICATE.schema["$id"] == "urn:ultralif-deploy:certificate:2"
