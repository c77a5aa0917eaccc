"""Runs of one timestep after the other: streams, and runs that stop samples early.

They are for back ends that step through all samples of a batch together. Samples that have stopped
leave the batch, so the rest of the run spends no time on them.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ultralif_deploy.errors import UltralifError
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


class Stream:
    """Samples that run on as their inputs arrive, one timestep for each call.

    A stream that got the inputs of `run` one after the other has its spikes and its logits. The
    accumulators are proved for as many timesteps as `run` takes, so a longer stream is refused.

    Args:
        program: program that runs.
        step: function of the back end that computes one timestep.
        batch: number of samples that run beside each other.
    """

    def __init__(self, program: Program, step: Step, batch: int) -> None:
        self._program, self._advance, self._batch = program, step, batch
        self.reset()

    def reset(self) -> None:
        """Begin anew with membranes as they are before the first timestep."""
        self._memory = initial_memory(self._program, self._batch)
        self.timesteps = 0

    def step(self, inputs: np.ndarray) -> Trace:
        """Run the next timestep.

        Args:
            inputs: uint8 [batch, input].

        Returns:
            The spikes of this timestep, uint8 [1, batch, neuron] by population, its event counts,
            and the logits of all timesteps so far, int64 [batch, class].

        Raises:
            UltralifError: another shape or type, values above the program's largest, or more
                timesteps than the accumulators hold.
        """
        if inputs.ndim != 2 or len(inputs) != self._batch:
            raise UltralifError(
                f"inputs of one timestep are {inputs.shape}; expected ({self._batch}, "
                f"{self._program.input.size})"
            )
        self._program.check_input_shape(inputs[None])
        self._program.check_timesteps(self.timesteps + 1)
        trace = self._advance(inputs[None], True, self._memory)
        self.timesteps += 1
        # The memory goes on to change, and with it what the trace would show.
        return replace(trace, logits=trace.logits.copy())


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
