"""Leaky integrate and fire behind a synaptic current."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.cuba_li import CubaLI
from ultralif_deploy.network.neurons.model import FiringNeuron, FloatNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class CubaLIF(FiringNeuron):
    """Leaky integrate and fire behind a synaptic current: i = α·i + I; v = τ·v + i; then as LIF.

    Source: Pedersen et al., Nature Communications 15, 8122 (2024), CubaLIF in forward Euler.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        synaptic_tau: α, float64 [neuron].
        inclusive: fires at v = θ.
        reset: R of the reset, float64 [neuron]; the synaptic current is never reset.
        reset_mode: a key of `resets.RESETS`.
        most_spikes: same as in LIF.
        floor: same as in LIF.
    """

    WORDS: ClassVar[int] = 2

    threshold: np.ndarray
    tau: np.ndarray
    synaptic_tau: np.ndarray
    inclusive: bool
    reset: np.ndarray
    reset_mode: str = "value"
    most_spikes: int = 1
    floor: np.ndarray | None = None

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v, synapse = np.split(state, 2, axis=-1)
        synapse = self.synaptic_tau * synapse + current
        spike, margin, v = self.fire_and_reset(v, self.tau * v + synapse)
        return spike, margin, np.concatenate([v, synapse], axis=-1)

    def unfired(self) -> FloatNeuron:
        return CubaLI(self.tau, self.synaptic_tau)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return self.tau, self.synaptic_tau
