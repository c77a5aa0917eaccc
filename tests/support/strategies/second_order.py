"""Drawn parameters of the models with two state words, integer and float."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.neurons import FloatNeuron
from ultralif_deploy.program import neurons
from ultralif_deploy.program.fixed import INT32_MAX, MAX_COEFFICIENT_BITS, MAX_SHIFT, MAX_STATE_BITS

SPIKING = ("silif", "csilif", "adalif")
"""Kinds that fire."""

SHIFTS = (0, 0, 1, 6, 13, MAX_SHIFT)
COEFFICIENT_BITS = (1, 4, 12, 12, 16, MAX_COEFFICIENT_BITS)
STATE_BITS = (2, 9, 16, 24, 24, 28, MAX_STATE_BITS)

MODELS: dict[str, Any] = {
    "silif": neurons.SiLIF,
    "csilif": neurons.CSiLIF,
    "adalif": neurons.AdaLIF,
    "leaky_sum": neurons.LeakySum,
}

FREE = {"silif": ("reset", "b"), "csilif": ("reset",), "adalif": ("jump",), "leaky_sum": ()}
"""Parameters in state units beside the threshold."""


def second_order_parameters(rng: np.random.Generator, kind: str, size: int) -> dict[str, Any]:
    """Every parameter but the threshold, int64 [neuron], within its range and often at its end."""
    bits = rng.choice(np.array(COEFFICIENT_BITS, dtype=np.int64), size)
    widths = rng.choice(np.array(STATE_BITS, dtype=np.int64), size)
    drawn: dict[str, Any] = {
        "shift": rng.choice(np.array(SHIFTS, dtype=np.int64), size),
        "coefficient_bits": bits,
        "state_bits": widths,
    }
    for name in MODELS[kind].COEFFICIENTS:
        one = 1 << bits
        edge = rng.choice(np.array([-1, 0, 1, 1]), size) * one
        inside = np.rint(rng.uniform(-1, 1, size) ** 3 * one).astype(np.int64)
        near_one = one - rng.integers(0, 3, size)
        chosen = rng.integers(4, size=size)
        drawn[name] = np.select([chosen == 0, chosen == 1], [edge, near_one], inside)
    for name in FREE[kind]:
        top = (np.int64(1) << (widths - 1)) - 1
        anywhere = np.rint(rng.uniform(-1, 1, size) ** 5 * top).astype(np.int64)
        edge = rng.choice(np.array([0, 1, INT32_MAX, -INT32_MAX - 1]), size)
        drawn[name] = np.where(rng.random(size) < 0.2, edge, anywhere)
    return drawn


def second_order_model(
    rng: np.random.Generator,
    kind: str,
    mode: str,
    states_of: Callable[[neurons.NeuronModel], np.ndarray],
    size: int,
) -> neurons.NeuronModel:
    """An integer model whose threshold its first word reaches under the stimulus.

    Args:
        rng: fills the arrays.
        kind: a key of `MODELS`.
        mode: tie, small or edge, as in `strategies`.
        states_of: states int64 [time, 2 · neuron] of a model under the stimulus.
        size: neurons.
    """
    parameters = second_order_parameters(rng, kind, size)
    if kind == "leaky_sum":
        # As wide as the read-out of six timesteps may be.
        parameters["state_bits"] = np.minimum(parameters["state_bits"], 29)
        return neurons.LeakySum(**parameters)
    model = MODELS[kind]
    if mode == "edge":
        top = (1 << (parameters["state_bits"] - 1)) - 1
        return model(np.minimum(top + rng.integers(-1, 2, size), INT32_MAX), **parameters)
    if mode == "small":
        return model(rng.choice(np.array([-64, -1, 0, 1, 64]), size), **parameters)
    never = model(np.full(size, INT32_MAX), **parameters)
    first = states_of(never)[:, :size]
    chosen = first[rng.integers(len(first), size=size), np.arange(size)]
    chosen = np.where(rng.random(size) < 0.5, first.max(axis=0), chosen)
    threshold = chosen + rng.choice(np.array([-1, -1, 0, 0, 1]), size)
    return model(np.clip(threshold, -INT32_MAX, INT32_MAX), **parameters)


def hard_second_order(rng: np.random.Generator, kind: str, threshold: np.ndarray) -> FloatNeuron:
    """A float model whose parameters are small multiples of powers of two."""
    size = len(threshold)

    def any_of(*values: float) -> np.ndarray:
        return rng.choice(np.array(values), size)

    gain = any_of(0.5, 0.25, 1.0, -2.0)
    if kind == "silif":
        decays = any_of(0.0, 0.5, 0.75), any_of(0.0, 0.5, 1.0)
        return float_neurons.SiLIF(
            threshold, gain, *decays, any_of(-0.5, 0.0, 1.0), any_of(0.0, 0.5, 2.0)
        )
    if kind == "csilif":
        return float_neurons.CSiLIF(threshold, gain, any_of(-0.5, 0.5), any_of(-0.5, 0.0, 0.5))
    return float_neurons.AdaLIF(
        threshold, any_of(0.5, 1.0), any_of(0.5, 0.75), any_of(0.25, 1.0), bool(rng.integers(2))
    )
