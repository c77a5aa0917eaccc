"""Running the hard float64 network in NumPy: what the integer program is measured against."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.network.log_max import exact_correction
from ultralif_deploy.network.network import (
    LIF,
    READOUTS,
    SECOND_ORDER,
    CubaLI,
    CubaLIF,
    Integrator,
    LeakyIntegrator,
    LogMaxLIF,
    Network,
    Neuron,
    Population,
    Threshold,
    TropicalLIF,
    UltraDLIF,
    most_spikes,
)
from ultralif_deploy.network.second_order import second_order_stepper
from ultralif_deploy.program.graph import INPUT


@dataclass(frozen=True, slots=True, eq=False)
class HardTrace:
    """What a run of the hard network leaves.

    Attributes:
        logits: float64 [batch, class].
        spikes: per spiking population, bool [time, batch, neuron]; uint8 where a neuron may fire
            more than once in a timestep.
        margins: per spiking population, v − θ before the reset, float64 [time, batch, neuron].
    """

    logits: np.ndarray
    spikes: dict[str, np.ndarray]
    margins: dict[str, np.ndarray]


def run_hard(network: Network, values: np.ndarray) -> HardTrace:
    """Run the network on integer inputs uint8 [time, batch, input]; [time ≥ T] uses the first T.

    Feed-forward networks run population by population; networks with delayed projections run
    timestep by timestep.
    """
    values = values[: network.timesteps]
    inputs = network.input.scale * values.astype(np.float64) + network.input.offset
    run = _run_by_timestep if network.delayed() else _run_by_population
    return run(network, inputs)


def total_current(
    network: Network, population: Population, signals: dict[str, np.ndarray]
) -> np.ndarray:
    """Current [time, batch, neuron] of a population from the signals of its sources.

    Args:
        network: whose projections count.
        population: that receives the current.
        signals: what each source sends, [time, batch, source], by the name of the source.
    """
    summed = population.bias
    for projection in network.incoming(population.name):
        summed = summed + projection.map.apply(signals[projection.source].astype(np.float64))
    return summed


def run_population(neuron: Neuron, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Spikes and v − θ, both [time, batch, neuron], for a current of that shape."""
    step, state = stepper(neuron, current.shape[1:])
    spikes = np.empty(current.shape, dtype=spike_type(neuron))
    margins = np.empty(current.shape)
    for t, now in enumerate(current):
        spikes[t], margins[t], state = step(now, state)
    return spikes, margins


def spike_type(neuron: Neuron) -> np.dtype[Any]:
    """What holds the spikes of one timestep."""
    return np.dtype(np.uint8 if most_spikes(neuron) > 1 else bool)


Step = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, ...]]


