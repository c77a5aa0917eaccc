"""Membrane potentials of a few neurons for one sample: soft, hard and integer over each other."""

from typing import TYPE_CHECKING

import numpy as np

from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.network.running import HardTrace
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.measured import MembranePopulation, Membranes, MembraneTrace
from ultralif_deploy.simulators.reference.simulator import Reference

if TYPE_CHECKING:
    from ultralif_deploy.soft.network import SoftNetwork

POPULATIONS, NEURONS, TIMESTEPS = 3, 2, 64
"""At most so many populations, neurons of each, and timesteps are kept."""

DIGITS = 5
"""Significant digits that are kept; they are for a drawing."""


def membranes_of(
    program: Program,
    values: np.ndarray,
    integer: Trace,
    hard: HardTrace,
    soft: "SoftNetwork | None",
    encoder: Encoder,
    kept: dict[str, np.ndarray],
) -> Membranes | None:
    """Membrane potential minus threshold, before the reset, of a few neurons for the first sample.

    The neurons are those whose spikes in the program are nearest to half of the timesteps.
    Populations with several thresholds are left out.

    Args:
        program: the integer program.
        values: encoded inputs, uint8 [time, batch, input].
        integer: run of the program on them, with spikes.
        hard: run of the hard network on them.
        soft: soft network as trained; None where training was hard.
        encoder: encoder of the inputs, which says what they are for the soft network.
        kept: by population, the numbers of its neurons that the passes kept, where not all.

    Returns:
        Values for a drawing, in the units of the network; None for programs of one timestep.
    """
    if program.timesteps < 2:
        return None
    steps = min(program.timesteps, TIMESTEPS)
    first = values[:steps, :1]
    chosen = _chosen(program, integer, steps)
    counted = Reference(program).margins(first, chosen)
    before: dict[str, np.ndarray] = {}
    if soft is not None:
        from ultralif_deploy.soft.training import real_inputs

        before = {n: m.cpu().numpy() for n, m in soft.margins(real_inputs(encoder, first)).items()}
    populations: dict[str, MembranePopulation] = {}
    for name, neurons in chosen.items():
        population = program.population(name)
        unit = np.broadcast_to(population.membrane_unit, (population.size,))
        traces: list[MembraneTrace] = []
        for place, neuron in enumerate(neurons):
            trace: MembraneTrace = {
                "neuron": neuron,
                "unit": float(unit[neuron]),
                "hard": _rounded(hard.margins[name][:steps, 0, neuron]),
                "integer": _rounded(counted[name][:, 0, place] * unit[neuron]),
            }
            if name in before:
                number = int(kept[name][neuron]) if name in kept else neuron
                trace["soft"] = _rounded(before[name][:steps, 0, number])
            traces.append(trace)
        populations[name] = {"remembers": population.neuron.REMEMBERS, "traces": traces}
    return {
        "sample": 0,
        "timesteps": steps,
        "of": program.timesteps,
        "populations": populations,
    }


def _chosen(program: Program, integer: Trace, steps: int) -> dict[str, list[int]]:
    """The neurons of each population that are drawn."""
    assert integer.spikes is not None
    spiking = [p for p in program.populations if p.spikes]
    names = [p.name for p in spiking if "threshold" in p.parameters()]
    chosen = {}
    for name in names[:POPULATIONS]:
        fired = np.count_nonzero(integer.spikes[name][:steps, 0], axis=0)
        nearest = np.argsort(np.abs(2 * fired - steps), kind="stable")[:NEURONS]
        chosen[name] = sorted(nearest.tolist())
    return chosen


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
