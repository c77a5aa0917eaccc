"""From a trained UltraLIF network to a proved integer spiking program.

>>> import ultralif_deploy as ul
>>> report = ul.deploy("checkpoint.pt", "out", ul.Settings(data="digits"))

Names are imported when they are first used, so that `ultralif --help` does not wait for torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for type checkers and editors, which see no name that comes later
    from ultralif_deploy.data import load_dataset
    from ultralif_deploy.data.encoders import Encoder
    from ultralif_deploy.energy.counts import EventCounter
    from ultralif_deploy.energy.devices import load_device
    from ultralif_deploy.energy.report import energy_report
    from ultralif_deploy.errors import CheckFailed, Missing, Refused, UltralifError
    from ultralif_deploy.exporters.nir.programs import read_nir, write_nir
    from ultralif_deploy.exporters.unary import to_unary
    from ultralif_deploy.io.progress import Progress
    from ultralif_deploy.network.network import Network
    from ultralif_deploy.network.running import run_hard
    from ultralif_deploy.passes import apply_passes
    from ultralif_deploy.pipeline import deploy, simulate_program, train
    from ultralif_deploy.program.program import Program
    from ultralif_deploy.program.trace import Trace
    from ultralif_deploy.quantization.quantize import quantize
    from ultralif_deploy.readers.nir.network import import_nir
    from ultralif_deploy.readers.nir.neurons import Conventions
    from ultralif_deploy.readers.norse.network import from_norse
    from ultralif_deploy.readers.sinabs.network import from_sinabs
    from ultralif_deploy.readers.snntorch.network import from_snntorch
    from ultralif_deploy.readers.spikingjelly.network import from_spikingjelly
    from ultralif_deploy.report.deployment import DeploymentReport
    from ultralif_deploy.robustness.stressing import stress
    from ultralif_deploy.simulators.fast.simulator import stream
    from ultralif_deploy.soft.anneal import AnnealOptions, fine_tune
    from ultralif_deploy.soft.checkpoint import load_checkpoint
    from ultralif_deploy.soft.hardening import harden
    from ultralif_deploy.soft.network import SoftNetwork
    from ultralif_deploy.soft.reestimation import reestimate, reestimate_batch_norm
    from ultralif_deploy.sources.settings import Settings
    from ultralif_deploy.steps.untrained import TrainOptions
    from ultralif_deploy.sweeps.points import Deployment
    from ultralif_deploy.sweeps.sweep import sweep
    from ultralif_deploy.verify.backends import load_on
    from ultralif_deploy.verify.recheck import check_certificate

_PUBLIC = {
    "AnnealOptions": "ultralif_deploy.soft.anneal",
    "CheckFailed": "ultralif_deploy.errors",
    "Conventions": "ultralif_deploy.readers.nir.neurons",
    "Deployment": "ultralif_deploy.sweeps.points",
    "DeploymentReport": "ultralif_deploy.report.deployment",
    "Encoder": "ultralif_deploy.data.encoders",
    "EventCounter": "ultralif_deploy.energy.counts",
    "Missing": "ultralif_deploy.errors",
    "Network": "ultralif_deploy.network.network",
    "Program": "ultralif_deploy.program.program",
    "Progress": "ultralif_deploy.io.progress",
    "Refused": "ultralif_deploy.errors",
    "Trace": "ultralif_deploy.program.trace",
    "Settings": "ultralif_deploy.sources.settings",
    "SoftNetwork": "ultralif_deploy.soft.network",
    "TrainOptions": "ultralif_deploy.steps.untrained",
    "UltralifError": "ultralif_deploy.errors",
    "apply_passes": "ultralif_deploy.passes",
    "check_certificate": "ultralif_deploy.verify.recheck",
    "deploy": "ultralif_deploy.pipeline",
    "energy_report": "ultralif_deploy.energy.report",
    "fine_tune": "ultralif_deploy.soft.anneal",
    "from_norse": "ultralif_deploy.readers.norse.network",
    "from_sinabs": "ultralif_deploy.readers.sinabs.network",
    "from_snntorch": "ultralif_deploy.readers.snntorch.network",
    "from_spikingjelly": "ultralif_deploy.readers.spikingjelly.network",
    "harden": "ultralif_deploy.soft.hardening",
    "import_nir": "ultralif_deploy.readers.nir.network",
    "load_checkpoint": "ultralif_deploy.soft.checkpoint",
    "load_dataset": "ultralif_deploy.data",
    "load_device": "ultralif_deploy.energy.devices",
    "load_on": "ultralif_deploy.verify.backends",
    "quantize": "ultralif_deploy.quantization.quantize",
    "read_nir": "ultralif_deploy.exporters.nir.programs",
    "reestimate": "ultralif_deploy.soft.reestimation",
    "reestimate_batch_norm": "ultralif_deploy.soft.reestimation",
    "run_hard": "ultralif_deploy.network.running",
    "simulate_program": "ultralif_deploy.pipeline",
    "to_unary": "ultralif_deploy.exporters.unary",
    "train": "ultralif_deploy.pipeline",
    "stream": "ultralif_deploy.simulators.fast.simulator",
    "stress": "ultralif_deploy.robustness.stressing",
    "sweep": "ultralif_deploy.sweeps.sweep",
    "write_nir": "ultralif_deploy.exporters.nir.programs",
}

__all__ = [
    "AnnealOptions",
    "CheckFailed",
    "Conventions",
    "Deployment",
    "DeploymentReport",
    "Encoder",
    "EventCounter",
    "Missing",
    "Network",
    "Program",
    "Progress",
    "Refused",
    "Settings",
    "SoftNetwork",
    "Trace",
    "TrainOptions",
    "UltralifError",
    "apply_passes",
    "check_certificate",
    "deploy",
    "energy_report",
    "fine_tune",
    "from_norse",
    "from_sinabs",
    "from_snntorch",
    "from_spikingjelly",
    "harden",
    "import_nir",
    "load_checkpoint",
    "load_dataset",
    "load_device",
    "load_on",
    "quantize",
    "read_nir",
    "reestimate",
    "reestimate_batch_norm",
    "run_hard",
    "simulate_program",
    "stream",
    "stress",
    "sweep",
    "to_unary",
    "train",
    "write_nir",
]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
