"""Which back ends can run on this machine, and what is missing for the others."""

from importlib.metadata import version

from ultralif_deploy.schema.commands import BackEndState, Diagnosis
from ultralif_deploy.verify.backends import BACK_ENDS


def diagnosis() -> Diagnosis:
    """For each back end: whether it can run, which tool is missing, and how to install it."""
    states: dict[str, BackEndState] = {}
    for name, back_end in BACK_ENDS.items():
        missing = back_end.missing()
        states[name] = {
            "available": missing is None,
            "tool": None if missing is None else missing.tool,
            "install": None if missing is None else missing.install,
        }
    return {"ultralif_deploy": version("ultralif-deploy"), "backends": states}
