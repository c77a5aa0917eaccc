"""Leaky membranes on a ring that share their maximum, with several thresholds."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.graded.multi_threshold import GradedNeuron
from ultralif_deploy.network.neurons.model import Step
from ultralif_deploy.network.neurons.ultradlif import ring_update


@dataclass(frozen=True, slots=True, eq=False)
class GradedUltraDLIF(GradedNeuron):
    """UltraDLIF with its spike in L steps: s_i = #{k: m_i ≥ θ_k}; v ← v·(1 − s/L).

    v and the value m that is compared are those of UltraDLIF, in either form. The maximum over the
    ring is hard, the spike keeps the steps of σ((m − θ)/ε). Source: arXiv 2602.11206.

    Attributes:
        thresholds: θ_k, float64 [level, neuron].
        tau: τ, float64 [neuron].
        form: `released` or `paper`.
        stride: as in UltraDLIF.
    """

    COMPARES: ClassVar[bool] = True

    thresholds: np.ndarray
    tau: np.ndarray
    form: str
    stride: int = 1

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        v, compared = ring_update(current, state, self.tau, self.form, self.stride)
        passed, margin = self.count(compared)
        return passed, margin, v * (1 - passed / len(self.thresholds))

    @property
    def kept(self) -> tuple[np.ndarray, ...]:
        return (self.tau,)
