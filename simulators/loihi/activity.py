"""Event counts of a placed program: operations, updates, messages, hops and time."""

import numpy as np

from ultralif_deploy.chips.mesh import hops
from ultralif_deploy.chips.placement import Placement, fan_out_by_core
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program
from ultralif_deploy.schema import back_ends as schema


class Activity:
    """Totals over all samples run so far.

    - An update is active if the synaptic sum was not 0 or the neuron fired.
    - An update is moved if the neuron was not at rest: its membrane potential or bias is not 0, or
      one of its synapses was read.
    - A message is a spike sent to one core.
    - Hops are steps between routers on the chip's mesh, east-west and north-south. Inputs enter at
      the edge and have no hops. Messages between chips are counted separately.
    - The time of a timestep is that of the slowest core, which does its operations and updates one
      after another, plus the barrier. Transport between routers is not included.
    """

    def __init__(self, program: Program, placement: Placement) -> None:
        self.placement = placement
        self.samples = 0
        self.messages = self.between_chips = self.moved = 0
        self.hops = np.zeros(2, dtype=np.int64)  # east-west, north-south
        self.synaptic_operations = np.zeros(placement.cores, dtype=np.int64)
        self.active = np.zeros(placement.cores, dtype=np.int64)
        self.inactive = np.zeros(placement.cores, dtype=np.int64)
        self.seconds = 0.0
        self.timesteps = 0
        self.longest_ns = 0.0
        self._updates: dict[int, np.ndarray] = {}  # chip timestep: active [batch, core]
        self.routes = [
            _Route(program, placement, q.source, q.target, q.name) for q in program.projections
        ]

    def updated(self, population: str, now: int, active: np.ndarray) -> None:
        """Record which neurons were active in a timestep of the chip.

        Args:
            population: name of the population.
            now: timestep of the chip, from 0.
            active: bool [batch, neuron], whether the synaptic sum was not 0 or the neuron fired.
        """
        placed = self.placement.populations[population]
        by_core = np.argsort(placed.core, kind="stable")
        first = np.searchsorted(placed.core[by_core], np.arange(placed.cores))
        if now not in self._updates:
            self._updates[now] = np.zeros((len(active), len(self.active)), dtype=np.int64)
        row = self._updates[now]
        columns = slice(placed.first_core, placed.first_core + placed.cores)
        row[:, columns] += np.add.reduceat(active[:, by_core], first, axis=1, dtype=np.int64)

    def ran(self, sent: dict[str, np.ndarray]) -> None:
        """Count what the spikes [time, batch, neuron] of a run caused."""
        time, batch, _ = sent[INPUT].shape
        last = max(p.depth for p in self.placement.populations.values())
        work = np.zeros((time + last, batch, self.placement.cores), dtype=np.int64)
        for route in self.routes:
            late = self.placement.delays[route.name] + 1
            late += 0 if route.source == INPUT else self.placement.populations[route.source].depth
            for t in range(time):
                fired = (sent[route.source][t] != 0).astype(np.int64)
                if t + late < len(work):
                    work[t + late][:, route.columns] += fired @ route.operations
                self.messages += int((fired @ route.messages).sum())
                self.hops += (fired @ route.hops).sum(axis=0)
                self.between_chips += int((fired @ route.between_chips).sum())
        self.samples += batch
        self.synaptic_operations += work.sum(axis=(0, 1))
        self._time(work, batch)
        self._updates = {}

    def _time(self, work: np.ndarray, batch: int) -> None:
        limits = self.placement.chip.limits
        sizes = np.concatenate([np.bincount(p.core) for p in self.placement.populations.values()])
        none = np.zeros((batch, self.placement.cores), dtype=np.int64)
        known = limits.get("synaptic_operation_ns") is not None
        for now, done in enumerate(work):
            active = self._updates.get(now, none)
            # All neurons of a core are updated in every timestep of the chip.
            inactive = sizes - active
            self.active += active.sum(axis=0)
            self.inactive += inactive.sum(axis=0)
            if known:
                cost = done * limits["synaptic_operation_ns"]
                cost = cost + active * limits["update_active_ns"]
                cost = cost + inactive * limits["update_inactive_ns"]
                step = cost.max(axis=1) + self._barrier_ns()
                self.seconds += float(step.sum()) * 1e-9
                self.longest_ns = max(self.longest_ns, float(step.max()))
        self.timesteps += len(work) * batch

    def _barrier_ns(self) -> float:
        """Time of the barrier, interpolated between 1 and 32 tiles by the tiles in use."""
        limits, chip = self.placement.chip.limits, self.placement.chip
        tiles = min(32, -(-self.placement.cores // chip.need("tile_cores")))
        least, most = limits["barrier_least_ns"], limits["barrier_most_ns"]
        assert least is not None
        assert most is not None
        return least + (most - least) * (tiles - 1) / 31

    def as_dict(self) -> schema.Activity:
        """Totals, the busiest core, and the time if its constants are published; for the report."""
        known = self.seconds > 0
        return {
            "samples": self.samples,
            "synaptic_operations": int(self.synaptic_operations.sum()),
            "synaptic_operations_of_worst_core": int(self.synaptic_operations.max()),
            "updates_active": int(self.active.sum()),
            "updates_inactive": int(self.inactive.sum()),
            "messages": self.messages,
            "hops": int(self.hops.sum()),
            "messages_between_chips": self.between_chips,
            "chip_timesteps": self.timesteps,
            "mean_timestep_ns": self.seconds * 1e9 / self.timesteps if known else None,
            "longest_timestep_ns": self.longest_ns if known else None,
        }


class _Route:
    """Costs of a spike on one projection, int64 [source] or [source, core].

    `hops` is [source, 2], east-west and north-south.
    """

    def __init__(
        self, program: Program, placement: Placement, source: str, target: str, name: str
    ) -> None:
        self.name, self.source = name, source
        there = placement.populations[target]
        self.columns = slice(there.first_core, there.first_core + there.cores)
        self.operations = fan_out_by_core(placement.synapses[name], there.core, there.cores)
        reached = (self.operations > 0).astype(np.int64)
        self.messages = reached.sum(axis=1)
        self.hops = np.zeros((len(reached), 2), dtype=np.int64)
        self.between_chips = np.zeros(len(reached), dtype=np.int64)
        if source != INPUT:
            here = placement.populations[source]
            mine = placement.numbers_of(source)[here.core]
            theirs, each = placement.numbers_of(target), placement.chip.need("cores")
            apart = mine[:, None] // each != theirs // each
            within = (reached * ~apart)[:, :, None]
            self.hops = (within * hops(placement.chip, mine, theirs)).sum(axis=1)
            self.between_chips = (reached * apart).sum(axis=1)
