"""Max-plus leaky integrate and fire with a soft maximum and several thresholds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.graded.multi_threshold import GradedNeuron
from ultralif_deploy.network.neurons.log_max_lif import exact_correction
from ultralif_deploy.network.neurons.model import Step


@dataclass(frozen=True, slots=True, eq=False)
class GradedLogMaxLIF(GradedNeuron):
    """UltraLIF with its spike in L steps: v = LSE_ε(v − d, I); s = #{k: v ≥ θ_k}; v ← v·(1 − s/L).

    LSE_ε(a, b) = max(a, b) + ε·log(1 + e^(−|a−b|/ε)). Source: arXiv 2602.11206, whose spike is
    σ((v − θ)/ε) and whose reset is v·(1 − s).

    Attributes:
        thresholds: θ_k, float64 [level, neuron].
        decay: d = −log τ, float64 [neuron]; negative where the membrane grows.
        epsilon: ε, one for the population, at least 0.
    """

    COMPARES: ClassVar[bool] = True

    thresholds: np.ndarray
    decay: np.ndarray
    epsilon: float

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        kept = state - self.decay
        v = np.maximum(kept, current) + exact_correction(np.abs(kept - current), self.epsilon)
        passed, margin = self.count(v)
        return passed, margin, v * (1 - passed / len(self.thresholds))
