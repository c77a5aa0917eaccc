"""Opens what the user gives: a checkpoint, a network of another tool, a module, or a program."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.exporters.nir.programs import read_nir
from ultralif_deploy.findings.assumptions import AMBIGUOUS, Assumptions
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import Bits
from ultralif_deploy.readers.nir.graph import Kind, kind_of
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.sources.given import open_given
from ultralif_deploy.sources.inputs import open_data, open_inputs
from ultralif_deploy.sources.networks import open_network
from ultralif_deploy.sources.programs import program_of
from ultralif_deploy.sources.settings import Settings
from ultralif_deploy.verify.expected_spikes.comparing import Sides

if TYPE_CHECKING:
    from torch import nn

READY = (
    "an integer program already; use simulate, energy or export, or check its certificate with "
    "verify --certificate"
)


def open_source(given: "str | Path | Network | nn.Module", settings: Settings) -> Deployable:
    """Open a checkpoint or a NIR file of another tool, a hard network, or a torch module.

    Raises:
        UltralifError: what was given is bad or is a program already, settings do not fit it, or
            with `strict` a setting had to be guessed.
    """
    source = _opened(given, settings)
    if settings.strict:
        refuse_guesses(source.path, source.assumptions)
    return source


def _opened(given: "str | Path | Network | nn.Module", settings: Settings) -> Deployable:
    if isinstance(given, Network):
        return open_given(given, "network", settings, open_data(settings))
    if not isinstance(given, (str, Path)):
        return _from_python(given, settings)
    if Path(given).suffix == ".py":
        raise UltralifError(
            f"{given}: Python code; expected the function or class that builds the module behind a "
            f"colon: ultralif deploy {given}:NAME"
        )
    kind = kind_of(given)
    if kind is Kind.PROGRAM:
        raise UltralifError(f"{given}: {READY}")
    return open_network(given, settings) if kind is Kind.NETWORK else _checkpoint(given, settings)


def _from_python(given: object, settings: Settings) -> Deployable:
    if isinstance(given, Program):
        raise UltralifError(f"a Program: {READY}")
    from torch import nn

    from ultralif_deploy.sources.modules import open_module

    if not isinstance(given, nn.Module):
        raise UltralifError(
            f"a {type(given).__name__}; expected the path of a file, a Network, or a torch module"
        )
    return open_module(given, settings)


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


@dataclass(frozen=True, slots=True)
class Opened:
    """A program with its data.

    Attributes:
        program: the program.
        dataset: the samples.
        encoder: encoder of the inputs.
        assumptions: settings with their origins, none for a file that is a program; and findings.
        sides: the float network beside the program, where the program was made of one.
    """

    program: Program
    dataset: Dataset
    encoder: Encoder
    assumptions: Assumptions = field(default_factory=Assumptions)
    sides: Sides | None = None


def open_program(path: str | Path, settings: Settings, bits: Bits | None = None) -> Opened:
    """Open a program with its data; a NIR file of another tool is quantized first.

    Args:
        path: a program, or a NIR file of another tool.
        settings: options as given; they name the data set.
        bits: bits per weight for a NIR file of another tool, 2 to 8 or `ternary`; None is 8.

    Raises:
        UltralifError: the file is bad, the data do not fit, or `bits` are given for a program.
    """
    if kind_of(path) is Kind.NETWORK:
        source = open_network(path, settings)
        dataset = source.data
        passed, program = program_of(source, source.network, 8 if bits is None else bits)
        sides = Sides(source.network, passed, program)
        return Opened(program, dataset, source.encoder, source.assumptions, sides)
    if bits is not None:
        raise UltralifError(
            f"--bits {bits}: it is for NIR files of other tools, {path} is a program"
        )
    loaded = read_nir(path)
    dataset, encoder, findings = open_inputs(loaded, settings)
    return Opened(loaded, dataset, encoder, Assumptions((), findings))
