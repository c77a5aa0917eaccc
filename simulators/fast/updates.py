"""Updates of the neuron models, population by population.

Most models have one update, which the compiled call over whole programs calls as well. That of LIF
and CubaLIF there is for populations of whole vectors whose numbers fit 32 bits, so they have
another here, as read-outs do.
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
from ultralif_deploy.simulators.fast import kernels, second_order
from ultralif_deploy.simulators.fast.whole import models
from ultralif_deploy.simulators.fast.whole.laying import table
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


def _integrator(neuron: Integrator, p: Parameters, block: Block) -> None:
    current, bias = block.drive
    block.state[:] += current.sum(axis=0, dtype=np.int64) + len(current) * bias


def _leaky_integrator(neuron: LeakyIntegrator, p: Parameters, block: Block) -> None:
    kernels.leaky_integrator(*block.drive, p["decay"], neuron.decay_bits, block.state)


def _cuba_li(neuron: CubaLI, p: Parameters, block: Block) -> None:
    decays = p["decay"], p["synaptic_decay"], neuron.decay_bits
    kernels.cuba_li(*block.drive, *decays, block.state)


def _leaky_sum(neuron: LeakySum, p: Parameters, block: Block) -> None:
    lengths = p["shift"], p["coefficient_bits"], p["state_bits"]
    second_order.leaky_sum(*block.drive, p["alpha"], *lengths, block.state)


def by_kernel(run: Callable[[Any, Parameters, Block], None]) -> Callable[[Population], Update]:
    """Updates of a model by a function of neuron, parameters and block."""

    def update_of(population: Population) -> Update:
        parameters = {k: v.astype(np.int64) for k, v in population.parameters().items()}
        return functools.partial(run, population.neuron, parameters)

    return update_of


def _shared(population: Population) -> Update:
    """The update of a population that the compiled call has as well."""
    lanes, size = models.lanes_of(population), population.size
    assert lanes is not None
    update, values = lanes.update, lanes.own()
    (one,) = table([{"width": size, "size": size} | lanes.words], SOURCE_FIELDS)

    def run(block: Block) -> None:
        time, batch, _ = block.current.shape
        assert block.spikes is not None
        states = block.state.astype(np.int32)
        current, sent = block.current.reshape(-1), block.spikes.reshape(-1)
        words = states.reshape(-1), states.shape[1], 0
        update(one, values, current, size, batch * size, *words, sent, 0, batch, time)
        block.state[:] = states

    return run


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
    Integrator: by_kernel(_integrator),
    LeakyIntegrator: by_kernel(_leaky_integrator),
    CubaLI: by_kernel(_cuba_li),
    LeakySum: by_kernel(_leaky_sum),
}
"""Updates by model."""
