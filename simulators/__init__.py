"""Simulators of integer programs; all bit-exact with `reference`."""

from collections.abc import Callable

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program import Program
from ultralif_deploy.simulators import fast, reference
from ultralif_deploy.simulators.trace import EventCounts, Executable, Trace

__all__ = ["BACK_ENDS", "EventCounts", "Executable", "Trace", "load_on"]

BACK_ENDS: dict[str, Callable[[Program], Executable]] = {
    "reference": reference.load,
    "fast": fast.load,
}
"""Every back end by the name that the command line uses."""


def load_on(name: str, program: Program) -> Executable:
    """Make a program ready on a back end.

    Raises:
        UltralifError: unknown back end.
    """
    if name not in BACK_ENDS:
        raise UltralifError(f"back end {name!r}; available: {', '.join(BACK_ENDS)}")
    return BACK_ENDS[name](program)
