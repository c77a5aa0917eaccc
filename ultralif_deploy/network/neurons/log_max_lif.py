"""Max-plus leaky integrate and fire with a soft maximum."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step, fires


@dataclass(frozen=True, slots=True, eq=False)
class LogMaxLIF(FloatNeuron):
    """Max-plus LIF whose maximum stays soft: v = LSE_ε(v − d, I); s = [v ≥ θ]; v ← 0 where s.

    LSE_ε(a, b) = max(a, b) + ε·log(1 + e^(−|a−b|/ε)). Unlike the hard maximum it
    keeps a memory of smaller values.
    Source: arXiv 2602.11206, with hard spikes.

    Attributes:
        threshold: θ, float64 [neuron].
        decay: d = −log τ, float64 [neuron]; negative where the membrane grows.
        epsilon: ε, at least 0, one value for the population.
        inclusive: fires at v = θ.
    """

    COMPARES: ClassVar[bool] = True

    threshold: np.ndarray
    decay: np.ndarray
    epsilon: float
    inclusive: bool

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        kept = state - self.decay
        v = np.maximum(kept, current) + exact_correction(np.abs(kept - current), self.epsilon)
        margin = v - self.threshold
        spike = fires(margin, self.inclusive)
        return spike, margin, np.where(spike, 0.0, v)


def exact_correction(gap: np.ndarray, epsilon: float) -> np.ndarray:
    """ε·log(1 + e^(−gap/ε)) for gaps of at least 0, float64 of their shape; 0 where ε = 0."""
    if epsilon == 0.0:
        return np.zeros_like(gap, dtype=np.float64)
    # With a tiny ε, gap/ε can exceed the largest float; the correction is 0 then anyway.
    with np.errstate(over="ignore", under="ignore"):
        corrected: np.ndarray = epsilon * np.log1p(np.exp(-(gap / epsilon)))
    return corrected
