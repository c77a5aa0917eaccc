"""Opens a file of any kind: a checkpoint, a network of another tool, or a program."""

from pathlib import Path

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.findings.assumptions import AMBIGUOUS, Assumptions
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.readers.nir.graph import Kind, kind_of
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.inputs import open_inputs
from ultralif_deploy.sources.networks import open_network
from ultralif_deploy.sources.programs import program_of
from ultralif_deploy.sources.settings import Settings


def open_source(path: str | Path, settings: Settings) -> Deployable:
    """Open a checkpoint, or a NIR file of another tool.

    Raises:
        UltralifError: the file is bad or is a program already, settings do not fit it, or with
            `strict` a setting had to be guessed.
    """
    kind = kind_of(path)
    if kind is Kind.PROGRAM:
        raise UltralifError(
            f"{path}: an integer program already; use simulate, energy or export, or check its "
            "certificate with verify --certificate"
        )
    source = open_network(path, settings) if kind is Kind.NETWORK else _checkpoint(path, settings)
    if settings.strict:
        refuse_guesses(path, source.assumptions)
    return source


def _checkpoint(path: str | Path, settings: Settings) -> Deployable:
    from ultralif_deploy.sources.checkpoints import open_checkpoint  # needs torch

    return open_checkpoint(path, settings)


def refuse_guesses(path: str | Path, assumptions: Assumptions) -> None:
    """Refuse settings that were guessed and may change the result.

    Raises:
        UltralifError: there is one; the message names the first, and the number of others.
    """
    guessed = [finding for finding in assumptions.findings if finding.kind == AMBIGUOUS]
    if guessed:
        more = f" (and {len(guessed) - 1} more)" if len(guessed) > 1 else ""
        raise UltralifError(f"{path}: --strict: {guessed[0]}{more}")


def open_program(
    path: str | Path, settings: Settings, bits: Bits | None = None
) -> tuple[Program, Dataset, Encoder, Assumptions]:
    """Open a program with its data; a NIR file of another tool is quantized first.

    Args:
        path: a program, or a NIR file of another tool.
        settings: options as given; they name the data set.
        bits: bits per weight for a NIR file of another tool, 2 to 8 or `ternary`; None is 8.

    Returns:
        The program, the data set, the encoder, and the settings with their origins.

    Raises:
        UltralifError: the file is bad, the data do not fit, or `bits` are given for a program.
    """
    if kind_of(path) is Kind.NETWORK:
        source = open_network(path, settings)
        dataset = source.data
        _, program = program_of(source, source.network, 8 if bits is None else bits)
        return program, dataset, source.encoder, source.assumptions
    if bits is not None:
        raise UltralifError(
            f"--bits {bits}: it is for NIR files of other tools, {path} is a program"
        )
    loaded = read_nir(path)
    dataset, encoder = open_inputs(loaded, settings)
    return loaded, dataset, encoder, Assumptions()
