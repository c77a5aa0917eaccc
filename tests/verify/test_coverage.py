"""The certificate covers every file and every back end, or says which it does not cover."""

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from support.commands import DEMO, refused, ultralif
from ultralif_deploy.errors import CheckFailed, UltralifError
from ultralif_deploy.io import files
from ultralif_deploy.verify.backends import BACK_ENDS
from ultralif_deploy.verify.certificate import certify
from ultralif_deploy.verify.recheck import Checked, check_certificate

RAN = {"reference", "fast", "torch"}
NOT_ASKED_FOR = sorted(f"back end {name}" for name in set(BACK_ENDS) - RAN)


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("covered")
    run = ("verify", DEMO, "--data", "digits", "--limit", 20, "--certify", 2, "--on", "fast,torch")
    assert ultralif(*run, "-o", directory).code == 0
    return directory


@pytest.fixture
def copy(certified: Path, tmp_path: Path) -> Path:
    shutil.copytree(certified, tmp_path / "copy")
    return tmp_path / "copy"


def check(directory: Path) -> Checked:
    return check_certificate(directory / "certificate.json")


def fails(directory: Path, *words: str) -> None:
    with pytest.raises(CheckFailed) as error:
        check(directory)
    for word in words:
        assert word in str(error.value)


def change_claims(directory: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = directory / "certificate.json"
    claims = json.loads(path.read_text(encoding="utf-8"))
    change(claims)
    path.write_text(json.dumps(claims), encoding="utf-8")


def test_what_was_not_compared_is_named(copy: Path) -> None:
    assert sorted(check(copy).not_covered) == NOT_ASKED_FOR
    shown = ultralif("verify", "--certificate", copy / "certificate.json").out
    assert "Not covered: back end torch-cuda, back end loihi1, back end loihi2" in shown


@pytest.mark.parametrize(
    "name",
    [
        *("report.json", "report.html", "energy.csv"),
        *("lava/network.npz", "lava/run.py", "netx/program.net"),
    ],
)
def test_one_changed_bit_breaks_it(copy: Path, name: str) -> None:
    """Also in forms that did not run, and in the report."""
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    fails(copy, f"{name}: changed")


def test_a_form_that_never_ran_is_compared_with_the_program(copy: Path) -> None:
    """Even where the certificate lists its changed files."""
    path = copy / "lava" / "run.py"
    path.write_text(path.read_text("utf-8") + "\n", "utf-8")
    changed = files.sha256_file(path)
    change_claims(copy, lambda claims: claims["files"].update({"lava/run.py": changed}))
    fails(copy, "lava: files as exported anew")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("lava/numpy.py", "lava/numpy.py: not written by the run"),
        ("lava/__pycache__/run.cpython-311.pyc", "Python may run it in place of the source"),
        ("c/inner/a", "c/inner/a: not written by the run"),
    ],
)
def test_a_stranger_inside_a_form_breaks_it(copy: Path, name: str, expected: str) -> None:
    (copy / name).parent.mkdir(exist_ok=True)
    (copy / name).write_bytes(b"")
    fails(copy, expected)


def test_links_are_not_the_files_that_were_certified(copy: Path) -> None:
    shutil.move(copy / "lava", copy.parent / "lava")
    (copy / "lava").symlink_to(copy.parent / "lava")
    shutil.move(copy / "report.html", copy.parent / "report.html")
    (copy / "report.html").symlink_to(copy.parent / "report.html")
    (copy / "c" / "more").symlink_to(copy.parent)
    fails(copy, "lava/run.py: not there", "report.html: not a regular file", "c/more: not written")


def test_a_pipe_in_place_of_a_file_stops_nothing(copy: Path) -> None:
    (copy / "energy.csv").unlink()
    os.mkfifo(copy / "energy.csv")
    fails(copy, "energy.csv: not a regular file")


def test_what_the_user_removes_or_adds_beside_is_named(copy: Path) -> None:
    shutil.rmtree(copy / "onnx")
    (copy / "energy.csv").unlink()
    (copy / "notes.txt").write_text("mine", encoding="utf-8")
    (copy / "figures").mkdir()
    (copy / "figures" / "a.png").write_bytes(b"")
    found = check(copy).not_covered
    assert sorted(set(found) - set(NOT_ASKED_FOR)) == ["energy.csv", "figures", "notes.txt", "onnx"]
    assert "removed since" in found["onnx"]
    assert "not written by the run" in found["figures"]


