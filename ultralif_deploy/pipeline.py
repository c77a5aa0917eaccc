"""The whole road as functions, which the commands call."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ultralif_deploy.energy.counts import EventCounter
from ultralif_deploy.energy.devices import load_devices
from ultralif_deploy.energy.report import chips_of, energy_report
from ultralif_deploy.exporters.nir.programs import write_nir
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.io.files import output_directory, sha256_file
from ultralif_deploy.io.progress import Progress, ShownProgress
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes.savings import pass_savings
from ultralif_deploy.program.description import describe_program
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.readers.nir.misreadings import deciding_ties
from ultralif_deploy.report.deployment import DeploymentReport
from ultralif_deploy.report.files import write_report
from ultralif_deploy.report.json_report import deployment_report
from ultralif_deploy.schema.commands import NetworkEnergy, Quantized, Simulated, Trained
from ultralif_deploy.schema.energy import Energy
from ultralif_deploy.schema.exits import Exits, Rule
from ultralif_deploy.schema.expected import Beside
from ultralif_deploy.schema.measured import Accuracy, Measured
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.opening import open_program
from ultralif_deploy.sources.settings import Settings, with_data
from ultralif_deploy.steps.exiting import Case, check_exits, run_with_exits
from ultralif_deploy.steps.framework_spikes.expecting import (
    beside_expected,
    counter_of,
    open_expected,
)
from ultralif_deploy.steps.hardware.deploying import on_part, refuse_part, require_part
from ultralif_deploy.steps.quantizing import check_budget, check_gap, check_room, opened, quantized
from ultralif_deploy.steps.results import refuse_deployment, results
from ultralif_deploy.steps.searching import Goal
from ultralif_deploy.steps.simulating import cluster_of, measured_on, run_on
from ultralif_deploy.verify.accuracy.forms import Chain
from ultralif_deploy.verify.accuracy.predictions import PREDICTIONS_FILE, write_predictions
from ultralif_deploy.verify.authors import compare_with_file, file_accuracy
from ultralif_deploy.verify.backends import COMPARED, back_end
from ultralif_deploy.verify.certificate import PROGRAM_FILE, certify, seal, write_backbone
from ultralif_deploy.verify.expected_spikes.comparing import (
    Claim,
    Sides,
    claim_of,
    expected_findings,
)
from ultralif_deploy.verify.judging import refuse_doubts, refuse_gap, rounding_findings

if TYPE_CHECKING:
    from torch import nn

    from ultralif_deploy.soft.anneal import AnnealOptions
    from ultralif_deploy.steps.untrained import TrainOptions

CERTIFIED_SAMPLES = 200
DEVICES = (  # memories too, then chips, then arithmetic alone: what covers least never leads
    *("yan2024", "lemaire2022", "step", "loihi1"),
    *("loihi1-sanafe", "cmos45", "paper-proxy"),
)


def deploy(
    checkpoint: "str | Path | Network | nn.Module",
    output: str | Path,
    settings: Settings | None = None,
    *,
    data: Any = None,
    bits: Bits = 8,
    anneal: "AnnealOptions | None" = None,
    max_gap: float | None = None,
    weight_memory: int | None = None,
    max_energy: float | None = None,
    max_cores: Mapping[str, int] | None = None,
    certified_samples: int = CERTIFIED_SAMPLES,
    back_ends: Iterable[str] = COMPARED,
    energy_devices: Iterable[str] = DEVICES,
    skip_passes: Iterable[str] = (),
    part: str | None = None,
    lanes: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
    command: str | None = None,
) -> DeploymentReport:
    """From a network to program.nir, its proof (certificate.json, vectors.npz) and the reports.

    Args:
        checkpoint: trained network: a .pt file, a NIR file of another tool, a hard Network, or a
            torch module of a framework that has a reader.
        output: directory for the results.
        settings: data, encoding and what the network does not say.
        data: the data set, where `settings` do not name it.
        bits: bits of the weights, 2 to 8 or `ternary`; one for each population by name; or `auto`.
        anneal: fine-tune first, with these options; without training labels the soft network is
            imitated.
        max_gap: largest accepted gap, soft minus integer accuracy in percentage points; `auto`
            chooses bits within it on training samples, within 0.5 without it.
        weight_memory: most bytes of all weights; `auto` chooses the most accurate bits within it.
        max_energy: most joules of one inference on the first device; likewise.
        max_cores: most cores by chip, as `{"loihi2": 4}`; likewise.
        certified_samples: samples compared spike for spike on every back end.
        back_ends: names of back ends to compare with the reference.
        energy_devices: names or files of devices for the energy.
        skip_passes: passes to leave out.
        part: FPGA on which the Verilog is placed, as `synthesize` names it; None: on none.
        lanes: neurons of a population that the Verilog computes at once; None chooses them.
        scheduler: address of a Dask scheduler, whose workers measure the test samples.
        progress: how long work is shown; None: on stderr, `Progress()`: not at all.
        command: the command line that asked for it, for the reports.

    Returns:
        The content of report.json.

    Raises:
        UltralifError: bad input, or workers that keep ending.
        CheckFailed: a back end differs, the gap exceeds `max_gap`, the part cannot hold it, or
            the verdict is not yes under `settings.strict`; the report is written.
    """
    settings, progress = with_data(settings, data), progress or ShownProgress()
    described = load_devices(energy_devices)
    goal = Goal.on(described, max_gap, weight_memory, max_energy, max_cores)
    check_budget(goal, bits)
    for name in (back_ends := tuple(back_ends)):
        back_end(name)  # unknown names end here, not after the annealing
    require_part(part)
    cluster = cluster_of(scheduler, progress, settings.device)
    source, spikes = opened(checkpoint, settings, skip_passes, goal, progress)
    check_gap(max_gap, source)
    if anneal is not None:
        source.require_soft()
        if not anneal.prune:  # it may leave neurons without any weights
            check_room(source, skip_passes, goal)
    expected = open_expected(source, settings)
    with results(output, (checkpoint, settings.data, settings.backbone)) as directory:
        network, how = _annealed(source, anneal, directory, Path(output), progress)
        with progress.stage("quantize") as update:
            made = quantized(source, network, bits, skip_passes, goal, progress)
            passed, program, weights = made
            write_nir(program, directory / PROGRAM_FILE)
            update(1.0, "")
        counter = EventCounter(program, chips_of(described))
        chain = Chain(source.soft, source.network, passed, program, network is not source.network)
        measured, predictions = measured_on(source, chain, counter, progress, cluster)
        write_predictions(directory / PREDICTIONS_FILE, predictions)
        stated = file_accuracy(source.record)
        accuracy: Accuracy = {**measured["accuracy"], "max_gap": max_gap, "file": stated}
        measured = {**measured, "accuracy": accuracy}
        passes = pass_savings(network, skip_passes)
        doubts = [*source.assumptions.findings, *_measured_doubts(source, measured)]
        claim: Claim | None = None
        beside: Beside = {}
        inputs = source.encoder.encode(source.data.test.x[:certified_samples], (0, 0))
        inputs = inputs[: program.timesteps]
        if expected is not None:
            sides = Sides(network, passed, program)
            beside = {"expected": beside_expected(expected, sides, source, progress)}
            doubts += expected_findings(beside["expected"])
            claim = claim_of(expected, sides, inputs)
        with progress.stage("compare back ends") as update:
            compared = certify(
                directory,
                inputs,
                back_ends,
                lambda name, done, total: update(done / total, f"{name} {done}/{total}"),
                claim,
                lanes,
            )
        hardware = on_part(program, directory, part, lanes, inputs, progress)
        energy = energy_report(counter.events(), described)
        digest = sha256_file(directory / PROGRAM_FILE)
        report = deployment_report(
            source,
            doubts,
            passed,
            program,
            measured,
            passes,
            compared,
            energy,
            digest,
            command,
            how,
            {**spikes, **weights},
            beside,
            hardware,
        )
        write_report(directory, report)
        backbone = write_backbone(directory, source.data, certified_samples)
        seal(directory, compared, backbone)
    compared.check()
    refuse_gap(report)
    refuse_part(report)
    refuse_doubts(report, settings.strict)
    return DeploymentReport(report)


def _measured_doubts(source: Deployable, measured: Measured) -> Iterator[Finding]:
    """What speaks against the settings, now that the network has run with them."""
    soft = measured["accuracy"]["soft"]
    if source.soft is not None and soft is not None:
        yield from compare_with_file(source.record, soft, len(source.data.test.x))
    if source.assumptions.is_default("fires"):
        yield from deciding_ties(measured["populations"])


def _annealed(
    source: Deployable,
    options: "AnnealOptions | None",
    directory: Path,
    resume: Path,
    progress: Progress,
) -> tuple[Network, str]:
    """The hard network for the next steps, and how it was annealed, in words.

    Args:
        source: source that is deployed.
        options: settings of the annealing; None leaves it out.
        directory: directory of `annealed.pt`.
        resume: directory of the state from which a stopped run resumes.
        progress: progress display, which shows every epoch.
    """
    if options is None:
        return source.network, "none"
    from ultralif_deploy.steps.annealing import annealed_network

    return annealed_network(source, options, directory, resume, progress)


def train(
    output: str | Path,
    settings: Settings,
    options: "TrainOptions | None" = None,
    progress: Progress | None = None,
) -> Trained:
    """Train a network on data, and write `trained.pt`, which `deploy` takes as it is.

    A run that was stopped goes on after its last finished epoch, and ends as if it had not been.

    Args:
        output: directory for `trained.pt`.
        settings: data, encoding, neuron and seed.
        options: architecture and how to train it; None is one hidden layer of 64.
        progress: progress display, which shows every epoch.

    Returns:
        The figures of every epoch, and what was kept.

    Raises:
        UltralifError: bad input; nothing is written.
    """
    from ultralif_deploy.steps.training import TRAINED_FILE, train_network, trained_content
    from ultralif_deploy.steps.untrained import TrainOptions, open_untrained

    options = options or TrainOptions()
    progress = progress or ShownProgress()
    with progress.reading():
        source = open_untrained(settings, options)
    directory = output_directory(output)
    state = train_network(source, options, directory, progress)
    return trained_content(directory / TRAINED_FILE, source, state)


def quantize_checkpoint(
    checkpoint: str | Path,
    output: str | Path,
    settings: Settings,
    bits: Bits = 8,
    skip_passes: Iterable[str] = (),
    *,
    max_gap: float | None = None,
    weight_memory: int | None = None,
    max_energy: float | None = None,
    max_cores: Mapping[str, int] | None = None,
    energy_devices: Iterable[str] = DEVICES[:1],
    progress: Progress | None = None,
) -> Quantized:
    """Quantize a checkpoint's hard limit, or a NIR file's network, and write `program.nir`.

    Args:
        checkpoint: trained network, a .pt file, or a NIR file of another tool.
        output: directory for `program.nir`.
        settings: data, encoding and what the file does not say.
        bits: same as for `deploy`.
        skip_passes: passes to leave out.
        max_gap: largest loss of bits that `auto` chooses, in percentage points; None is 0.5.
        weight_memory: same as for `deploy`.
        max_energy: same as for `deploy`.
        max_cores: same as for `deploy`.
        energy_devices: names or files of devices; the first is that of `max_energy`.
        progress: progress display of the candidates that `auto` tries.

    Raises:
        UltralifError: bad input, or a directory with the results of a deployment.
    """
    progress = progress or ShownProgress()
    refuse_deployment(Path(output))
    goal = Goal.on(load_devices(energy_devices), max_gap, weight_memory, max_energy, max_cores)
    check_budget(goal, bits)
    source, spikes = opened(checkpoint, settings, skip_passes, goal, progress)
    passed, program, weights = quantized(source, source.network, bits, skip_passes, goal, progress)
    path = output_directory(output) / PROGRAM_FILE
    write_nir(program, path)
    rows, rounded = rounding_findings(passed, program, source.delays)
    return {
        "program": describe_program(program),
        "parameters_stored": [row.as_dict() for row in rows],
        "findings": [f.as_dict() for f in (*source.assumptions.findings, *rounded)],
        "assumed": source.assumptions.as_dict(),
        "output": str(path),
        **spikes,
        **weights,
    }


def simulate_program(
    program: str | Path,
    on: str,
    settings: Settings,
    progress: Progress | None = None,
    bits: Bits | None = None,
    *,
    exit_rule: Rule | None = None,
    confidence: float | None = None,
    energy_devices: Iterable[str] = DEVICES,
    scheduler: str | None = None,
) -> Simulated:
    """Run a program on the test samples of a data set.

    Args:
        program: a program, or a NIR file of another tool.
        on: name of a back end.
        settings: the data set and its encoding.
        progress: how long work is shown; None: on stderr, `Progress()`: not at all.
        bits: weights of a NIR file of another tool, 2 to 8 or `ternary`; None is 8. It must be None
            for a program, whose weights have their own.
        exit_rule: `exact` counts what is needed where samples stop once no remaining timestep can
            change their prediction, `confidence` where they stop once they are confident enough;
            None counts whole runs alone.
        confidence: 1 − the accepted fall of accuracy on training samples, for that rule; None is
            0.99.
        energy_devices: names or files of devices for the energy of samples that stop early.
        scheduler: address of a Dask scheduler, whose workers run the samples block by block.

    Returns:
        logits [[int]], predictions [int], accuracy (or None without labels) and counts of whole
        runs, what was assumed, and with a rule `exits`.

    Raises:
        UltralifError: bad input.
        Refused: samples of a program whose read-out forgets cannot stop early.
    """
    described = load_devices(energy_devices)
    progress = progress or ShownProgress()
    with progress.reading():
        ready = open_program(program, settings, bits)
    loaded, dataset, encoder = ready.program, ready.dataset, ready.encoder
    labels = dataset.test.y
    exits: Exits | None = None
    counter = counter_of(ready, settings)
    check_exits(exit_rule, confidence, {"--expect": counter, "--scheduler": scheduler})
    if exit_rule is None:
        cluster = cluster_of(scheduler, progress)
        trace = run_on(on, loaded, dataset.test, encoder, progress, counter, cluster)
    else:
        case = Case(loaded, dataset, encoder, confidence, progress)
        trace, exits = run_with_exits(on, exit_rule, case, described)
    predictions = trace.predictions()
    result: Simulated = {
        "logits": trace.logits.tolist(),
        "predictions": predictions.tolist(),
        "accuracy": None if labels is None else float((predictions == labels).mean()),
        "counts": trace.counts.as_dict(),
        "findings": [finding.as_dict() for finding in ready.assumptions.findings],
        "assumed": ready.assumptions.as_dict(),
    }
    if exits is not None:
        result["exits"] = exits
    if counter is not None:
        result["expected"] = counter.content()
    return result


def program_energy(
    program: str | Path,
    energy_devices: Iterable[str],
    settings: Settings,
    progress: Progress | None = None,
    bits: Bits | None = None,
) -> Energy | NetworkEnergy:
    """Events of a program on the test samples, and joules per device.

    Args:
        program: a program, or a NIR file of another tool.
        energy_devices: names or files of devices.
        settings: the data set and its encoding.
        progress: how long work is shown; None: on stderr, `Progress()`: not at all.
        bits: same as for `simulate_program`.

    Raises:
        UltralifError: bad input.
    """
    described = load_devices(energy_devices)
    progress = progress or ShownProgress()
    with progress.reading():
        ready = open_program(program, settings, bits)
    counter, test = EventCounter(ready.program, chips_of(described)), ready.dataset.test
    run_on("fast", ready.program, test, ready.encoder, progress, counter)
    report = energy_report(counter.events(), described)
    assumed = ready.assumptions.as_dict()
    return {**report, "assumed": assumed} if assumed else report
