"""`ultralif stress`, as a user types it."""

import json
from pathlib import Path

import numpy as np
import pytest

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.cli.studies.stressing import FAULTS as NAMED
from ultralif_deploy.robustness.faults import FAULTS


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("program")
    assert ultralif("quantize", DEMO, "-o", folder).code == 0
    return folder / "program.nir"


def test_help_names_every_fault() -> None:
    assert tuple(FAULTS) == NAMED


def test_table_and_json(program: Path, tmp_path: Path) -> None:
    run = ("stress", program, "--data", "digits", "--limit", 20, "--faults", "flip, drop")
    run = (*run, "--levels", "0.1,0.01", "--repeats", 2, "-o", tmp_path)
    table = ultralif(*run)
    assert table.code == 0
    for text in ("undisturbed", "flip", "1 % of the bits", "10 % of the spikes", "−128 to 127"):
        assert text in table.out
    printed = ultralif(*run, "--json")
    assert printed.out == (tmp_path / "stress.json").read_text(encoding="utf-8")
    assert json.loads(printed.out)["repeats"] == 2


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (("--faults", "fire"), "fault 'fire'; expected one of noise, drop"),
        (("--levels", "0.1,2"), "level 2; expected 0 to 1"),
        (("--levels", "-0.1"), "level -0.1; expected 0 to 1"),
        (("--levels", "some"), "levels 'some'; expected numbers from 0 to 1"),
        (("--timesteps", 1, "--faults", "jitter"), "fault jitter: the program runs one timestep"),
    ],
)
def test_refusals(program: Path, tmp_path: Path, options: tuple[object, ...], line: str) -> None:
    run = ("stress", program, "--data", "digits", "--limit", 5, "-o", tmp_path / "out")
    assert line in refused(*run, *options)
    assert not (tmp_path / "out").exists()


def test_labels_are_needed(program: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x_test=np.full((3, 64), 200, dtype=np.uint8))
    run = ("stress", program, "--data", tmp_path / "data.npz", "-o", tmp_path / "out")
    assert "no y_test; accuracy under faults needs labels" in refused(*run)
    assert not (tmp_path / "out").exists()
