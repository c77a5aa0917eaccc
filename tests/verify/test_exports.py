"""Refused forms, what the doctor says, and back ends with their files."""

import tempfile
from pathlib import Path

import pytest

from support.commands import refused, ultralif
from ultralif_deploy.cli.information import doctor
from ultralif_deploy.errors import Missing, Refused, UltralifError
from ultralif_deploy.io.files import (
    directory_written_whole,
)
from ultralif_deploy.program.program import Program
from ultralif_deploy.verify import backends, exports
from ultralif_deploy.verify.backends import BackEnd


def write(directory: Path, text: str) -> None:
    with directory_written_whole(directory) as temporary:
        (temporary / "inner").mkdir()
        (temporary / "inner" / "a.txt").write_text(text, encoding="utf-8")


def test_a_refused_form_is_reported_and_its_older_files_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(program: Program, directory: Path) -> tuple[Path, ...]:
        raise Refused("slate: neuron: too large")

    monkeypatch.setitem(exports.EXPORTERS, "slate", refuse)
    write(tmp_path / "slate", "of an older program")
    written = exports.write_exports(None, tmp_path, ["slate"])  # type: ignore[arg-type]
    assert written.as_dict() == {"written": {}, "refused": {"slate": "neuron: too large"}}
    assert list(tmp_path.iterdir()) == []


def test_doctor_names_what_is_missing_and_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = "pip install slate" + " --no-deps" * 30  # far wider than the terminal
    missing = Missing("Slate", line)
    monkeypatch.setitem(
        backends.BACK_ENDS, "slate", BackEnd(lambda program, path: None, None, lambda: missing)
    )
    found = ultralif("doctor", "--json").json()["backends"]
    assert found["fast"] == {"available": True, "tool": None, "install": None}
    assert found["slate"] == {"available": False, "tool": "Slate", "install": missing.install}
    shown = ultralif("doctor").out
    assert f"To use slate:\n{line}\n" in shown
    monkeypatch.setattr(
        doctor,
        "requires",
        lambda name: ["slate>=1; extra == 'x-y'", "click>=8", "a; extra == 'test'"],
    )
    found = ultralif("doctor", "--json").json()["packages"]
    assert set(found) == {"slate", "sinabs"}
    assert found["slate"]["install"] == "pip install 'ultralif-deploy[x-y]'"
    with pytest.raises(Missing, match="Slate is not installed; to install it: pip install slate"):
        backends.load_written("slate", None, Path())  # type: ignore[arg-type]


def test_what_a_back_end_runs_goes_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Slate:
        pass

    def write(program: Program, directory: Path) -> tuple[Path, ...]:
        directory.mkdir()
        return ()

    def break_it(program: Program, directory: Path) -> Slate:
        raise UltralifError("slate: broken")

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setitem(backends.EXPORTERS, "slate", write)
    monkeypatch.setitem(backends.BACK_ENDS, "slate", BackEnd(lambda p, d: Slate(), "slate"))  # type: ignore[arg-type, return-value]
    loaded = backends.load_on("slate", None)  # type: ignore[arg-type]
    (directory,) = tmp_path.iterdir()
    assert (directory / "slate").is_dir()
    del loaded
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setitem(backends.BACK_ENDS, "slate", BackEnd(break_it, "slate"))  # type: ignore[arg-type]
    with pytest.raises(UltralifError, match="slate: broken"):
        backends.load_on("slate", None)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_unknown_back_ends_are_refused_before_any_work(tmp_path: Path) -> None:
    line = refused("verify", "no.pt", "--on", "fast,abacus", "-o", tmp_path)
    assert "back end 'abacus'; available: reference, fast" in line
