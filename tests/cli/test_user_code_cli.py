"""`ultralif deploy FILE.py:NAME`: the user's function builds the network."""

import copy
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import snntorch as snn
import torch
from torch import nn

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.sources.user_code import _load_weights

BUILD = """
from dataclasses import dataclass
import snntorch as snn
from torch import nn
from beside import hidden
print("said by the code")
@dataclass
class Sizes:
    out: "int" = 10
def build():
    import late
    neurons = [snn.Leaky(0.8, 0.3, init_hidden=True) for _ in range(2)]
    first, last = nn.Linear(64, hidden), nn.Linear(hidden, Sizes().out)
    return nn.Sequential(first, neurons[0], last, neurons[1])
def network():
    import ultralif_deploy as ul
    return ul.from_snntorch(build(), timesteps=3)
def wrong():
    return {}
def fails():
    raise ValueError("no weights today\\nand more")
def leaves():
    raise SystemExit(3)
value = 7
"""
SHORT = ("--data", "digits", "--limit", 10, "--timesteps", 3, "--on", "fast")


@pytest.fixture
def code(tmp_path):
    (tmp_path / "beside.py").write_text("hidden = 12\n")
    (tmp_path / "late.py").write_text("")
    path = tmp_path / "mynet.py"
    path.write_text(BUILD)
    return path


def deploy(given, out, *options):
    return ultralif("deploy", given, *SHORT, "-o", out, *options)


def test_a_function_of_a_file_with_weights(code, tmp_path):
    torch.manual_seed(3)
    neurons = [snn.Leaky(0.8, 0.3, init_hidden=True) for _ in range(2)]
    module = nn.Sequential(nn.Linear(64, 12), neurons[0], nn.Linear(12, 10), neurons[1])
    torch.save({"state_dict": module.state_dict()}, tmp_path / "w.pt")
    given = f"{code}:build"
    outcome = deploy(given, tmp_path / "out", "--weights", tmp_path / "w.pt", "--json")
    assert outcome.code == 0, outcome
    assert f"Running your code: {given}" in outcome.err
    assert "said by the code" in outcome.err
    report = json.loads(outcome.out)
    assert report["source"]["file"] == "Sequential"
    assert report == json.loads((tmp_path / "out" / "report.json").read_text())


def test_a_function_of_a_package(tmp_path, monkeypatch, code):
    (tmp_path / "mypackage").mkdir()
    (tmp_path / "mypackage" / "nets.py").write_text("from mynet import network\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "mynet", raising=False)  # other tests import one too
    outcome = deploy("mypackage.nets:network", "out", "--json")
    assert outcome.code == 0, outcome
    assert outcome.json()["source"]["file"] == "network"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "has no function nothing"),
        ("value", "has no function value"),
        ("wrong", "returns a dict; expected a torch module or a Network"),
        ("fails", "the code raises ValueError: no weights today"),
        ("leaves", "the code raises SystemExit: 3"),
    ],
)
def test_functions_that_give_no_network(code, tmp_path, name, message):
    outcome = deploy(f"{code}:{name}", tmp_path / "out")
    *_, last = outcome.err.strip().splitlines()
    assert outcome.code == 2
    assert last.startswith("Error: ")
    assert last.endswith(message)
    assert not (tmp_path / "out").exists()


def test_code_that_cannot_be_imported(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.py").write_text("def build(:\n")
    for given, message in {
        "broken.py:build": "the code raises SyntaxError: ",
        "nowhere.py:build": "no such file: nowhere.py",
        "no.such.package:build": "the code raises ModuleNotFoundError: No module named 'no'",
    }.items():
        outcome = deploy(given, "out")
        assert outcome.code == 2
        assert f"Error: {given}: {message}" in outcome.err
        assert "Traceback" not in outcome.err


def test_weights_that_do_not_fit(code, tmp_path):
    torch.save(nn.Linear(2, 2).state_dict(), tmp_path / "w.pt")
    torch.save(nn.Linear(2, 2), tmp_path / "code.pt")
    for given, weights, message in (
        (f"{code}:build", "w.pt", "w.pt: does not fit the module: Error(s) in loading"),
        (f"{code}:build", "code.pt", "code.pt: refused, the pickle calls"),
        (f"{code}:network", "w.pt", "returns a Network, which holds its weights"),
        (DEMO, "w.pt", "it is for a module that FILE.py:NAME builds"),
    ):
        outcome = deploy(given, tmp_path / "out", "--weights", tmp_path / weights)
        assert outcome.code == 2
        assert message in outcome.err.strip().splitlines()[-1]


def wild(module: nn.Module) -> dict[str, dict[str, Any]]:
    """Checkpoints as tools write them around a module."""
    state = module.state_dict()
    version = {"pytorch-lightning_version": "2.5", "hyper_parameters": {"lr": 1e-3}, "epoch": 3}
    metrics = {"loss.weight": torch.ones(3)}
    averaged = torch.optim.swa_utils.AveragedModel(module).state_dict()
    return {
        "plain": state,
        "named": {"model_state_dict": state, "optimizer": {}},
        "lightning": version | {"state_dict": {f"net.{k}": v for k, v in state.items()} | metrics},
        "parallel": {f"module.{k}": v for k, v in state.items()},
        "averaged": averaged,
        "compiled": {f"_orig_mod.{k}": v for k, v in state.items()},
    }


@pytest.mark.parametrize(
    "kind", ["plain", "named", "lightning", "parallel", "averaged", "compiled"]
)
def test_weights_as_tools_store_them(kind: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    layers = nn.Linear(3, 4), snn.Leaky(torch.rand(4)), nn.Linear(4, 2)
    trained, fresh = nn.Sequential(*layers), copy.deepcopy(nn.Sequential(*layers))
    for tensor in fresh.state_dict().values():
        tensor.zero_()
    torch.save(wild(trained)[kind], tmp_path / "w.pt")
    _load_weights(fresh, tmp_path / "w.pt")
    for name, tensor in trained.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], tensor), name


@pytest.mark.parametrize("given", ["mynet.py", "mynet:build", "mynet.py:", "mynet.py:a.b", "./x:y"])
def test_nothing_else_runs_code(given, tmp_path, monkeypatch):
    (tmp_path / "mynet.py").write_text("raise SystemExit('code was run')")
    monkeypatch.chdir(tmp_path)
    outcome = deploy(given, "out")
    assert outcome.code == 2
    assert "Running your code" not in outcome.err
    assert "code was run" not in outcome.err


def test_a_file_of_code_needs_a_name(tmp_path):
    (tmp_path / "mynet.py").write_text("raise SystemExit('code was run')")
    line = refused("deploy", tmp_path / "mynet.py", "--data", "digits")
    assert f"ultralif deploy {tmp_path / 'mynet.py'}:NAME" in line


def test_a_file_of_that_name_is_no_code(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynet.py").write_text("raise SystemExit('code was run')")
    (tmp_path / "mynet.py:build").write_bytes(DEMO.read_bytes())
    outcome = deploy("mynet.py:build", "out")
    assert outcome.code == 0, outcome
    assert "Running your code" not in outcome.err


@pytest.mark.parametrize("command", ["inspect", "quantize", "verify", "anneal"])
def test_other_commands_run_no_code(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mynet.py").write_text("raise SystemExit('code was run')")
    outcome = ultralif(command, "mynet.py:build")
    assert outcome.code == 2
    assert "code was run" not in outcome.err
