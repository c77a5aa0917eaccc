"""Programs for hardware: a small one that uses much of what it has, and the smallest."""

import numpy as np

from ultralif_deploy.program import neurons
from ultralif_deploy.program.graph import Dense, Projection
from ultralif_deploy.program.program import Input, Population, Program


def small_program(inputs: int = 6, hidden: int = 5) -> Program:
    """LIF neurons that also drive themselves, threshold units, and a read-out of both.

    Args:
        inputs: size of the input.
        hidden: size of both hidden populations.
    """
    rng = np.random.default_rng(0)

    def dense(rows: int, columns: int) -> Dense:
        return Dense(rng.integers(-8, 8, (rows, columns), dtype=np.int8))

    lif = neurons.LIF(
        rng.integers(0, 500, hidden), rng.integers(0, 4097, hidden), np.zeros(hidden), "subtract"
    )
    threshold = neurons.Threshold(rng.integers(-4, 4, hidden))
    ones, none = np.ones(hidden), np.zeros(hidden)
    return Program(
        Input(inputs),
        (
            Population("leaky", hidden, lif, rng.integers(-200, 200, hidden), ones),
            Population("plain", hidden, threshold, none, ones),
            Population("out", 3, neurons.Integrator(), np.arange(3), np.ones(3)),
        ),
        (
            Projection("input", "leaky", dense(hidden, inputs)),
            Projection("leaky", "leaky", dense(hidden, hidden)),
            Projection("leaky", "plain", dense(hidden, hidden)),
            Projection("leaky", "out", dense(3, hidden)),
            Projection("plain", "out", dense(3, hidden)),
        ),
        "4",
        5,
        1,
    )


def smallest_program() -> Program:
    """A read-out of two inputs."""
    readout = Population("out", 2, neurons.Integrator(), np.zeros(2), np.ones(2))
    weights = Dense(np.array([[1, -1], [-1, 1]], dtype=np.int8))
    return Program(Input(2), (readout,), (Projection("input", "out", weights),), "8", 2, 1)
