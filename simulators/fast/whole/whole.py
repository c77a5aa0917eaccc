"""Programs whose populations all run in one compiled call, a few rows at a time.

Projections are dense maps, convolutions and identities, also delayed ones. Populations are of any
model that fires, in front of a read-out that sums or leaks. Dense projections of spikes count the
events of each block of rows, and then add the weights of the events or multiply everything,
whichever costs less for that many.
"""

from typing import NamedTuple

import numpy as np

from ultralif_deploy.program.exits import ExitRule
from ultralif_deploy.program.graph import WEIGHTED
from ultralif_deploy.program.program import Program
from ultralif_deploy.simulators.fast.product_tiles import multiply
from ultralif_deploy.simulators.fast.spike_rows import add_spikes
from ultralif_deploy.simulators.fast.whole.kernel import ROWS_PER_BLOCK, run_whole
from ultralif_deploy.simulators.fast.whole.laying import lay_out
from ultralif_deploy.simulators.fast.whole.layout import layouts
from ultralif_deploy.simulators.fast.whole.models import lanes_of
from ultralif_deploy.simulators.fast.whole.stopping import run_whole_until_exit
from ultralif_deploy.simulators.fast.whole.tables import MOST
from ultralif_deploy.simulators.native.timing import seconds
from ultralif_deploy.simulators.native.vectors import LANES
from ultralif_deploy.simulators.native.workers import workers
from ultralif_deploy.simulators.streams import Memory

LEAST_SHARED = 1 << 18
"""Fewest input values that are shared among threads; one thread does fewer before others wake."""

TIMED_ROWS, TIMED_SHARE = ROWS_PER_BLOCK, 0.25
"""Rows that are timed, and their share of active values."""


class Carried(NamedTuple):
    """What samples carry from one call to the next, changed in place.

    Attributes:
        membranes: int32 [batch, word], state words in the order of the tables.
        last: uint8 [batch, byte], what the sources of delayed projections sent last.
        read: int64 [batch, words · class], the state of the read-out.
    """

    membranes: np.ndarray
    last: np.ndarray
    read: np.ndarray


NO_MEMORY = Carried(
    np.zeros((0, 0), dtype=np.int32), np.zeros((0, 0), dtype=np.uint8), np.zeros((0, 0), np.int64)
)
"""What samples of a program without memory carry beside the read-out."""


class WholeRun(NamedTuple):
    """Result of a run.

    Attributes:
        logits: int64 [batch, class].
        spike_counts: int64 [batch] by source.
        operations: int64 [batch] by projection.
        highest: the largest input.
        spikes: uint8 [time, batch, neuron] by population, if recorded.
        timesteps: number of timesteps that each sample ran, int64 [batch]; None without a rule.
    """

    logits: np.ndarray
    spike_counts: dict[str, np.ndarray]
    operations: dict[str, np.ndarray]
    highest: int
    spikes: dict[str, np.ndarray] | None
    timesteps: np.ndarray | None


def runs(program: Program) -> bool:
    """Whether the kernel has all that a program needs."""
    bounds = program.current_bounds
    return layouts(program) is not None and all(
        lanes_of(p, bounds[p.name]) is not None for p in program.populations
    )


