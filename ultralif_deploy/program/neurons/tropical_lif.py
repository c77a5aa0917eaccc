"""Max-plus leaky integrate and fire."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.program.neurons.model import NeuronModel


@dataclass(frozen=True, slots=True, eq=False)
class TropicalLIF(NeuronModel):
    """Max-plus LIF: v ← max(v − decay, I); fires iff v > threshold, then v ← reset.

    Attributes:
        threshold: int32 [neuron], current units.
        decay: int32 [neuron], negative where the membrane grows.
        reset: int32 [neuron].
        initial: int32 [neuron], v before the first timestep.
    """

    COUNTS_CURRENTS: ClassVar[bool] = True

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    initial: np.ndarray

    def initial_state(self, size: int) -> np.ndarray:
        return self.initial.astype(np.int64)
