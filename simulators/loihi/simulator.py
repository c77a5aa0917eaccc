"""Execution model of Loihi: cores, the pipeline, registers, word lengths, and events per core.

`loihi1` uses stock neurons (`chips/registers.py`), `loihi2` neuron programs (`microcode.py`).
When a program is loaded, everything that the chip cannot do exactly is refused. A population at
depth d of the pipeline starts d timesteps late; the chip's management core starts it. T timesteps
of a program take T + the largest depth timesteps on the chip.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from scipy import sparse

from ultralif_deploy.chips import Chip, chip
from ultralif_deploy.chips.placement import Placement, place, refuse_wide_inputs
from ultralif_deploy.chips.registers import CURRENT_UNIT, Registers, registers
from ultralif_deploy.chips.sparse_rows import weight_of
from ultralif_deploy.program.graph import INPUT, WEIGHTED
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.back_ends import Facts
from ultralif_deploy.simulators.fast.events import count_events
from ultralif_deploy.simulators.loihi.activity import Activity
from ultralif_deploy.simulators.loihi.microcode import microcode

STOCK_WEIGHT = 2
"""Stock weights are stored doubled, with a weight exponent of −1."""


class Unit(Protocol):
    """The configured neurons of a population."""

    @property
    def note(self) -> str:
        """How the model is expressed."""

    def start(self, batch: int) -> np.ndarray:
        """State before the first timestep."""

    def step(self, state: np.ndarray, a: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Spikes and state after synaptic sums in weight units, int64 [batch, neuron]."""


def load1(program: Program) -> "Loihi":
    """Make a program ready on Loihi 1.

    Raises:
        Refused: it does not fit, or not exactly.
    """
    return Loihi(program, chip("loihi1"), registers, STOCK_WEIGHT)


def load2(program: Program) -> "Loihi":
    """Make a program ready on Loihi 2.

    Raises:
        Refused: it does not fit, or not exactly.
    """
    return Loihi(program, chip("loihi2"), microcode, 1)


