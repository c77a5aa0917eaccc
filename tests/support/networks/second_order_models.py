"""Small programs of one model with two state words, and uniform parameters."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.graph import INPUT, Dense, Projection


def floats(seed: int, size: int = 5) -> Callable[..., np.ndarray]:
    rng = np.random.default_rng(seed)
    return lambda low, high, *shape: rng.uniform(low, high, (*shape, size))


def one_layer(model: Any, readout: Any = None, timesteps: int = 1) -> integer.Program:
    return integer.Program(
        integer.Input(1),
        (
            integer.Population("a", 1, model, np.zeros(1), np.ones(1)),
            integer.Population("out", 1, readout or neurons.Integrator(), np.zeros(1), np.ones(1)),
        ),
        (
            Projection(INPUT, "a", Dense(np.ones((1, 1)))),
            Projection("a", "out", Dense(np.ones((1, 1)))),
        ),
        "8",
        timesteps,
        1,
    )


def silif(**changes: int) -> neurons.SiLIF:
    values = {
        "threshold": 8, "reset": 8, "alpha": 2, "beta": 1, "a": 1, "b": 1,
        "shift": 3, "coefficient_bits": 2, "state_bits": 16,
    } | changes  # fmt: skip
    return neurons.SiLIF(**{k: np.array([v]) for k, v in values.items()})
