"""The directory of a deployment: its results change together, and what is the user's stays."""

import json
from pathlib import Path

import pytest

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.io.files import sha256_file
from ultralif_deploy.io.swap import READY
from ultralif_deploy.soft.training import EpochResult
from ultralif_deploy.steps import epochs

RUN = ("--data", "digits", "--limit", 20, "--certify", 2, "--on", "fast")
ANNEALED = ("deploy", DEMO, *RUN, "--anneal", "--epochs", 0)


@pytest.fixture
def output(tmp_path: Path) -> Path:
    """Of four bits, with `annealed.pt` and a form that eight bits have not."""
    assert ultralif(*ANNEALED, "--bits", 4, "-o", tmp_path / "out").code == 0
    return tmp_path / "out"


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


def test_nothing_of_an_earlier_run_stays(output: Path) -> None:
    before = names(output)
    (output / "notes.txt").write_text("mine", encoding="utf-8")
    (output / "lava" / "__pycache__").mkdir()
    (output / "lava" / "__pycache__" / "run.cpython-311.pyc").write_bytes(b"")
    assert ultralif("verify", DEMO, *RUN, "-o", output).code == 0
    assert names(output) == (before - {"annealed.pt", "lava-loihi1"}) | {"notes.txt"}
    listed = json.loads((output / "certificate.json").read_text("utf-8"))["files"]
    there = {p.relative_to(output).as_posix() for p in output.rglob("*") if p.is_file()}
    assert set(listed) == there - {"notes.txt", "certificate.json"}
    assert all(digest == sha256_file(output / path) for path, digest in listed.items())


def test_the_checkpoint_that_is_deployed_stays(output: Path) -> None:
    before = (output / "annealed.pt").read_bytes()
    assert ultralif("verify", output / "annealed.pt", *RUN, "-o", output).code == 0
    assert (output / "annealed.pt").read_bytes() == before


def test_an_annealed_checkpoint_that_no_certificate_lists_stays(output: Path) -> None:
    (output / "annealed.pt").write_bytes(b"of ultralif anneal")
    assert ultralif("verify", DEMO, *RUN, "-o", output).code == 0
    assert (output / "annealed.pt").read_bytes() == b"of ultralif anneal"


def test_another_program_is_not_put_beside_a_report(output: Path) -> None:
    before = (output / "program.nir").read_bytes()
    line = refused("quantize", DEMO, "-o", output)
    assert "holds a deployment, whose certificate.json is about its own program" in line
    assert (output / "program.nir").read_bytes() == before


def test_files_of_the_user_inside_a_form_are_not_lost(output: Path) -> None:
    before = (output / "report.json").read_bytes()
    (output / "c" / "main.c").write_text("int main;", encoding="utf-8")
    line = refused(*ANNEALED, "-o", output)
    assert "c: holds files that ultralif did not write (main.c); move them away" in line
    assert (output / "c" / "main.c").exists()
    assert (output / "report.json").read_bytes() == before


def test_a_failed_run_leaves_the_older_results_and_says_where(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device", str(path))

    before = {p: p.read_bytes() for p in output.rglob("*") if p.is_file()}
    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_bytes", full)
        line = refused("verify", DEMO, *RUN, "-o", output)
    assert f"{output}/program.nir: cannot be written (No space left on device)" in line
    assert {p: p.read_bytes() for p in output.rglob("*") if p.is_file()} == before


def test_results_that_were_stopped_on_their_way_are_not_read(output: Path) -> None:
    (output / READY).mkdir()
    for command in (("compare", output, output), ("verify", "--certificate", output / "c.json")):
        assert "a run was stopped while it put its results there" in refused(*command)


def test_a_stopped_annealing_keeps_the_older_results_and_goes_on(
    output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("deploy", DEMO, *RUN, "--anneal", "--epochs", 2)
    before = {p: p.read_bytes() for p in output.rglob("*") if p.is_file()}
    seen = []

    def stop_after_one(result: EpochResult, count: int) -> str:
        seen.append(result.epoch)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return ""

    monkeypatch.setattr(epochs, "describe_epoch", stop_after_one)
    line = refused(*run, "-o", output, code=130)
    state = output / "anneal-state.pt"
    assert f"finished epochs are kept in {state}" in line
    assert {p: p.read_bytes() for p in output.rglob("*") if p.is_file() and p != state} == before
    seen[:] = [0, 0]
    assert ultralif(*run, "-o", output).code == 0
    assert seen == [0, 0]  # both epochs were done
    assert not state.exists()
    assert ultralif(*run, "-o", output.parent / "whole").code == 0
    assert seen == [0, 0, 1, 2]
    one, other = (
        sha256_file(folder / "program.nir") for folder in (output, output.parent / "whole")
    )
    assert one == other
