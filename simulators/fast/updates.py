"""Updates of the neuron models by compiled kernels, one function per model.

An update takes the neuron, its parameters int64 by name, and a block of timesteps.
"""

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
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast import graded, kernels, second_order

Parameters = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Block:
    """Timesteps of one population.

    Attributes:
        current: int32 [time, batch, neuron].
        bias: int64 [neuron].
        state: int64 [batch, words · neuron], changed in place.
        spikes: uint8 [time, batch, neuron], written by models that fire; None for read-outs.
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


MODES = {name: position for position, name in enumerate(RESETS)}
"""Reset modes as the kernels number them."""


def _threshold(neuron: Threshold, p: Parameters, block: Block) -> None:
    kernels.threshold(*block.drive, p["threshold"], block.spikes)


def _tropical_lif(neuron: TropicalLIF, p: Parameters, block: Block) -> None:
    kernels.tropical_lif(*block.drive, p["threshold"], p["decay"], p["reset"], *block.written)


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


def _ultradlif(neuron: UltraDLIF, p: Parameters, block: Block) -> None:
    ring = p["decay"], neuron.decay_bits, neuron.form == "released", neuron.stride
    kernels.ultradlif(*block.drive, p["threshold"], *ring, *block.written)


def _log_max_lif(neuron: LogMaxLIF, p: Parameters, block: Block) -> None:
    table = p["decay"], p["table"], neuron.shift
    kernels.log_max_lif(*block.drive, p["threshold"], *table, *block.written)


def _multi_threshold(neuron: MultiThreshold, p: Parameters, block: Block) -> None:
    graded.multi_threshold(*block.drive, p["thresholds"].reshape(neuron.levels, -1), block.spikes)


def _graded_log_max_lif(neuron: GradedLogMaxLIF, p: Parameters, block: Block) -> None:
    limits = p["thresholds"].reshape(neuron.levels, -1)
    table = p["decay"], p["table"], neuron.shift
    graded.log_max_lif(*block.drive, limits, *table, p["reset"], *block.written)


def _graded_lif(neuron: GradedLIF, p: Parameters, block: Block) -> None:
    limits = p["thresholds"].reshape(neuron.levels, -1)
    graded.lif(*block.drive, limits, p["decay"], neuron.decay_bits, p["reset"], *block.written)


def _graded_ultradlif(neuron: GradedUltraDLIF, p: Parameters, block: Block) -> None:
    limits = p["thresholds"].reshape(neuron.levels, -1)
    ring = p["decay"], neuron.decay_bits, neuron.form == "released", neuron.stride
    graded.ultradlif(*block.drive, limits, *ring, p["reset"], *block.written)


def _silif(neuron: SiLIF, p: Parameters, block: Block) -> None:
    values = p["threshold"], p["reset"], p["alpha"], p["beta"], p["a"], p["b"]
    second_order.silif(*block.drive, *values, *_words(p), *block.written)


def _csilif(neuron: CSiLIF, p: Parameters, block: Block) -> None:
    values = p["threshold"], p["reset"], p["real"], p["imaginary"]
    second_order.csilif(*block.drive, *values, *_words(p), *block.written)


def _adalif(neuron: AdaLIF, p: Parameters, block: Block) -> None:
    values = p["threshold"], p["alpha"], p["beta"], p["jump"]
    second_order.adalif(*block.drive, *values, *_words(p), *block.written)


def _words(p: Parameters) -> tuple[np.ndarray, ...]:
    """Word lengths of the models with two state words."""
    return p["shift"], p["coefficient_bits"], p["state_bits"]


def _integrator(neuron: Integrator, p: Parameters, block: Block) -> None:
    current, bias = block.drive
    block.state[:] += current.sum(axis=0, dtype=np.int64) + len(current) * bias


def _leaky_integrator(neuron: LeakyIntegrator, p: Parameters, block: Block) -> None:
    kernels.leaky_integrator(*block.drive, p["decay"], neuron.decay_bits, block.state)


def _cuba_li(neuron: CubaLI, p: Parameters, block: Block) -> None:
    decays = p["decay"], p["synaptic_decay"], neuron.decay_bits
    kernels.cuba_li(*block.drive, *decays, block.state)


def _leaky_sum(neuron: LeakySum, p: Parameters, block: Block) -> None:
    second_order.leaky_sum(*block.drive, p["alpha"], *_words(p), block.state)


UPDATES: dict[type[NeuronModel], Callable[[Any, Parameters, Block], None]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical_lif,
    LIF: _lif,
    CubaLIF: _cuba_lif,
    UltraDLIF: _ultradlif,
    LogMaxLIF: _log_max_lif,
    MultiThreshold: _multi_threshold,
    GradedLogMaxLIF: _graded_log_max_lif,
    GradedLIF: _graded_lif,
    GradedUltraDLIF: _graded_ultradlif,
    SiLIF: _silif,
    CSiLIF: _csilif,
    AdaLIF: _adalif,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
    CubaLI: _cuba_li,
    LeakySum: _leaky_sum,
}
"""Updates by model."""
