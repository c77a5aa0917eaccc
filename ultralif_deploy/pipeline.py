"""The whole way as functions: what the commands `anneal`, `quantize`, `verify`, `deploy` call."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ultralif_deploy.data import Split
from ultralif_deploy.data.encoders import BLOCK, Encoder
from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.energy.devices import load_device
from ultralif_deploy.energy.report import chips_of, energy_report
from ultralif_deploy.errors import CheckFailed, UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes.savings import pass_savings
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace, join_traces, run_in_steps
from ultralif_deploy.report.files import write_report
from ultralif_deploy.report.json_report import deployment_report, describe_program
from ultralif_deploy.soft import checkpoint_file as checkpoints
from ultralif_deploy.soft.anneal import STATE_FILE, AnnealOptions, fine_tune
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.soft.training import EpochResult
from ultralif_deploy.sources.foreign import NetworkSource
from ultralif_deploy.sources.foreign_deploy import deploy_network
from ultralif_deploy.sources.opening import (
    certify_source,
    delays_of,
    hard_network,
    open_program,
    open_source,
    program_of,
    refuse_annealing,
    required_data,
)
from ultralif_deploy.sources.settings import Settings, Source
from ultralif_deploy.verify.authors import compare_with_file, file_accuracy
from ultralif_deploy.verify.backends import BACK_ENDS, EXPORTERS, back_end, load_on
from ultralif_deploy.verify.certificate import JUDGE, PROGRAM_FILE, check_certificate
from ultralif_deploy.verify.judging import refuse_doubts, rounding_findings
from ultralif_deploy.verify.measuring import Chain, measure

ANNEALED_FILE = "annealed.pt"
CERTIFIED_SAMPLES = 200
DEVICES = (
    *("cmos45", "lemaire2022", "yan2024", "step"),
    *("loihi1", "loihi1-sanafe", "paper-proxy"),
)


def deploy(
    checkpoint: str | Path,
    output: str | Path,
    settings: Settings,
    *,
    bits: int | str = 8,
    anneal: AnnealOptions | None = None,
    max_gap: float | None = None,
    certified_samples: int = CERTIFIED_SAMPLES,
    back_ends: Iterable[str] = tuple(BACK_ENDS),
    devices: Iterable[str] = DEVICES,
    skip_passes: Iterable[str] = (),
    progress: Progress | None = None,
    command: str | None = None,
) -> dict[str, Any]:
    """From a checkpoint to program.nir, its proof (certificate.json, vectors.npz) and the reports.

    Args:
        checkpoint: trained network, a .pt file.
        output: directory for the results.
        settings: data, encoding and what the checkpoint does not say.
        bits: 2 to 8 or `ternary`.
        anneal: fine-tune first, with these options; without training labels the soft network is
            imitated.
        max_gap: largest accepted gap, soft minus integer accuracy in percentage points.
        certified_samples: samples compared spike for spike on every back end.
        back_ends: names of back ends to compare with the reference.
        devices: names or files of devices for the energy.
        skip_passes: passes to leave out.
        progress: shows long work.
        command: the command line that asked for it, for the reports.

    Returns:
        The content of report.json.

    Raises:
        UltralifError: bad input.
        CheckFailed: a back end differs, or the gap exceeds `max_gap`; the report is written.
    """
    progress = progress or Progress()
    loaded_devices = [load_device(name) for name in devices]
    for name in (back_ends := tuple(back_ends)):
        back_end(name)  # unknown names end here, not after the annealing
    if max_gap is not None and not max_gap >= 0:
        raise UltralifError(f"max gap = {max_gap}; expected percentage points, at least 0")
    source = open_source(checkpoint, settings)
    dataset = required_data(source)
    if max_gap is not None and dataset.test.y is None:
        raise UltralifError(f"{dataset.name}: no y_test; a gap needs labels")
    if isinstance(source, NetworkSource):
        refuse_annealing(source, anneal)
        return deploy_network(
            source,
            output_directory(output),
            bits,
            skip_passes,
            max_gap,
            certified_samples,
            back_ends,
            loaded_devices,
            progress,
            command,
            settings.strict,
        )
    trained: SoftNetwork | Network = source.checkpoint.network
    soft = trained if isinstance(trained, SoftNetwork) else None
    if max_gap is not None and soft is None:
        raise UltralifError(f"--max-gap: {source.path} is hard as trained; a gap needs soft spikes")
    directory, how = output_directory(output), "none"
    annealed = trained
    if anneal is not None:
        annealed, how = anneal_network(source, anneal, directory, progress)
        checkpoints.save(directory / ANNEALED_FILE, annealed, {}, training_settings(source))
    naive = hard_network(trained, source)
    with progress.stage("quantize") as update:
        hard, program = program_of(annealed, source, bits, skip_passes)
        write_nir(program, directory / PROGRAM_FILE)
        update(1.0, "")
    with progress.stage("soft, hard, integer") as update:
        chain = Chain(soft, naive, hard, program)
        counter = EventCounter(program, chips_of(loaded_devices))
        measured = measure(chain, dataset.test, source.encoder, counter, lambda s: update(s, ""))
    measured["accuracy"]["max_gap"] = max_gap
    measured["passes"] = pass_savings(hard_network(annealed, source), skip_passes)
    measured["accuracy"]["file"] = compared_with_file(source, measured["accuracy"]["soft"])
    compared = certify_source(source, program, directory, certified_samples, back_ends, progress)
    report = deployment_report(
        source,
        hard,
        program,
        measured,
        compared,
        energy_report(counter.events(), loaded_devices),
        sha256_file(directory / PROGRAM_FILE),
        command,
        how,
    )
    write_report(directory, report)
    compared.check()
    gap = measured["accuracy"]["gap_soft_integer"]
    if max_gap is not None and gap > max_gap:
        raise CheckFailed(
            f"gap of {gap:.2f} percentage points between soft and integer accuracy is larger than "
            f"--max-gap {max_gap:g}; anneal with training data (--anneal) or use more bits"
        )
    refuse_doubts(report, settings.strict)
    return report


def compared_with_file(source: Source, soft: float | None) -> float | None:
    """The accuracy in the checkpoint; a misfit with the measured one becomes a warning."""
    record = source.checkpoint.record
    if soft is not None:
        compare_with_file(record, soft, len(required_data(source).test.x), source.assumptions)
    return file_accuracy(record)


def anneal_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    settings: Settings,
    options: AnnealOptions,
    progress: Progress | None = None,
    *,
    use_labels: bool = True,
) -> dict[str, Any]:
    """Anneal a checkpoint and write `annealed.pt`; labels are left unused on request.

    Returns:
        How it was annealed, the figures of every epoch run now, and the file.

    Raises:
        UltralifError: bad input.
    """
    source = open_source(checkpoint, settings)
    if isinstance(source, NetworkSource):
        refuse_annealing(source, options)
    assert isinstance(source, Source)
    soft_network(source)
    if not use_labels and source.dataset is not None and source.dataset.train is not None:
        train = replace(source.dataset.train, y=None)
        source = replace(source, dataset=replace(source.dataset, train=train))
    directory = output_directory(output)
    epochs: list[dict[str, Any]] = []
    annealed, how = anneal_network(
        source, options, directory, progress or Progress(), lambda r: epochs.append(asdict(r))
    )
    path = directory / ANNEALED_FILE
    checkpoints.save(path, annealed, {"epoch": options.epochs}, training_settings(source))
    return {"annealing": how, "epochs": epochs, "output": str(path)}


def quantize_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    settings: Settings,
    bits: int | str = 8,
    skip_passes: Iterable[str] = (),
) -> dict[str, Any]:
    """Quantize a checkpoint's hard limit, or a NIR file's network, and write `program.nir`.

    Raises:
        UltralifError: bad input.
    """
    source = open_source(checkpoint, settings)

    trained = source.network if isinstance(source, NetworkSource) else source.checkpoint.network
    hard, program = program_of(trained, source, bits, skip_passes)
    path = output_directory(output) / PROGRAM_FILE
    write_nir(program, path)
    rows, rounded = rounding_findings(hard, program, delays_of(source))
    return {
        "program": describe_program(program),
        "parameters_stored": [row.as_dict() for row in rows],
        "findings": [f.as_dict() for f in (*source.assumptions.findings, *rounded)],
        "assumed": source.assumptions.as_dict(),
        "output": str(path),
    }


def export_program(
    program: str | Path, targets: Iterable[str], output: str | Path, flavour: str = "lif"
) -> dict[str, Any]:
    """Write a program in other forms.

    Raises:
        UltralifError: unknown target or flavour.
        Refused: a program that the target cannot express exactly.
    """
    targets = list(dict.fromkeys(targets))
    available = ("nir", *EXPORTERS)
    unknown = [target for target in targets if target not in available]
    if unknown:
        raise UltralifError(f"export target {unknown[0]!r}; available: {', '.join(available)}")
    loaded = read_nir(program)
    directory = output_directory(output)
    exports = []
    for target in targets:
        if target == "nir":
            path = directory / f"{Path(program).stem}-{flavour}.nir"
            write_nir(loaded, path, flavour)
            written: tuple[Path, ...] = (path,)
        else:
            written = EXPORTERS[target](loaded, directory / target)
        exports += [{"target": target, "file": str(p), "sha256": sha256_file(p)} for p in written]
    return {"exports": exports}


def simulate_program(
    program: str | Path,
    on: str,
    settings: Settings,
    progress: Progress | None = None,
    bits: int | str | None = None,
) -> dict[str, Any]:
    """Run a program on the test samples of a data set.

    Returns:
        logits [[int]], predictions [int], accuracy (or None without labels), counts, and what was
        assumed.

    Raises:
        UltralifError: bad input.
    """
    loaded, dataset, encoder, assumptions = open_program(program, settings, bits)
    trace = _run(loaded, on, dataset.test, encoder, progress or Progress())
    predictions = trace.predictions()
    labels = dataset.test.y
    return {
        "logits": trace.logits.tolist(),
        "predictions": predictions.tolist(),
        "accuracy": None if labels is None else float((predictions == labels).mean()),
        "counts": trace.counts.as_dict(),
        "assumed": assumptions.as_dict(),
    }


def program_energy(
    program: str | Path,
    devices: Iterable[str],
    settings: Settings,
    progress: Progress | None = None,
    bits: int | str | None = None,
) -> dict[str, Any]:
    """Events of a program on the test samples, and joules per device.

    Raises:
        UltralifError: bad input.
    """
    described = [load_device(name) for name in devices]
    loaded, dataset, encoder, assumptions = open_program(program, settings, bits)
    counter = EventCounter(loaded, chips_of(described))
    _run(loaded, "fast", dataset.test, encoder, progress or Progress(), counter)
    report, assumed = energy_report(counter.events(), described), assumptions.as_dict()
    return report | ({"assumed": assumed} if assumed else {})


def recheck(certificate: str | Path, progress: Progress | None = None) -> dict[str, Any]:
    """Run everything that a certificate claims again.

    Raises:
        CheckFailed: a claim does not hold.
        UltralifError: a file cannot be read.
    """
    with (progress or Progress()).stage("check certificate") as update:
        samples, not_checked = check_certificate(
            certificate, lambda name, done, total: update(done / max(1, total), name)
        )
    return {
        "certificate": str(certificate),
        "holds": True,
        "samples": samples,
        "not_checked": not_checked,
    }


def anneal_network(
    source: Source,
    options: AnnealOptions,
    directory: Path | None,
    progress: Progress,
    on_epoch: Callable[[EpochResult], None] | None = None,
) -> tuple[SoftNetwork, str]:
    """Anneal by what the data allow: labels, samples without labels, or nothing.

    Returns:
        The annealed network, and how, in words (`none` without data).
    """
    network = soft_network(source)
    if source.dataset is None:
        return network, "none"
    train = source.dataset.train
    if train is None:
        raise UltralifError(
            f"{source.dataset.name}: no training samples to anneal with; expected x_train in the "
            "file, with y_train where labels are at hand (--epochs 0 needs none)"
        )
    with progress.stage("anneal") as update:
        epoch = 0
        text = ""

        def after_epoch(result: EpochResult) -> None:
            nonlocal epoch, text
            epoch = result.epoch
            text = describe_epoch(result, options.epochs)
            update(epoch / options.epochs, text)
            if on_epoch is not None:
                on_epoch(result)

        try:
            annealed = fine_tune(
                network,
                train,
                source.encoder,
                options,
                directory=directory,
                on_epoch=after_epoch,
                on_batch=lambda share, loss: update((epoch + share) / options.epochs, text),
            )
        except KeyboardInterrupt as stop:
            if directory is None or not (directory / STATE_FILE).exists():
                raise
            raise KeyboardInterrupt(
                f"finished epochs are kept in {directory / STATE_FILE}; the same command goes on"
            ) from stop
    if options.epochs == 0:
        return annealed, "re-estimated without labels"
    return annealed, "fine-tuned" if train.y is not None else "imitating the soft network"


def describe_epoch(result: EpochResult, epochs: int) -> str:
    """One line of figures."""
    return (
        f"epoch {result.epoch}/{epochs}  loss {result.loss:.3f}  ε {result.epsilon:.3f}  "
        f"soft {100 * result.soft_accuracy:.1f} %  hard {100 * result.hard_accuracy:.1f} %  "
        f"spike rate {result.spike_rate:.3f}"
    )


def soft_network(source: Source) -> SoftNetwork:
    """The network to anneal.

    Raises:
        UltralifError: its neurons are hard as trained.
    """
    network = source.checkpoint.network
    if not isinstance(network, SoftNetwork):
        raise UltralifError(
            f"{source.path}: {source.checkpoint.architecture_name} spikes hard as trained, so "
            "there is nothing to anneal; quantize it as it is"
        )
    return network


def training_settings(source: Source) -> dict[str, Any]:
    """What a checkpoint of ours stores beside the released format."""
    encoder = source.encoder
    soft = soft_network(source).architecture.membrane == "soft"
    return {
        "encoding": encoder.kind,
        "timesteps": encoder.timesteps,
        "gain": encoder.gain,
        "normalize": encoder.normalize,
        **({"table": source.table} if soft else {}),
    }


def _run(
    program: Program,
    on: str,
    test: Split,
    encoder: Encoder,
    progress: Progress,
    counter: EventCounter | None = None,
) -> Trace:
    """Run all samples; a counter gets every block with its spikes, which are not kept."""
    steps = encoder.timesteps
    if encoder.kind == "constant":
        steps = min(steps, program.timesteps)
    program.check_timesteps(steps)  # too many are refused before they are encoded
    executable = load_on(on, program)
    # The reference takes milliseconds a sample, so its progress is shown sample by sample.
    step = BLOCK if on != JUDGE else 10
    total = len(test.x)
    traces = []
    with progress.stage(f"simulate on {on}") as update:
        for where, values in encoder.blocks(test.x):
            values = values[:steps]

            def on_done(samples: int, first: int = where.start) -> None:
                update((first + samples) / total, f"{first + samples}/{total}")

            trace = run_in_steps(executable, values, step, on_done, record=counter is not None)
            if counter is not None:
                counter.add(values, trace)
            traces.append(replace(trace, spikes=None))
    return join_traces(traces)
