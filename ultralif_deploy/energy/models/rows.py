"""Rows of an energy model: events, and the constant that gives their energy."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.energy.counts import Events

CAUSES = (
    "compute",
    "weight memory",
    "state memory",
    "addressing",
    "network",
    "neuron",
    "idle",
)
"""Why something costs."""

CHIP = "chip"
"""Where things happen that belong to no single projection or population."""


@dataclass(frozen=True, slots=True)
class Row:
    """Events that one constant prices.

    Attributes:
        place: projection, population or `CHIP`.
        cause: one of `CAUSES`.
        constant: its name.
        count: events, bits or seconds over all samples.
    """

    place: str
    cause: str
    constant: str
    count: float


def total(values: np.ndarray) -> float:
    """Sum over the samples."""
    return float(values.sum())


def synapses(events: Events, accumulate: str = "accumulate") -> list[Row]:
    """Operations of every projection: accumulates, or multiply-accumulates on graded inputs."""
    kinds = {True: "multiply_accumulate", False: accumulate}
    return [
        Row(p.name, "compute", kinds[p.multiplies], total(p.operations)) for p in events.projections
    ]
