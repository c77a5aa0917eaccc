"""Turns a Deployable into its integer program."""

from collections.abc import Iterable
from dataclasses import replace

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
    """Apply the passes, and quantize.

    The first training samples, if there are any, serve as calibration.

    Args:
        source: what is deployed.
        network: the hard network to quantize: that of `source`, or of its annealed soft network.
        bits: bits per weight, 2 to 8 or `ternary`.
        skip_passes: names of passes to leave out.

    Returns:
        The network after the passes, and the program.
    """
    passed = apply_passes(network, skip_passes)
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
    if source.encoder.kind == "events" and source.assumptions.is_default("timesteps"):
        # T is a default, so it is not stored: the frames of later data may decide it.
        encoding = {k: v for k, v in program.encoding.items() if k != "timesteps"}
        program = replace(program, encoding=encoding)
    return passed, program
