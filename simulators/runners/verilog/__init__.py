"""Run exported Verilog in a simulator."""

from ultralif_deploy.simulators.runners.verilog.runner import Simulated, load
from ultralif_deploy.simulators.runners.verilog.tools import missing

__all__ = ["Simulated", "load", "missing"]
