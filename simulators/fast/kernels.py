"""Compiled inner loops of the fast simulator (Numba). All integers are exact.

Shapes: T timesteps, B samples, I inputs, N neurons.
"""

import numpy as np

from ultralif_deploy.program import fixed
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators.native.compiled import inlined, jit

leak = jit(fixed.leak)
saturate = jit(fixed.saturate)
saturate_readout = jit(fixed.saturate_readout)
spike_count = jit(fixed.spike_count)
FRACTION_BITS = fixed.FRACTION_BITS


VALUE, SUBTRACT, NONE, LATE_VALUE, LATE_SUBTRACT, IMMEDIATE_SUBTRACT = range(len(RESETS))
"""Positions in `RESETS`; from `LATE_VALUE` on, a spike acts on the following timestep."""


@jit
def threshold(current, bias, limit, spikes):  # type: ignore[no-untyped-def]
    """Spikes of threshold units: I + bias > limit.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in current units.
        limit: int64 [N], in current units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for t in range(time):
        for b in range(batch):
            for n in range(size):
                spikes[t, b, n] = np.int64(current[t, b, n]) + bias[n] > limit[n]


@jit
def tropical_lif(current, bias, limit, decay, reset, v, spikes):  # type: ignore[no-untyped-def]
    """Max-plus LIF; v int64 [B, N] is the state, changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in current units.
        limit: int64 [N], in current units.
        decay: int64 [N], what v loses in a timestep, in current units.
        reset: int64 [N], in current units.
        v: int64 [B, N], in current units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                u = max(v[b, n] - decay[n], np.int64(current[t, b, n]) + bias[n])
                fired = u > limit[n]
                spikes[t, b, n] = fired
                v[b, n] = reset[n] if fired else u


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


@jit
def leaky_integrator(current, bias, decay, bits, v):  # type: ignore[no-untyped-def]
    """Read-out; v int64 [B, N] is the state, changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        decay: int64 [N], share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        v: int64 [B, N], in membrane units.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
                v[b, n] = saturate_readout(leak(v[b, n], np.int64(decay[n]), bits) + drive)


@jit
def cuba_li(current, bias, decay, synaptic_decay, bits, v):  # type: ignore[no-untyped-def]
    """Read-out; v int64 [B, 2·N] holds membranes, then synaptic currents, changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        decay: int64 [N], share of the membrane that leaks away, in units of 2^−bits.
        synaptic_decay: int64 [N], share of the synaptic current that leaks away, as `decay`.
        bits: fraction bits of both decays.
        v: int64 [B, 2·N], in membrane units.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                i = v[b, size + n]
                i = synapse(current[t, b, n], bias[n], synaptic_decay[n], bits, FRACTION_BITS, i)
                i = saturate_readout(i)
                v[b, size + n] = i
                v[b, n] = saturate_readout(leak(v[b, n], np.int64(decay[n]), bits) + i)


@inlined
def turn_ring(  # type: ignore[no-untyped-def]
    current, bias, decay, bits, released, left, right, v, u, compared, t, b
):
    """One timestep of a ring of leaky neurons, before they fire.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        decay: int64 [N], share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        released: bool, the form `released`; otherwise `paper`.
        left: int64 [N], one neighbour of each neuron.
        right: int64 [N], the other.
        v: int64 [B, N], membranes before the timestep, in membrane units.
        u: int64 [N], overwritten with the membranes of sample b at timestep t.
        compared: int64 [N], overwritten with what is compared with the limits.
        t: timestep.
        b: sample.
    """
    for n in range(len(u)):
        drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
        kept = leak(v[b, n], np.int64(decay[n]), bits)
        if not released:
            kept = max(kept, v[b, left[n]], v[b, right[n]])
        u[n] = saturate(kept + drive)
    for n in range(len(u)):
        compared[n] = max(u[n], u[left[n]], u[right[n]]) if released else u[n]


@inlined
def neighbours(size, stride):  # type: ignore[no-untyped-def]
    """Both neighbours of each neuron of a ring, two int64 [N].

    Args:
        size: number of neurons.
        stride: distance of a neighbour, in neurons.
    """
    return (np.arange(size) - stride) % size, (np.arange(size) + stride) % size


@jit
def ultradlif(current, bias, limit, decay, bits, released, stride, v, spikes):  # type: ignore[no-untyped-def]
    """Ring of leaky neurons; v int64 [B, N] is the state, changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limit: int64 [N], in membrane units.
        decay: int64 [N], share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        released: bool, the form `released`; otherwise `paper`.
        stride: distance of both neighbours on the ring, in neurons.
        v: int64 [B, N], in membrane units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    left, right = neighbours(size, stride)
    u, compared = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    for b in range(batch):
        for t in range(time):
            turn_ring(current, bias, decay, bits, released, left, right, v, u, compared, t, b)
            for n in range(size):
                fired = compared[n] > limit[n]
                spikes[t, b, n] = fired
                v[b, n] = 0 if fired else u[n]


@jit
def soft_maximum(v, current, bias, decay, table, shift):  # type: ignore[no-untyped-def]
    """Membrane potential after one timestep of one neuron: a maximum and a correction from a table.

    Args:
        v: membrane potential before the timestep, in membrane units.
        current: sum of all projections, in current units.
        bias: bias in membrane units.
        decay: amount that v loses in a timestep, in membrane units.
        table: int64 [entry], what the soft maximum adds, in membrane units.
        shift: an entry holds for 2^shift distances in a row, in membrane units.
    """
    drive = (np.int64(current) << FRACTION_BITS) + bias
    kept = v - decay
    entry = abs(kept - drive) >> shift
    extra = table[entry] if entry < len(table) else 0
    return saturate(max(kept, drive) + extra)


@jit
def log_max_lif(current, bias, limit, decay, table, shift, v, spikes):  # type: ignore[no-untyped-def]
    """Soft maximum from a table; v int64 [B, N] is the state, changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limit: int64 [N], in membrane units.
        decay: int64 [N], what v loses in a timestep, in membrane units.
        table: int64 [entry], what the soft maximum adds, in membrane units.
        shift: an entry holds for 2^shift distances in a row, in membrane units.
        v: int64 [B, N], in membrane units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                u = soft_maximum(v[b, n], current[t, b, n], bias[n], decay[n], table, shift)
                fired = u > limit[n]
                spikes[t, b, n] = fired
                v[b, n] = 0 if fired else u
