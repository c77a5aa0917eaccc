"""From what is to be deployed to its integer program."""

from collections.abc import Iterable
from dataclasses import replace

from ultralif_deploy.network.network import Network
from ultralif_deploy.passes import apply_passes
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.calibration import calibration_values
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.sources.deployable import Deployable


def program_of(
    source: Deployable, network: Network, bits: int | str, skip_passes: Iterable[str] = ()
) -> tuple[Network, Program]:
    """Apply the passes, and quantize on the first training samples, if there are any.

    Args:
        source: what is deployed.
        network: its hard network, or that of its annealed soft network.
        bits: 2 to 8 or `ternary`.
        skip_passes: to leave out.

    Returns:
        What was quantized, and the program.
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
        # Nobody said T, so the data that the program will run on may say it.
        encoding = {k: v for k, v in program.encoding.items() if k != "timesteps"}
        program = replace(program, encoding=encoding)
    return passed, program
