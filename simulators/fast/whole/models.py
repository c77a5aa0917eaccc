"""What the compiled loop reads of each neuron model; models that it does not have are left out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ultralif_deploy.program.fixed import INT32_MAX, largest_held
from ultralif_deploy.program.neurons import (
    LIF,
    CubaLI,
    CubaLIF,
    Integrator,
    LeakyIntegrator,
    NeuronModel,
    Threshold,
)
from ultralif_deploy.program.program import Population
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast import leaky_lanes
from ultralif_deploy.simulators.fast.whole.tables import (
    LEAKY_SUM,
    SUM,
    SYNAPTIC_SUM,
    THRESHOLD,
)

LIMIT = leaky_lanes.PARAMETERS.index("limit")
"""Row of the largest value that does not fire."""


class Lanes(NamedTuple):
    """What the kernel reads of a population.

    Attributes:
        values: int32 [row, neuron]; of populations that fire the rows of `leaky_lanes.parameters`,
            of read-outs that leak the decays.
        words: values of the population's fields that say how its neurons compute.
        remembers: state words of a neuron that are kept in 32 bits.
    """

    values: np.ndarray
    words: dict[str, int]
    remembers: int = 0


def lanes_of(population: Population, bound: int = 0) -> Lanes | None:
    """What the kernel reads of a population; None where it has no update of it.

    Args:
        population: any.
        bound: largest |I| of it (`Program.current_bounds`).
    """
    neuron = population.neuron
    made = MODELS.get(type(neuron))
    return None if made is None else made(neuron, population.bias.astype(np.int64), bound)


def _words(mode: int, bits: int = 0, fraction: int = 0, top: int = 0) -> dict[str, int]:
    return {"mode": mode, "bits": bits, "fraction": fraction, "top": top}


def _threshold(neuron: Threshold, bias: np.ndarray, bound: int) -> Lanes:
    """Threshold units have a limit alone: the largest current that does not fire."""
    del bound
    values = np.zeros((len(leaky_lanes.PARAMETERS), len(bias)), dtype=np.int32)
    limit = neuron.threshold.astype(np.int64) - bias
    values[LIMIT] = np.clip(limit, -INT32_MAX - 1, INT32_MAX)
    return Lanes(values, _words(THRESHOLD))


def _lif(neuron: LIF | CubaLIF, bias: np.ndarray, bound: int) -> Lanes | None:
    if not leaky_lanes.fits(neuron, bound, bias):
        return None
    mode, top = list(RESETS).index(neuron.reset_mode), largest_held(neuron.membrane_bits)
    mode += len(RESETS) * (neuron.WORDS - 1)
    words = _words(mode, neuron.decay_bits, neuron.fraction_bits, top)
    return Lanes(leaky_lanes.parameters(neuron, bias), words, neuron.WORDS)


def _integrator(neuron: Integrator, bias: np.ndarray, bound: int) -> Lanes:
    del neuron, bound
    return Lanes(np.empty((0, len(bias)), dtype=np.int32), _words(SUM))


def _leaky_integrator(neuron: LeakyIntegrator, bias: np.ndarray, bound: int) -> Lanes:
    del bias, bound
    return Lanes(neuron.decay.astype(np.int32)[None], _words(LEAKY_SUM, neuron.decay_bits))


def _cuba_li(neuron: CubaLI, bias: np.ndarray, bound: int) -> Lanes:
    del bias, bound
    decays = np.stack([neuron.decay, neuron.synaptic_decay]).astype(np.int32)
    return Lanes(decays, _words(SYNAPTIC_SUM, neuron.decay_bits))


MODELS: dict[type[NeuronModel], Callable[[Any, np.ndarray, int], Lanes | None]] = {
    Threshold: _threshold,
    LIF: _lif,
    CubaLIF: _lif,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
    CubaLI: _cuba_li,
}
"""Models that the kernel updates; `fast` runs the others population by population."""
