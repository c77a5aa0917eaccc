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
        if self.form == "released":
            v = self.tau * state + current
            compared = np.maximum(v, self._neighbours(v))
        else:
            shared = np.maximum(self.tau * state, self._neighbours(state))
            v = compared = shared + current
        margin = compared - self.threshold
        spike = fires(margin, self.inclusive)
        return spike, margin, np.where(spike, 0.0, v)

    def _neighbours(self, v: np.ndarray) -> np.ndarray:
        return np.maximum(np.roll(v, self.stride, -1), np.roll(v, -self.stride, -1))

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.tau,)
