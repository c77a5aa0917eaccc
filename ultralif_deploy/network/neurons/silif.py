"""Second-order leaky integrate and fire."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.neurons.model import SecondOrderNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class SiLIF(SecondOrderNeuron):
    """Second-order LIF: w = β·w + a·u + b·s; u = α·(u − θ·s) + g·I − (1 − α)·w; s = [u > θ].

    The update of w uses u and s of the timestep before; the update of u uses the new w. The
    published neurons have θ = 1 and g = 1 − α: SiLIF, adLIF and constrained adLIF differ only in
    the ranges of their parameters. Source: arXiv 2506.06374.

    Attributes:
        threshold: θ, float64 [neuron]; also what a spike subtracts from u.
        gain: g, float64 [neuron].
        alpha: decay of u, float64 [neuron].
        beta: decay of w, float64 [neuron].
        a: coupling from u to w, float64 [neuron].
        b: amount that a spike adds to w, float64 [neuron].
    """

    threshold: np.ndarray
    gain: np.ndarray
    alpha: np.ndarray
    beta: np.ndarray
    a: np.ndarray
    b: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        u, w = np.split(state, 2, axis=-1)
        fired = u > self.threshold
        w = self.beta * w + self.a * u + self.b * fired
        kept = self.alpha * (u - self.threshold * fired)
        u = kept + self.gain * current - (1 - self.alpha) * w
        return u > self.threshold, u - self.threshold, np.concatenate((u, w), axis=-1)

    @property
    def current_gain(self) -> np.ndarray | None:
        return self.gain
