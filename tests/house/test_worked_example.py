"""The example of docs/networks.md, run as it stands there, on few samples after little training."""

import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
import torch

from support.commands import ultralif
from support.paths import ROOT

PAGE = (ROOT / "ultralif_deploy" / "docs" / "networks.md").read_text("utf-8")


def block(name: str) -> str:
    """The code behind a mark of the page."""
    found = re.search(rf"<!-- example {name} -->\n```\w+\n(.*?)```", PAGE, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture(scope="module")
def mynet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the module."""
    folder = tmp_path_factory.mktemp("mynet")
    shutil.copy(ROOT / "examples" / "mynet.py", folder)
    return folder


def costs(text: str) -> str:
    """The answer about costs without its figures, which hang on the samples and the compiler."""
    (answer,) = re.findall(r"What does it cost\?.*?\sbytes\s+of\s+state\.", text, re.DOTALL)
    return re.sub(r"\d[\d,.]*( [pnµ]J)?", "#", " ".join(answer.split()))


def made(folder: Path) -> None:
    """Check that report, certificate and C code are there."""
    assert {"report.html", "certificate.json", "c"} <= {path.name for path in folder.iterdir()}


def test_the_command_deploys_the_module(mynet: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mynet)
    monkeypatch.syspath_prepend(mynet)
    monkeypatch.delitem(sys.modules, "mynet", raising=False)  # of another test
    module = __import__("mynet")
    torch.save(module.train(epochs=6).state_dict(), "weights.pt")
    name, *arguments = block("command").split()
    assert name == "ultralif"
    outcome = ultralif(*arguments, "--limit", 40)
    assert outcome.code == 0, outcome.err
    assert "Does it deploy? Yes" in outcome.out
    assert costs(outcome.out) == costs(PAGE), "record the example again"
    made(mynet / "out")


def test_six_lines_of_python_do_the_same(
    mynet: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(mynet)
    monkeypatch.syspath_prepend(mynet)
    monkeypatch.delitem(sys.modules, "mynet", raising=False)
    text = block("python")
    lines = [line for line in text.splitlines() if line]
    assert len(lines) <= 6
    text = text.replace("epochs=20", "epochs=6").replace("timesteps=10", "timesteps=10, limit=40")
    space = ModuleType("example")
    exec(text, space.__dict__)
    verdict, *_, unit = capsys.readouterr().out.split()
    assert (verdict, unit) == ("yes", "J")
    made(mynet / "out")
