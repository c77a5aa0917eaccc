"""A certificate checked again: every digest, every file, and every run that it claims."""

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np

from ultralif_deploy.errors import CheckFailed, Missing, Refused, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.io.files import read_json, readable_file, sha256_file
from ultralif_deploy.io.npz import read_npz
from ultralif_deploy.io.swap import refuse_unfinished
from ultralif_deploy.program.program import Program, executed_arrays, weights_digest
from ultralif_deploy.program.trace import Trace, array_digest
from ultralif_deploy.schema.certificate import Certificate, Record
from ultralif_deploy.schema.checking import fault
from ultralif_deploy.verify.backends import BACK_ENDS, EXPORTERS, back_end, write_form
from ultralif_deploy.verify.certificate import (
    BACKBONE_FILE,
    CERTIFICATE_FILE,
    EXPECTED,
    LOGITS,
    PROGRAM_FILE,
    REFERENCE,
    SPIKES,
    VECTORS_FILE,
    VERSION,
    OnSamples,
    run_written,
)
from ultralif_deploy.verify.coverage import covered
from ultralif_deploy.verify.expected_spikes.comparing import spikes_record
from ultralif_deploy.verify.exports import checksums


@dataclass(frozen=True, slots=True)
class Checked:
    """A certificate that holds.

    Attributes:
        samples: number of samples checked, by back end.
        not_checked: missing software of each back end that cannot run here.
        not_covered: files and back ends about which it says nothing, and why.
    """

    samples: dict[str, int]
    not_checked: dict[str, str]
    not_covered: dict[str, str]


@dataclass
class _Claims:
    """Claims under check, and those that do not hold."""

    failures: list[str] = field(default_factory=list)

    def compare(self, what: str, claimed: Any, found: Any) -> None:
        """Note a claim that does not hold.

        Args:
            what: text that names the claim, for the list of failures.
            claimed: value in the certificate.
            found: value of the files or of a new run.
        """
        if claimed != found:
            self.failures.append(what)


def check_certificate(path: str | Path, on_samples: OnSamples | None = None) -> Checked:
    """Run everything that a certificate claims again, and compare every digest and every file.

    Exported forms are written anew from program.nir and compared with the files beside the
    certificate; only the new ones run, so that a check never executes code from elsewhere.

    Args:
        path: path of the certificate.
        on_samples: function called with a back end's name, samples done and samples in all.

    Raises:
        CheckFailed: naming every claim that does not hold.
        UltralifError: the certificate or a file beside it cannot be read, or there is no room to
            check it.
    """
    path = Path(path)
    refuse_unfinished(path.parent)
    path = readable_file(path)
    claim = _read_claims(path)
    directory = path.parent
    program_path = directory / PROGRAM_FILE
    claims = _Claims()
    claims.compare(
        "program.nir as a file",
        claim["program"]["file_sha256"],
        sha256_file(readable_file(program_path)),
    )
    program = read_nir(program_path)
    stored_weights = weights_digest(executed_arrays(program))
    claims.compare("weights in program.nir", claim["program"]["weights_sha256"], stored_weights)
    inputs, vectors, expected = _read_vectors(directory / VECTORS_FILE, program)
    claims.compare("inputs in vectors.npz", claim["vectors"]["inputs_sha256"], array_digest(inputs))
    if inputs.shape[0] == 0 or inputs.shape[1] == 0:
        claims.failures.append(
            f"vectors.npz: {inputs.shape[1]} samples of {inputs.shape[0]} timesteps certify nothing"
        )
    _compare_backbone(claims, claim, directory, inputs)
    files = covered(directory, claim["files"], path.name)
    claims.failures += [*files.failures, *_unaccounted(claim)]
    samples: dict[str, int] = {}
    not_checked: dict[str, str] = {}
    try:
        with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
            anew = Path(temporary)
            _compare_forms(claims, claim, program, directory, anew)
            for name, record in sorted(claim["backends"].items()):
                if name not in BACK_ENDS:
                    continue
                try:
                    weights, trace, _ = run_written(name, program, anew, inputs, on_samples)
                except Missing as missing:
                    not_checked[name] = str(missing)
                    continue
                except CheckFailed as error:
                    claims.failures.append(f"{name}: {error}")
                    continue
                _compare_run(claims, name, record, weights, inputs, trace)
                samples[name] = inputs.shape[1]
                if name == REFERENCE:
                    _compare_vectors(claims, vectors, trace)
                    found = spikes_record(expected, trace) if expected else None
                    claims.compare("expected spikes", _spikes_claimed(claim), found)
    except OSError as error:
        raise UltralifError(
            f"{path}: cannot be checked in {tempfile.gettempdir()} ({error.strerror or error})"
        ) from error
    if claims.failures:
        raise CheckFailed(f"{path}: does not hold: {'; '.join(claims.failures)}")
    return Checked(samples, not_checked, files.not_covered | _not_compared(claim))


def _compare_backbone(
    claims: _Claims, claim: Certificate, directory: Path, inputs: np.ndarray
) -> None:
    """Compare the backbone's file, and the features that the golden vectors repeat.

    The backbone does not run: its float arithmetic differs between machines.

    Args:
        claims: record of the claims, which notes what differs.
        claim: the certificate.
        directory: directory of the certificate.
        inputs: uint8 [time, sample, input].
    """
    if "backbone" not in claim:
        return
    backbone = claim["backbone"]
    if backbone["file"] != BACKBONE_FILE:
        claims.failures.append(f"backbone: file {backbone['file']!r}; expected {BACKBONE_FILE}")
        return
    file = readable_file(directory / BACKBONE_FILE)
    claims.compare("backbone.onnx as a file", backbone["file_sha256"], sha256_file(file))
    found = {array_digest(features) for features in inputs}
    claims.compare("features of the backbone", {backbone["features_sha256"]}, found)


