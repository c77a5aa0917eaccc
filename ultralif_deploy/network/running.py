"""Run the hard float64 network in NumPy; the integer program is compared with this run."""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.program.graph import INPUT


@dataclass(frozen=True, slots=True, eq=False)
class HardTrace:
    """The result of a run of the hard network.

    Attributes:
        logits: float64 [batch, class].
        spikes: spikes of each spiking population, bool [time, batch, neuron]; uint8 if a neuron may
            fire more than once in a timestep.
        margins: v − θ of each spiking population before the reset, float64 [time, batch, neuron].
    """

    logits: np.ndarray
    spikes: dict[str, np.ndarray]
    margins: dict[str, np.ndarray]


def run_hard(network: Network, values: np.ndarray) -> HardTrace:
    """Run the network on integer inputs uint8 [time, batch, input].

    If the inputs have more than T timesteps, the first T are used. Feed-forward
    networks run population by population; networks with delayed projections run timestep by
    timestep.
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
        network: network with the projections into the population.
        population: population that receives the current.
        signals: signal of each source, [time, batch, source], by the name of the source.
    """
    summed = population.bias
    for projection in network.incoming(population.name):
        summed = summed + projection.map.apply(
            signals[projection.source].astype(np.float64, copy=False)
        )
    return summed


def _run_by_population(network: Network, inputs: np.ndarray) -> HardTrace:
    signals: dict[str, np.ndarray] = {INPUT: inputs}
    margins: dict[str, np.ndarray] = {}
    logits = np.zeros((inputs.shape[1], network.populations[-1].size))
    for population in network.populations:
        current = total_current(network, population, signals)
        if population.neuron.FIRES:
            spikes, margins[population.name] = population.neuron.run(current)
            signals[population.name] = spikes
        else:
            logits = population.neuron.read(current) / network.divisor
    del signals[INPUT]
    return HardTrace(logits, signals, margins)


def _run_by_timestep(network: Network, inputs: np.ndarray) -> HardTrace:
    time, batch = inputs.shape[:2]
    delayed = network.delayed()
    states, last = {}, {}
    for p in network.populations:
        states[p.name] = p.neuron.initial_state((batch, p.size))
        last[p.name] = np.zeros((batch, p.size), dtype=p.neuron.spike_type)
    spiking = [p for p in network.populations if p.neuron.FIRES]
    spikes = {p.name: np.empty((time, batch, p.size), p.neuron.spike_type) for p in spiking}
    margins = {p.name: np.empty((time, batch, p.size)) for p in spiking}
    for t in range(time):
        now: dict[str, np.ndarray] = {INPUT: inputs[t]}
        for p in network.populations:
            current = np.zeros((batch, p.size)) + p.bias
            for projection in network.incoming(p.name):
                signal = (last if projection.name in delayed else now)[projection.source]
                current += projection.map.apply(signal.astype(np.float64))
            now[p.name], margin, states[p.name] = p.neuron.step(current, states[p.name])
            if p.name in spikes:
                spikes[p.name][t], margins[p.name][t] = now[p.name], margin
        last = now
    readout = network.populations[-1]
    logits = states[readout.name][:, : readout.size] / network.divisor
    return HardTrace(logits, spikes, margins)
