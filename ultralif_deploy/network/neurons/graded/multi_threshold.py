"""Threshold units with several thresholds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step


class GradedNeuron(FloatNeuron):
    """Sends the number of thresholds that it passes; margins refer to the nearest threshold."""

    __slots__ = ()
    thresholds: np.ndarray

    @property
    def largest_sent(self) -> int:
        return len(self.thresholds)

    @property
    def threshold(self) -> np.ndarray:  # type: ignore[override]
        """θ, float64 [neuron]: that of the middle level, where a soft spike is 1/2."""
        return self.thresholds[len(self.thresholds) // 2]

    def count(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Thresholds passed, uint8, and v minus the threshold nearest to it, of the shape of v."""
        above = v[..., None, :] - self.thresholds
        nearest = np.abs(above).argmin(axis=-2, keepdims=True)
        margin = np.take_along_axis(above, nearest, axis=-2)[..., 0, :]
        return np.count_nonzero(above >= 0, axis=-2).astype(np.uint8), margin


@dataclass(frozen=True, slots=True, eq=False)
class MultiThreshold(GradedNeuron):
    """No memory: s = #{k: I ≥ θ_k}.

    A soft spike σ((v − θ)/ε) grows with v, so rounding it to whole steps gives such a count. QONNX
    has the same operator, also named MultiThreshold.

    Attributes:
        thresholds: θ_k, float64 [level, neuron]; `ALWAYS` where every current passes.
    """

    TIMELESS: ClassVar[bool] = True

    thresholds: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        passed, margin = self.count(current)
        return passed, margin, state


ALWAYS = float(np.finfo(np.float64).min) / 4
"""A threshold that every current passes."""