def test_a_file_removed_from_a_form_breaks_it(copy: Path) -> None:
    (copy / "lava" / "network.npz").unlink()
    fails(copy, "lava/network.npz: not there")


@pytest.mark.parametrize("path", ["../stranger", "/etc/passwd", "."])
def test_files_outside_are_not_looked_at(copy: Path, path: str) -> None:
    change_claims(copy, lambda claims: claims["files"].update({path: "0" * 64}))
    fails(copy, f"{path}: outside the directory")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c["backends"].pop("fast"), "fast: the certificate does not name it"),
        (lambda c: c["not_compared"].remove("c"), "c: the certificate does not name it"),
        (lambda c: c["not_compared"].append("c"), "c: named 2 times"),
        (lambda c: c["not_compared"].append("slate"), "slate: no such back end"),
        (lambda c: c["backends"].update(slate=c["backends"]["fast"]), "slate: no such back end"),
        (
            lambda c: c["backends"]["fast"]["traces_sha256"].update(extra="0" * 64),
            "fast: trace of extra",
        ),
    ],
)
def test_back_ends_that_are_left_out(
    copy: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    change_claims(copy, change)
    fails(copy, expected)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda c: c.update(version=True), "version True; expected 2"),
        (lambda c: c.update(version=2.0), "version 2.0; expected 2"),
        (lambda c: c.update(spare=1), "unknown entry 'spare'"),
        (lambda c: c.pop("not_run"), "no entry 'not_run'"),
        (lambda c: c["program"].update(file="../program.nir"), "file of program is '../program"),
        (lambda c: c["backends"]["fast"].update(samples=True), "samples of fast is bool"),
        (lambda c: c["backends"]["fast"].update(samples=-1), "samples of fast is -1"),
        (lambda c: c["backends"]["fast"].update(exact=1), "exact of fast is int"),
        (lambda c: c["files"].update({"report.json": "0"}), "report.json of files is '0'"),
        (lambda c: c["files"].update({"certificate.json": "0" * 64}), "it lists itself"),
        (
            lambda c: c["not_run"].update(c={"why": "no", "message": "", "install": None}),
            "why of c",
        ),
        (lambda c: c.update(not_compared={}), "not_compared is dict; expected list"),
    ],
)
def test_the_form_is_strict(
    copy: Path, change: Callable[[dict[str, Any]], object], expected: str
) -> None:
    change_claims(copy, change)
    assert expected in refused("verify", "--certificate", copy / "certificate.json")


def test_a_key_that_stands_twice(copy: Path) -> None:
    path = copy / "certificate.json"
    path.write_text(path.read_text("utf-8").replace("{", '{"version": 1,', 1), "utf-8")
    assert "holds a key twice" in refused("verify", "--certificate", path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["logits.npy", "logits"])
def test_an_array_that_stands_twice(copy: Path, second: str) -> None:
    """Readers take the second entry, and the one without an ending before the other."""
    path = copy / "vectors.npz"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(second, archive.read("logits.npy"))
    with pytest.raises(UltralifError, match="holds 'logits' 2 times"):
        check(copy)


@pytest.mark.parametrize("shape", [(10, 0, 64), (0, 2, 64)])
def test_no_samples_and_no_timesteps_certify_nothing(copy: Path, shape: tuple[int, ...]) -> None:
    inputs = np.zeros(shape, dtype=np.uint8)
    with pytest.raises(UltralifError, match="certify nothing; expected at least one of each"):
        certify(copy, inputs, ["fast"])
    with np.load(copy / "vectors.npz") as data:
        arrays: dict[str, Any] = dict(data) | {"inputs": inputs}
    np.savez_compressed(copy / "vectors.npz", **arrays)
    fails(copy, f"{shape[1]} samples of {shape[0]} timesteps certify nothing")


def test_no_room_to_check_is_no_failed_check(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    for module, function in ((files, "entries_written_whole"), (tempfile, "mkdtemp")):
        with monkeypatch.context() as patched:
            patched.setattr(module, function, full)
            line = refused("verify", "--certificate", copy / "certificate.json")
        assert "No space left on device" in line
        assert "does not hold" not in line
