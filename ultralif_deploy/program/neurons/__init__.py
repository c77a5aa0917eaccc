"""The neuron models of programs: one file each, and the table of all of them.

A model's file holds its parameters and their ranges, its state words and what it sends. Its update
is in PROGRAM.md. Every back end has a table by model, which `entry_for` reads: a model that has no
entry there is refused by name.
"""

from collections.abc import Mapping
from typing import TypeVar

from ultralif_deploy.errors import Refused
from ultralif_deploy.program.neurons.adalif import AdaLIF
from ultralif_deploy.program.neurons.csilif import CSiLIF
from ultralif_deploy.program.neurons.cuba_li import CubaLI
from ultralif_deploy.program.neurons.cuba_lif import CubaLIF
from ultralif_deploy.program.neurons.graded import (
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    MultiThreshold,
)
from ultralif_deploy.program.neurons.integrator import Integrator
from ultralif_deploy.program.neurons.leaky_integrator import LeakyIntegrator
from ultralif_deploy.program.neurons.leaky_sum import LeakySum
from ultralif_deploy.program.neurons.lif import LIF
from ultralif_deploy.program.neurons.log_max_lif import LogMaxLIF
from ultralif_deploy.program.neurons.model import NeuronModel
from ultralif_deploy.program.neurons.silif import SiLIF
from ultralif_deploy.program.neurons.threshold import Threshold
from ultralif_deploy.program.neurons.tropical_lif import TropicalLIF
from ultralif_deploy.program.neurons.ultradlif import UltraDLIF

Entry = TypeVar("Entry")

MODELS: tuple[type[NeuronModel], ...] = (
    Threshold,
    TropicalLIF,
    LIF,
    CubaLIF,
    UltraDLIF,
    LogMaxLIF,
    MultiThreshold,
    GradedLogMaxLIF,
    GradedLIF,
    GradedUltraDLIF,
    SiLIF,
    CSiLIF,
    AdaLIF,
    Integrator,
    LeakyIntegrator,
    CubaLI,
    LeakySum,
)
"""All neuron models."""

LEAKY = (LIF, UltraDLIF, CubaLIF, GradedLIF, GradedUltraDLIF, LeakyIntegrator, CubaLI)
"""Models whose membranes decay by a factor."""

SECOND_ORDER = (SiLIF, CSiLIF, AdaLIF, LeakySum)
"""Models with two state words, whose word lengths are parameters."""

READOUTS = tuple(model for model in MODELS if not model.FIRES)
"""Models that never fire; the last population, and it alone, has one."""

FINE = (*LEAKY, LogMaxLIF, GradedLogMaxLIF)
"""Models whose membranes, thresholds and biases count in membrane units: 2^6 to a current unit, or
2^fraction_bits where they have that."""


def entry_for(
    table: Mapping[type[NeuronModel], Entry], neuron: NeuronModel, population: str, target: str
) -> Entry:
    """What a back end's table holds for a neuron's model.

    Args:
        table: entries by neuron model.
        neuron: the population's neuron model.
        population: its name.
        target: the back end's name.

    Raises:
        Refused: the model has no entry.
    """
    if type(neuron) not in table:
        known = ", ".join(model.__name__ for model in table)
        raise Refused(
            f"{target}: {population}: no {type(neuron).__name__} there; it has {known}; use "
            "another back end, or another neuron model"
        )
    return table[type(neuron)]


__all__ = [
    *(model.__name__ for model in MODELS),
    *("MODELS", "LEAKY", "SECOND_ORDER", "READOUTS", "FINE"),
    *("NeuronModel", "entry_for"),
]
