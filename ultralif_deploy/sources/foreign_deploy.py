"""`deploy` and `verify` for a network that is hard already: float against integer."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.energy.devices import Device
from ultralif_deploy.energy.report import chips_of, energy_report
from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.io.files import sha256_file
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.passes.savings import pass_savings
from ultralif_deploy.readers.nir.misreadings import warn_of_ties
from ultralif_deploy.report.files import write_report
from ultralif_deploy.sources.foreign import NetworkSource, measure_network, network_report
from ultralif_deploy.sources.opening import certify_source, program_of, required_data
from ultralif_deploy.verify.certificate import PROGRAM_FILE
from ultralif_deploy.verify.judging import refuse_doubts


def deploy_network(
    source: NetworkSource,
    directory: Path,
    bits: int | str,
    skip_passes: Iterable[str],
    max_gap: float | None,
    certified_samples: int,
    back_ends: Iterable[str],
    devices: list[Device],
    progress: Progress,
    command: str | None,
    strict: bool,
) -> dict[str, Any]:
    """`pipeline.deploy` with the same arguments, for an opened source.

    Raises:
        CheckFailed: a back end differs, or the gap exceeds `max_gap`; the report is written.
    """
    with progress.stage("quantize") as update:
        hard, program = program_of(source.network, source, bits, skip_passes)
        write_nir(program, directory / PROGRAM_FILE)
        update(1.0, "")
    test = required_data(source).test
    with progress.stage("float, integer") as update:
        counter = EventCounter(program, chips_of(devices))
        measured = measure_network(
            hard, program, test, source.encoder, counter, lambda s: update(s, "")
        )
    measured["accuracy"]["max_gap"] = max_gap
    warn_of_ties(measured["populations"], source.assumptions)
    measured["passes"] = pass_savings(source.network, skip_passes)
    compared = certify_source(source, program, directory, certified_samples, back_ends, progress)
    energy = energy_report(counter.events(), devices)
    digest = sha256_file(directory / PROGRAM_FILE)
    report = network_report(source, hard, program, measured, compared, energy, digest, command)
    write_report(directory, report)
    compared.check()
    gap = measured["accuracy"]["gap_float_integer"]
    if max_gap is not None and gap > max_gap:
        raise CheckFailed(
            f"gap of {gap:.2f} percentage points between float and integer accuracy is larger than "
            f"--max-gap {max_gap:g}; use more bits, or training samples for the clipping"
        )
    refuse_doubts(report, strict)
    return report
