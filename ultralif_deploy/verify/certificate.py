"""Proof that all back ends execute the program with the same results; it can be checked again.

`certificate.json` holds SHA-256 digests of the weights as each back end executed them (read back
from its executable form), of the exported files that ran, of the inputs and of every trace. It also
lists the back ends that did not run, with the reason. `vectors.npz` beside it holds the inputs and
the spikes and logits of the reference: golden vectors for any other implementation.
"""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, cast

import numpy as np

from ultralif_deploy.errors import CheckFailed, Missing, Refused, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.io.files import (
    read_json,
    readable_file,
    sha256_file,
    write_json,
    written_whole,
)
from ultralif_deploy.io.npz import read_npz
from ultralif_deploy.program.program import Program, executed_arrays, weights_digest
from ultralif_deploy.program.trace import Trace, array_digest, run_in_steps
from ultralif_deploy.schema import back_ends as schema
from ultralif_deploy.schema.certificate import Certificate, Record
from ultralif_deploy.verify.backends import back_end, load_written, write_artefact
from ultralif_deploy.verify.expectations import Claim, spikes_record
from ultralif_deploy.verify.exports import Exports, checksums, write_exports

VERSION: Final = 1
PROGRAM_FILE, VECTORS_FILE, CERTIFICATE_FILE = "program.nir", "vectors.npz", "certificate.json"
REFERENCE = "reference"
EXPECTED = "expected."
"""Begins the names of expected spikes in the vectors."""

RECORD = {
    "artefacts_sha256": dict,
    "weights_sha256": str,
    "inputs_sha256": str,
    "traces_sha256": dict,
    "samples": int,
    "exact": bool,
}
"""What a certificate claims of each back end."""

BATCH = 20
"""Samples that a back end runs at once, so that progress can be shown."""

OnSamples = Callable[[str, int, int], None]
"""Called with the back end's name, samples done and samples in all."""


@dataclass(frozen=True, slots=True)
class BackEndResult:
    """One back end compared with the reference on the certified samples.

    Attributes:
        exact: same weights, spikes of every population and timestep, and logits.
        samples: number compared.
        difference: the first difference in words, or None.
        facts: what the back end says about its executable form.
    """

    exact: bool
    samples: int
    difference: str | None
    facts: schema.Facts


@dataclass(frozen=True, slots=True)
class Comparison:
    """All back ends compared.

    Attributes:
        results: of those that ran.
        not_run: of the others, why: `why` (refused or missing), `message`, `install`.
        exports: forms that were written.
    """

    results: dict[str, BackEndResult]
    not_run: dict[str, schema.NotRun]
    exports: Exports

    def check(self) -> None:
        """Refuse back ends that differ.

        Raises:
            CheckFailed: naming them.
        """
        different = [f"{n}: {r.difference}" for n, r in self.results.items() if not r.exact]
        if different:
            raise CheckFailed(f"back ends differ: {'; '.join(different)}")

    def as_dict(self) -> schema.Compared:
        """For the report."""
        return {
            "backends": {
                name: {
                    "exact": r.exact,
                    "samples": r.samples,
                    "difference": r.difference,
                    "facts": r.facts,
                }
                for name, r in self.results.items()
            },
            "backends_not_run": self.not_run,
            "exports": self.exports.as_dict(),
        }


def certify(
    directory: Path,
    inputs: np.ndarray,
    back_ends: Iterable[str],
    on_samples: OnSamples | None = None,
    claim: Claim | None = None,
) -> Comparison:
    """Export `program.nir` of a directory, run it on every back end, write the certificate there.

    The program is read back from the file, and back ends with an exported form from its files, so
    the digests are those of the artefacts.

    Args:
        directory: holds program.nir.
        inputs: uint8 [time, sample, input].
        back_ends: names; the reference is always run first.
        on_samples: progress.
        claim: spikes that the user's framework computed for these samples.

    Returns:
        One result per back end; the certificate is written only when all are exact.
    """
    program = read_nir(directory / PROGRAM_FILE)
    names = [REFERENCE, *(name for name in back_ends if name != REFERENCE)]
    (directory / CERTIFICATE_FILE).unlink(missing_ok=True)
    exports = write_exports(program, directory)
    results: dict[str, BackEndResult] = {}
    not_run: dict[str, schema.NotRun] = {}
    records: dict[str, Record] = {}
    reference: Trace | None = None
    for name in names:
        artefact = back_end(name).artefact
        if artefact in exports.refused:
            not_run[name] = _not_run("refused", exports.refused[artefact])
            continue
        try:
            weights, trace, facts = _run(name, program, directory, inputs, on_samples)
        except Refused as refusal:
            not_run[name] = _not_run("refused", str(refusal))
            continue
        except Missing as missing:
            not_run[name] = _not_run("missing", str(missing), missing.install)
            continue
        reference = reference or trace
        difference = first_difference(reference, trace)
        if difference is None and weights != weights_digest(executed_arrays(program)):
            difference = "executes other weights than program.nir holds"
        results[name] = BackEndResult(difference is None, inputs.shape[1], difference, facts)
        records[name] = {
            "artefacts_sha256": {} if artefact is None else checksums(directory, artefact),
            "weights_sha256": weights,
            "inputs_sha256": array_digest(inputs),
            "traces_sha256": trace.digests(),
            "samples": inputs.shape[1],
            "exact": difference is None,
        }
    assert reference is not None
    if all(result.exact for result in results.values()):
        _write_vectors(directory / VECTORS_FILE, inputs, reference, claim)
        certificate: Certificate = {
            "version": VERSION,
            "program": {
                "file": PROGRAM_FILE,
                "file_sha256": sha256_file(directory / PROGRAM_FILE),
                "weights_sha256": weights_digest(executed_arrays(program)),
            },
            "vectors": {"file": VECTORS_FILE, "inputs_sha256": array_digest(inputs)},
            "backends": records,
            "not_run": not_run,
        }
        if claim is not None:
            certificate["expected"] = claim.record(reference)
        write_json(directory / CERTIFICATE_FILE, certificate)
    return Comparison(results, not_run, exports)


