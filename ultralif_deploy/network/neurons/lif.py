"""Leaky integrate and fire."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.neurons.leaky_integrator import LeakyIntegrator
from ultralif_deploy.network.neurons.model import FiringNeuron, FloatNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class LIF(FiringNeuron):
    """Leaky integrate and fire: v = τ·v + I; s = [v ≥ θ]; then the reset; v = max(v, floor).

    With `most_spikes` above 1, the neuron fires again as long as v − R·(spikes so far) ≥ θ. Then s
    is the number of spikes, and R·s is subtracted from v.
    Source: Gerstner et al., Neuronal Dynamics (2014), section 1.3, in forward Euler.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        inclusive: fires at v = θ.
        reset: R of the reset, float64 [neuron].
        reset_mode: a key of `resets.RESETS`.
        most_spikes: largest number of spikes in one timestep; above 1 only with `subtract` and
            R > 0.
        floor: lower bound of the membrane after the reset, at most 0, float64 [neuron]; None
            without one.
    """

    threshold: np.ndarray
    tau: np.ndarray
    inclusive: bool
    reset: np.ndarray
    reset_mode: str = "value"
    most_spikes: int = 1
    floor: np.ndarray | None = None

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        return self.fire_and_reset(state, self.tau * state + current)

    def unfired(self) -> FloatNeuron:
        return LeakyIntegrator(self.tau)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.tau,)
