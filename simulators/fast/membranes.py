"""Updates of units without memory and of models with one state word (Numba).

A neuron sends the number of its limits that it exceeds. Binary spikes have one limit, and take the
whole membrane. The arguments of all updates are those of `calls.call_update`; `whole/models.py`
lays the parameters out. All integers are exact: sums have 64 bits, and fit 32 where they are kept.
"""

import numpy as np

from ultralif_deploy.program.fixed import DECAY_BITS, FRACTION_BITS
from ultralif_deploy.simulators.fast.calls import update
from ultralif_deploy.simulators.fast.kernels import leak, saturate
from ultralif_deploy.simulators.fast.whole.tables import (
    BITS,
    LAST,
    LEVELS,
    SHIFT,
    STATE,
    VALUES,
    WIDTH,
)
from ultralif_deploy.simulators.native.compiled import inlined


@inlined
def send(one, values, limits, compared, first, sent, out):  # type: ignore[no-untyped-def]
    """Write how many of its limits each neuron exceeds.

    Args:
        one: same as for `calls.call_update`.
        values: int32; the rows of limits begin at `limits`.
        limits: see there.
        compared: int32; what is compared begins at `first`.
        first: see there.
        sent: uint8, written from `out` on.
        out: see there.
    """
    width = one[WIDTH]
    for n in range(width):
        sent[out + n] = compared[first + n] > values[limits + n]
    for k in range(1, one[LEVELS]):
        row = limits + k * width
        for n in range(width):
            sent[out + n] += np.uint8(compared[first + n] > values[row + n])


@inlined
def keep(one, values, limits, current, place, states, v, sent, out):  # type: ignore[no-untyped-def]
    """Write what the spikes leave of the membranes.

    Args:
        one: same as for `calls.call_update`.
        values: int32; behind the limits come the shares of v that 0, 1, … levels take, in units of
            2^-12.
        limits: index of the first limit.
        current: int32; membranes before the reset begin at `place`.
        place: see there.
        states: int32, written from `v` on.
        v: see there.
        sent: uint8; spikes begin at `out`.
        out: see there.
    """
    shares = limits + one[LEVELS] * one[WIDTH]
    for n in range(one[WIDTH]):
        share = np.int64(values[shares + sent[out + n]])
        states[v + n] = leak(np.int64(current[place + n]), share, DECAY_BITS)


@inlined
def charge(one, values, bias, current, place, states, v):  # type: ignore[no-untyped-def]
    """Replace currents by the membranes of leaky neurons before they fire.

    Args:
        one: same as for `calls.call_update`.
        values: int32; the row of biases begins at `bias`, and that of decays is the next.
        bias: see there.
        current: int32, replaced from `place` on.
        place: see there.
        states: int32; membranes before this timestep begin at `v`.
        v: see there.
    """
    decay, bits = bias + one[WIDTH], one[BITS]
    for n in range(one[WIDTH]):
        drive = (np.int64(current[place + n]) << FRACTION_BITS) + values[bias + n]
        kept = leak(np.int64(states[v + n]), np.int64(values[decay + n]), bits)
        current[place + n] = saturate(kept + drive)


@update
def threshold(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """Units without memory; a row of limits per level, in current units and without the bias.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    for s in range(samples):
        for t in range(steps):
            place = s * outer + t * inner
            send(one, values, one[VALUES], current, place, sent, begin + place)


@update
def tropical_lif(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """Max-plus LIF; rows: bias, what v loses in a timestep, reset, limit, in current units.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width = one[WIDTH]
    bias = one[VALUES]
    decay, reset, limit = bias + width, bias + 2 * width, bias + 3 * width
    for s in range(samples):
        v = (first + s) * each + one[STATE]
        for t in range(steps):
            place = s * outer + t * inner
            for n in range(width):
                drive = np.int64(current[place + n]) + values[bias + n]
                u = max(np.int64(states[v + n]) - values[decay + n], drive)
                fired = u > values[limit + n]
                sent[begin + place + n] = fired
                states[v + n] = values[reset + n] if fired else u


@update
def lif(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """Leaky membranes; rows: bias, decay, limits, and then the shares.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    bias = one[VALUES]
    limits = bias + 2 * one[WIDTH]
    for s in range(samples):
        v = (first + s) * each + one[STATE]
        for t in range(steps):
            place = s * outer + t * inner
            charge(one, values, bias, current, place, states, v)
            send(one, values, limits, current, place, sent, begin + place)
            keep(one, values, limits, current, place, states, v, sent, begin + place)


@update
def released_ring(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """Rings whose neurons compare the largest of three; rows: both neighbours, then as `lif`.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width, left = one[WIDTH], one[VALUES]
    right, bias, limits = left + width, left + 2 * width, left + 4 * width
    for s in range(samples):
        v = (first + s) * each + one[STATE]
        for t in range(steps):
            place = s * outer + t * inner
            charge(one, values, bias, current, place, states, v)
            for n in range(width):  # the membranes are in `current`, so `states` is free
                beside = max(current[place + values[left + n]], current[place + values[right + n]])
                states[v + n] = max(current[place + n], beside)
            send(one, values, limits, states, v, sent, begin + place)
            keep(one, values, limits, current, place, states, v, sent, begin + place)


@update
def paper_ring(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """Rings whose neurons take over the largest of three; rows as for `released_ring`.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width, left, bits = one[WIDTH], one[VALUES], one[BITS]
    right, bias, decay = left + width, left + 2 * width, left + 3 * width
    limits = left + 4 * width
    for s in range(samples):
        v = (first + s) * each + one[STATE]
        for t in range(steps):
            place = s * outer + t * inner
            for n in range(width):
                drive = (np.int64(current[place + n]) << FRACTION_BITS) + values[bias + n]
                kept = leak(np.int64(states[v + n]), np.int64(values[decay + n]), bits)
                beside = max(states[v + values[left + n]], states[v + values[right + n]])
                current[place + n] = saturate(max(kept, np.int64(beside)) + drive)
            send(one, values, limits, current, place, sent, begin + place)
            keep(one, values, limits, current, place, states, v, sent, begin + place)


@update
def log_max_lif(  # type: ignore[no-untyped-def]
    one, values, current, outer, inner, states, each, first, sent, begin, samples, steps
):
    """Soft maximum; rows: bias, what v loses, limits, then the shares and what the maximum adds.

    Args:
        one: same as for `calls.call_update`.
        values: see there.
        current: see there.
        outer: see there.
        inner: see there.
        states: see there.
        each: see there.
        first: see there.
        sent: see there.
        begin: see there.
        samples: see there.
        steps: see there.
    """
    width, shift, last = one[WIDTH], one[SHIFT], one[LAST]
    bias = one[VALUES]
    decay, limits = bias + width, bias + 2 * width
    table = limits + one[LEVELS] * (width + 1) + 1
    for s in range(samples):
        v = (first + s) * each + one[STATE]
        for t in range(steps):
            place = s * outer + t * inner
            for n in range(width):
                drive = (np.int64(current[place + n]) << FRACTION_BITS) + values[bias + n]
                kept = np.int64(states[v + n]) - values[decay + n]
                entry = min(abs(kept - drive) >> shift, last)
                current[place + n] = saturate(max(kept, drive) + values[table + entry])
            send(one, values, limits, current, place, sent, begin + place)
            keep(one, values, limits, current, place, states, v, sent, begin + place)
