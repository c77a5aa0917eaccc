"""Read-out that adds up."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class Integrator(FloatNeuron):
    """Read-out that does not spike: v = v + I."""

    FIRES: ClassVar[bool] = False
    TIMELESS: ClassVar[bool] = True
    COMPARES: ClassVar[bool] = True

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v = state + current
        return np.zeros(current.shape, dtype=bool), v, v

    def read(self, current: np.ndarray) -> np.ndarray:
        return current.sum(axis=0)
