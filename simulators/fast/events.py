"""Event counts from recorded spikes, for back ends that do not count by themselves."""

import numpy as np

from ultralif_deploy.program.graph import INPUT
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import EventCounts


def count_events(
    program: Program,
    inputs: np.ndarray,
    spikes: dict[str, np.ndarray],
    timesteps: np.ndarray | None = None,
) -> EventCounts:
    """Count synaptic operations and spikes as PROGRAM.md defines them.

    Args:
        program: program that ran.
        inputs: uint8 [time, batch, input].
        spikes: per spiking population uint8 [time, batch, neuron].
        timesteps: number of timesteps that each sample ran, int64 [batch]; None is all. Later
            spikes are 0.
    """
    time, batch, _ = inputs.shape
    ends = np.full(batch, time) if timesteps is None else timesteps
    if timesteps is not None:
        inputs = inputs * (np.arange(time)[:, None] < ends)[..., None].astype(np.uint8)
    sent = {INPUT: inputs, **spikes}
    operations = {}
    for p in program.projections:
        fan_out = p.map.fan_out()
        acting = sent[p.source][: time - 1] if p.name in program.delayed else sent[p.source]
        first = time - len(acting)
        total = np.zeros(batch, dtype=np.int64)
        for t, now in enumerate(acting, first):  # one timestep at a time, as products are large
            total += ((now != 0) @ fan_out) * (t < ends)
        operations[p.name] = total
    fired = {k: np.count_nonzero(v, axis=(0, 2)).astype(np.int64) for k, v in sent.items()}
    return EventCounts(batch, time, operations, fired, program.multiplies)
