"""Exact and fast on a CPU: event-driven kernels or integer matrix products, whichever is faster.

For each projection and share of active inputs both ways are timed once on the user's own spikes;
they give the same integers, so the choice changes nothing but the time. Populations run over all
timesteps at once unless a delayed projection forces single timesteps. Threshold units that hear
spikes of one dense projection alone compare their sums while these are still in registers
(`spike_rows.fire_units`). A chain of threshold units has a further form, one graph for all its
layers (`row_graph.py`), timed against the others.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from ultralif_deploy.graph import INPUT, Identity, Projection
from ultralif_deploy.program import (
    LIF,
    CubaLI,
    CubaLIF,
    LeakyIntegrator,
    LeakySum,
    LogMaxLIF,
    Population,
    Program,
    Threshold,
    TropicalLIF,
    UltraDLIF,
)
from ultralif_deploy.resets import RESETS
from ultralif_deploy.simulators import kernels, second_order
from ultralif_deploy.simulators.row_graph import RowGraph, expressible, limits
from ultralif_deploy.simulators.synapses import DenseSynapses, Synapses, synapses
from ultralif_deploy.simulators.trace import EventCounts, Trace, join_traces
from ultralif_deploy.simulators.workers import cores, workers

CHUNK_VALUES = 1 << 22
"""Signals of one population handled at once by one thread: few and long chunks, because threads
that meet at the interpreter's lock between them wait for each other."""

TIMED_ROWS = 256
"""Fewer rows (timesteps · samples · positions) say nothing about speed; they go to events."""


def load(program: Program) -> "Fast":
    """Make a program ready to run."""
    return Fast(program)


MODES = {name: position for position, name in enumerate(RESETS)}
"""Reset modes as the kernels number them."""

Sent = dict[str, np.ndarray]
"""Spikes sent, int64 [batch], by source."""

Operations = dict[tuple[str, bool], np.ndarray]
"""Synaptic operations, int64 [projection, batch], by source and whether delayed."""


@dataclass(frozen=True, slots=True, eq=False)
class _Unit:
    """What threshold units that hear one projection alone are computed from."""

    source: str
    forms: DenseSynapses
    limit: np.ndarray


