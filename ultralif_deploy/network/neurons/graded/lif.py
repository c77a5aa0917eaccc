"""Leaky integrate and fire with several thresholds."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.neurons.graded.multi_threshold import GradedNeuron
from ultralif_deploy.network.neurons.model import Step


@dataclass(frozen=True, slots=True, eq=False)
class GradedLIF(GradedNeuron):
    """A leaky membrane with its spike in L steps: v = τ·v + I; s = #{k: v ≥ θ_k}; v ← v·(1 − s/L).

    Source: the baselines of arXiv 2602.11206, whose soft spike grows with v and whose reset is
    v·(1 − s).

    Attributes:
        thresholds: θ_k, float64 [level, neuron].
        tau: τ, float64 [neuron].
    """

    thresholds: np.ndarray
    tau: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v = self.tau * state + current
        passed, margin = self.count(v)
        return passed, margin, v * (1 - passed / len(self.thresholds))

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.tau,)
