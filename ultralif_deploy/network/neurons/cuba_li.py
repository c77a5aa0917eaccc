"""Read-out that leaks, behind a synaptic current."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class CubaLI(FloatNeuron):
    """Read-out that does not spike: i = α·i + I; v = τ·v + i.

    Source: Pedersen et al., Nature Communications 15, 8122 (2024), CubaLI in forward Euler.

    Attributes:
        tau: τ, float64 [neuron].
        synaptic_tau: α, float64 [neuron].
    """

    WORDS: ClassVar[int] = 2
    FIRES: ClassVar[bool] = False
    COMPARES: ClassVar[bool] = True

    tau: np.ndarray
    synaptic_tau: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v, synapse = np.split(state, 2, axis=-1)
        synapse = self.synaptic_tau * synapse + current
        v = self.tau * v + synapse
        silent = np.zeros(current.shape, dtype=bool)
        return silent, v, np.concatenate([v, synapse], axis=-1)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return self.tau, self.synaptic_tau
