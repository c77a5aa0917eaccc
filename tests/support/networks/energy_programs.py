"""A program small enough to count by hand, and what is counted of it."""

import numpy as np

from ultralif_deploy.energy.counts import EventCounter, Events
from ultralif_deploy.energy.devices import load_device
from ultralif_deploy.energy.estimate import Estimate, estimate
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.verify.backends import load_on

PJ = 1e-12
INPUTS = np.array([[[1, 0]], [[0, 1]], [[1, 1]]], dtype=np.uint8)


def program(maximum: int = 1) -> Program:
    """Two inputs, two threshold units, one read-out; one weight is zero."""
    zero, one = np.zeros(2), np.ones(2)
    return Program(
        Input(2, maximum),
        (
            Population("h", 2, Threshold(np.array([2, 0])), zero, one),
            Population("out", 1, Integrator(), zero[:1], one[:1]),
        ),
        (
            Projection(INPUT, "h", Dense(np.array([[3, 0], [1, 1]], dtype=np.int8))),
            Projection("h", "out", Dense(np.array([[5, -4]], dtype=np.int8))),
        ),
        "8",
        3,
        3,
    )


def counted(of: Program, inputs: np.ndarray = INPUTS) -> Events:
    counter = EventCounter(of, ["loihi1"])
    for start in range(0, inputs.shape[1], 2):  # in blocks, as long runs are
        block = inputs[:, start : start + 2]
        counter.add(block, load_on("reference", of).run(block, record=True))
    return counter.events()


def on(device: str, maximum: int = 1) -> Estimate:
    return estimate(counted(program(maximum)), load_device(device))


def picojoules(found: Estimate) -> float:
    assert found.total_j is not None
    return found.total_j / PJ
