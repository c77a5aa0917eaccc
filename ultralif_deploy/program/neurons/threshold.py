"""Threshold units."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.model import NeuronModel


@dataclass(frozen=True, slots=True, eq=False)
class Threshold(NeuronModel):
    """No memory: fires iff I > threshold. threshold: int32 [neuron]."""

    REMEMBERS: ClassVar[bool] = False
    COUNTS_CURRENTS: ClassVar[bool] = True

    threshold: np.ndarray
