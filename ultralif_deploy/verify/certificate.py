"""Proof that all back ends execute the program with the same results; it can be checked again.

`certificate.json` holds SHA-256 digests of the weights as each back end executed them (read back
from its executable form), of the exported files that ran, of the inputs and of every trace. It also
lists the back ends that did not run, with the reason, and every file that the run wrote, so it is
written last. `vectors.npz` beside it holds the inputs and the spikes and logits of the reference:
golden vectors for any other implementation. `verify/recheck.py` checks it again.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.errors import CheckFailed, Missing, Refused, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.io.files import sha256_file, write_bytes, write_json
from ultralif_deploy.io.npz import npz_bytes
from ultralif_deploy.program.program import Program, executed_arrays, weights_digest
from ultralif_deploy.program.trace import Trace, array_digest, run_in_steps
from ultralif_deploy.schema import back_ends as schema
from ultralif_deploy.schema.backbone import CertifiedBackbone
from ultralif_deploy.schema.certificate import Certificate, CertifiedProgram, Record, Vectors
from ultralif_deploy.schema.expected import CertifiedSpikes
from ultralif_deploy.verify.backends import BACK_ENDS, back_end, load_written
from ultralif_deploy.verify.coverage import digests
from ultralif_deploy.verify.expected_spikes.comparing import Claim
from ultralif_deploy.verify.exports import Exports, checksums, write_exports

VERSION: Final = 2
PROGRAM_FILE: Final = "program.nir"
BACKBONE_FILE: Final = "backbone.onnx"
VECTORS_FILE: Final = "vectors.npz"
CERTIFICATE_FILE: Final = "certificate.json"
REFERENCE = "reference"

LOGITS, SPIKES = "logits", "spikes."
"""Names of arrays in vectors.npz, the second before that of a population."""

EXPECTED = "expected."
"""Begins the names of expected spikes in vectors.npz."""

BATCH = 20
"""Samples that a back end runs at once, so that progress can be shown."""

OnSamples = Callable[[str, int, int], None]
"""Called with the back end's name, samples done and samples in all."""


@dataclass(frozen=True, slots=True)
class BackEndResult:
    """One back end compared with the reference on the certified samples.

    Attributes:
        exact: same weights, spikes of every population and timestep, and logits.
        samples: number of samples that were compared.
        difference: the first difference in words, or None.
        facts: facts that the back end states about its executable form.
    """

    exact: bool
    samples: int
    difference: str | None
    facts: schema.Facts


