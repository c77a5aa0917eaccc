"""The content of report.json."""

from collections.abc import Iterable
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from ultralif_deploy.energy.backbone import backbone_costs
from ultralif_deploy.findings.findings import Finding
from ultralif_deploy.network.network import Network
from ultralif_deploy.program.description import describe_program
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema.backbone import InFront
from ultralif_deploy.schema.choices import Choices
from ultralif_deploy.schema.energy import Energy
from ultralif_deploy.schema.expected import Beside
from ultralif_deploy.schema.hardware.synthesis import OnHardware
from ultralif_deploy.schema.report import PassCosts, Report
from ultralif_deploy.schema.training import Trajectory
from ultralif_deploy.sources.deployable import Deployable
from ultralif_deploy.verify.certificate import Comparison
from ultralif_deploy.verify.judging import judgement

if TYPE_CHECKING:
    from ultralif_deploy.verify.measuring import Figures

VERSION: Final = 2


def deployment_report(
    source: Deployable,
    doubts: Iterable[Finding],
    network: Network,
    program: Program,
    measured: "Figures",
    passes: list[PassCosts],
    compared: Comparison,
    energy: Energy,
    program_sha256: str,
    command: str | None,
    annealing: str,
    choices: Choices,
    beside: Beside,
    hardware: OnHardware,
) -> Report:
    """The content of report.json, with the same keys for all kinds of sources.

    Accuracies are fractions, gaps are percentage points, energies are joules, and the rest are
    counts.

    Args:
        source: source that was deployed.
        doubts: findings about its settings, in the order in which they were noticed.
        network: the network that was quantized, after the passes.
        program: the program that was made of it.
        measured: the result of `verify.measuring.measure`.
        passes: the result of `passes.savings.pass_savings`.
        compared: the comparison of every back end with the reference.
        energy: the result of `energy.report.energy_report`.
        program_sha256: SHA-256 of program.nir.
        command: the command line; None if called from Python.
        annealing: description of the annealing, in words; `none` without annealing.
        choices: choices of bits, where `auto` chose them.
        beside: comparison with what the user's framework computed, with --expect.
        hardware: the program on an FPGA, with --part.
    """
    data, encoder = source.data, source.encoder
    return {
        "version": VERSION,
        "ultralif_deploy": version("ultralif-deploy"),
        "command": command,
        "source": {"file": source.path.name, "architecture": source.architecture},
        **_trajectory(source),
        **beside,
        **hardware,
        **_in_front(source),
        "annealing": annealing,
        **choices,
        **measured,
        "passes": passes,
        **compared.as_dict(),
        **judgement(
            doubts,
            network,
            program,
            measured,
            exact=all(result.exact for result in compared.results.values()),
            fits="hardware" not in hardware or hardware["hardware"]["refused"] is None,
            annealed=annealing != "none",
            trainable=source.soft is not None and data.train is not None,
            delays=source.delays,
        ),
        "energy": energy,
        "assumed": source.assumptions.as_dict(),
        "data": {
            "name": data.name,
            "test_split": data.test_from,
            "samples": len(data.test.x),
            "timesteps": encoder.timesteps,
            "encoding": encoder.kind,
            "seed": encoder.seed,
        },
        "program": {
            **describe_program(program),
            "file": "program.nir",
            "sha256": program_sha256,
        },
    }


def _in_front(source: Deployable) -> InFront:
    features = source.data.features
    return {} if features is None else {"backbone": backbone_costs(features.figures)}


def _trajectory(source: Deployable) -> Trajectory:
    return {"training": list(source.trajectory)} if source.trajectory else {}
