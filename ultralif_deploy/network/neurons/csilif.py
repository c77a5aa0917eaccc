"""Leaky integrate and fire with a complex membrane."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.neurons.model import SecondOrderNeuron, Step


@dataclass(frozen=True, slots=True, eq=False)
class CSiLIF(SecondOrderNeuron):
    """Complex membrane: u = α·(u − θ·s) + g·I; s = [Re u > θ].

    The published neuron has θ = 1/2 (2·Re u > 1) and g = b, a real number.
    Source: arXiv 2506.06374.

    Attributes:
        threshold: θ, float64 [neuron]; also what a spike subtracts from Re u.
        gain: g, float64 [neuron], of any sign.
        real: Re α, float64 [neuron].
        imaginary: Im α, float64 [neuron].
    """

    threshold: np.ndarray
    gain: np.ndarray
    real: np.ndarray
    imaginary: np.ndarray

    def step(self, current: np.ndarray, state: np.ndarray) -> Step:
        x, y = np.split(state, 2, axis=-1)
        x = x - self.threshold * (x > self.threshold)
        real = self.real * x - self.imaginary * y + self.gain * current
        imaginary = self.imaginary * x + self.real * y
        state = np.concatenate((real, imaginary), axis=-1)
        return real > self.threshold, real - self.threshold, state

    @property
    def current_gain(self) -> np.ndarray | None:
        return self.gain
