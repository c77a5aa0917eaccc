"""A program in which every membrane potential with a register of 24 or 32 bits saturates."""

import numpy as np

from ultralif_deploy.program.fixed import INT32_MAX, MEMBRANE_MAX
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import LIF, CubaLIF, LeakyIntegrator, LogMaxLIF, UltraDLIF
from ultralif_deploy.program.program import Input, Population, Program

SPIKES = [[1, 0], [1, 0]]
"""Of every population, [timestep, neuron]: the largest potential is above the first threshold."""

LOGITS = [INT32_MAX, -INT32_MAX]


def saturated() -> Program:
    """One population of each leaky model: thresholds one below the largest potential, and on it.

    Biases alone drive it, beyond the largest potential in the first timestep. Those of the read-out
    add up beyond 32 bits in the second.
    """
    edge, none = np.array([MEMBRANE_MAX - 1, MEMBRANE_MAX]), np.zeros(2)
    models = {
        "lif": LIF(edge, none, none),
        "cubalif": CubaLIF(edge, none, none, none),
        "released": UltraDLIF(edge, none, "released"),
        "paper": UltraDLIF(edge, none, "paper"),
        "logmax": LogMaxLIF(edge, none, np.array([1]), 0),
    }
    silent = Dense(np.zeros((2, 2)))
    readout = Population(
        "out", 2, LeakyIntegrator(none), np.array([INT32_MAX, -INT32_MAX]), np.ones(2)
    )
    return Program(
        Input(2),
        (
            *(Population(n, 2, m, np.full(2, 9_000_000), np.ones(2)) for n, m in models.items()),
            readout,
        ),
        (
            *(Projection(INPUT, name, silent) for name in models),
            *(Projection(name, "out", silent) for name in models),
        ),
        *("8", 2, 1),
    )
