"""The content of report.json."""

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ultralif_deploy.network.network import Network
from ultralif_deploy.program.delays import Delay
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.sources.settings import Source
from ultralif_deploy.verify.certificate import Comparison
from ultralif_deploy.verify.judging import judgement

if TYPE_CHECKING:
    from ultralif_deploy.sources.foreign import NetworkSource

VERSION = 1


def deployment_report(
    source: Source,
    network: Network,
    program: Program,
    measured: dict[str, Any],
    compared: Comparison,
    energy: dict[str, Any],
    program_sha256: str,
    command: str | None,
    annealing: str,
) -> dict[str, Any]:
    """Everything that the deployment of a checkpoint measured."""
    report = gathered(
        source,
        network,
        program,
        measured,
        compared,
        energy,
        program_sha256,
        command,
        annealed=annealing != "none",
    )
    return report | {
        "annealing": annealing,
        "checkpoint": {
            "file": source.path.name,
            "architecture": source.checkpoint.architecture_name,
        },
    }


def gathered(
    source: "Source | NetworkSource",
    network: Network,
    program: Program,
    measured: dict[str, Any],
    compared: Comparison,
    energy: dict[str, Any],
    program_sha256: str,
    command: str | None,
    *,
    annealed: bool = False,
    delays: tuple[Delay, ...] = (),
) -> dict[str, Any]:
    """What every report holds, whatever the program was made from.

    Accuracies are fractions, gaps percentage points, energies joules, the rest counts.
    """
    dataset, encoder = source.dataset, source.encoder
    assert dataset is not None
    return {
        "version": VERSION,
        "ultralif_deploy": version("ultralif-deploy"),
        "command": command,
        **measured,
        **compared.as_dict(),
        **judgement(
            source.assumptions.findings,
            network,
            program,
            measured,
            exact=all(result.exact for result in compared.results.values()),
            annealed=annealed,
            trainable=dataset.train is not None,
            delays=delays,
        ),
        "energy": energy,
        "assumed": source.assumptions.as_dict(),
        "data": {
            "name": dataset.name,
            "test_split": dataset.test_from,
            "samples": len(dataset.test.x),
            "timesteps": encoder.timesteps,
            "encoding": encoder.kind,
            "seed": encoder.seed,
        },
        "program": describe_program(program) | {"file": "program.nir", "sha256": program_sha256},
    }


def describe_program(program: Program) -> dict[str, Any]:
    """Size of a program, as plain values."""
    form = weight_format(program.weight_format)
    return {
        "weight_bits": int(form.name) if form.name.isdigit() else form.name,
        "bits_per_weight": form.bits,
        "parameters": program.parameters,
        "neurons": sum(p.size for p in program.populations),
        "timesteps": program.timesteps,
        "input_size": program.input.size,
        "input_maximum": program.input.maximum,
        "populations": [
            {
                "name": p.name,
                "neuron": type(p.neuron).__name__,
                "size": p.size,
                "current_bound": program.current_bounds[p.name],
            }
            for p in program.populations
        ],
        "projections": [
            {"name": p.name, "map": type(p.map).__name__, "delayed": p.name in program.delayed}
            for p in program.projections
        ],
    }
