"""Exact and fast on a CPU: event-driven kernels or integer matrix products, whichever is faster.

Both ways are timed once for each projection and each share of active inputs, on the user's own
spikes. They give the same integers, so the choice changes only the time. Populations run over all
timesteps at once, but those that hear each other timestep by timestep (`program/stages.py`).
Most programs have one more way, which runs all populations in one compiled call (`whole/`). It is
timed against the other.
"""

import functools
from collections.abc import Callable, Sequence

import numpy as np

from ultralif_deploy.io.parallel import cores
from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.program.graph import INPUT, Identity, Projection
from ultralif_deploy.program.neurons import entry_for
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.stages import Stage, heard_in, one_later
from ultralif_deploy.program.trace import EventCounts, Trace, join_traces
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.synapses import (
    TIMED_ROWS,
    Synapses,
    active_share,
    currents,
    synapses,
)
from ultralif_deploy.simulators.fast.tally import costs, count, exact_within
from ultralif_deploy.simulators.fast.updates import UPDATES, Block
from ultralif_deploy.simulators.fast.whole import models, whole
from ultralif_deploy.simulators.fast.whole.whole import Whole, WholeRun
from ultralif_deploy.simulators.native.timing import seconds
from ultralif_deploy.simulators.native.workers import workers
from ultralif_deploy.simulators.streams import Memory, Stream, initial_memory, run_until_exit

CHUNK_VALUES = 1 << 22
"""Values of one population that a thread handles at once. Chunks are long, because threads need the
interpreter's lock between chunks and then wait for each other."""


def load(program: Program) -> "Fast":
    """Make a program ready to run."""
    return Fast(program)


def stream(program: Program, batch: int = 1) -> Stream:
    """Make a program ready to run timestep by timestep, as its inputs arrive.

    Args:
        program: any.
        batch: number of samples that run beside each other.
    """
    return Stream(program, load(program).step, batch)


Counters = dict[tuple[str, bool], np.ndarray]
"""Int64 [1 + projection, batch]: spikes, then operations of each outgoing projection. Keys are the
source and whether the projections act one timestep later."""


Way = Callable[[np.ndarray, bool], Trace]
"""Runs contiguous inputs uint8 [time, batch, input]; the bool says whether to record spikes."""


