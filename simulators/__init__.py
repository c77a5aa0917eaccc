"""Simulators of integer programs, and runners of exported files. All agree with `reference`."""

import os

# onnxruntime reads this variable on import. Without it, onnxruntime sends telemetry, and warns if
# it cannot write an identifier of the machine to the home directory.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from ultralif_deploy.program.trace import EventCounts, Executable, Trace

__all__ = ["EventCounts", "Executable", "Trace"]
