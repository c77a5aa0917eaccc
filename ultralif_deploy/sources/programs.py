"""Turns a Deployable into its integer program."""

from collections.abc import Iterable
from dataclasses import replace

from ultralif_deploy.findings.assumptions import DEFAULT
from ultralif_deploy.network.network import Network
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.sources.deployable import Deployable


def program_of(
    source: Deployable, network: Network, bits: Bits, skip_passes: Iterable[str] = ()
) -> tuple[Network, Program]:
    """Apply the passes, and quantize as `program_of_passed` does.

    Args:
        source: source that is deployed.
        network: the hard network to quantize: that of `source`, or of its annealed soft network.
        bits: bits per weight, 2 to 8 or `ternary`.
        skip_passes: names of passes to leave out.

    Returns:
        The network after the passes, and the program.
    """
    passed = apply_passes(network, skip_passes)
    return passed, program_of_passed(source, passed, bits)


def program_of_passed(source: Deployable, passed: Network, bits: Bits) -> Program:
    """Quantize; the first training samples, if there are any, serve as calibration.

    Args:
        source: source that is deployed.
        passed: its hard network after the passes.
        bits: bits per weight, 2 to 8 or `ternary`.
    """
    train = None if source.dataset is None else source.dataset.train
    calibration = None if train is None else calibration_values(train, source.encoder, passed)
    program = quantize(
        passed,
        bits,
        calibration,
        source.encoder,
        lengths=source.lengths,
        table=source.table,
        decay_bits=source.decay_bits,
    )
    guessed = _guessed(source)
    encoding = {name: value for name, value in program.encoding.items() if name not in guessed}
    return replace(program, encoding=encoding)


def _guessed(source: Deployable) -> set[str]:
    """Entries of the encoding that nobody told. They are not stored: later data may decide them.

    A stored T would add up the frames of later data, which nobody asked for.
    """
    origins = {one.name: one.origin for one in source.assumptions.chosen}
    steps, encoding = origins.get("timesteps"), origins.get("encoding")
    guessed = set()
    framed = source.encoder.kind == "events" and not (source.dataset and source.dataset.recorded)
    untold = source.dataset is None and source.encoder.kind == "rate" and encoding == DEFAULT
    if untold:
        guessed.add("kind")
    if (framed and steps in (DEFAULT, "data")) or (untold and steps == DEFAULT):
        guessed.add("timesteps")
    return guessed