class Fast:
    """A program with its weights laid out for the kernels."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.synapses: dict[str, Synapses] = {}
        for p in program.projections:
            if (made := synapses(p.map, program.largest_sent(p.source))) is not None:
                self.synapses[p.name] = made
        self.updates = {
            p.name: entry_for(UPDATES, p.neuron, p.name, "fast")(p) for p in program.populations
        }
        self.bias = {p.name: p.bias.astype(np.int64) for p in program.populations}
        self.parameters = {
            p.name: {k: v.astype(np.int64) for k, v in p.parameters().items()}
            for p in program.populations
        }
        # Keys as in `Counters`: projections, and what each spike adds to the counters.
        self.outgoing = {
            (source, False): self._costs(source, delayed=False)
            for source in (INPUT, *(p.name for p in program.populations if p.spikes))
        }
        for p in program.projections:
            if p.name in program.delayed:
                self.outgoing[p.source, True] = self._costs(p.source, delayed=True)
        self.threads = cores()
        self.whole = Whole(program) if whole.runs(program) else None
        self.ways: list[Way] = [self._by_population]
        self.ways += [] if self.whole is None else [self._by_whole]
        self.fastest: dict[int, Way] = {}

    def executed(self) -> dict[str, np.ndarray]:
        """The integers that `run` uses, read back from every way to run.

        If the ways hold different values, −1 is returned instead, so that no digest can match.
        """
        arrays = {name: s.weights() for name, s in self.synapses.items()}
        weights, values = ({}, {}) if self.whole is None else self.whole.executed()
        for name, weight in weights.items():
            if not np.array_equal(weight, arrays[name]):
                arrays[name] = np.full_like(weight, -1)
        arrays |= {f"{name}.bias": bias for name, bias in self.bias.items()}
        for name, parameters in self.parameters.items():
            arrays |= {f"{name}.{k}": v for k, v in parameters.items()}
        for name, found in values.items():
            lanes = models.lanes_of(self.program.population(name))
            if lanes is None or not np.array_equal(found, lanes.own()):
                for k in self.parameters[name]:
                    arrays[f"{name}.{k}"] = np.full_like(arrays[f"{name}.{k}"], -1)
        return arrays

    def describe(self) -> Facts:
        """Nothing besides the program itself."""
        return {}

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input], on all cores."""
        self.program.check_input_shape(inputs)
        return self._run(self._choose(inputs), inputs, record)

    def run_until_exit(self, inputs: np.ndarray, rule: ExitRule, record: bool = False) -> Stopped:
        """The same one timestep after the other, without the samples that have stopped.

        Args:
            inputs: inputs with as many timesteps as the rule has.
            rule: exit rule that says when samples stop.
            record: keep the spikes.
        """
        self.program.check_input_shape(inputs)
        if self.whole is None:
            return run_until_exit(self.program, self.step, inputs, rule, record)
        rule.check(self.program, inputs)
        run = self.whole.run(np.ascontiguousarray(inputs), record, self.threads, rule)
        trace = Trace(run.logits, self._counted(inputs, run), run.spikes)
        assert run.timesteps is not None
        return Stopped(trace, run.timesteps)

    def step(self, inputs: np.ndarray, record: bool, memory: Memory) -> Trace:
        """Run one timestep, as `streams.Step` says.

        Args:
            inputs: uint8 [1, batch, input].
            record: keep the spikes.
            memory: of these samples; it is changed.
        """
        if self.whole is not None:
            return self._step_whole(inputs, record, memory)
        return self._in_chunks(
            inputs,
            self._chunk(inputs),
            lambda chunk, samples: self._by_population(chunk, record, memory.of(samples)),
        )

    def _run(self, way: Way, inputs: np.ndarray, record: bool) -> Trace:
        """Run one way, in chunks of samples on all cores."""
        if way == self._by_whole:  # it gives samples to threads itself
            return way(np.ascontiguousarray(inputs), record)
        return self._in_chunks(inputs, self._chunk(inputs), lambda chunk, _: way(chunk, record))

    def _in_chunks(
        self, inputs: np.ndarray, length: int, run: Callable[[np.ndarray, slice], Trace]
    ) -> Trace:
        """Run so many samples at once, on all cores."""
        batch = inputs.shape[1]
        if length >= batch:
            return run(np.ascontiguousarray(inputs), slice(0, batch))
        places = [slice(i, i + length) for i in range(0, batch, length)]
        traces: list[Trace | None] = [None] * len(places)
        waiting = iter(enumerate(places))  # shared by the threads; each takes the next chunk

        def work() -> None:
            for i, samples in waiting:
                traces[i] = run(np.ascontiguousarray(inputs[:, samples]), samples)

        workers().together(work)
        return join_traces([trace for trace in traces if trace is not None])

    def _chunk(self, inputs: np.ndarray) -> int:
        """Number of samples that one thread handles at once."""
        steps: int
        batch: int
        steps, batch, _ = inputs.shape
        widest = max(self.program.input.size, *(p.size for p in self.program.populations))
        most = max(1, CHUNK_VALUES // max(1, steps * widest))
        return max(1, min(most, -(-batch // self.threads)) if batch > 16 else batch)

    def _choose(self, inputs: np.ndarray) -> Way:
        """The fastest way for this share of active inputs, timed once on a chunk for each core."""
        steps, batch, _ = inputs.shape
        if len(self.ways) == 1 or steps * batch < TIMED_ROWS:
            # All populations together cost one call where each costs several alone.
            return self.ways[-1]
        if self.whole is not None and not self.fastest:
            self.whole.time_terms()
        share = active_share(inputs)
        if share not in self.fastest:
            some = inputs[:, : self._chunk(inputs) * self.threads]
            taken = [seconds(functools.partial(self._run, f, some, False)) for f in self.ways]
            self.fastest[share] = self.ways[int(np.argmin(taken))]
        return self.fastest[share]

    def _by_whole(self, inputs: np.ndarray, record: bool) -> Trace:
        """All populations in one compiled call; `Whole` gives samples to threads."""
        assert self.whole is not None
        run = self.whole.run(inputs, record, self.threads)
        return Trace(run.logits, self._counted(inputs, run), run.spikes)

    def _counted(self, inputs: np.ndarray, run: WholeRun) -> EventCounts:
        """Counts of a run of the whole program; refuses inputs above the maximum."""
        assert self.whole is not None
        self.program.check_largest_input(run.highest)
        time, batch, _ = inputs.shape
        return EventCounts(batch, time, run.operations, run.spike_counts, self.program.multiplies)

    def _step_whole(self, inputs: np.ndarray, record: bool, memory: Memory) -> Trace:
        """The same for one timestep, on from a memory."""
        assert self.whole is not None
        carried = self.whole.carried_by(memory)
        run = self.whole.run(np.ascontiguousarray(inputs), record, self.threads, carried=carried)
        counts = self._counted(inputs, run)
        self.whole.keep(carried, memory)
        return Trace(run.logits, counts, run.spikes)

    def _by_population(
        self, inputs: np.ndarray, record: bool, memory: Memory | None = None
    ) -> Trace:
        """One stage of populations after the other."""
        program = self.program
        steps, batch, _ = inputs.shape
        counters = self._counters(inputs)
        memory = memory or initial_memory(program, batch)
        sent, kept = {INPUT: inputs}, dict[str, np.ndarray]()
        for stage in program.stages:
            chosen = [program.population(name) for name in stage.populations]
            for p in chosen:
                sent[p.name] = np.empty((steps, batch, p.size * p.spikes), dtype=np.uint8)
            (self._in_blocks if stage.loops else self._at_once)(stage, sent, memory)
            for source in stage.ended:
                kept[source] = sent.pop(source)
                self._count(source, kept[source], memory.last.get(source), counters)
                if not record:
                    del kept[source]
        counts = self._counts(inputs, counters)
        logits = memory.states[program.readout.name][:, : program.readout.size]
        spikes = {p.name: kept[p.name] for p in program.populations if record and p.spikes}
        return Trace(np.ascontiguousarray(logits), counts, spikes if record else None)

    def _at_once(self, stage: Stage, sent: dict[str, np.ndarray], memory: Memory) -> None:
        """Run one population over all timesteps; writes its spikes into `sent`."""
        (name,) = stage.populations
        population = self.program.population(name)
        current = self._current(population, sent, memory)
        self._update(population, current, sent[population.name], memory)

    def _in_blocks(self, stage: Stage, sent: dict[str, np.ndarray], memory: Memory) -> None:
        """Run populations that hear each other, block by block; writes into `sent`."""
        names = stage.populations
        chosen = [self.program.population(name) for name in names]
        outer = {p.name: self._current(p, sent, memory, names) for p in chosen}
        inner = {
            p.name: [q for q in self.program.incoming(p.name) if q.source in names] for p in chosen
        }
        for name, window in stage.windows(len(sent[names[0]])):
            current = outer[name][window]
            for q in inner[name]:
                late = q.name in self.program.delayed
                before = memory.last.get(q.source)
                heard = heard_in(window, sent[q.source], late=late, before=before)
                current = current + self._project(q, heard)
            self._update(self.program.population(name), current, sent[name][window], memory)

    def _update(
        self, population: Population, current: np.ndarray, spikes: np.ndarray, memory: Memory
    ) -> None:
        """Change a population's state by currents, and write its spikes."""
        name = population.name
        written = spikes if population.spikes else None
        block = Block(current, self.bias[name], memory.states[name], written)
        self.updates[name](block)

    def _count(
        self, source: str, sent: np.ndarray, last: np.ndarray | None, counters: Counters
    ) -> None:
        """Count what a population sent, and keep its last timestep where one comes later."""
        if source != INPUT and (source, False) in counters:
            count(sent, *self.outgoing[source, False][1:], counters[source, False])
        if last is not None:
            late = one_later(sent, last)
            count(late, *self.outgoing[source, True][1:], counters[source, True])
            last[:] = sent[-1:] if len(sent) else last

    def _counters(self, inputs: np.ndarray) -> Counters:
        """Counters of a chunk, with the inputs counted; refuses inputs above the maximum."""
        counters = {
            key: np.zeros((len(cost), inputs.shape[1]), dtype=np.int64)
            for key, (_, cost, _) in self.outgoing.items()
        }
        highest = count(inputs, *self.outgoing[INPUT, False][1:], counters[INPUT, False])
        self.program.check_largest_input(highest)
        return counters

    def _counts(self, inputs: np.ndarray, counters: Counters) -> EventCounts:
        return EventCounts(
            inputs.shape[1],
            inputs.shape[0],
            {
                name: counters[key][1 + row]
                for key, (names, *_) in self.outgoing.items()
                for row, name in enumerate(names)
            },
            {source: count[0] for (source, delayed), count in counters.items() if not delayed},
            self.program.multiplies,
        )

    def _costs(self, source: str, *, delayed: bool) -> tuple[list[str], np.ndarray, int]:
        """Projections from a source, what a spike adds to `Counters`, and its `exact_within`."""
        program = self.program
        projections = [
            p
            for p in program.projections
            if p.source == source and (p.name in program.delayed) == delayed
        ]
        size = program.input.size if source == INPUT else program.population(source).size
        cost = costs([p.map.fan_out() for p in projections], size)
        return [p.name for p in projections], cost, exact_within(cost)

    def _current(
        self,
        population: Population,
        sent: dict[str, np.ndarray],
        memory: Memory,
        without: Sequence[str] = (),
    ) -> np.ndarray:
        """Sum of the projections but those from some sources, int32 [time, batch, neuron]."""
        total: np.ndarray | None = None
        for projection in self.program.incoming(population.name):
            source = projection.source
            if source not in without:
                late = projection.name in self.program.delayed
                heard = one_later(sent[source], memory.last[source]) if late else sent[source]
                term = self._project(projection, heard)
                total = term if total is None else total + term
        if total is None:
            shape = sent[population.name].shape[:2]
            return np.zeros((*shape, population.size), dtype=np.int32)
        return total

    def _project(self, projection: Projection, signal: np.ndarray) -> np.ndarray:
        """Current int32 [time, batch, neuron] of one projection."""
        if isinstance(projection.map, Identity):
            return signal.astype(np.int32)
        return currents(self.synapses[projection.name], signal)
