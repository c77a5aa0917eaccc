"""Updates of the neuron models by compiled kernels, one function a model.

An update takes the neuron, its integers int64 by name, bias int64 [neuron], current int32 [time,
batch, neuron], and the state int64 [batch, words · neuron], which it changes in place; models that
fire write spikes uint8 [time, batch, neuron] too.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ultralif_deploy.program.fixed import largest_held
from ultralif_deploy.program.neurons import (
    LIF,
    AdaLIF,
    CSiLIF,
    CubaLI,
    CubaLIF,
    Integrator,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    NeuronModel,
    SiLIF,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.fast import kernels, second_order

Parameters = dict[str, np.ndarray]

MODES = {name: position for position, name in enumerate(RESETS)}
"""Reset modes as the kernels number them."""


def _threshold(
    neuron: Threshold,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    kernels.threshold(current, bias, p["threshold"], spikes)


def _tropical_lif(
    neuron: TropicalLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    kernels.tropical_lif(current, bias, p["threshold"], p["decay"], p["reset"], state, spikes)


def _lif(
    neuron: LIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    decay = p["decay"], neuron.decay_bits
    kernels.lif(current, bias, p["threshold"], *decay, *_firing(neuron, p), state, spikes)


def _cuba_lif(
    neuron: CubaLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    decays = p["decay"], p["synaptic_decay"], neuron.decay_bits
    kernels.cuba_lif(current, bias, p["threshold"], *decays, *_firing(neuron, p), state, spikes)


def _firing(neuron: LIF | CubaLIF, p: Parameters) -> tuple[Any, ...]:
    """What the kernels of leaky models take between decays and state."""
    top = largest_held(neuron.membrane_bits)
    floor = p.get("floor", np.full(len(p["reset"]), -top))
    mode = MODES[neuron.reset_mode]
    return p["reset"], floor, mode, neuron.fraction_bits, top, neuron.most_spikes


def _ultradlif(
    neuron: UltraDLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    ring = p["decay"], neuron.decay_bits, neuron.form == "released", neuron.stride
    kernels.ultradlif(current, bias, p["threshold"], *ring, state, spikes)


def _log_max_lif(
    neuron: LogMaxLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    table = p["decay"], p["table"], neuron.shift
    kernels.log_max_lif(current, bias, p["threshold"], *table, state, spikes)


def _silif(
    neuron: SiLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    values = p["threshold"], p["reset"], p["alpha"], p["beta"], p["a"], p["b"]
    second_order.silif(current, bias, *values, *_words(p), state, spikes)


def _csilif(
    neuron: CSiLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    values = p["threshold"], p["reset"], p["real"], p["imaginary"]
    second_order.csilif(current, bias, *values, *_words(p), state, spikes)


def _adalif(
    neuron: AdaLIF,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
    spikes: np.ndarray,
) -> None:
    values = p["threshold"], p["alpha"], p["beta"], p["jump"]
    second_order.adalif(current, bias, *values, *_words(p), state, spikes)


def _words(p: Parameters) -> tuple[np.ndarray, ...]:
    """Word lengths of the models with two state words."""
    return p["shift"], p["coefficient_bits"], p["state_bits"]


def _integrator(
    neuron: Integrator, p: Parameters, bias: np.ndarray, current: np.ndarray, state: np.ndarray
) -> None:
    state += current.sum(axis=0, dtype=np.int64) + len(current) * bias


def _leaky_integrator(
    neuron: LeakyIntegrator,
    p: Parameters,
    bias: np.ndarray,
    current: np.ndarray,
    state: np.ndarray,
) -> None:
    kernels.leaky_integrator(current, bias, p["decay"], neuron.decay_bits, state)


def _cuba_li(
    neuron: CubaLI, p: Parameters, bias: np.ndarray, current: np.ndarray, state: np.ndarray
) -> None:
    decays = p["decay"], p["synaptic_decay"], neuron.decay_bits
    kernels.cuba_li(current, bias, *decays, state)


def _leaky_sum(
    neuron: LeakySum, p: Parameters, bias: np.ndarray, current: np.ndarray, state: np.ndarray
) -> None:
    second_order.leaky_sum(current, bias, p["alpha"], *_words(p), state)


UPDATES: dict[type[NeuronModel], Callable[..., None]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical_lif,
    LIF: _lif,
    CubaLIF: _cuba_lif,
    UltraDLIF: _ultradlif,
    LogMaxLIF: _log_max_lif,
    SiLIF: _silif,
    CSiLIF: _csilif,
    AdaLIF: _adalif,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
    CubaLI: _cuba_li,
    LeakySum: _leaky_sum,
}
"""Updates by model."""
