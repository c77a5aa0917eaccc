"""Read-out that leaks."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class LeakyIntegrator(FloatNeuron):
    """Read-out that does not spike: v = τ·v + I.

    Source: Pedersen et al., Nature Communications 15, 8122 (2024), LI in forward Euler.

    Attributes:
        tau: τ, float64 [neuron].
    """

    FIRES: ClassVar[bool] = False
    COMPARES: ClassVar[bool] = True

    tau: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v = self.tau * state + current
        return np.zeros(current.shape, dtype=bool), v, v

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.tau,)
