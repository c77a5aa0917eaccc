"""From a trained UltraLIF network to a proved integer spiking program.

>>> import ultralif_deploy as ul
>>> report = ul.deploy("checkpoint.pt", "out", ul.Settings(data="digits"))

Names are imported when they are first used, so that `ultralif --help` does not wait for torch.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

_PUBLIC = {
    "AnnealOptions": "ultralif_deploy.soft.anneal",
    "CheckFailed": "ultralif_deploy.errors",
    "Conventions": "ultralif_deploy.readers.nir.neurons",
    "Encoder": "ultralif_deploy.data.encoders",
    "EventCounter": "ultralif_deploy.energy.counts",
    "Missing": "ultralif_deploy.errors",
    "Network": "ultralif_deploy.network.network",
    "Program": "ultralif_deploy.program.program",
    "Refused": "ultralif_deploy.errors",
    "Settings": "ultralif_deploy.sources.settings",
    "SoftNetwork": "ultralif_deploy.soft.network",
    "UltralifError": "ultralif_deploy.errors",
    "apply_passes": "ultralif_deploy.passes",
    "check_certificate": "ultralif_deploy.verify.certificate",
    "deploy": "ultralif_deploy.pipeline",
    "energy_report": "ultralif_deploy.energy.report",
    "fine_tune": "ultralif_deploy.soft.anneal",
    "from_snntorch": "ultralif_deploy.readers.snntorch.network",
    "harden": "ultralif_deploy.soft.hardening",
    "import_nir": "ultralif_deploy.readers.nir.network",
    "load": "ultralif_deploy.soft.checkpoint",
    "load_dataset": "ultralif_deploy.data",
    "load_device": "ultralif_deploy.energy.devices",
    "load_on": "ultralif_deploy.verify.backends",
    "quantize": "ultralif_deploy.quantization.quantize",
    "read_nir": "ultralif_deploy.exporters.nir.programs",
    "reestimate": "ultralif_deploy.soft.reestimation",
    "reestimate_batch_norm": "ultralif_deploy.soft.reestimation",
    "run_hard": "ultralif_deploy.network.running",
    "write_nir": "ultralif_deploy.exporters.nir.programs",
}

__all__ = sorted(_PUBLIC)

# In a source tree the packages `exporters` and `simulators` lie beside this one.
_root = Path(__file__).resolve().parent.parent
if (_root / "pyproject.toml").is_file() and (_root / "simulators").is_dir():
    __path__.append(str(_root))


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
