"""Find when a sample is decided, so that no remaining timestep can change its prediction.

A summing read-out adds its current to v in every timestep. A source sends a number from 0 to m.
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

import numpy as np

from ultralif_deploy.errors import Refused
from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import EventCounts, Trace


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
        program: with a summing read-out.
        inputs: uint8 [time, batch, input].
        spikes: of each population, uint8 [time, batch, neuron].
    """
    sent = {INPUT: inputs, **spikes}
    current = np.tile(program.readout.bias.astype(np.int64), (*inputs.shape[:2], 1))
    for projection in program.incoming(program.readout.name):
        weight = projection.map.matrix().T.astype(np.float64)  # sums below 2^53 are exact
        for t, values in enumerate(sent[projection.source]):
            current[t] += (values @ weight).astype(np.int64)
    total: np.ndarray = current.cumsum(axis=0)
    return total


def decided_after(low: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Number of timesteps after which each sample is decided, at least 1, int64 [batch].

    Args:
        low: the program's `smallest_changes`.
        found: the program's `potentials` over the whole run.
    """
    steps, batch, classes = found.shape
    after = np.full(batch, steps, dtype=np.int64)
    for t in range(steps - 1, 0, -1):
        v = found[t - 1]
        winner = v.argmax(axis=1)
        left = v.max(axis=1, keepdims=True) - v + (steps - t) * low[winner]
        earlier = np.arange(classes) < winner[:, None]  # classes that win where v is equal
        left[np.arange(batch), winner] = 0
        after[np.all(left >= earlier, axis=1)] = t
    return after


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
