"""Compiled inner loops of the fast simulator (Numba). All integers are exact.

Shapes: T timesteps, B samples, I inputs, N neurons.
"""

import numpy as np

from ultralif_deploy import fixed
from ultralif_deploy.resets import RESETS
from ultralif_deploy.simulators.compiled import jit

leak = jit(fixed.leak)
saturate = jit(fixed.saturate)
saturate_readout = jit(fixed.saturate_readout)
FRACTION_BITS = fixed.FRACTION_BITS


VALUE, SUBTRACT, NONE, LATE_VALUE, LATE_SUBTRACT, IMMEDIATE_SUBTRACT = range(len(RESETS))
"""Positions in `RESETS`; from `LATE_VALUE` on, a spike acts on the following timestep."""


@jit
def threshold(current, bias, limit, spikes):  # type: ignore[no-untyped-def]
    """Spikes of threshold units: I + bias > limit."""
    time, batch, size = current.shape
    for t in range(time):
        for b in range(batch):
            for n in range(size):
                spikes[t, b, n] = np.int64(current[t, b, n]) + bias[n] > limit[n]


@jit
def tropical_lif(current, bias, limit, decay, reset, v, spikes):  # type: ignore[no-untyped-def]
    """Max-plus LIF; v int64 [B, N] is the state, changed in place."""
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                u = max(v[b, n] - decay[n], np.int64(current[t, b, n]) + bias[n])
                fired = u > limit[n]
                spikes[t, b, n] = fired
                v[b, n] = reset[n] if fired else u


@jit
def synapse(current, bias, decay, bits, i):  # type: ignore[no-untyped-def]
    """The synaptic current after this timestep, int64, not saturated."""
    return leak(i, np.int64(decay), bits) + (np.int64(current) << FRACTION_BITS) + bias


@jit
def fire(mode, before, total, limit, reset):  # type: ignore[no-untyped-def]
    """Whether a leaky neuron fires, and its membrane after the reset.

    Args:
        mode: position in `RESETS`.
        before: membrane before this timestep.
        total: leaked membrane plus what comes in, not saturated.
        limit: threshold.
        reset: R.
    """
    u = total
    if mode >= LATE_VALUE and before > limit:
        u = reset if mode == LATE_VALUE else total - reset
    u = saturate(u)
    fired = u > limit
    if mode == VALUE and fired:
        u = reset
    elif mode == SUBTRACT and fired:
        u = saturate(u - reset)
    elif mode == IMMEDIATE_SUBTRACT:
        u = saturate(total - reset if fired else total)
    return fired, u


@jit
def lif(current, bias, limit, decay, bits, reset, mode, v, spikes):  # type: ignore[no-untyped-def]
    """Leaky integrate and fire; v int64 [B, N] is the state, changed in place."""
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
                total = leak(v[b, n], np.int64(decay[n]), bits) + drive
                fired, v[b, n] = fire(mode, v[b, n], total, limit[n], reset[n])
                spikes[t, b, n] = fired


@jit
def cuba_lif(  # type: ignore[no-untyped-def]
    current, bias, limit, decay, synaptic_decay, bits, reset, mode, v, spikes
):
    """As `lif` behind a synaptic current; v int64 [B, 2·N] holds membranes, then currents."""
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                i = synapse(current[t, b, n], bias[n], synaptic_decay[n], bits, v[b, size + n])
                i = saturate(i)
                v[b, size + n] = i
                total = leak(v[b, n], np.int64(decay[n]), bits) + i
                fired, v[b, n] = fire(mode, v[b, n], total, limit[n], reset[n])
                spikes[t, b, n] = fired


@jit
def leaky_integrator(current, bias, decay, bits, v):  # type: ignore[no-untyped-def]
    """Read-out; v int64 [B, N] is the state, changed in place."""
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
                v[b, n] = saturate_readout(leak(v[b, n], np.int64(decay[n]), bits) + drive)


@jit
def cuba_li(current, bias, decay, synaptic_decay, bits, v):  # type: ignore[no-untyped-def]
    """Read-out; v int64 [B, 2·N] holds membranes, then synaptic currents, changed in place."""
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                i = synapse(current[t, b, n], bias[n], synaptic_decay[n], bits, v[b, size + n])
                i = saturate_readout(i)
                v[b, size + n] = i
                v[b, n] = saturate_readout(leak(v[b, n], np.int64(decay[n]), bits) + i)


@jit
def ultradlif(current, bias, limit, decay, bits, released, stride, v, spikes):  # type: ignore[no-untyped-def]
    """Ring of leaky neurons; v int64 [B, N] is the state, changed in place."""
    time, batch, size = current.shape
    u = np.empty(size, dtype=np.int64)
    left = (np.arange(size) - stride) % size
    right = (np.arange(size) + stride) % size
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
                kept = leak(v[b, n], np.int64(decay[n]), bits)
                if not released:
                    kept = max(kept, v[b, left[n]], v[b, right[n]])
                u[n] = saturate(kept + drive)
            for n in range(size):
                compared = u[n]
                if released:
                    compared = max(compared, u[left[n]], u[right[n]])
                fired = compared > limit[n]
                spikes[t, b, n] = fired
                v[b, n] = 0 if fired else u[n]


@jit
def log_max_lif(current, bias, limit, decay, table, shift, v, spikes):  # type: ignore[no-untyped-def]
    """Soft maximum from a table; v int64 [B, N] is the state, changed in place."""
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
                kept = v[b, n] - decay[n]
                entry = abs(kept - drive) >> shift
                extra = table[entry] if entry < len(table) else 0
                u = saturate(max(kept, drive) + extra)
                fired = u > limit[n]
                spikes[t, b, n] = fired
                v[b, n] = 0 if fired else u
