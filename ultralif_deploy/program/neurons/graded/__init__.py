"""Neuron models that send more than one bit: the number of thresholds that they pass."""

from ultralif_deploy.program.neurons.graded.lif import GradedLIF
from ultralif_deploy.program.neurons.graded.log_max import GradedLogMaxLIF
from ultralif_deploy.program.neurons.graded.multi_threshold import MultiThreshold
from ultralif_deploy.program.neurons.graded.ultradlif import GradedUltraDLIF

__all__ = ["GradedLIF", "GradedLogMaxLIF", "GradedUltraDLIF", "MultiThreshold"]
