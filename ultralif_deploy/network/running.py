"""Run the hard float64 network in NumPy; the integer program is compared with this run."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.network.network import Network, Population
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.stages import Stage, heard_in, one_later


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

    If the inputs have more than T timesteps, the first T are used. Populations run one after the
    other, each over all timesteps at once; those that hear each other run block by block.
    """
    values = values[: network.timesteps]
    inputs = values.astype(np.float64)
    if not network.input.plain:
        inputs = network.input.scale * inputs + network.input.offset
    run = _Run(network, inputs)
    for stage in network.stages():
        run.along(stage)
    spiking = [p.name for p in network.populations if p.neuron.FIRES]
    margins = {name: run.margins[name] for name in spiking}
    return HardTrace(run.logits, {name: run.sent[name] for name in spiking}, margins)


def total_current(
    network: Network,
    population: Population,
    signals: Mapping[str, np.ndarray],
    without: Collection[str] = (),
) -> np.ndarray:
    """Current with bias [time, batch, neuron] of a population from the signals of its sources.

    Args:
        network: network with the projections into the population.
        population: population that receives the current.
        signals: signal of each source, [time, batch, source], by the name of the source.
        without: sources that are left out.
    """
    delayed = network.delayed()
    time, batch = signals[INPUT].shape[:2]
    total = np.broadcast_to(population.bias, (time, batch, population.size))
    for projection in network.incoming(population.name):
        if projection.source not in without:
            sent = signals[projection.source].astype(np.float64, copy=False)
            late = projection.name in delayed
            term = projection.map.apply(one_later(sent) if late else sent)
            # An identity returns its signal, which other populations read as well.
            fresh = term if not np.may_share_memory(term, sent) else None
            total = np.add(total, term, out=total if total.flags.writeable else fresh)
    return total


class _Run:
    """One run of a network.

    Args:
        network: the network.
        inputs: real inputs, float64 [time, batch, input].

    Attributes:
        sent: what the input and every population that has run sent, [time, batch, neuron].
        margins: v − θ of every spiking population that has run, float64 [time, batch, neuron].
        logits: what was read, float64 [batch, class].
    """

    def __init__(self, network: Network, inputs: np.ndarray) -> None:
        self.network = network
        self.delayed = network.delayed()
        self.sent: dict[str, np.ndarray] = {INPUT: inputs}
        self.margins: dict[str, np.ndarray] = {}
        self.logits = np.zeros((inputs.shape[1], network.populations[-1].size))

    def along(self, stage: Stage) -> None:
        """Run the populations of a stage over all timesteps."""
        chosen = [p for p in self.network.populations if p.name in stage.populations]
        if stage.loops:
            self._by_blocks(stage, chosen)
            return
        (population,) = chosen
        current = total_current(self.network, population, self.sent)
        if population.neuron.FIRES:
            name = population.name
            self.sent[name], self.margins[name], _ = population.neuron.run(current)
        else:
            self.logits = population.neuron.read(current) / self.network.divisor

    def _by_blocks(self, stage: Stage, together: list[Population]) -> None:
        """Run populations that hear each other; read-outs are never among them."""
        time, batch = self.sent[INPUT].shape[:2]
        names = [p.name for p in together]
        currents = {p.name: total_current(self.network, p, self.sent, names) for p in together}
        states = {p.name: p.neuron.initial_state((batch, p.size)) for p in together}
        for p in together:
            self.sent[p.name] = np.zeros((time, batch, p.size), p.neuron.spike_type)
            self.margins[p.name] = np.empty((time, batch, p.size))
        inner = {
            p.name: [q for q in self.network.incoming(p.name) if q.source in names]
            for p in together
        }
        neurons = {p.name: p.neuron for p in together}
        for name, window in stage.windows(time):
            current = currents[name][window]
            for q in inner[name]:
                heard = heard_in(window, self.sent[q.source], late=q.name in self.delayed)
                current = current + q.map.apply(heard.astype(np.float64))
            spikes, margin, states[name] = neurons[name].run(current, states[name])
            self.sent[name][window], self.margins[name][window] = spikes, margin
