"""Which back ends can run on this machine, and what is missing for the others."""

from importlib.metadata import version

from ultralif_deploy.errors import Missing
from ultralif_deploy.schema.commands import BackEndState, Diagnosis
from ultralif_deploy.steps.hardware.synthesis import missing_tools
from ultralif_deploy.verify.backends import BACK_ENDS


def _state(missing: Missing | None) -> BackEndState:
    return {
        "available": missing is None,
        "tool": None if missing is None else missing.tool,
        "install": None if missing is None else missing.install,
    }


def diagnosis() -> Diagnosis:
    """Whether back ends and synthesis can run, which tools are missing, and how to install them."""
    return {
        "ultralif_deploy": version("ultralif-deploy"),
        "backends": {name: _state(back_end.missing()) for name, back_end in BACK_ENDS.items()},
        "synthesis": {name: _state(missing) for name, missing in missing_tools().items()},
    }
