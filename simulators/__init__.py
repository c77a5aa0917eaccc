"""Simulators of integer programs, and runners of exported forms; all exact with `reference`."""

import os

# onnxruntime reads it when it is imported; without it, it reports to its makers, and warns where it
# cannot write an identifier of the machine to the home directory.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from ultralif_deploy.program.trace import EventCounts, Executable, Trace

__all__ = ["EventCounts", "Executable", "Trace"]
