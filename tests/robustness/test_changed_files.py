"""Files that are changed in one place: every command does its work, or refuses in one line.

`ULTRALIF_CHANGES=2000 pytest tests/robustness/test_changed_files.py` is the long run.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from support.commands import DEMO, refused, ultralif
from support.fuzzing.archives import change_checkpoint, change_nir, change_npz
from support.fuzzing.changes import change_json, change_toml
from support.fuzzing.outcomes import judge, outcome_of
from support.networks.nir_files import recurrent
from ultralif_deploy.energy import devices
from ultralif_deploy.io.printable import printable, shortened
from ultralif_deploy.report.inspection import LONGEST_NAME

CHANGES = int(os.environ.get("ULTRALIF_CHANGES", "12"))
"""Changed files of each kind."""

Change = Callable[[bytes, Random, Path], bytes]


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        file: its name.
        change: changes its content.
        commands: that read it; FILE and OUT stand for it and for a new directory.
    """

    file: str
    change: Change
    commands: tuple[str, ...]


def text(change: Callable[[bytes, Random], bytes]) -> Change:
    """A change that cannot hold code."""
    return lambda content, random, trap: change(content, random)


DIGITS = "--data digits --limit 2"
KINDS = {
    "checkpoint": Kind(
        "net.pt",
        change_checkpoint,
        (
            f"inspect FILE {DIGITS}",
            "quantize FILE -o OUT",
            f"deploy FILE {DIGITS} --on fast -o OUT",
        ),
    ),
    "program": Kind(
        "program.nir", change_nir, ("inspect FILE", f"simulate FILE {DIGITS}", "export FILE -o OUT")
    ),
    "network": Kind("model.nir", change_nir, ("inspect FILE", "quantize FILE -o OUT")),
    "data": Kind("data.npz", change_npz, ("simulate program.nir --data FILE",)),
    "spikes": Kind(
        "expected.npz",
        change_npz,
        ("simulate program.nir --data digits --limit 4 --expect FILE",),
    ),
    "device": Kind(
        "mine.toml", text(change_toml), (f"energy program.nir {DIGITS} --energy-device FILE",)
    ),
}


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment, and one file of every kind."""
    folder = tmp_path_factory.mktemp("originals")
    made = ("deploy", DEMO, "--data", "digits", "--limit", 4, "--certify", 2, "--on", "fast")
    assert ultralif(*made, "-o", folder).code == 0
    shutil.copy(DEMO, folder / "net.pt")
    shutil.copy(Path(devices.__file__).parent / "cmos45.toml", folder / "mine.toml")
    recurrent(folder / "model.nir")
    rng = np.random.default_rng(0)
    np.savez(folder / "data.npz", x_test=rng.random((3, 8, 8)), y_test=np.arange(3))
    np.savez(folder / "expected.npz", logits=np.zeros((4, 10), dtype=np.int64))
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_changed_files_are_read_or_refused(name: str, originals: Path, tmp_path: Path) -> None:
    kind = KINDS[name]
    content = (originals / kind.file).read_bytes()
    file, output, trap = tmp_path / kind.file, tmp_path / "out", tmp_path / "trap"
    words = {"FILE": file, "OUT": output, "program.nir": originals / "program.nir"}
    for seed in range(CHANGES):
        file.write_bytes(kind.change(content, Random(seed), trap))
        command = kind.commands[seed % len(kind.commands)]
        try:
            judge(outcome_of(*(words.get(word, word) for word in command.split())), output)
            assert not trap.exists(), "the file ran code"
        except AssertionError as error:
            error.add_note(f"change {seed}: ultralif {command}")
            raise
        shutil.rmtree(output, ignore_errors=True)


def test_a_long_name_is_shortened(tmp_path: Path) -> None:
    torch.save({"model_state_dict": {"x" * 70_000: torch.zeros(1)}}, tmp_path / "net.pt")
    line = refused("quantize", tmp_path / "net.pt", "-o", tmp_path / "out")
    assert "xx…xx" in line
    assert len(line) < 5000


def test_no_changed_certificate_holds(originals: Path, tmp_path: Path) -> None:
    """Unless it says the same in other bytes, or what it says no more is named."""
    shutil.copytree(originals, tmp_path / "made")
    file = tmp_path / "made" / "certificate.json"
    content = file.read_bytes()
    for seed in range(CHANGES):
        changed = change_json(content, Random(seed))
        file.write_bytes(changed)
        found = outcome_of("verify", "--certificate", file)
        judge(found, None)
        if found.code == 0:
            now, before = json.loads(changed), json.loads(content)
            covered, was = now.pop("files"), before.pop("files")
            assert now == before, (seed, found)
            assert all(covered[path] == was[path] for path in covered.keys() & was.keys()), seed
            named = " ".join(found.out.split()).partition("Not covered: ")[2]
            for path in covered.keys() ^ was.keys():
                shown = printable(shortened(path.partition("/")[0], LONGEST_NAME))
                assert " ".join(shown.split()) in named, seed
            assert len(found.out) < 5000
