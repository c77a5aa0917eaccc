"""Which back ends can run on this machine, and what is missing for the others."""

import re
from importlib.metadata import PackageNotFoundError, requires, version

from ultralif_deploy.errors import Missing
from ultralif_deploy.readers.sinabs.install import INSTALL as INSTALL_SINABS
from ultralif_deploy.schema.commands import BackEndState, Diagnosis
from ultralif_deploy.steps.hardware.synthesis import missing_tools
from ultralif_deploy.verify.backends import BACK_ENDS

OURS = "ultralif-deploy"
DEVELOPMENT = ("docs", "test")
"""Extras of those who change this tool."""

EXTRA = re.compile(r"""([\w.-]+).*extra == ["']([\w-]+)["']""")
"""A requirement of an extra: the package, and the extra."""


def _installs() -> dict[str, str]:
    """Optional packages, with the command that installs each."""
    found = filter(None, map(EXTRA.match, requires(OURS) or ()))
    ours = [(package, extra) for package, extra in (one.groups() for one in found)]
    used = [one for one in ours if one[1] not in DEVELOPMENT]
    return {package: f"pip install '{OURS}[{extra}]'" for package, extra in used} | {
        "sinabs": INSTALL_SINABS
    }


def _missing(package: str, install: str) -> Missing | None:
    try:
        version(package)
    except PackageNotFoundError:
        return Missing(package, install)
    return None


def _state(missing: Missing | None) -> BackEndState:
    return {
        "available": missing is None,
        "tool": None if missing is None else missing.tool,
        "install": None if missing is None else missing.install,
    }


def diagnosis() -> Diagnosis:
    """Whether back ends, synthesis and packages are here, and how to install what is missing."""
    return {
        "ultralif_deploy": version(OURS),
        "backends": {name: _state(back_end.missing()) for name, back_end in BACK_ENDS.items()},
        "synthesis": {name: _state(missing) for name, missing in missing_tools().items()},
        "packages": {name: _state(_missing(name, line)) for name, line in _installs().items()},
    }
