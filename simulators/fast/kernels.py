"""Compiled inner loops of the fast simulator (Numba). All integers are exact.

Shapes: T timesteps, B samples, I inputs, N neurons.
"""

import numpy as np

from ultralif_deploy.program import fixed
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.native.compiled import jit

leak = jit(fixed.leak)
saturate = jit(fixed.saturate)
spike_count = jit(fixed.spike_count)


VALUE, SUBTRACT, NONE, LATE_VALUE, LATE_SUBTRACT, IMMEDIATE_SUBTRACT = range(len(RESETS))
"""Positions in `RESETS`; from `LATE_VALUE` on, a spike acts on the following timestep."""


@jit
def synapse(current, bias, decay, bits, fraction, i):  # type: ignore[no-untyped-def]
    """The synaptic current after this timestep, int64, not saturated.

    Args:
        current: int32, of one neuron in this timestep.
        bias: int64, in membrane units.
        decay: whole number, the share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        fraction: a current unit is 2^fraction membrane units.
        i: int64, the synaptic current before this timestep, in membrane units.
    """
    return leak(i, np.int64(decay), bits) + (np.int64(current) << fraction) + bias


@jit
def held(v, top):  # type: ignore[no-untyped-def]
    """A membrane potential, saturated to ±top."""
    return min(max(v, -top), top)


@jit
def fire(mode, before, total, limit, reset, top, most, floor):  # type: ignore[no-untyped-def]
    """Spikes of a leaky neuron, and its membrane after the reset.

    Args:
        mode: position in `RESETS`.
        before: membrane before this timestep.
        total: leaked membrane potential plus drive, not saturated.
        limit: threshold.
        reset: R.
        top: largest membrane potential that its word holds.
        most: most spikes in one timestep.
        floor: lower bound of the membrane potential after the reset.
    """
    u = total
    if mode >= LATE_VALUE and before > limit:
        u = reset if mode == LATE_VALUE else total - reset
    u = held(u, top)
    fired = np.int64(u > limit)
    if mode == VALUE and fired:
        u = reset
    elif mode == SUBTRACT and fired:
        if most > 1:
            fired = spike_count(u - limit, reset, most)
        u = held(u - fired * reset, top)
    elif mode == IMMEDIATE_SUBTRACT:
        u = held(total - reset if fired else total, top)
    return fired, max(u, floor)


@jit
def lif(  # type: ignore[no-untyped-def]
    current, bias, limit, decay, bits, reset, floor, mode, fraction, top, most, v, spikes
):
    """Leaky integrate and fire; v int64 [B, N] is the state, changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limit: int64 [N], in membrane units.
        decay: int64 [N], share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        reset: int64 [N], in membrane units; as for `fire`.
        floor: int64 [N], in membrane units; as for `fire`.
        mode: same as for `fire`.
        fraction: a current unit is 2^fraction membrane units.
        top: same as for `fire`.
        most: same as for `fire`.
        v: int64 [B, N], in membrane units.
        spikes: uint8 [T, B, N], overwritten; 0 to `most`.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << fraction) + bias[n]
                total = leak(v[b, n], np.int64(decay[n]), bits) + drive
                spikes[t, b, n], v[b, n] = fire(
                    mode, v[b, n], total, limit[n], reset[n], top, most, floor[n]
                )


@jit
def cuba_lif(  # type: ignore[no-untyped-def]
    current,
    bias,
    limit,
    decay,
    synaptic_decay,
    bits,
    reset,
    floor,
    mode,
    fraction,
    top,
    most,
    v,
    spikes,
):
    """As `lif` behind a synaptic current; v int64 [B, 2·N] holds membranes, then currents.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limit: int64 [N], in membrane units.
        decay: int64 [N], share of the membrane that leaks away, in units of 2^−bits.
        synaptic_decay: int64 [N], share of the synaptic current that leaks away, as `decay`.
        bits: fraction bits of both decays.
        reset: int64 [N], in membrane units; as for `fire`.
        floor: int64 [N], in membrane units; as for `fire`.
        mode: same as for `fire`.
        fraction: a current unit is 2^fraction membrane units.
        top: largest membrane and largest synaptic current that a word holds.
        most: same as for `fire`.
        v: int64 [B, 2·N], in membrane units, changed in place.
        spikes: uint8 [T, B, N], overwritten; 0 to `most`.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                i = v[b, size + n]
                i = synapse(current[t, b, n], bias[n], synaptic_decay[n], bits, fraction, i)
                i = held(i, top)
                v[b, size + n] = i
                total = leak(v[b, n], np.int64(decay[n]), bits) + i
                spikes[t, b, n], v[b, n] = fire(
                    mode, v[b, n], total, limit[n], reset[n], top, most, floor[n]
                )
