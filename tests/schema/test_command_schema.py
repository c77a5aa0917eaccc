"""What every command prints with --json is what its schema says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.commands import DEMO, ultralif
from support.hardware import smallest_program
from support.networks.nir_files import recurrent
from support.networks.second_order import saved, state_dict
from support.requirements import expected_here
from support.schemas import errors, validator
from ultralif_deploy.cli.commands import main
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.readers.nir.network import import_nir
from ultralif_deploy.schema.commands import Commands

SCHEMA = validator("commands")
REPORTS = {"demo", "deploy", "verify"}
"""Commands that print the content of report.json, which has a schema of its own."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Inputs of every kind: a report with its certificate, a network's file, its data."""
    path = tmp_path_factory.mktemp("commands")
    made = ("--data", "digits", "--limit", 20, "--certify", 2, "--on", "fast")
    assert ultralif("verify", DEMO, *made, "-o", path / "made").code == 0
    recurrent(path / "model.nir")
    write_nir(smallest_program(), path / "small.nir")
    saved(path / "silif.pth", state_dict("silif"))
    rng = np.random.default_rng(1)
    x = (rng.random((4, 12, 6)) < 0.4).astype(np.uint8)
    np.savez(path / "data.npz", x_test=x)
    trace = run_hard(import_nir(path / "model.nir", timesteps=12), np.swapaxes(x, 0, 1))
    np.savez(path / "expected.npz", **trace.spikes)  # type: ignore[arg-type]
    return path


PROGRAM, DIGITS = "made/program.nir", ("--data", "digits", "--limit", 4)
NEEDED: dict[str, tuple[str, tuple[object, ...]]] = {
    "firmware": (
        "arm-none-eabi-gcc",
        ("firmware", PROGRAM, *DIGITS, "--on", "c-cortex-m4", "--optimize", "Os"),
    ),
    "synthesize": ("nextpnr-ice40", ("synthesize", "small.nir", "--part", "hx8k")),
}
"""Commands that need a program of the system, and runs of them."""
RUNS: dict[str, tuple[object, ...]] = {
    "anneal": ("anneal", DEMO, "--data", "digits", "--epochs", 1, "-o", "annealed"),
    "compare": ("compare", "made/report.json", "made/report.json"),
    "data": ("data",),
    "devices": ("devices",),
    "doctor": ("doctor",),
    "energy of a program": ("energy", PROGRAM, *DIGITS),
    "energy of a network": ("energy", "model.nir", "--data", "data.npz"),
    "export": ("export", PROGRAM, "--to", "onnx,nir", "-o", "exported"),
    "inspect a checkpoint": ("inspect", DEMO, "--data", "digits"),
    "inspect a network": ("inspect", "model.nir"),
    "inspect a program": ("inspect", PROGRAM),
    "inspect a state dict": ("inspect", "silif.pth"),
    "match": ("match", "model.nir", "--data", "data.npz", "--expect", "expected.npz"),
    "quantize": ("quantize", DEMO, "-o", "quantized"),
    "simulate a program": ("simulate", PROGRAM, *DIGITS),
    "simulate a network": ("simulate", "model.nir", "--data", "data.npz"),
    "stress": ("stress", PROGRAM, *DIGITS, "--repeats", 1, "-o", "stressed"),
    "simulate with exits": ("simulate", PROGRAM, *DIGITS, "--exit", "exact"),
    "simulate with confidence": ("simulate", PROGRAM, *DIGITS, "--exit", "confidence"),
    "sweep": ("sweep", DEMO, *DIGITS, "--certify", 1, "--vary", "bits=8", "-o", "swept"),
    **{name: run for name, (tool, run) in NEEDED.items() if expected_here(tool)},
    "train": ("train", *DIGITS, "--timesteps", 1, "--epochs", 1, "-o", "trained"),
    "verify": ("verify", "--certificate", "made/certificate.json"),
}


OPTIONAL = {
    "energy of a network": {"assumed"},
    "simulate with exits": {"exits"},
    "simulate with confidence": {"exits"},
}
"""Keys that not every run of the command has."""


def test_every_command_has_its_schema() -> None:
    printing = {
        name
        for name, command in main.commands.items()
        if any(one.name == "as_json" for one in command.params)
    }
    assert set(Commands.__annotations__) | REPORTS == printing
    assert set(main.commands) - printing == {"docs"}
    missing = NEEDED.keys() - RUNS.keys()
    assert {str(run[0]) for run in RUNS.values()} == set(Commands.__annotations__) - missing


@pytest.fixture(scope="module")
def printed(folder: Path) -> dict[str, Any]:
    """What each of `RUNS` printed."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, arguments in RUNS.items():
            outcome = ultralif(*arguments, "--json")
            assert outcome.code == 0, (name, outcome.err)
            found[name] = outcome.json()
    return found


@pytest.mark.parametrize("name", RUNS)
def test_what_commands_print(printed: dict[str, Any], name: str) -> None:
    assert errors(SCHEMA, {RUNS[name][0]: printed[name]}) == []


@pytest.mark.parametrize("name", RUNS)
def test_missing_and_unknown_keys_are_refused(printed: dict[str, Any], name: str) -> None:
    command, whole = RUNS[name][0], printed[name]
    for key in set(whole) - OPTIONAL.get(name, set()):
        assert errors(SCHEMA, {command: {k: v for k, v in whole.items() if k != key}}), key
    assert errors(SCHEMA, {command: whole | {"spare": 1}})


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("inspect a checkpoint", ("layers", 0, "inputs"), 1.5),
        ("inspect a checkpoint", ("layers", 0, "epsilon"), "0"),
        ("inspect a network", ("populations", 0, "incoming", 0, "delayed"), "no"),
        ("compare", ("accuracy", "as trained", "first"), "0.9"),
        ("compare", ("accuracy", "gap, points", "ci95", "first"), [0.5]),
        ("compare", ("files",), "one"),
    ],
)
def test_wrong_values_are_refused(
    printed: dict[str, Any], name: str, path: tuple[str | int, ...], value: object
) -> None:
    content = json.loads(json.dumps(printed[name]))
    place = content
    for key in path[:-1]:
        place = place[key]
    assert place[path[-1]] != value
    place[path[-1]] = value
    assert errors(SCHEMA, {RUNS[name][0]: content})
