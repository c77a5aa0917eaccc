"""Leaky integrate and fire whose neighbours share their maximum."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step, fires


@dataclass(frozen=True, slots=True, eq=False)
class UltraDLIF(FloatNeuron):
    """Neighbours on a ring share their maximum.

    released: v = τ·v + I; m_i = max(v_{i−k}, v_i, v_{i+k}); s = [m ≥ θ]; v ← 0 where s.
    paper: v_i = max(v_{i−k}, τ·v_i, v_{i+k}) + I_i; s = [v ≥ θ]; v ← 0 where s.
    k is the stride, and the indices count modulo the population's size.
    Source: arXiv 2602.11206 and its released code, which differ.

    Attributes:
        threshold: θ, float64 [neuron].
        tau: τ, float64 [neuron].
        form: `released` or `paper`.
        inclusive: fires at equality.
        stride: 1 for a ring of all neurons in order; H·W for rings across the channels of a map
            [C, H, W].
    """

    COMPARES: ClassVar[bool] = True

    threshold: np.ndarray
    tau: np.ndarray
    form: str
    inclusive: bool
    stride: int = 1

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v, compared = ring_update(current, state, self.tau, self.form, self.stride)
        margin = compared - self.threshold
        spike = fires(margin, self.inclusive)
        return spike, margin, np.where(spike, 0.0, v)

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.tau,)


def ring_update(
    current: np.ndarray, state: np.ndarray, tau: np.ndarray, form: str, stride: int
) -> tuple[np.ndarray, np.ndarray]:
    """Membranes v before the reset, and the values that are compared with θ, [batch, neuron] both.

    Args:
        current: all projections plus bias, float64 [batch, neuron].
        state: membranes before the timestep, float64 [batch, neuron].
        tau: τ, float64 [neuron].
        form: `released` or `paper`.
        stride: distance of both neighbours on the ring.
    """

    def neighbours(v: np.ndarray) -> np.ndarray:
        return np.maximum(np.roll(v, stride, -1), np.roll(v, -stride, -1))

    if form == "released":
        v = tau * state + current
        return v, np.maximum(v, neighbours(v))
    v = np.maximum(tau * state, neighbours(state)) + current
    return v, v
