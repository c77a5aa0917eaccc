"""Max-plus leaky integrate and fire."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step, fires


@dataclass(frozen=True, slots=True, eq=False)
class TropicalLIF(FloatNeuron):
    """Max-plus LIF: v = max(v − d, I); s = [v ≥ θ]; v ← reset where s.

    The limit ε → 0 of UltraLIF's log-sum-exp. Source: arXiv 2602.11206.

    Attributes:
        threshold: θ, float64 [neuron].
        decay: d = −log τ, float64 [neuron]; negative where the membrane grows.
        reset: value after a spike, float64 [neuron].
        initial: value before the first timestep, float64 [neuron].
        inclusive: fires at v = θ.
    """

    threshold: np.ndarray
    decay: np.ndarray
    reset: np.ndarray
    initial: np.ndarray
    inclusive: bool

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v = np.maximum(state - self.decay, current)
        margin = v - self.threshold
        spike = fires(margin, self.inclusive)
        return spike, margin, np.where(spike, self.reset, v)

    def initial_state(self, shape: tuple[int, ...]) -> np.ndarray:
        return np.broadcast_to(self.initial, shape)
