"""What a file holds, whichever kind it is, on the way to a program and its proof."""

from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.findings.assumptions import AMBIGUOUS, Assumptions
from ultralif_deploy.findings.findings import FAILURE, Finding
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.delays import Delay
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.rounding import Row
from ultralif_deploy.readers.nir.graph import Kind, kind_of
from ultralif_deploy.report.inspection import inspection
from ultralif_deploy.report.json_report import describe_program
from ultralif_deploy.soft.anneal import AnnealOptions, calibration_values
from ultralif_deploy.soft.hardening import harden
from ultralif_deploy.soft.network import SoftNetwork
from ultralif_deploy.sources.foreign import NetworkSource, describe_network, open_network
from ultralif_deploy.sources.settings import (
    Settings,
    Source,
    open_checkpoint,
    open_inputs,
    refuse_settings,
)
from ultralif_deploy.verify.certificate import Comparison, certify
from ultralif_deploy.verify.judging import rounding_findings


def open_source(path: str | Path, settings: Settings) -> Source | NetworkSource:
    """What a file holds: a checkpoint, or a network of another tool.

    Raises:
        UltralifError: bad input.
    """
    kind = kind_of(path)
    if kind is Kind.PROGRAM:
        raise UltralifError(
            f"{path}: an integer program already; simulate, energy and export take it, and verify "
            "--certificate checks the certificate beside it"
        )
    read = open_network if kind is Kind.NETWORK else open_checkpoint
    source = read(path, settings)
    if settings.strict:
        refuse_guesses(path, source.assumptions)
    return source


def refuse_guesses(path: str | Path, assumptions: Assumptions) -> None:
    """Refuse defaults that may change the result.

    Raises:
        UltralifError: naming the first, and how many more there are.
    """
    guessed = [finding for finding in assumptions.findings if finding.kind == AMBIGUOUS]
    if guessed:
        more = f" (and {len(guessed) - 1} more)" if len(guessed) > 1 else ""
        raise UltralifError(f"{path}: --strict: {guessed[0]}{more}")


def describe(path: str | Path, settings: Settings, bits: int | str = 8) -> dict[str, Any]:
    """What a checkpoint, a NIR file or a program holds, as plain values.

    Networks come with what would be stored of every parameter with weights of so many bits.

    Raises:
        UltralifError: bad input, or settings for a program, which has its own.
    """
    if kind_of(path) is Kind.PROGRAM:
        given = tuple(field.name for field in fields(Settings))
        refuse_settings(settings, given, "a program has its settings in it")
        program = read_nir(path)
        stored = {k: {"value": v, "source": "program"} for k, v in program.encoding.items()}
        described = describe_program(program)
        return {"file": Path(path).name, "program": described, "assumed": stored}
    source = open_source(path, settings)
    trained = source.network if isinstance(source, NetworkSource) else source.checkpoint.network
    found = describe_network(source) if isinstance(source, NetworkSource) else inspection(source)
    return found | rounded(source, trained, bits)


def rounded(
    source: Source | NetworkSource,
    trained: SoftNetwork | Network,
    bits: int | str,
) -> dict[str, Any]:
    """The table of parameters and all findings, as plain values.

    A network that no program can hold has the reason among its findings, and no table.
    """
    findings = list(source.assumptions.findings)
    rows: tuple[Row, ...] = ()
    try:
        rows, more = rounding_findings(*program_of(trained, source, bits), delays_of(source))
        findings += more
    except UltralifError as error:
        findings.append(Finding("refused", str(error), severity=FAILURE))
    return {
        "bits": str(bits),
        "parameters_stored": [row.as_dict() for row in rows],
        "findings": [finding.as_dict() for finding in findings],
    }


def open_program(
    path: str | Path, settings: Settings, bits: int | str | None = None
) -> tuple[Program, Dataset, Encoder, Assumptions]:
    """A program with its data; networks of other tools are quantized first, to 8 bits or `bits`.

    Raises:
        UltralifError: bad input, or bits for a program, whose weights have theirs.
    """
    if kind_of(path) is Kind.NETWORK:
        source = open_network(path, settings)
        dataset = required_data(source)
        _, program = program_of(source.network, source, 8 if bits is None else bits)
        return program, dataset, source.encoder, source.assumptions
    if bits is not None:
        raise UltralifError(
            f"--bits {bits}: it is for NIR files of other tools, {path} is a program"
        )
    loaded = read_nir(path)
    dataset, encoder = open_inputs(loaded, settings)
    return loaded, dataset, encoder, Assumptions()


def hard_network(network: SoftNetwork | Network, source: Source | NetworkSource) -> Network:
    """The hard network of a soft one; a hard one with the source's inputs and timesteps."""
    if isinstance(source, NetworkSource):
        assert isinstance(network, Network)
        return network  # its inputs are settled already
    if isinstance(network, SoftNetwork):
        return harden(network, source.encoder, source.input_maximum)
    encoder = source.encoder
    scale, offset = encoder.reading(network.input.size)
    read = replace(
        network.input,
        maximum=source.input_maximum,
        scale=scale,
        offset=offset,
        constant=encoder.kind == "constant",
    )
    return replace(network, input=read, timesteps=encoder.timesteps)


def refuse_annealing(source: NetworkSource, options: AnnealOptions | None) -> None:
    """Refuse to anneal what is hard already.

    Raises:
        UltralifError: options were given.
    """
    if options is not None:
        raise UltralifError(
            f"{source.path}: a NIR network spikes hard already, so there is nothing to anneal; use "
            "quantize or verify"
        )


def delays_of(source: Source | NetworkSource) -> tuple[Delay, ...]:
    """Delays of connections as a file means them; a checkpoint has none."""
    return source.delays if isinstance(source, NetworkSource) else ()


def required_data(source: Source | NetworkSource) -> Dataset:
    """The data set of a source.

    Raises:
        UltralifError: none was given.
    """
    if source.dataset is None:
        raise UltralifError("no data; give --data FILE.npz or --data digits")
    return source.dataset


def program_of(
    network: SoftNetwork | Network,
    source: Source | NetworkSource,
    bits: int | str,
    skip_passes: Iterable[str] = (),
) -> tuple[Network, Program]:
    """Harden, apply the passes and quantize on the first training samples, if there are any."""
    hard = apply_passes(hard_network(network, source), skip_passes)
    train = None if source.dataset is None else source.dataset.train
    calibration = None if train is None else calibration_values(train, source.encoder)
    options: dict[str, Any] = {"decay_bits": source.decay_bits}
    if isinstance(source, Source):
        options |= {"lengths": source.lengths, "table": source.table}
    program = quantize(hard, bits, calibration, source.encoder, **options)
    given = source.assumptions.as_dict()["timesteps"]["source"]
    if source.encoder.kind == "events" and given == "default":
        # Nobody said T, so the data that the program will run on may say it.
        encoding = {k: v for k, v in program.encoding.items() if k != "timesteps"}
        program = replace(program, encoding=encoding)
    return hard, program


def certify_source(
    source: Source | NetworkSource,
    program: Program,
    directory: Path,
    samples: int,
    back_ends: Iterable[str],
    progress: Progress,
) -> Comparison:
    """Export, compare the back ends on the first test samples and write the certificate."""
    with progress.stage("compare back ends") as update:
        inputs = source.encoder.encode(required_data(source).test.x[:samples], (0, 0))
        return certify(
            directory,
            inputs[: program.timesteps],
            back_ends,
            lambda name, done, total: update(done / total, f"{name} {done}/{total}"),
        )
