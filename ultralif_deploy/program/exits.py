"""Stop samples before the last timestep: rules in whole numbers, which every back end can follow.

PROGRAM.md defines an `ExitRule` ("Early exit"). The `exact_rule` never changes a prediction. A
summing read-out adds its current to v in every timestep, and a source sends a number from 0 to m.
So in one timestep v_a − v_b changes by at least

    low[a, b] = bias_a − bias_b + Σ m · min(0, w_a − w_b)   over all sources,

This smallest change occurs when every source with w_a < w_b sends m, and all others send 0. Let a
be the class with the largest v after t of T timesteps; of equal ones, the first. The sample is
decided when, for every other class b,

    v_a − v_b + (T − t) · low[a, b]  ≥ 0 if a comes before b,  > 0 if it comes after.

Proof: after all timesteps v_a − v_b is at least the left side. So v_a is then larger than v_b for
every class b before a, and at least v_b for every class b after a. Then a is the first class with
the largest v, and this is the prediction. After the last timestep the condition is the definition
of a, so every sample is decided in the end.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import EventCounts, Trace

NEVER = 1 << 33
"""More than any difference of two 32-bit numbers."""


@dataclass(frozen=True, slots=True, eq=False)
class ExitRule:
    """When samples stop, in whole numbers.

    Attributes:
        margin: int64 [T], a lead that is large enough after 1, 2, … timesteps, at least 0.
        gain: int64 [class, class], the most that the second can gain on the first in a timestep.
    """

    margin: np.ndarray
    gain: np.ndarray

    def __post_init__(self) -> None:
        for array in (self.margin, self.gain):
            array.setflags(write=False)

    @property
    def timesteps(self) -> int:
        """Number of timesteps after which every sample stops."""
        return len(self.margin)

    def tables(self) -> dict[str, np.ndarray]:
        """What an exported form holds: `gain`, and `margin` where a lead can be large enough."""
        return {"gain": self.gain} | ({"margin": self.margin} if self.limited else {})

    @property
    def limited(self) -> bool:
        """Whether some margin is one that a lead can reach."""
        return bool(np.any(self.margin < NEVER))

    def check_held(self, held: Mapping[str, np.ndarray], back_end: str) -> None:
        """Refuse a form that holds the tables of another rule, or of none.

        Args:
            held: tables that were read back from the form.
            back_end: name of the back end that runs it.

        Raises:
            UltralifError: they are not those of this rule.
        """
        tables = self.tables()
        if held.keys() != tables.keys() or not all(
            np.array_equal(held[name], table) for name, table in tables.items()
        ):
            raise UltralifError(f"{back_end}: the program was not exported with this exit rule")

    def check(self, program: Program, inputs: np.ndarray) -> None:
        """Refuse inputs uint8 [time, batch, input] of another length, and read-outs that forget.

        Raises:
            UltralifError: naming both numbers of timesteps.
            Refused: naming the read-out.
        """
        check_sums(program)
        if len(inputs) != self.timesteps:
            raise UltralifError(
                f"exit: inputs of {len(inputs)} timesteps; the rule is for {self.timesteps}"
            )

    def stops(self, v: np.ndarray, t: int) -> np.ndarray:
        """Which samples stop after t timesteps, bool [batch], from their v int64 [batch, class]."""
        winner = v.argmax(axis=1)
        risen = v + np.minimum(self.margin[t - 1], (self.timesteps - t) * self.gain[winner])
        stops: np.ndarray = risen.argmax(axis=1) == winner  # no class gains on itself
        return stops

    def after(self, found: np.ndarray) -> np.ndarray:
        """Number of timesteps after which each sample stops, at least 1, int64 [batch].

        `found` has the program's `potentials` over the whole run.
        """
        after = np.full(found.shape[1], self.timesteps, dtype=np.int64)
        for t in range(self.timesteps - 1, 0, -1):
            after[self.stops(found[t - 1], t)] = t
        return after


@dataclass(frozen=True, slots=True, eq=False)
class Stopped:
    """Result of a run in which samples stopped early.

    Attributes:
        trace: logits at the exits, events up to them; recorded spikes are 0 after them.
        timesteps: number of timesteps that each sample ran, int64 [batch].
    """

    trace: Trace
    timesteps: np.ndarray


@runtime_checkable
class Stopping(Protocol):
    """An executable that can stop samples early, and then spends no more time on them."""

    def run_until_exit(self, inputs: np.ndarray, rule: ExitRule, record: bool = False) -> Stopped:
        """Run inputs uint8 [time, batch, input] until the rule stops each sample.

        Args:
            inputs: inputs with as many timesteps as the rule has.
            rule: exit rule that says when samples stop.
            record: keep the spikes.
        """


def exact_rule(program: Program, timesteps: int) -> ExitRule:
    """Samples stop once no remaining timestep can change their prediction.

    Raises:
        Refused: the read-out does more than sum its currents.
    """
    check_sums(program)
    return ExitRule(np.full(timesteps, NEVER), -smallest_changes(program))


def check_sums(program: Program) -> None:
    """Refuse a read-out that does more than add its currents up.

    Raises:
        Refused: naming the read-out and its model.
    """
    readout = program.readout
    if not readout.neuron.SUMS:
        raise Refused(
            f"exit: the read-out {readout.name} is a {type(readout.neuron).__name__}, whose "
            "membrane forgets; early exits need one that adds its currents up (an Integrator)"
        )


def smallest_changes(program: Program) -> np.ndarray:
    """low[a, b] for every pair of classes, int64 [class, class]."""
    bias = program.readout.bias.astype(np.int64)
    low = bias[:, None] - bias
    for projection in program.incoming(program.readout.name):
        weight = projection.map.matrix().astype(np.int64)
        sent = program.largest_sent(projection.source)
        for a, row in enumerate(weight):  # one class at a time, so that memory stays bounded
            low[a] += sent * np.minimum(0, row - weight).sum(axis=1)
    return low


def potentials(program: Program, inputs: np.ndarray, spikes: dict[str, np.ndarray]) -> np.ndarray:
    """The read-out's v after every timestep, int64 [time, batch, class], from inputs and spikes.

    No projection into a read-out is delayed: delayed projections lead back to the population that
    sends or to an earlier one, and a read-out sends nothing.

    Args:
        program: program with a summing read-out.
        inputs: uint8 [time, batch, input].
        spikes: spikes of each population, uint8 [time, batch, neuron].
    """
    sent = {INPUT: inputs, **spikes}
    current = np.tile(program.readout.bias.astype(np.int64), (*inputs.shape[:2], 1))
    for projection in program.incoming(program.readout.name):
        weight = projection.map.matrix().T.astype(np.float64)  # sums below 2^53 are exact
        for t, values in enumerate(sent[projection.source]):
            current[t] += (values @ weight).astype(np.int64)
    total: np.ndarray = current.cumsum(axis=0)
    return total


def stopped(
    program: Program, inputs: np.ndarray, trace: Trace, found: np.ndarray, steps: int
) -> Trace:
    """The trace of a run that stops early, taken from a recorded run of all timesteps.

    Args:
        program: the program that ran.
        inputs: uint8 [time, batch, input].
        trace: the run on these inputs, with recorded spikes.
        found: the read-out's `potentials`.
        steps: number of timesteps before the stop.
    """
    assert trace.spikes is not None
    spikes = {name: sent[:steps] for name, sent in trace.spikes.items()}
    sent = {INPUT: inputs[:steps], **spikes}
    operations = {}
    for p in program.projections:
        acting = sent[p.source][: steps - 1 if p.name in program.delayed else steps]
        operations[p.name] = np.count_nonzero(acting, axis=0) @ p.map.fan_out()
    counts = EventCounts(
        inputs.shape[1],
        steps,
        operations,
        {name: np.count_nonzero(values, axis=(0, 2)) for name, values in sent.items()},
        program.multiplies,
    )
    return Trace(found[steps - 1], counts, spikes)
