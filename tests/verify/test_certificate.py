"""The certificate holds for what ran, and breaks with one changed weight, input or spike."""

import json
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from support.commands import DEMO, array_of, refused, ultralif
from support.requirements import available, requires
from ultralif_deploy.errors import CheckFailed, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.program.program import executed_arrays, weights_digest
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.verify.backends import load_on
from ultralif_deploy.verify.certificate import first_difference
from ultralif_deploy.verify.exports import checksums
from ultralif_deploy.verify.recheck import check_certificate

CERTIFIED = available(("reference", "fast", "c"))


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("certified")
    run = (
        "verify",
        DEMO,
        "--data",
        "digits",
        "--limit",
        20,
        "--certify",
        8,
        "--on",
        ",".join(CERTIFIED),
        "-o",
        directory,
    )
    assert ultralif(*run).code == 0
    return directory


@pytest.fixture
def copy(certified: Path, tmp_path: Path) -> Path:
    shutil.copytree(certified, tmp_path / "copy")
    return tmp_path / "copy"


def fails(directory: Path, *words: str) -> None:
    with pytest.raises(CheckFailed) as error:
        check_certificate(directory / "certificate.json")
    for word in words:
        assert word in str(error.value)


def change_vectors(path: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    with np.load(path) as data:
        arrays: dict[str, Any] = dict(data)
    change(arrays)
    np.savez_compressed(path, **arrays)


def change_claims(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    claims = json.loads(path.read_text(encoding="utf-8"))
    change(claims)
    path.write_text(json.dumps(claims), encoding="utf-8")


def test_holds_as_written(copy: Path) -> None:
    found = check_certificate(copy / "certificate.json")
    assert (found.samples, found.not_checked) == (dict.fromkeys(CERTIFIED, 8), {})


def test_digests_are_those_of_the_file_on_disk(certified: Path) -> None:
    claims = json.loads((certified / "certificate.json").read_text(encoding="utf-8"))
    program = read_nir(certified / "program.nir")
    stored = weights_digest(executed_arrays(program))
    assert {r["weights_sha256"] for r in claims["backends"].values()} == {stored}
    for name in claims["backends"]:
        assert weights_digest(load_on(name, program).executed()) == stored


def test_one_changed_weight_breaks_it(copy: Path) -> None:
    changed = []
    with h5py.File(copy / "program.nir", "r+") as file:

        def change(name: str, node: Any) -> None:
            if name.endswith("/weight") and not changed:
                node[0, 0] = node[0, 0] + 1 if node[0, 0] < 100 else node[0, 0] - 1
                changed.append(name)

        file.visititems(change)
    assert changed
    fails(copy, "weights in program.nir", "fast: weights as executed")


def test_one_changed_input_breaks_it(copy: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["inputs"][0, 0, 0] ^= 1

    change_vectors(copy / "vectors.npz", change)
    fails(copy, "inputs in vectors.npz", "reference: inputs")


def test_one_changed_spike_in_the_vectors_breaks_it(copy: Path) -> None:
    def change(arrays: dict[str, np.ndarray]) -> None:
        arrays["spikes.neuron"][3, 2, 1] ^= 1

    change_vectors(copy / "vectors.npz", change)
    fails(copy, "vectors.npz: neuron")


@pytest.mark.parametrize("back_end", ["reference", "fast"])
def test_one_changed_trace_digest_breaks_it(copy: Path, back_end: str) -> None:
    def change(claims: dict[str, Any]) -> None:
        digests = claims["backends"][back_end]["traces_sha256"]
        digests["neuron"] = digests["neuron"].translate(str.maketrans("0123456789", "1234567890"))

    change_claims(copy / "certificate.json", change)
    fails(copy, f"{back_end}: trace of neuron")


def test_a_back_end_with_one_wrong_spike_breaks_it(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = reference.Reference.run

    def lie(self: reference.Reference, inputs: np.ndarray, record: bool = False) -> Any:
        trace = honest(self, inputs, record)
        assert trace.spikes is not None
        trace.spikes["neuron"][0, 0, 5] ^= 1
        return trace

    monkeypatch.setattr(reference.Reference, "run", lie)
    fails(copy, "reference: trace of neuron")


@requires("c")
def test_changed_files_break_it_and_never_run(copy: Path) -> None:
    """Not even where the certificate claims them."""
    source = copy / "c" / "ultralif_program.c"
    ran = copy / "ran"
    body = (
        f'#include <stdio.h>\n__attribute__((constructor)) void f(void) {{ fopen("{ran}", "w"); }}'
    )
    source.write_text(source.read_text("utf-8") + body + "\n", "utf-8")
    fails(copy, "c: exported files", "c: files as exported anew")
    path = copy / "certificate.json"
    claim = json.loads(path.read_text("utf-8"))
    claim["backends"]["c"]["artefacts_sha256"] = checksums(copy, "c")
    path.write_text(json.dumps(claim), "utf-8")
    fails(copy, "c: files as exported anew")
    assert not ran.exists()


def test_a_removed_judge_breaks_it(copy: Path) -> None:
    change_claims(copy / "certificate.json", lambda claims: claims["backends"].pop("reference"))
    fails(copy, "no reference back end")


def test_command_exits_with_1(copy: Path) -> None:
    change_claims(copy / "certificate.json", lambda c: c["backends"]["fast"].update(samples=9))
    line = refused("verify", "--certificate", copy / "certificate.json", code=1)
    assert "fast: samples" in line


@pytest.mark.parametrize(
    ("content", "expected"),
    [("{", "not JSON"), ("[]", "not a certificate"), ('{"version": 99}', "version 99")],
)
def test_unreadable_certificates(copy: Path, content: str, expected: str) -> None:
    (copy / "certificate.json").write_text(content, encoding="utf-8")
    with pytest.raises(UltralifError, match=expected):
        check_certificate(copy / "certificate.json")


def test_missing_vectors(copy: Path) -> None:
    (copy / "vectors.npz").unlink()
    with pytest.raises(UltralifError, match="no such file"):
        check_certificate(copy / "certificate.json")


def test_differences_are_named(certified: Path) -> None:
    program = read_nir(certified / "program.nir")
    inputs = np.ones((2, 3, 64), dtype=np.uint8)
    one = load_on("fast", program).run(inputs, record=True)
    other = load_on("fast", program).run(inputs, record=True)
    assert first_difference(one, other) is None
    assert other.spikes is not None
    other.spikes["neuron"][1, 2, 3] ^= 1
    assert "timestep 1, sample 2, neuron 3" in str(first_difference(one, other))
    other.spikes["neuron"][1, 2, 3] ^= 1
    other.counts.synaptic_operations["input->neuron"][0] += 1
    assert "synaptic_operations of input->neuron" in str(first_difference(one, other))
    other.counts.synaptic_operations["input->neuron"][0] -= 1
    other.logits[1, 4] += 1
    assert "sample 1, class 4" in str(first_difference(one, other))


@pytest.mark.parametrize("name", ["inputs", "logits", "spikes.neuron"])
def test_a_damaged_byte_in_the_vectors_is_one_line(copy: Path, name: str) -> None:
    path = copy / "vectors.npz"
    with zipfile.ZipFile(path) as archive:
        entry = archive.getinfo(f"{name}.npy")
    start = entry.header_offset + 30 + len(entry.filename) + 20  # zip64 fields of the local header
    content = bytearray(path.read_bytes())
    content[start + entry.compress_size // 2] ^= 0x55
    path.write_bytes(content)
    line = refused("verify", "--certificate", copy / "certificate.json")
    assert "vectors.npz: not a readable .npz file" in line


def test_absurd_shape_in_the_vectors(copy: Path) -> None:
    path = copy / "vectors.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("inputs.npy", array_of((10**12, 2, 64)))
    line = refused("verify", "--certificate", copy / "certificate.json")
    assert "inputs.npy: declared contents: 128,000,000,000,000 bytes; at most" in line


def test_vectors_without_logits(copy: Path) -> None:
    change_vectors(copy / "vectors.npz", lambda arrays: arrays.pop("logits"))
    line = refused("verify", "--certificate", copy / "certificate.json")
    assert "vectors.npz: no array 'logits'" in line


def test_an_array_too_many_in_the_vectors_breaks_it(copy: Path) -> None:
    change_vectors(copy / "vectors.npz", lambda a: a.update({"spikes.extra": a["spikes.neuron"]}))
    fails(copy, "vectors.npz: extra")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("traces_sha256", [], "traces_sha256 of fast is list; expected dict"),
        ("samples", "8", "samples of fast is str; expected int"),
        ("weights_sha256", None, "weights_sha256 of fast is NoneType; expected str"),
    ],
)
def test_claims_of_another_kind(copy: Path, key: str, value: object, expected: str) -> None:
    def change(claims: dict[str, Any]) -> None:
        claims["backends"]["fast"][key] = value

    change_claims(copy / "certificate.json", change)
    line = refused("verify", "--certificate", copy / "certificate.json")
    assert f"not a certificate ({expected})" in line


def test_files_claimed_of_a_back_end_that_writes_none_break_it(copy: Path) -> None:
    def change(claims: dict[str, Any]) -> None:
        claims["backends"]["fast"]["artefacts_sha256"] = {"fast/program": "0" * 64}

    change_claims(copy / "certificate.json", change)
    fails(copy, "fast: exported files")