class Fast:
    """A program with its weights laid out for the kernels."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.synapses: dict[str, Synapses] = {}
        for p in program.projections:
            largest = program.input.maximum if p.source == INPUT else 1
            if (made := synapses(p.map, largest)) is not None:
                self.synapses[p.name] = made
        self.bias = {p.name: p.bias.astype(np.int64) for p in program.populations}
        self.parameters = {
            p.name: {k: v.astype(np.int64) for k, v in p.parameters().items()}
            for p in program.populations
        }
        # By source, and whether one timestep later: projections and their fan-out [P, source].
        self.outgoing = {
            (source, False): self._fan_outs(source, delayed=False)
            for source in (INPUT, *(p.name for p in program.populations if p.spikes))
        }
        for p in program.projections:
            if p.name in program.delayed:
                self.outgoing[p.source, True] = self._fan_outs(p.source, delayed=True)
        self.units = {p.name: u for p in program.populations if (u := self._unit(p)) is not None}
        self.threads = cores()
        self.graph = _row_graph(program)
        self.graph_faster: bool | None = None

    def executed(self) -> dict[str, np.ndarray]:
        """The integers that `run` uses, read back from the layouts of every form.

        Where the forms differ the values come back as −1, so that no digest of theirs can hold.
        """
        arrays = {name: s.weights() for name, s in self.synapses.items()}
        for name, weight in {} if self.graph is None else self.graph.weights.items():
            if not np.array_equal(weight, arrays[name]):
                arrays[name] = np.full_like(weight, -1)
        arrays |= {f"{name}.bias": bias for name, bias in self.bias.items()}
        for name, parameters in self.parameters.items():
            arrays |= {f"{name}.{k}": v for k, v in parameters.items()}
        units = {name: unit.limit for name, unit in self.units.items()}
        for held in (units, {} if self.graph is None else self.graph.limits):
            for name, limit in held.items():
                threshold = arrays[f"{name}.threshold"]
                if not np.array_equal(limit, limits(self.bias[name], threshold)):
                    arrays[f"{name}.threshold"] = np.full_like(threshold, -1)
        return arrays

    def describe(self) -> dict[str, Any]:
        """Nothing beside the program itself."""
        return {}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], in chunks of samples on all cores."""
        self.program.check_input_shape(inputs)
        steps, batch, _ = inputs.shape
        widest = max(self.program.input.size, *(p.size for p in self.program.populations))
        most = max(1, CHUNK_VALUES // max(1, steps * widest))
        length = max(1, min(most, -(-batch // self.threads)) if batch > 16 else batch)
        chunks = [inputs[:, i : i + length] for i in range(0, batch, length)] or [inputs]
        run_chunk = self._choose(chunks[0])
        traces: list[Trace | None] = [None] * len(chunks)
        waiting = iter(enumerate(chunks))  # shared by the threads; each takes the next

        def work() -> None:
            for i, chunk in waiting:
                chunk = np.ascontiguousarray(chunk)  # as the kernels want it, and in the cache
                self.program.check_input_values(chunk)
                traces[i] = run_chunk(chunk, record)

        if len(chunks) > 1:
            workers().together(work)
        else:
            work()
        done = [trace for trace in traces if trace is not None]
        return done[0] if len(done) == 1 else join_traces(done)

    def _choose(self, inputs: np.ndarray) -> Callable[[np.ndarray, bool], Trace]:
        """The way to run a chunk, timed once on a chunk that is large enough."""
        if self.graph is None:
            return self._by_population
        if self.graph_faster is None and inputs.shape[0] * inputs.shape[1] >= TIMED_ROWS:
            inputs = np.ascontiguousarray(inputs)

            def by_graph() -> object:
                return self._by_graph(inputs, record=False)

            def by_population() -> object:
                return self._by_population(inputs, record=False)

            self.graph_faster = _seconds(by_graph) < _seconds(by_population)
        return self._by_population if self.graph_faster is False else self._by_graph

    def _by_graph(self, inputs: np.ndarray, record: bool) -> Trace:
        """All layers of a chain at once."""
        assert self.graph is not None
        logits, fired = self.graph.run(inputs)
        spikes, operations = self._no_counts(inputs.shape[1])
        for (source, _), (_, fan_out) in self.outgoing.items():
            signal = inputs if source == INPUT else fired[source]
            kernels.tally(signal, fan_out, spikes[source], operations[source, False])
        return Trace(logits, self._counts(inputs, spikes, operations), fired if record else None)

    def _by_population(self, inputs: np.ndarray, record: bool) -> Trace:
        """One population after the other."""
        program = self.program
        batch = inputs.shape[1]
        spiking = [p for p in program.populations if p.spikes]
        spikes, operations = self._no_counts(batch)
        states = {p.name: _initial(p, batch) for p in program.populations}
        recorded = {p.name: [np.empty((0, batch, p.size), dtype=np.uint8)] for p in spiking}
        last = {p.name: np.zeros((1, batch, p.size), dtype=np.uint8) for p in spiking}
        unused = np.zeros(batch, dtype=np.int64)
        for block in _blocks(inputs, bool(program.delayed)):
            now = {INPUT: block}
            for population in program.populations:
                name = population.name
                if name in self.units:
                    now[name] = self._fire_units(population, now)
                    continue
                current = self._current(population, now, last)
                if population.spikes:
                    now[name] = self._fire(population, current, states[name])
                else:
                    self._read_out(population, current, states[name])
            for (source, delayed), (_, fan_out) in self.outgoing.items():
                signal, total = (last[source], unused) if delayed else (now[source], spikes[source])
                kernels.tally(signal, fan_out, total, operations[source, delayed])
            for name, parts in recorded.items():
                parts.append(now[name])
            last = now
        kept = {k: np.concatenate(v) for k, v in recorded.items()} if record else None
        counts = self._counts(inputs, spikes, operations)
        logits = states[program.readout.name][:, : program.readout.size]
        return Trace(np.ascontiguousarray(logits), counts, kept)

    def _no_counts(self, batch: int) -> tuple[Sent, Operations]:
        """Counters at 0: spikes sent by source, operations by key of `outgoing`."""
        names = (INPUT, *(p.name for p in self.program.populations if p.spikes))
        spikes = {name: np.zeros(batch, dtype=np.int64) for name in names}
        operations = {
            key: np.zeros((len(projections), batch), dtype=np.int64)
            for key, (projections, _) in self.outgoing.items()
        }
        return spikes, operations

    def _counts(self, inputs: np.ndarray, spikes: Sent, operations: Operations) -> EventCounts:
        return EventCounts(
            inputs.shape[1],
            inputs.shape[0],
            {
                name: operations[key][row]
                for key, (names, _) in self.outgoing.items()
                for row, name in enumerate(names)
            },
            spikes,
            self.program.multiplies,
        )

    def _fan_outs(self, source: str, *, delayed: bool) -> tuple[list[str], np.ndarray]:
        """Projections from a source, and their non-zero weights per source neuron [P, source]."""
        program = self.program
        names = [
            p.name
            for p in program.projections
            if p.source == source and (p.name in program.delayed) == delayed
        ]
        size = program.input.size if source == INPUT else program.population(source).size
        rows = [p.map.fan_out() for p in program.projections if p.name in names]
        return names, np.array(rows, dtype=np.uint32).reshape(len(names), size)

    def _current(
        self, population: Population, now: dict[str, np.ndarray], last: dict[str, np.ndarray]
    ) -> np.ndarray:
        """Sum of the projections, int32 [time, batch, neuron]."""
        total: np.ndarray | None = None
        for projection in self.program.incoming(population.name):
            delayed = projection.name in self.program.delayed
            term = self._project(projection, (last if delayed else now)[projection.source])
            total = term if total is None else total + term
        assert total is not None
        return total

    def _project(self, projection: Projection, signal: np.ndarray) -> np.ndarray:
        """Current int32 [time, batch, neuron] of one projection."""
        if isinstance(projection.map, Identity):
            return signal.astype(np.int32)
        forms = self.synapses[projection.name]

        def events() -> np.ndarray:
            return forms.events(signal)

        def product() -> np.ndarray:
            return forms.product(signal)

        return _by_faster(forms, signal, events, product)

    def _unit(self, population: Population) -> "_Unit | None":
        """Threshold units that hear the spikes of one dense projection alone, at once."""
        incoming = self.program.incoming(population.name)
        forms = self.synapses.get(incoming[0].name)
        if len(incoming) > 1 or incoming[0].name in self.program.delayed:
            return None
        if not (isinstance(population.neuron, Threshold) and isinstance(forms, DenseSynapses)):
            return None
        limit = limits(population.bias, population.neuron.threshold)
        return _Unit(incoming[0].source, forms, limit) if forms.binary else None

    def _fire_units(self, population: Population, now: dict[str, np.ndarray]) -> np.ndarray:
        """Spikes uint8 [time, batch, neuron] of a population of `units`."""
        unit = self.units[population.name]
        signal = now[unit.source]
        none = np.empty(0, dtype=np.int64)  # threshold units have no state

        def events() -> np.ndarray:
            return unit.forms.fires(signal, unit.limit)

        def product() -> np.ndarray:
            return self._fire(population, unit.forms.product(signal), none)

        return _by_faster(unit.forms, signal, events, product)

    def _fire(self, population: Population, current: np.ndarray, state: np.ndarray) -> np.ndarray:
        """Spikes uint8 [time, batch, neuron]; the state is changed in place."""
        spikes = np.empty(current.shape, dtype=np.uint8)
        neuron, p = population.neuron, self.parameters[population.name]
        if type(neuron) in second_order.KERNELS:
            kernel = second_order.KERNELS[type(neuron)]
            kernel(current, self.bias[population.name], *p.values(), state, spikes)
            return spikes
        arguments = (current, self.bias[population.name], p["threshold"])
        if isinstance(neuron, Threshold):
            kernels.threshold(*arguments, spikes)
        elif isinstance(neuron, TropicalLIF):
            kernels.tropical_lif(*arguments, p["decay"], p["reset"], state, spikes)
        elif isinstance(neuron, LIF):
            mode = MODES[neuron.reset_mode]
            kernels.lif(*arguments, p["decay"], p["reset"], mode, state, spikes)
        elif isinstance(neuron, UltraDLIF):
            released = neuron.form == "released"
            kernels.ultradlif(*arguments, p["decay"], released, neuron.stride, state, spikes)
        elif isinstance(neuron, CubaLIF):
            mode, decays = MODES[neuron.reset_mode], (p["decay"], p["synaptic_decay"])
            kernels.cuba_lif(*arguments, *decays, p["reset"], mode, state, spikes)
        elif isinstance(neuron, LogMaxLIF):
            kernels.log_max_lif(*arguments, p["decay"], p["table"], neuron.shift, state, spikes)
        return spikes

    def _read_out(self, population: Population, current: np.ndarray, state: np.ndarray) -> None:
        """Add a block of currents int32 [time, batch, neuron] to the read-out's state in place."""
        p, bias = self.parameters[population.name], self.bias[population.name]
        if isinstance(population.neuron, LeakySum):
            words = p["shift"], p["coefficient_bits"], p["state_bits"]
            second_order.leaky_sum(current, bias, p["alpha"], *words, state)
        elif isinstance(population.neuron, LeakyIntegrator):
            kernels.leaky_integrator(current, bias, p["decay"], state)
        elif isinstance(population.neuron, CubaLI):
            kernels.cuba_li(current, bias, p["decay"], p["synaptic_decay"], state)
        else:
            state += current.sum(axis=0, dtype=np.int64) + len(current) * bias


def _row_graph(program: Program) -> RowGraph | None:
    if not expressible(program):
        return None
    try:
        return RowGraph(program)
    except ImportError:
        return None


def _by_faster(
    forms: Synapses,
    signal: np.ndarray,
    events: Callable[[], np.ndarray],
    product: Callable[[], np.ndarray],
) -> np.ndarray:
    """The result of the form that is faster at this share of active inputs, timed once."""
    rows = signal.shape[0] * signal.shape[1] * forms.positions
    if forms.only_events or rows < TIMED_ROWS:
        return events()
    share = np.count_nonzero(signal[0]) / signal[0].size
    octave = int(np.log2(max(share, 1e-4)))
    if octave not in forms.faster:
        forms.faster[octave] = _seconds(events) < _seconds(product)
    return events() if forms.faster[octave] else product()


def _seconds(work: Callable[[], object]) -> float:
    """Best of two timings after a first call, which may compile."""
    work()
    best = np.inf
    for _ in range(2):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return best


def _initial(population: Population, batch: int) -> np.ndarray:
    """State before the first timestep, int64 [batch, words · neuron]."""
    v = np.zeros((batch, population.words * population.size), dtype=np.int64)
    if isinstance(population.neuron, TropicalLIF):
        v += population.neuron.initial
    return v


def _blocks(inputs: np.ndarray, stepwise: bool) -> Iterator[np.ndarray]:
    """All timesteps at once, or one after the other."""
    if not stepwise:
        yield inputs
        return
    for t in range(len(inputs)):
        yield inputs[t : t + 1]
