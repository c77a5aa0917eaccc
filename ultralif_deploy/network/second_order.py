"""Float64 updates of the neuron models with two state words; equations stand in `network.py`.

A state holds the first word of all neurons, then the second: [batch, 2 · neuron].
"""

from collections.abc import Callable

import numpy as np

from ultralif_deploy.network.network import AdaLIF, CSiLIF, LeakySum, SecondOrder, SiLIF

Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]


def second_order_stepper(neuron: SecondOrder, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    """The update (current, state) -> (spike, v − θ, next state), and the initial state, zeros.

    A read-out gives its logits so far in place of v − θ.

    Args:
        neuron: the model.
        shape: of a current, [batch, neuron].
    """
    return _STEPS[type(neuron)](neuron), np.zeros((*shape[:-1], 2 * shape[-1]))


def _silif(neuron: SiLIF) -> Step:
    def step(current: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, ...]:
        u, w = np.split(state, 2, axis=-1)
        fired = u > neuron.threshold
        w = neuron.beta * w + neuron.a * u + neuron.b * fired
        kept = neuron.alpha * (u - neuron.threshold * fired)
        u = kept + neuron.gain * current - (1 - neuron.alpha) * w
        return u > neuron.threshold, u - neuron.threshold, np.concatenate((u, w), axis=-1)

    return step


def _csilif(neuron: CSiLIF) -> Step:
    def step(current: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, ...]:
        x, y = np.split(state, 2, axis=-1)
        x = x - neuron.threshold * (x > neuron.threshold)
        real = neuron.real * x - neuron.imaginary * y + neuron.gain * current
        imaginary = neuron.imaginary * x + neuron.real * y
        state = np.concatenate((real, imaginary), axis=-1)
        return real > neuron.threshold, real - neuron.threshold, state

    return step


def _adalif(neuron: AdaLIF) -> Step:
    def step(current: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, ...]:
        v, c = np.split(state, 2, axis=-1)
        v = neuron.tau * v + current
        margin = v - (neuron.threshold + c)
        spike = margin >= 0 if neuron.inclusive else margin > 0
        c = neuron.adaptation_decay * c + neuron.jump * spike
        return spike, margin, np.concatenate((np.where(spike, 0.0, v), c), axis=-1)

    return step


def _leaky_sum(neuron: LeakySum) -> Step:
    def step(current: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, ...]:
        total, u = np.split(state, 2, axis=-1)
        u = neuron.alpha * u + neuron.gain * current
        total = total + u
        return np.zeros(u.shape, dtype=bool), total, np.concatenate((total, u), axis=-1)

    return step


_STEPS: dict[type, Callable[..., Step]] = {
    SiLIF: _silif,
    CSiLIF: _csilif,
    AdaLIF: _adalif,
    LeakySum: _leaky_sum,
}
"""Updates by model."""