class Whole:
    """A program laid out for `run_whole`.

    Args:
        program: one that `runs` accepts.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.populations = program.populations[:-1]
        self.plan = lay_out(program)
        self.neurons = sum(p.size for p in self.populations)

    def executed(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Weights int8 by projection and what `models.Lanes.read` finds by population.

        Weights are −1 where events and products differ.
        """
        weights = {
            p.name: self.plan.weights(p)
            for p in self.program.projections
            if isinstance(p.map, WEIGHTED)
        }
        populations = enumerate(self.program.populations, 1)
        return weights, {p.name: self.plan.values(p, k) for k, p in populations}

    def run(
        self,
        inputs: np.ndarray,
        record: bool,
        threads: int,
        rule: ExitRule | None = None,
        carried: Carried | None = None,
    ) -> WholeRun:
        """Run inputs uint8 [time, batch, input], contiguous.

        Args:
            inputs: uint8 [time, batch, input].
            record: whether to keep the spikes.
            threads: number of threads; with more than 1, other threads of the process help with
                large inputs.
            rule: stops samples early; None runs all timesteps.
            carried: from an earlier call (`carried_by`), changed in place; None begins anew.
        """
        time, batch, _ = inputs.shape
        plan, signal = self.plan, inputs.reshape(-1)
        counts = np.zeros((plan.counters + plan.read, batch), dtype=np.int64)
        spikes = np.zeros(time * batch * self.neurons if record else 0, dtype=np.uint8)
        progress = np.zeros(1, dtype=np.int64)
        highest: list[int] = []
        memory = carried or self._nothing(batch if rule is None else 0)
        if carried is not None:
            counts[plan.counters :] = carried.read.T
        ends = None if rule is None else np.full(batch, time, dtype=np.int64)

        def work() -> None:
            if rule is None:
                given = signal, time, progress, memory.membranes, memory.last, counts, spikes
                run = run_whole(*given, *plan.tables)
            else:
                begun = plan.initial, plan.late
                stop = rule.margin, rule.gain, ends
                run = run_whole_until_exit(
                    signal, time, progress, *begun, counts, spikes, *stop, *plan.tables
                )
            highest.append(run)

        if threads > 1 and inputs.size > LEAST_SHARED:
            workers().together(work)
        else:
            work()
        read = np.ascontiguousarray(counts[plan.counters :].T)
        if carried is not None:
            carried.read[:] = read
        return WholeRun(
            np.ascontiguousarray(read[:, : plan.classes]),
            {name: counts[row] for name, row in plan.spike_rows.items()},
            {name: counts[row] for name, row in plan.operation_rows.items()},
            max(highest),
            self._split(spikes, time, batch) if record else None,
            ends,
        )

    def time_terms(self) -> None:
        """Set for each projection up to how many events of a row events cost less."""
        rng, rows = np.random.default_rng(0), TIMED_ROWS
        for projection in self.program.projections:
            row = self.plan.terms.get(projection.name)
            if row is None or (term := self.plan.term(projection.name))["lines"] < 0:
                continue
            made, lines, tile = self.plan.product(term), self.plan.lines(projection), term["tile"]
            ends = projection.source, projection.target
            size, width = (self.plan.layouts[name].width for name in ends)
            values = (rng.random(rows * size + LANES) < TIMED_SHARE).astype(np.uint8)
            # Inputs in their own order may take less space than the rows that products read.
            few = np.ascontiguousarray(values[: rows * size].reshape(rows, size)[:, :tile])
            current = np.empty((rows, width), dtype=np.int32)
            signal, sums = few.reshape(-1), current.reshape(-1)
            places = made.places, made.targets, made.distances, made.weights, made.neurons
            by_product = seconds(
                lambda: multiply(values, 0, size, rows, *places, sums, width, term["group"])  # noqa: B023
            )
            by_events = seconds(lambda: add_spikes(signal, tile, lines, current))  # noqa: B023
            events = int(signal.sum()) / rows
            self.plan.tables.terms[row, MOST] = int(events * by_product / by_events)

    def carried_by(self, memory: Memory) -> Carried:
        """What the samples of a memory carry, as the kernel has it."""
        plan = self.plan
        found = self._nothing(len(memory.states[self.program.readout.name]))
        for name, where in plan.membranes_of.items():
            found.membranes[:, where] = memory.states[name]
        for name, where in plan.late_of.items():
            found.last[:, where] = memory.last[name][0]
        return found._replace(read=memory.states[self.program.readout.name].copy())

    def keep(self, carried: Carried, memory: Memory) -> None:
        """Write what samples carry back to a memory, the inverse of `carried_by`."""
        for name, where in self.plan.membranes_of.items():
            memory.states[name][:] = carried.membranes[:, where]
        for name, where in self.plan.late_of.items():
            memory.last[name][0] = carried.last[:, where]
        memory.states[self.program.readout.name][:] = carried.read

    def _nothing(self, batch: int) -> Carried:
        """What samples carry before their first timestep, without a read-out.

        Single samples take microseconds, so memory that nobody has is not made anew.
        """
        plan = self.plan
        if len(plan.initial) == plan.late == 0:
            return NO_MEMORY
        states = np.empty((batch, len(plan.initial)), dtype=np.int32)
        states[:] = plan.initial
        return Carried(states, np.zeros((batch, plan.late), dtype=np.uint8), NO_MEMORY.read)

    def _split(self, spikes: np.ndarray, time: int, batch: int) -> dict[str, np.ndarray]:
        """The spikes that `run_whole` recorded, by population."""
        fired, start = {}, 0
        for p in self.populations:
            stop = start + time * batch * p.size
            fired[p.name], start = spikes[start:stop].reshape(time, batch, p.size), stop
        return fired
