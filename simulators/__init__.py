"""Simulators of integer programs, and runners of exported forms; all exact with `reference`."""

from ultralif_deploy.simulators.trace import EventCounts, Executable, Trace

__all__ = ["EventCounts", "Executable", "Trace"]
