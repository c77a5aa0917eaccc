"""Counts of the events of a run, from which the energy is estimated.

Effective synaptic operation: one weight that is not 0 met by one input that is not 0, as in
PROGRAM.md. Inputs of 0 or 1 make it an accumulate, larger ones a multiply-accumulate. Borders of
convolutions are exact; biases, thresholds and identities' wires are no weights.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ultralif_deploy.energy.chips import ChipEvents, ChipRun
from ultralif_deploy.program.graph import INPUT, WEIGHTED, AnyMap, Conv2d, Projection
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.trace import EventCounts, Trace, join_counts
from ultralif_deploy.schema.energy import CountsByPlace, Distribution
from ultralif_deploy.simulators.fast.synapses import Synapses, currents, synapses


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionEvents:
    """One projection. Arrays are int64 [batch], one value per sample, over all its timesteps.

    Attributes:
        name: `source->target`.
        source: population, or `input`.
        target: population.
        map: its weights and geometry.
        multiplies: whether its inputs may exceed 1, so that operations multiply.
        spikes: values that are not 0 sent along it.
        operations: effective synaptic operations.
        stored: weights met by `spikes`, those that are 0 among them.
        once: effective weights of the sources that sent anything, each counted once: what a network
            of activations that skips zeros would do in its single pass.
        dense: operations of one inference if no weight and no input were 0.
        weights: stored weights.
        weight_bits: bits of each weight.
    """

    name: str
    source: str
    target: str
    map: AnyMap
    multiplies: bool
    spikes: np.ndarray
    operations: np.ndarray
    stored: np.ndarray
    once: np.ndarray
    dense: int
    weights: int
    weight_bits: int


@dataclass(frozen=True, slots=True, eq=False)
class PopulationEvents:
    """One population. Arrays are int64 [batch], over all timesteps.

    Attributes:
        name: unique name.
        neurons: number of neurons.
        fires: whether it can; read-outs cannot.
        leaks: whether its update multiplies the membrane.
        spikes: number of spikes sent.
        active: updates in which the synaptic sum was not 0 or the neuron fired.
        updates: neurons · timesteps of one inference.
        biased: whether a bias is added.
        state_bits: bits of one neuron's state between timesteps; 0 without memory.
        current_bits: bits of the accumulator of a synaptic sum, from the program's proved bound.
    """

    name: str
    neurons: int
    fires: bool
    leaks: bool
    spikes: np.ndarray
    active: np.ndarray
    updates: int
    biased: bool
    state_bits: int
    current_bits: int


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Everything that was counted on a set of samples.

    Attributes:
        samples: batch size.
        timesteps: T.
        totals: spikes and operations as every back end counts them.
        inputs: values of the input per timestep.
        projections: events of the projections, in the program's order.
        populations: events of the populations, in the program's order.
        chips: events of a placed run, by chip; the reason where the chip refuses the program.
    """

    samples: int
    timesteps: int
    totals: EventCounts
    inputs: int
    projections: tuple[ProjectionEvents, ...]
    populations: tuple[PopulationEvents, ...]
    chips: Mapping[str, ChipEvents | str]

    @property
    def operations(self) -> np.ndarray:
        """Synaptic operations of every sample, int64 [batch]."""
        total: np.ndarray = np.sum([p.operations for p in self.projections], axis=0)
        return total

    @property
    def dense(self) -> int:
        """Operations of one inference if no weight and no input were 0."""
        return sum(p.dense for p in self.projections)


@dataclass(frozen=True, slots=True, eq=False)
class BlockEvents:
    """What was counted in one block of samples.

    Attributes:
        totals: spikes and operations, as the back end counted them.
        projections: by projection, `spikes`, `stored` and `once` of its events, int64 [3, batch].
        active: by population, `active` of its events, int64 [batch].
    """

    totals: EventCounts
    projections: dict[str, np.ndarray]
    active: dict[str, np.ndarray]


class BlockCounter:
    """Counts the events of single blocks. A copy in another process lays out the weights there."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def __getstate__(self) -> dict[str, Program]:
        return {"program": self.program}

    @cached_property
    def _ways(self) -> dict[str, Synapses | None]:
        """By projection, its weights as laid out to compute currents; None for identities."""
        largest = self.program.largest_sent
        return {p.name: synapses(p.map, largest(p.source)) for p in self.program.projections}

    @cached_property
    def _fan_out(self) -> dict[str, np.ndarray]:
        """By projection, weights other than 0 of each source neuron, int64 [source]."""
        return {p.name: p.map.fan_out() for p in self.program.projections}

    @cached_property
    def _stored(self) -> dict[str, np.ndarray]:
        """By projection, all weights of each source neuron, int64 [source]."""
        return {p.name: full_fan_out(p.map) for p in self.program.projections}

    def __call__(self, inputs: np.ndarray, trace: Trace) -> BlockEvents:
        """Count a run; blocks may be counted by several threads at once.

        Args:
            inputs: uint8 [time, batch, input].
            trace: trace of a run on these inputs, with spikes recorded.
        """
        assert trace.spikes is not None
        sent = {INPUT: inputs, **trace.spikes}
        per_projection = {}
        for p in self.program.projections:
            fired = np.count_nonzero(self._acting(p, sent), axis=0)  # [batch, source]
            per_projection[p.name] = np.stack(
                [
                    fired.sum(axis=1),
                    fired @ self._stored[p.name],
                    (fired > 0) @ self._fan_out[p.name],
                ]
            )
        active = {p.name: self._active(p, sent) for p in self.program.populations}
        return BlockEvents(trace.counts, per_projection, active)

    def dense(self, projection: str) -> int:
        """Operations of one timestep if no weight and no input of a projection were 0."""
        return int(self._stored[projection].sum())

    def _acting(self, projection: Projection, sent: Mapping[str, np.ndarray]) -> np.ndarray:
        """Values that act in this run: a delayed projection's last spikes come too late."""
        values = sent[projection.source]
        return values[: len(values) - 1] if projection.name in self.program.delayed else values

    def _active(self, population: Population, sent: Mapping[str, np.ndarray]) -> np.ndarray:
        """Updates int64 [batch] in which the synaptic sum was not 0, or the neuron fired."""
        time, batch, _ = sent[INPUT].shape
        current = np.zeros((time, batch, population.size), dtype=np.int32)
        for p in self.program.incoming(population.name):
            values, way = self._acting(p, sent), self._ways[p.name]
            if len(values):
                into = current[time - len(values) :]
                into += values if way is None else currents(way, values)
        active = current != 0
        if population.spikes:
            active |= sent[population.name] != 0
        updates: np.ndarray = np.count_nonzero(active, axis=(0, 2)).astype(np.int64)
        return updates


