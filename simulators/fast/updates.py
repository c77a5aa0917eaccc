"""Updates of the neuron models, population by population.

Almost all models have one update, which the compiled call over whole programs calls as well. That
of LIF and CubaLIF there is for populations of whole vectors whose numbers fit 32 bits, so they have
another here.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.program.fixed import largest_held
from ultralif_deploy.program.neurons import (
    LIF,
    AdaLIF,
    CSiLIF,
    CubaLI,
    CubaLIF,
    GradedLIF,
    GradedLogMaxLIF,
    GradedUltraDLIF,
    Integrator,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    MultiThreshold,
    NeuronModel,
    SiLIF,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.program import Population
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast import kernels
from ultralif_deploy.simulators.fast.whole import models
from ultralif_deploy.simulators.fast.whole.laying import table
from ultralif_deploy.simulators.fast.whole.models import Lanes
from ultralif_deploy.simulators.fast.whole.tables import SOURCE_FIELDS

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Block:
    """Timesteps of one population.

    Attributes:
        current: int32 [time, batch, neuron], contiguous; may be overwritten.
        bias: int64 [neuron].
        state: int64 [batch, words · neuron], changed in place.
        spikes: uint8 [time, batch, neuron], contiguous, written by models that fire; None for
            read-outs.
    """

    current: np.ndarray
    bias: np.ndarray
    state: np.ndarray
    spikes: np.ndarray | None = None

    @property
    def drive(self) -> tuple[np.ndarray, np.ndarray]:
        """The first arguments of all kernels."""
        return self.current, self.bias

    @property
    def written(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The last arguments of kernels of models that fire."""
        return self.state, self.spikes


Update = Callable[[Block], None]
"""Runs a population over a block of timesteps."""

MODES = {name: position for position, name in enumerate(RESETS)}
"""Reset modes as the kernels number them."""


def _lif(neuron: LIF, p: Parameters, block: Block) -> None:
    decay = p["decay"], neuron.decay_bits
    kernels.lif(*block.drive, p["threshold"], *decay, *_firing(neuron, p), *block.written)


def _cuba_lif(neuron: CubaLIF, p: Parameters, block: Block) -> None:
    decays = p["decay"], p["synaptic_decay"], neuron.decay_bits
    kernels.cuba_lif(*block.drive, p["threshold"], *decays, *_firing(neuron, p), *block.written)


def _firing(neuron: LIF | CubaLIF, p: Parameters) -> tuple[Any, ...]:
    """The arguments of kernels of leaky models between decays and state."""
    top = largest_held(neuron.membrane_bits)
    floor = p.get("floor", np.full(len(p["reset"]), -top))
    mode = MODES[neuron.reset_mode]
    return p["reset"], floor, mode, neuron.fraction_bits, top, neuron.most_spikes


def by_kernel(run: Callable[[Any, Parameters, Block], None]) -> Callable[[Population], Update]:
    """Updates of a model by a function of neuron, parameters and block."""

    def update_of(population: Population) -> Update:
        parameters = {k: v.astype(np.int64) for k, v in population.parameters().items()}
        return functools.partial(run, population.neuron, parameters)

    return update_of


def _shared(population: Population) -> Update:
    """The update of a population that the compiled call has as well."""
    lanes, one, values = _tables(population)
    size = population.size

    def run(block: Block) -> None:
        time, batch, _ = block.current.shape
        assert block.spikes is not None
        states = block.state.astype(np.int32)
        current, sent = block.current.reshape(-1), block.spikes.reshape(-1)
        words = states.reshape(-1), states.shape[1], 0
        lanes.update(one, values, current, size, batch * size, *words, sent, 0, batch, time)
        block.state[:] = states

    return run


def _read_out(population: Population) -> Update:
    """The same for a read-out, whose states are int64."""
    lanes, one, values = _tables(population)
    in_order = np.empty(0, dtype=np.int64)

    def run(block: Block) -> None:
        time, batch, _ = block.current.shape
        words = np.ascontiguousarray(block.state.T)
        current = np.ascontiguousarray(block.current.swapaxes(0, 1)).reshape(-1)
        state = words.reshape(-1), 0, batch, 0
        lanes.update(one, values, in_order, block.bias, current, *state, batch, time)
        block.state[:] = words.T

    return run


def _tables(population: Population) -> tuple[Lanes, np.ndarray, np.ndarray]:
    """What the compiled call reads of a population, for its neurons in their own order.

    Returns:
        The update with its parameters, the population's row of `Tables.sources`, and `values`.
    """
    lanes, size = models.lanes_of(population), population.size
    assert lanes is not None
    row = {"width": size, "size": size, "order": -1, "terms": 1} | lanes.words
    (one,) = table([row], SOURCE_FIELDS)
    return lanes, one, lanes.own()


UPDATES: dict[type[NeuronModel], Callable[[Population], Update]] = {
    Threshold: _shared,
    TropicalLIF: _shared,
    LIF: by_kernel(_lif),
    CubaLIF: by_kernel(_cuba_lif),
    UltraDLIF: _shared,
    LogMaxLIF: _shared,
    MultiThreshold: _shared,
    GradedLogMaxLIF: _shared,
    GradedLIF: _shared,
    GradedUltraDLIF: _shared,
    SiLIF: _shared,
    CSiLIF: _shared,
    AdaLIF: _shared,
    Integrator: _read_out,
    LeakyIntegrator: _read_out,
    CubaLI: _read_out,
    LeakySum: _read_out,
}
"""Updates by model."""
