"""Leaky integrate and fire with adapting threshold."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.neurons.model import SecondOrderNeuron, Step, fires


@dataclass(frozen=True, slots=True, eq=False)
class AdaLIF(SecondOrderNeuron):
    """LIF with adapting threshold: v = τ·v + I; s = [v ≥ θ + c]; c = ρ·c + j·s; v ← 0 where s.

    Source: Bellec et al., NeurIPS 2018 (adaptive thresholds), as in the released UltraLIF code.

    Attributes:
        threshold: θ at rest, float64 [neuron].
        tau: τ, float64 [neuron].
        adaptation_decay: ρ, float64 [neuron].
        jump: j, what a spike adds to the threshold, float64 [neuron].
        inclusive: fires at equality.
    """

    threshold: np.ndarray
    tau: np.ndarray
    adaptation_decay: np.ndarray
    jump: np.ndarray
    inclusive: bool

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v, c = np.split(state, 2, axis=-1)
        v = self.tau * v + current
        margin = v - (self.threshold + c)
        spike = fires(margin, self.inclusive)
        c = self.adaptation_decay * c + self.jump * spike
        return spike, margin, np.concatenate((np.where(spike, 0.0, v), c), axis=-1)