class EventCounter:
    """Counts events block by block, so that memory stays bounded.

    Attributes:
        count: counts single blocks, here or in another process.
        runs: runs on chips, of the first samples.
    """

    def __init__(self, program: Program, chips: Iterable[str] = ()) -> None:
        self.program = program
        self.count = BlockCounter(program)
        self.runs = {name: ChipRun(program, name) for name in chips}
        self._blocks: list[BlockEvents] = []

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Count a run.

        Args:
            inputs: uint8 [time, batch, input].
            trace: trace of a run on these inputs, with spikes recorded.
        """
        self.take(inputs, self.count(inputs, trace))

    def take(self, inputs: np.ndarray, counted: BlockEvents) -> None:
        """Add a block that was counted by `count`; blocks are added in the order of the samples.

        Args:
            inputs: its inputs uint8 [time, batch, input].
            counted: what was counted.
        """
        self._blocks.append(counted)
        for run in self.runs.values():
            run.add(inputs)

    def totals(self) -> EventCounts:
        """Spikes and operations of all blocks."""
        return join_counts([block.totals for block in self._blocks])

    def events(self) -> Events:
        """All blocks together."""
        program = self.program
        totals = self.totals()
        steps = totals.timesteps
        projections = []
        for p in program.projections:
            spikes, stored, once = np.concatenate(
                [block.projections[p.name] for block in self._blocks], axis=1
            )
            projections.append(
                ProjectionEvents(
                    p.name,
                    p.source,
                    p.target,
                    p.map,
                    p.name in program.multiplies,
                    spikes,
                    totals.synaptic_operations[p.name],
                    stored,
                    once,
                    steps * self.count.dense(p.name),
                    p.map.weight.size if isinstance(p.map, WEIGHTED) else 0,
                    program.formats[p.target].stored_bits,
                )
            )
        none = np.zeros(totals.samples, dtype=np.int64)
        populations = [
            PopulationEvents(
                p.name,
                p.size,
                p.spikes,
                p.neuron.MULTIPLIES,
                totals.spikes.get(p.name, none),
                np.concatenate([block.active[p.name] for block in self._blocks]),
                steps * p.size,
                bool(p.bias.any()),
                p.words * p.neuron.word_bits,
                program.current_bounds[p.name].bit_length() + 1,
            )
            for p in program.populations
        ]
        chips = {name: run.events() for name, run in self.runs.items()}
        return Events(
            totals.samples,
            steps,
            totals,
            program.input.size,
            tuple(projections),
            tuple(populations),
            chips,
        )


def full_fan_out(linear: AnyMap) -> np.ndarray:
    """Weights that each source neuron meets, zeros among them, borders exact; int64 [source]."""
    if not isinstance(linear, WEIGHTED):
        return linear.fan_out()
    return replace(linear, weight=np.ones_like(linear.weight)).fan_out()


def as_dict(events: Events) -> CountsByPlace:
    """Means of one inference by projection and population, as plain values."""

    def mean(values: np.ndarray) -> float:
        return float(values.sum()) / events.samples

    return {
        "distribution": _distribution(events.operations),
        "projections": {
            p.name: {
                "kind": type(p.map).__name__,
                "kernel": list(p.map.kernel) if isinstance(p.map, Conv2d) else None,
                "multiplies": p.multiplies,
                "spikes": mean(p.spikes),
                "operations": mean(p.operations),
                "dense_operations": p.dense,
                "weight_bits_read": mean(p.operations) * p.weight_bits if p.weights else 0.0,
            }
            for p in events.projections
        },
        "populations": {
            p.name: {
                "neurons": p.neurons,
                "spikes": mean(p.spikes),
                "updates": p.updates,
                "updates_active": mean(p.active),
                "updates_inactive": p.updates - mean(p.active),
                "state_bits_read": p.updates * p.state_bits,
                "state_bits_written": p.updates * p.state_bits,
                "bias_reads": p.updates if p.biased else 0,
                "threshold_reads": p.updates if p.fires else 0,
            }
            for p in events.populations
        },
        "chips": {
            name: {"refused": c} if isinstance(c, str) else c.as_dict()
            for name, c in events.chips.items()
        },
    }


def _distribution(operations: np.ndarray) -> Distribution:
    """Quantiles of the synaptic operations of single samples, int64 [batch]."""
    low, q25, median, q75, high = np.percentile(operations, (0, 25, 50, 75, 100)).tolist()
    return {"min": low, "q25": q25, "median": median, "q75": q75, "max": high}
