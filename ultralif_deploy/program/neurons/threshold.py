"""Threshold units."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.neurons.model import NeuronModel


@dataclass(frozen=True, slots=True, eq=False)
class Threshold(NeuronModel):
    """No memory: fires iff I > threshold. threshold: int32 [neuron]."""

    threshold: np.ndarray