def check_certificate(
    path: str | Path, on_samples: OnSamples | None = None
) -> tuple[dict[str, int], dict[str, str]]:
    """Run everything that a certificate claims again and compare every digest.

    Exported forms are written anew from program.nir and compared with the files beside the
    certificate; only the new ones run, so that a check never executes code from elsewhere.

    Returns:
        Samples checked per back end; and of the back ends that cannot run here, what is missing.

    Raises:
        CheckFailed: naming every claim that does not hold.
        UltralifError: the certificate or a file beside it cannot be read.
    """
    path = readable_file(path)
    claim = _claims(path)
    directory = path.parent
    program_path = directory / PROGRAM_FILE
    failures: list[str] = []

    def compare(what: str, claimed: Any, found: Any) -> None:
        """Note a claim that does not hold.

        Args:
            what: names the claim, for the list of failures.
            claimed: value in the certificate.
            found: value of the files or of a new run.
        """
        if claimed != found:
            failures.append(what)

    compare(
        "program.nir as a file",
        claim["program"]["file_sha256"],
        sha256_file(readable_file(program_path)),
    )
    program = read_nir(program_path)
    stored_weights = weights_digest(executed_arrays(program))
    compare("weights in program.nir", claim["program"]["weights_sha256"], stored_weights)
    inputs, vectors, expected = _read_vectors(directory / VECTORS_FILE, program)
    compare("inputs in vectors.npz", claim["vectors"]["inputs_sha256"], array_digest(inputs))
    if not claim["backends"] or REFERENCE not in claim["backends"]:
        failures.append("no reference back end in the certificate")
    samples: dict[str, int] = {}
    not_checked: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="ultralif-") as temporary:
        anew = Path(temporary)
        for name, record in sorted(claim["backends"].items()):
            artefact = back_end(name).artefact
            try:
                write_artefact(name, program, anew)
                found = {} if artefact is None else checksums(directory, artefact)
                compare(f"{name}: exported files", record["artefacts_sha256"], found)
                if artefact is not None:
                    compare(f"{name}: files as exported anew", found, checksums(anew, artefact))
                weights, trace, _ = _run(name, program, anew, inputs, on_samples)
            except Missing as missing:
                not_checked[name] = str(missing)
                continue
            except UltralifError as error:
                failures.append(f"{name}: {error}")
                continue
            compare(f"{name}: weights as executed", record["weights_sha256"], weights)
            compare(f"{name}: inputs", record["inputs_sha256"], array_digest(inputs))
            compare(f"{name}: samples", record["samples"], inputs.shape[1])
            compare(f"{name}: exact", record["exact"], True)
            digests = trace.digests()
            claimed = record["traces_sha256"]
            for trace_name in sorted({*digests, *claimed}):
                compare(
                    f"{name}: trace of {trace_name}",
                    claimed.get(trace_name),
                    digests.get(trace_name),
                )
            if name == REFERENCE:
                found_spikes = None if not expected else spikes_record(expected, trace)
                compare("expected spikes", _spikes_claimed(claim), found_spikes)
                for trace_name in sorted({*digests, *vectors}):
                    compare(
                        f"vectors.npz: {trace_name}",
                        vectors.get(trace_name),
                        digests.get(trace_name),
                    )
            samples[name] = inputs.shape[1]
    if failures:
        raise CheckFailed(f"{path}: does not hold: {'; '.join(failures)}")
    return samples, not_checked