def stepper(neuron: Neuron, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    """The update (current, v) -> (spike, v − θ, next v) of a model, and the initial v."""
    return _STEPPERS[type(neuron)](neuron, shape)


def _threshold(neuron: Threshold, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        margin = current - neuron.threshold
        return _fires(margin, neuron.inclusive), margin, v

    return step, np.zeros(shape)


def _tropical(neuron: TropicalLIF, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        v = np.maximum(v - neuron.decay, current)
        margin = v - neuron.threshold
        spike = _fires(margin, neuron.inclusive)
        return spike, margin, np.where(spike, neuron.reset, v)

    return step, np.broadcast_to(neuron.initial, shape)


def _ring(neuron: UltraDLIF, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        if neuron.form == "released":
            v = neuron.tau * v + current
            compared = np.maximum(v, _neighbours(v, neuron.stride))
        else:
            shared = np.maximum(neuron.tau * v, _neighbours(v, neuron.stride))
            v = compared = shared + current
        margin = compared - neuron.threshold
        spike = _fires(margin, neuron.inclusive)
        return spike, margin, np.where(spike, 0.0, v)

    return step, np.zeros(shape)


def _leaky(neuron: LIF, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        return _fire_and_reset(neuron, v, neuron.tau * v + current)

    return step, np.zeros(shape)


def _log_max(neuron: LogMaxLIF, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        kept = v - neuron.decay
        correction = exact_correction(np.abs(kept - current), neuron.epsilon)
        v = np.maximum(kept, current) + correction
        margin = v - neuron.threshold
        spike = _fires(margin, neuron.inclusive)
        return spike, margin, np.where(spike, 0.0, v)

    return step, np.zeros(shape)


def _current_based(neuron: CubaLIF, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    def step(current: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, ...]:
        v, synapse = np.split(state, 2, axis=-1)
        synapse = neuron.synaptic_tau * synapse + current
        spike, margin, v = _fire_and_reset(neuron, v, neuron.tau * v + synapse)
        return spike, margin, np.concatenate([v, synapse], axis=-1)

    return step, np.zeros((*shape[:-1], 2 * shape[-1]))


def _integrator(neuron: Integrator, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    del neuron
    silent = np.zeros(shape, dtype=bool)

    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        v = v + current
        return silent, v, v

    return step, np.zeros(shape)


def _leaky_integrator(neuron: LeakyIntegrator, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    silent = np.zeros(shape, dtype=bool)

    def step(current: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, ...]:
        v = neuron.tau * v + current
        return silent, v, v

    return step, np.zeros(shape)


def _current_based_reader(neuron: CubaLI, shape: tuple[int, ...]) -> tuple[Step, np.ndarray]:
    silent = np.zeros(shape, dtype=bool)

    def step(current: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, ...]:
        v, synapse = np.split(state, 2, axis=-1)
        synapse = neuron.synaptic_tau * synapse + current
        v = neuron.tau * v + synapse
        return silent, v, np.concatenate([v, synapse], axis=-1)

    return step, np.zeros((*shape[:-1], 2 * shape[-1]))


_STEPPERS: dict[type, Callable[..., tuple[Step, np.ndarray]]] = {
    Threshold: _threshold,
    TropicalLIF: _tropical,
    UltraDLIF: _ring,
    LIF: _leaky,
    CubaLIF: _current_based,
    LogMaxLIF: _log_max,
    Integrator: _integrator,
    LeakyIntegrator: _leaky_integrator,
    CubaLI: _current_based_reader,
    **dict.fromkeys(SECOND_ORDER, second_order_stepper),
}
"""By model: the update and the initial membrane for a shape [batch, neuron]."""


def _fire_and_reset(
    neuron: LIF | CubaLIF, before: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Spike, margin and next membrane, from the membranes before and after leak and current."""
    mode, reset, whole = neuron.reset_mode, neuron.reset, u
    held = _fires(before - neuron.threshold, neuron.inclusive)
    if mode == "late-value":
        u = np.where(held, reset, u)
    elif mode in ("late-subtract", "immediate-subtract"):
        u = u - reset * held
    margin = u - neuron.threshold
    spike = _fires(margin, neuron.inclusive)
    if mode == "value":
        u = np.where(spike, reset, u)
    elif mode == "subtract":
        if neuron.most_spikes > 1:
            spike = _spike_count(neuron, u, spike)
        u = u - reset * spike
    elif mode == "immediate-subtract":
        u = whole - reset * spike
    return spike, margin, u if neuron.floor is None else np.maximum(u, neuron.floor)


def _spike_count(neuron: LIF | CubaLIF, u: np.ndarray, fired: np.ndarray) -> np.ndarray:
    """How often u passes θ, θ + R, θ + 2·R, …; of θ = R that is u/θ without its fraction."""
    times = (u - (neuron.threshold - neuron.reset)) / neuron.reset
    passed = np.floor(times) if neuron.inclusive else np.ceil(times) - 1
    count: np.ndarray = np.where(fired, np.clip(passed, 1, neuron.most_spikes), 0).astype(np.uint8)
    return count


def _neighbours(v: np.ndarray, stride: int) -> np.ndarray:
    return np.maximum(np.roll(v, stride, -1), np.roll(v, -stride, -1))


def _fires(margin: np.ndarray, inclusive: bool) -> np.ndarray:
    return margin >= 0 if inclusive else margin > 0


def _run_by_population(network: Network, inputs: np.ndarray) -> HardTrace:
    signals: dict[str, np.ndarray] = {INPUT: inputs}
    margins: dict[str, np.ndarray] = {}
    logits = np.zeros((inputs.shape[1], network.populations[-1].size))
    for population in network.populations:
        current = total_current(network, population, signals)
        if isinstance(population.neuron, Integrator):
            logits = current.sum(axis=0) / network.divisor
        elif isinstance(population.neuron, READOUTS):
            _, membranes = run_population(population.neuron, current)
            logits = membranes[-1] / network.divisor
        else:
            spikes, margins[population.name] = run_population(population.neuron, current)
            signals[population.name] = spikes
    del signals[INPUT]
    return HardTrace(logits, signals, margins)


def _run_by_timestep(network: Network, inputs: np.ndarray) -> HardTrace:
    time, batch = inputs.shape[:2]
    delayed = network.delayed()
    steps, states, last = {}, {}, {}
    for p in network.populations:
        steps[p.name], states[p.name] = stepper(p.neuron, (batch, p.size))
        last[p.name] = np.zeros((batch, p.size), dtype=spike_type(p.neuron))
    spiking = [p for p in network.populations if not isinstance(p.neuron, READOUTS)]
    spikes = {p.name: np.empty((time, batch, p.size), spike_type(p.neuron)) for p in spiking}
    margins = {p.name: np.empty((time, batch, p.size)) for p in spiking}
    for t in range(time):
        now: dict[str, np.ndarray] = {INPUT: inputs[t]}
        for p in network.populations:
            current = np.zeros((batch, p.size)) + p.bias
            for projection in network.incoming(p.name):
                signal = (last if projection.name in delayed else now)[projection.source]
                current += projection.map.apply(signal.astype(np.float64))
            now[p.name], margin, states[p.name] = steps[p.name](current, states[p.name])
            if p.name in spikes:
                spikes[p.name][t], margins[p.name][t] = now[p.name], margin
        last = now
    readout = network.populations[-1]
    logits = states[readout.name][:, : readout.size] / network.divisor
    return HardTrace(logits, spikes, margins)
