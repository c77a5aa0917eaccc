"""Runs that stop samples early, for back ends that step through all samples of a batch together.

Samples that have stopped leave the batch, so the rest of the run spends no time on them.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.exits import ExitRule, Stopped
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import EventCounts, Trace
from ultralif_deploy.simulators.native.exits import stops


@dataclass(frozen=True, slots=True)
class Memory:
    """What samples carry from one timestep to the next.

    Attributes:
        states: state of each population, int64 [batch, words · neuron], changed in place.
        last: values that each source of a delayed projection sent, uint8 [1, batch, neuron],
            changed in place as well.
    """

    states: dict[str, np.ndarray]
    last: dict[str, np.ndarray]

    def of(self, samples: slice | np.ndarray) -> "Memory":
        """That of some samples; for a slice both change together."""
        return Memory(
            {name: state[samples] for name, state in self.states.items()},
            {name: sent[:, samples] for name, sent in self.last.items()},
        )


def initial_memory(program: Program, batch: int) -> Memory:
    """That of samples before their first timestep."""
    late = {p.source for p in program.projections if p.name in program.delayed}
    return Memory(
        {
            p.name: np.tile(p.neuron.initial_state(p.size), (batch, 1)).astype(np.int64)
            for p in program.populations
        },
        {
            p.name: np.zeros((1, batch, p.size), dtype=np.uint8)
            for p in program.populations
            if p.name in late
        },
    )


Step = Callable[[np.ndarray, bool, Memory], Trace]
"""Runs one timestep of inputs uint8 [1, batch, input] and changes the memory of these samples.

The trace has the logits so far, the events of this timestep, and its spikes if the bool says so.
"""


def run_until_exit(
    program: Program, step: Step, inputs: np.ndarray, rule: ExitRule, record: bool
) -> Stopped:
    """Step until the rule has stopped every sample.

    Args:
        program: program that runs.
        step: function of the back end that computes one timestep.
        inputs: uint8 [time, batch, input].
        rule: exit rule that says when samples stop.
        record: keep the spikes.
    """
    rule.check(program, inputs)
    time, batch, _ = inputs.shape
    memory = initial_memory(program, batch)
    spiking = [p for p in program.populations if p.spikes]
    operations = {p.name: np.zeros(batch, dtype=np.int64) for p in program.projections}
    sent = {name: np.zeros(batch, dtype=np.int64) for name in (INPUT, *(p.name for p in spiking))}
    kept = {p.name: np.zeros((time, batch, p.size), dtype=np.uint8) for p in spiking if record}
    logits = np.zeros((batch, program.readout.size), dtype=np.int64)
    timesteps = np.full(batch, time, dtype=np.int64)
    running = np.arange(batch)
    for t in range(time):
        if not len(running):
            break
        now = inputs[t : t + 1] if len(running) == batch else inputs[t : t + 1, running]
        trace = step(now, record, memory)
        for total, counted in (
            (operations, trace.counts.synaptic_operations),
            (sent, trace.counts.spikes),
        ):
            for name, values in counted.items():
                total[name][running] += values
        for name, spikes in (trace.spikes or {}).items():
            kept[name][t, running] = spikes[0]
        stop = stops(rule, trace.logits, t + 1)
        if stop.any():
            logits[running[stop]] = trace.logits[stop]
            timesteps[running[stop]] = t + 1
            stay = np.flatnonzero(~stop)
            running = running[stay]
            memory = memory.of(stay)
    counts = EventCounts(batch, time, operations, sent, program.multiplies)
    return Stopped(Trace(logits, counts, kept if record else None), timesteps)