def _spikes_claimed(claim: Certificate) -> dict[str, Any] | None:
    """What a certificate says about expected spikes that vectors and program tell again."""
    if "expected" not in claim:
        return None
    found = _of_kind(claim["expected"], dict, "expected")
    return {key: found.get(key) for key in ("spikes_sha256", "integer")}


def first_difference(expected: Trace, found: Trace) -> str | None:
    """The first differing spike, logit or event count in words; None where all are equal."""
    assert expected.spikes is not None
    assert found.spikes is not None
    for name, spikes in expected.spikes.items():
        different = np.argwhere(spikes != found.spikes[name])
        if len(different):
            t, sample, neuron = (int(i) for i in different[0])
            return (
                f"{len(different)} spikes of {name} differ, first at timestep {t}, sample "
                f"{sample}, neuron {neuron}: expected {spikes[t, sample, neuron]}"
            )
    if not np.array_equal(expected.logits, found.logits):
        sample, label = (int(i) for i in np.argwhere(expected.logits != found.logits)[0])
        return (
            f"logits differ, first at sample {sample}, class {label}: "
            f"{found.logits[sample, label]}, expected {expected.logits[sample, label]}"
        )
    for kind in ("synaptic_operations", "spikes"):
        mine, theirs = getattr(expected.counts, kind), getattr(found.counts, kind)
        for name, counts in mine.items():
            if not np.array_equal(counts, theirs[name]):
                return f"counts differ: {kind} of {name}"
    return None


def _not_run(
    why: Literal["refused", "missing"], message: str, install: str | None = None
) -> schema.NotRun:
    return {"why": why, "message": message, "install": install}


def _run(
    name: str,
    program: Program,
    directory: Path,
    inputs: np.ndarray,
    on_samples: OnSamples | None,
) -> tuple[str, Trace, schema.Facts]:
    """Digest of the executed weights, the recorded trace of all samples, and facts.

    Raises:
        Refused: the back end cannot execute the program exactly.
        Missing: a tool that it needs is not installed.
    """
    total = inputs.shape[1]

    def on_done(samples: int) -> None:
        if on_samples is not None:
            on_samples(name, samples, max(total, 1))

    on_done(0)
    executable = load_written(name, program, directory)
    step = BATCH if name == REFERENCE else max(total, 1)
    trace = run_in_steps(executable, inputs, step, on_done, record=True)
    return weights_digest(executable.executed()), trace, executable.describe()


def _write_vectors(path: Path, inputs: np.ndarray, trace: Trace, claim: Claim | None) -> None:
    assert trace.spikes is not None
    arrays: dict[str, Any] = {"inputs": inputs, "logits": trace.logits}
    arrays |= {f"spikes.{name}": spikes for name, spikes in trace.spikes.items()}
    if claim is not None:
        arrays |= {f"{EXPECTED}{name}": spikes for name, spikes in claim.spikes.items()}
    with written_whole(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **arrays)


def _read_vectors(
    path: Path, program: Program
) -> tuple[np.ndarray, dict[str, str], dict[str, np.ndarray]]:
    """Inputs, the digests of the stored traces by name, and expected spikes by population."""
    arrays = read_npz(path)
    if missing := {"inputs", "logits"} - set(arrays):
        raise UltralifError(f"{path}: no array {min(missing)!r}; expected a certificate's vectors")
    try:
        inputs = program.check_inputs(arrays.pop("inputs"))
    except UltralifError as error:
        raise UltralifError(f"{path}: {error}") from error
    expected = {n: arrays.pop(n) for n in sorted(arrays) if n.startswith(EXPECTED)}
    digests = {n.removeprefix("spikes."): array_digest(a) for n, a in arrays.items()}
    return inputs, digests, {n.removeprefix(EXPECTED): a for n, a in expected.items()}


def _claims(path: Path) -> Certificate:
    """The certificate's content, its form checked."""
    claim = read_json(path)
    try:
        if claim["version"] != VERSION:
            raise UltralifError(f"{path}: version {claim['version']}; expected {VERSION}")
        for part, key in (
            (claim["program"], "file_sha256"),
            (claim["program"], "weights_sha256"),
            (claim["vectors"], "inputs_sha256"),
        ):
            _of_kind(part[key], str, key)
        for name, record in _of_kind(claim["backends"], dict, "backends").items():
            for key, kind in RECORD.items():
                _of_kind(record[key], kind, f"{key} of {name}")
    except KeyError as error:
        raise UltralifError(f"{path}: not a certificate (no entry {error})") from error
    except TypeError as error:
        raise UltralifError(f"{path}: not a certificate ({error})") from error
    return cast(Certificate, claim)  # as far as it is read


def _of_kind(value: Any, kind: type, what: str) -> Any:
    """The value, when it is of a kind; a TypeError else."""
    if not isinstance(value, kind):
        raise TypeError(f"{what} is {type(value).__name__}; expected {kind.__name__}")
    return value
