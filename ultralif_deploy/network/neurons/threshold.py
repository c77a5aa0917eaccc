"""Threshold unit."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ultralif_deploy.network.neurons.model import FloatNeuron, Step, fires


@dataclass(frozen=True, slots=True, eq=False)
class Threshold(FloatNeuron):
    """No memory: s = [I ≥ θ] (or >).

    Attributes:
        threshold: θ, float64 [neuron].
        inclusive: fires at I = θ.
    """

    TIMELESS: ClassVar[bool] = True

    threshold: np.ndarray
    inclusive: bool

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        margin = current - self.threshold
        return fires(margin, self.inclusive), margin, state

    def run(self, current: np.ndarray, state: np.ndarray | None = None) -> Step:
        return self.step(current, self.initial_state(current.shape[1:]) if state is None else state)
