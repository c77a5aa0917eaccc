"""Compiled inner loops of the models with graded spikes (Numba). All integers are exact.

Shapes: T timesteps, B samples, N neurons, L levels.
"""

import numpy as np

from ultralif_deploy.program import fixed
from ultralif_deploy.simulators.fast.kernels import (
    leak,
    neighbours,
    saturate,
    soft_maximum,
    turn_ring,
)
from ultralif_deploy.simulators.native.compiled import inlined, jit

DECAY_BITS, FRACTION_BITS = fixed.DECAY_BITS, fixed.FRACTION_BITS


@inlined
def limits_passed(total, limits, n):  # type: ignore[no-untyped-def]
    """Number of a neuron's limits that a value exceeds, which is the spike that it sends.

    Args:
        total: the value.
        limits: int64 [L, N], in its units.
        n: the neuron.
    """
    passed = 0
    for k in range(len(limits)):
        passed += total > limits[k, n]
    return passed


@inlined
def left_after(u, passed, reset):  # type: ignore[no-untyped-def]
    """Membrane after a spike of `passed` levels took its share.

    Args:
        u: membrane before, in membrane units.
        passed: levels of the spike; 0 for none.
        reset: int64 [L], share of v that a spike of 1, 2, … levels takes, in units of 2^-12.
    """
    return leak(u, reset[passed - 1], DECAY_BITS) if passed else u


@jit
def multi_threshold(current, bias, limits, spikes):  # type: ignore[no-untyped-def]
    """Number of limits that I + bias exceeds.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in current units.
        limits: int64 [L, N], in current units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for t in range(time):
        for b in range(batch):
            for n in range(size):
                total = np.int64(current[t, b, n]) + bias[n]
                spikes[t, b, n] = limits_passed(total, limits, n)


@jit
def log_max_lif(  # type: ignore[no-untyped-def]
    current, bias, limits, decay, table, shift, reset, v, spikes
):
    """Soft maximum from a table and several limits; v int64 [B, N] is changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limits: int64 [L, N], in membrane units.
        decay: int64 [N], what v loses in a timestep, in membrane units.
        table: int64 [entry], what the soft maximum adds, in membrane units.
        shift: an entry holds for 2^shift distances in a row, in membrane units.
        reset: int64 [L], share of v that a spike of 1, 2, … levels takes, in units of 2^-12.
        v: int64 [B, N], in membrane units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                u = soft_maximum(v[b, n], current[t, b, n], bias[n], decay[n], table, shift)
                passed = limits_passed(u, limits, n)
                spikes[t, b, n] = passed
                v[b, n] = left_after(u, passed, reset)


@jit
def lif(current, bias, limits, decay, bits, reset, v, spikes):  # type: ignore[no-untyped-def]
    """Leaky membranes with several limits; v int64 [B, N] is changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limits: int64 [L, N], in membrane units.
        decay: int64 [N], share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        reset: int64 [L], share of v that a spike of 1, 2, … levels takes, in units of 2^-12.
        v: int64 [B, N], in membrane units.
        spikes: uint8 [T, B, N], overwritten.
    """
    time, batch, size = current.shape
    for b in range(batch):
        for t in range(time):
            for n in range(size):
                drive = (np.int64(current[t, b, n]) << FRACTION_BITS) + bias[n]
                u = saturate(leak(v[b, n], decay[n], bits) + drive)
                passed = limits_passed(u, limits, n)
                spikes[t, b, n] = passed
                v[b, n] = left_after(u, passed, reset)


@jit
def ultradlif(  # type: ignore[no-untyped-def]
    current, bias, limits, decay, bits, released, stride, reset, v, spikes
):
    """Ring of leaky neurons with several limits; v int64 [B, N] is changed in place.

    Args:
        current: int32 [T, B, N], the sums of all projections, in current units.
        bias: int64 [N], in membrane units.
        limits: int64 [L, N], in membrane units.
        decay: int64 [N], share that leaks away in a timestep, in units of 2^−bits.
        bits: fraction bits of the decay.
        released: bool, the form `released`; otherwise `paper`.
        stride: distance of both neighbours on the ring, in neurons.
        reset: int64 [L], share of v that a spike of 1, 2, … levels takes, in units of 2^-12.
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
                passed = limits_passed(compared[n], limits, n)
                spikes[t, b, n] = passed
                v[b, n] = left_after(u[n], passed, reset)
