"""Read-out that leaks and adds up over timesteps."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import SecondOrderNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class LeakySum(SecondOrderNeuron):
    """Read-out that does not spike: u = α·u + g·I; the logits are the sum of u over timesteps.

    Published networks add up softmax(u) instead of u, which has no exact integer form.
    Source: arXiv 2506.06374.

    Attributes:
        gain: g, float64 [neuron]; 1 − α in published networks.
        alpha: decay of u, float64 [neuron].
    """

    FIRES: ClassVar[bool] = False
    COMPARES: ClassVar[bool] = True

    gain: np.ndarray
    alpha: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        total, u = np.split(state, 2, axis=-1)
        u = self.alpha * u + self.gain * current
        total = total + u
        return np.zeros(u.shape, dtype=bool), total, np.concatenate((total, u), axis=-1)

    @property
    def current_gain(self) -> np.ndarray | None:
        return self.gain
