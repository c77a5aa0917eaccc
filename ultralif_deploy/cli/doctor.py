"""What can run here, and what is missing for the rest."""

from importlib.metadata import version

from ultralif_deploy.schema.commands import BackEndState, Diagnosis
from ultralif_deploy.verify.backends import BACK_ENDS


def diagnosis() -> Diagnosis:
    """Per back end whether it can run, the tool that is missing and the line that installs it."""
    states: dict[str, BackEndState] = {}
    for name, back_end in BACK_ENDS.items():
        missing = back_end.missing()
        states[name] = {
            "available": missing is None,
            "tool": None if missing is None else missing.tool,
            "install": None if missing is None else missing.install,
        }
    return {"ultralif_deploy": version("ultralif-deploy"), "backends": states}