@dataclass(frozen=True, slots=True)
class Claims:
    """What a certificate claims, apart from the list of files.

    Attributes:
        program: the program as a file.
        vectors: golden vectors.
        backends: results of the back ends that ran, by name.
        not_compared: names of the back ends that nobody asked for.
        expected: claim about what the user's framework computed for these samples; None without it.
        lanes: neurons that exported hardware computes at once; None where nobody chose them.
    """

    program: CertifiedProgram
    vectors: Vectors
    backends: dict[str, Record]
    not_compared: list[str]
    expected: CertifiedSpikes | None
    lanes: int | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All back ends compared.

    Attributes:
        results: results of the back ends that ran.
        not_run: reasons of the other back ends: `why` (refused or missing), `message`, `install`.
        exports: forms that were written.
        claims: content of the certificate about them; None where a back end differs.
    """

    results: dict[str, BackEndResult]
    not_run: dict[str, schema.NotRun]
    exports: Exports
    claims: Claims | None

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
    lanes: int | None = None,
) -> Comparison:
    """Export `program.nir` of a directory, run it on every back end, write golden vectors there.

    The program is read back from the file, and back ends with an exported form from its files, so
    the digests are those of the artefacts.

    Args:
        directory: directory that holds program.nir.
        inputs: uint8 [time, sample, input].
        back_ends: names of the back ends; the reference is always run first.
        on_samples: function called with a back end's name, samples done and samples in all.
        claim: spikes that the user's framework computed for these samples.
        lanes: neurons of a population that exported hardware computes at once; None chooses them.

    Returns:
        One result per back end; `seal` writes the certificate where all are exact.

    Raises:
        UltralifError: no samples, or no timesteps, which certify nothing.
    """
    if inputs.shape[0] == 0 or inputs.shape[1] == 0:
        raise UltralifError(
            f"{inputs.shape[1]} samples of {inputs.shape[0]} timesteps certify nothing; expected "
            "at least one of each"
        )
    program = read_nir(directory / PROGRAM_FILE)
    names = [REFERENCE, *(name for name in back_ends if name != REFERENCE)]
    exports = write_exports(program, directory, lanes=lanes)
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
            weights, trace, facts = run_written(name, program, directory, inputs, on_samples)
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
    claims = None
    if all(result.exact for result in results.values()):
        _write_vectors(directory / VECTORS_FILE, inputs, reference, claim)
        claims = Claims(
            {
                "file": PROGRAM_FILE,
                "file_sha256": sha256_file(directory / PROGRAM_FILE),
                "weights_sha256": weights_digest(executed_arrays(program)),
            },
            {"file": VECTORS_FILE, "inputs_sha256": array_digest(inputs)},
            records,
            [name for name in BACK_ENDS if name not in names],
            None if claim is None else claim.record(reference),
            lanes,
        )
    return Comparison(results, not_run, exports, claims)


def write_backbone(directory: Path, data: Dataset, samples: int) -> CertifiedBackbone | None:
    """Write the float network in front of a program, and return what the certificate says of it.

    Args:
        directory: directory of the results.
        data: data set, whose samples are features; None is returned for others.
        samples: number of certified samples.
    """
    if data.features is None:
        return None
    model = data.features.model
    write_bytes(directory / BACKBONE_FILE, model.content)
    return {
        "file": BACKBONE_FILE,
        "file_sha256": model.sha256,
        "features_sha256": array_digest(data.test.x[:samples]),
    }


def seal(directory: Path, compared: Comparison, backbone: CertifiedBackbone | None = None) -> None:
    """Write the certificate over all files of a directory, if all back ends are exact.

    Args:
        directory: directory of the results.
        compared: result of `certify`.
        backbone: what `write_backbone` returned; None without a backbone.
    """
    claims = compared.claims
    if claims is None:
        return
    certificate: Certificate = {
        "version": VERSION,
        "program": claims.program,
        "vectors": claims.vectors,
        "backends": claims.backends,
        "not_run": compared.not_run,
        "not_compared": claims.not_compared,
        "files": digests(directory, without=CERTIFICATE_FILE),
    }
    if claims.expected is not None:
        certificate["expected"] = claims.expected
    if backbone is not None:
        certificate["backbone"] = backbone
    if claims.lanes is not None:
        certificate["lanes"] = claims.lanes
    write_json(directory / CERTIFICATE_FILE, certificate)


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


def run_written(
    name: str,
    program: Program,
    directory: Path,
    inputs: np.ndarray,
    on_samples: OnSamples | None,
) -> tuple[str, Trace, schema.Facts]:
    """Run all samples on what was written.

    Args:
        name: name of the back end.
        program: program that was written.
        directory: directory that `write_artefact` was given.
        inputs: uint8 [time, sample, input].
        on_samples: function called with a back end's name, samples done and samples in all.

    Returns:
        Digest of the executed weights, the recorded trace of all samples, and facts.

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
    arrays = {"inputs": inputs, LOGITS: trace.logits}
    arrays |= {f"{SPIKES}{name}": spikes for name, spikes in trace.spikes.items()}
    if claim is not None:
        arrays |= {f"{EXPECTED}{name}": spikes for name, spikes in claim.spikes.items()}
    write_bytes(path, npz_bytes(arrays, compressed=True))