class Loihi:
    """A placed program."""

    def __init__(
        self,
        program: Program,
        limits: Chip,
        unit: Callable[[Program, Population, Chip], Unit],
        weight_factor: int,
    ) -> None:
        refuse_wide_inputs(program, limits)
        self.program = program
        self.chip = limits
        self.make_unit = unit
        self.factor = weight_factor
        self.units = self._units(program)
        self.placement: Placement = place(program, limits)
        # Targets × sources, as the sums use them.
        self.weights = {
            name: _matrix(rows * weight_factor) for name, rows in self.placement.synapses.items()
        }
        self.activity = Activity(program, self.placement)

    def _units(self, program: Program) -> dict[str, Unit]:
        return {p.name: self.make_unit(program, p, self.chip) for p in program.populations}

    def executed(self) -> dict[str, np.ndarray]:
        """Weights read back from the cores, and the parameters in the registers.

        If a register does not hold its parameter, the complement of the parameter is returned, so
        that the comparison fails.
        """
        arrays: dict[str, np.ndarray] = {}
        for p in self.program.projections:
            rows = sparse.csr_array(self.weights[p.name].T.astype(np.int64))
            if isinstance(p.map, WEIGHTED):
                whole = not np.any(rows.data % self.factor)
                rows.data //= self.factor
                weight = weight_of(p.map, rows)
                arrays[p.name] = weight if whole else np.full_like(weight, -1)
        configured = self._units(self.program)
        for population in self.program.populations:
            name = population.name
            same = _same(self.units[name], configured[name])
            for key, array in {"bias": population.bias, **population.parameters()}.items():
                arrays[f"{name}.{key}"] = array if same else ~array
        return arrays

    def describe(self) -> Facts:
        """Placement, the note of each population, and the events of all runs so far."""
        return {
            "placement": self.placement.as_dict(),
            "models": {name: unit.note for name, unit in self.units.items()},
            "activity": self.activity.as_dict(),
        }

    def run(self, inputs: np.ndarray, record: bool = False) -> Trace:
        """Run inputs uint8 [time, batch, input]."""
        program, placement = self.program, self.placement
        inputs = program.check_inputs(inputs)
        time, batch, _ = inputs.shape
        units = self.units
        if time > program.timesteps:  # word lengths are proved for fewer timesteps
            units = self._units(replace(program, timesteps=time))
        depth = {INPUT: 0} | {name: p.depth for name, p in placement.populations.items()}
        state = {name: unit.start(batch) for name, unit in units.items()}
        sent = {INPUT: inputs} | {
            p.name: np.zeros((time, batch, p.size), dtype=np.uint8) for p in program.populations
        }
        for now in range(time + max(depth.values())):
            for p in program.populations:
                t = now - depth[p.name]
                if not 0 <= t < time:
                    continue
                a = np.zeros((batch, p.size), dtype=np.int64)
                arrived = {}
                for q in program.incoming(p.name):
                    # Sent one timestep and the synaptic delay ago.
                    then = now - 1 - placement.delays[q.name] - depth[q.source]
                    if 0 <= then < time:
                        values = arrived[q.name] = sent[q.source][then].T.astype(np.int64)
                        weights = self.weights[q.name]
                        a += (weights @ values.astype(weights.dtype)).T.astype(np.int64)
                self.activity.moved += self._moved(units[p.name], state[p.name], arrived)
                spikes, state[p.name] = units[p.name].step(state[p.name], a // self.factor)
                sent[p.name][t] = spikes
                self.activity.updated(p.name, now, (a != 0) | (spikes != 0))
        self.activity.ran(sent)
        recorded = {p.name: sent[p.name] for p in program.populations if p.spikes}
        counts = count_events(program, inputs, recorded)
        return Trace(self._logits(state), counts, recorded if record else None)

    @cached_property
    def present(self) -> dict[str, sparse.csr_array]:
        """Matrix targets × sources with 1 for every synapse."""
        return {
            name: sparse.csr_array((weights != 0).astype(np.int64))
            for name, weights in self.weights.items()
        }

    def _moved(self, unit: Unit, state: np.ndarray, arrived: dict[str, np.ndarray]) -> int:
        """Stock neurons that are not at rest: membrane potential, bias or synaptic input."""
        if not isinstance(unit, Registers):
            return 0
        moved = (state != 0) | (unit.bias != 0)
        if not moved.all():
            for name, values in arrived.items():
                moved |= (self.present[name] @ (values != 0)).T > 0
        return int(np.count_nonzero(moved))

    def _logits(self, state: dict[str, np.ndarray]) -> np.ndarray:
        readout = self.program.readout
        logits = state[readout.name][:, : readout.size]
        stock = isinstance(self.units[readout.name], Registers)
        if stock and readout.neuron.SUMS:
            return logits // CURRENT_UNIT  # logits of an Integrator are in weight units
        return logits


def _matrix(rows: sparse.csr_array) -> sparse.csr_array | np.ndarray:
    """Weights targets × sources of synapses sources × targets, for sums of spikes.

    Where few weights are 0, a dense float64 matrix takes less memory, and BLAS computes its sums.
    They stay below 2^53, as sums of a program fit 32 bits, so float64 holds them exactly.
    """
    inside = rows.data.nbytes + rows.indices.nbytes
    if inside < np.dtype(np.float64).itemsize * rows.shape[0] * rows.shape[1]:
        return sparse.csr_array(rows.T)
    return np.ascontiguousarray(rows.toarray().T, dtype=np.float64)


def _same(one: Any, other: Any) -> bool:
    """Equality of two units' registers or parameters."""
    return all(_equal(getattr(one, k), getattr(other, k)) for k in type(one).__slots__)


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_equal(one[k], other[k]) for k in one)
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return isinstance(one, Population) or one == other