def _unaccounted(claim: Certificate) -> list[str]:
    """Back ends that a certificate leaves out, names twice, or that there are not."""
    if REFERENCE not in claim["backends"]:
        return ["no reference back end in the certificate"]
    named = Counter([*claim["backends"], *claim["not_run"], *claim["not_compared"]])
    return [
        *(f"{name}: named {named[name]} times; expected once" for name in named if named[name] > 1),
        *(f"{name}: no such back end" for name in sorted(set(named) - set(BACK_ENDS))),
        *(f"{name}: the certificate does not name it" for name in BACK_ENDS if name not in named),
    ]


def _not_compared(claim: Certificate) -> dict[str, str]:
    """Back ends about which a certificate says nothing, and why."""
    not_run = {f"back end {name}": reason["message"] for name, reason in claim["not_run"].items()}
    return not_run | {
        f"back end {name}": "not compared, because it was not asked for"
        for name in claim["not_compared"]
    }


def _compare_forms(
    claims: _Claims, claim: Certificate, program: Program, directory: Path, anew: Path
) -> None:
    """Write every form anew, whether it ran or not, and compare the files.

    Args:
        claims: record of the claims, which notes what differs.
        claim: the certificate.
        program: program as the file holds it.
        directory: directory of the certificate.
        anew: directory in which the forms are written anew.
    """
    listed = {path.partition("/")[0] for path in claim["files"]}
    for target in EXPORTERS:
        used = [n for n in claim["backends"] if n in BACK_ENDS and back_end(n).artefact == target]
        if not used and target not in listed:
            continue
        try:
            write_form(target, program, anew / target, lanes=claim.get("lanes"))
        except Refused as refusal:
            claims.failures.append(f"{target}: {refusal}")
        made = checksums(anew, target)
        found = checksums(directory, target) if (directory / target).exists() else made
        for name in used:
            artefacts = claim["backends"][name]["artefacts_sha256"]
            claims.compare(f"{name}: exported files", artefacts, found)
        claims.compare(f"{target}: files as exported anew", found, made)


def _compare_run(
    claims: _Claims,
    name: str,
    record: Record,
    weights: str,
    inputs: np.ndarray,
    trace: Trace,
) -> None:
    """Compare what a certificate claims of a back end with a new run.

    Args:
        claims: record of the claims, which notes what differs.
        name: name of the back end.
        record: claims of the certificate about the back end.
        weights: digest of the weights that were executed in the new run.
        inputs: inputs of the new run.
        trace: trace of the run.
    """
    claims.compare(f"{name}: weights as executed", record["weights_sha256"], weights)
    claims.compare(f"{name}: inputs", record["inputs_sha256"], array_digest(inputs))
    claims.compare(f"{name}: samples", record["samples"], inputs.shape[1])
    claims.compare(f"{name}: exact", record["exact"], True)
    if back_end(name).artefact is None:
        claims.compare(f"{name}: exported files", record["artefacts_sha256"], {})
    found, claimed = trace.digests(), record["traces_sha256"]
    for one in sorted({*found, *claimed}):
        claims.compare(f"{name}: trace of {one}", claimed.get(one), found.get(one))


def _compare_vectors(claims: _Claims, vectors: dict[str, str], trace: Trace) -> None:
    """Compare the golden vectors with the reference's run."""
    assert trace.spikes is not None
    wanted = {f"{SPIKES}{name}": array_digest(spikes) for name, spikes in trace.spikes.items()}
    wanted[LOGITS] = array_digest(trace.logits)
    for array in sorted({*wanted, *vectors}):
        what = f"vectors.npz: {array.removeprefix(SPIKES)}"
        claims.compare(what, vectors.get(array), wanted.get(array))


def _spikes_claimed(claim: Certificate) -> dict[str, Any] | None:
    """What a certificate says about expected spikes that vectors and program tell again."""
    if "expected" not in claim:
        return None
    expected = claim["expected"]
    return {"spikes_sha256": expected["spikes_sha256"], "integer": expected["integer"]}


def _read_vectors(
    path: Path, program: Program
) -> tuple[np.ndarray, dict[str, str], dict[str, np.ndarray]]:
    """Inputs, the digests of the other arrays by name, and expected spikes by population."""
    arrays = read_npz(path)
    if missing := {"inputs", LOGITS} - set(arrays):
        raise UltralifError(f"{path}: no array {min(missing)!r}; expected a certificate's vectors")
    try:
        inputs = program.check_inputs(arrays.pop("inputs"))
    except UltralifError as error:
        raise UltralifError(f"{path}: {error}") from error
    expected = {n: arrays.pop(n) for n in sorted(arrays) if n.startswith(EXPECTED)}
    digests = {name: array_digest(array) for name, array in arrays.items()}
    return inputs, digests, {n.removeprefix(EXPECTED): a for n, a in expected.items()}


def _read_claims(path: Path) -> Certificate:
    """The certificate's content, its form checked."""
    claim = read_json(path)
    if isinstance(claim, dict) and "version" in claim:
        version = claim["version"]
        if type(version) is not int or version != VERSION:
            raise UltralifError(f"{path}: version {version!r}; expected {VERSION}")
    if found := fault(claim, Certificate):
        raise UltralifError(f"{path}: not a certificate ({found})")
    if CERTIFICATE_FILE in claim["files"] or path.name in claim["files"]:
        raise UltralifError(f"{path}: not a certificate (it lists itself)")
    return cast(Certificate, claim)
