"""Read-outs, each called by its address as `calls.py` does for updates.

In the compiled loop their states are the last rows of the counts, int64 [word · class, batch].
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba.core import types
from numba.extending import intrinsic

from ultralif_deploy.program import fixed
from ultralif_deploy.program.fixed import FRACTION_BITS
from ultralif_deploy.simulators.fast.kernels import leak
from ultralif_deploy.simulators.fast.second_order import clip, rounded
from ultralif_deploy.simulators.fast.whole.tables import BITS, ORDER, SIZE, TERMS, VALUES, WIDTH
from ultralif_deploy.simulators.native.callbacks import Callback, calling
from ultralif_deploy.simulators.native.compiled import inlined, jit

saturate_readout = jit(fixed.saturate_readout)

KINDS = ("i8", "i4", "i8", "i8", "i4", "i8", "", "", "", "", "")
"""Arguments of a read-out as `Callback` takes them; `call_read_out` describes them."""


def read_out(function: Callable[..., None]) -> Callback:
    """Make a function with the arguments of `call_read_out` behind the address a read-out."""
    return Callback(function, KINDS)


@intrinsic
def call_read_out(
    typing: Any,
    address: Any,
    one: Any,
    values: Any,
    order: Any,
    bias: Any,
    current: Any,
    counts: Any,
    begin: Any,
    batch: Any,
    first: Any,
    samples: Any,
    steps: Any,
) -> Any:
    """Add some timesteps of some samples to the read-out.

    Args:
        typing: Numba's typing context.
        address: of the read-out.
        one: int64 [SOURCE_FIELDS], the read-out's row of `Tables.sources`.
        values: int32; its parameters begin at one[VALUES].
        order: int64; index of each class in a row from one[ORDER] on, unless that is −1.
        bias: int64 [class].
        current: int32 [sample · timestep · one[WIDTH]], of the projections that are not priced.
        counts: int64; word k of class c of sample s is
            counts[begin + (k·classes + c)·batch + first + s], changed in place.
        begin: see there.
        batch: see there.
        first: see there.
        samples: number of samples.
        steps: number of timesteps.
    """
    del typing
    n = types.int64
    kinds = (n, one, values, order, bias, current, counts, n, n, n, n, n)
    return types.void(*kinds), calling(KINDS)


@inlined
def place_of(one, order, c):  # type: ignore[no-untyped-def]
    """Index of a class in a row.

    Args:
        one: same as for `call_read_out`.
        order: see there.
        c: the class.
    """
    return c if one[ORDER] < 0 else order[one[ORDER] + c]


@inlined
def heard(one, current, row, at):  # type: ignore[no-untyped-def]
    """Current of a class in a row; 0 where all projections are priced.

    Args:
        one: same as for `call_read_out`.
        current: see there.
        row: the row.
        at: the class's index in it.
    """
    now = np.int64(0)
    if one[TERMS] > 0:
        now = np.int64(current[row * one[WIDTH] + at])
    return now


@read_out
def integrator(  # type: ignore[no-untyped-def]
    one, values, order, bias, current, counts, begin, batch, first, samples, steps
):
    """Sums of currents and biases; it has no parameters.

    Args:
        one: same as for `call_read_out`.
        values: see there.
        order: see there.
        bias: see there.
        current: see there.
        counts: see there.
        begin: see there.
        batch: see there.
        first: see there.
        samples: see there.
        steps: see there.
    """
    for c in range(one[SIZE]):
        at = place_of(one, order, c)
        for s in range(samples):
            v = begin + c * batch + first + s
            for t in range(steps):
                counts[v] += heard(one, current, s * steps + t, at) + bias[c]


@read_out
def leaky_integrator(  # type: ignore[no-untyped-def]
    one, values, order, bias, current, counts, begin, batch, first, samples, steps
):
    """Membranes that leak; row: decay.

    Args:
        one: same as for `call_read_out`.
        values: see there.
        order: see there.
        bias: see there.
        current: see there.
        counts: see there.
        begin: see there.
        batch: see there.
        first: see there.
        samples: see there.
        steps: see there.
    """
    for c in range(one[SIZE]):
        at = place_of(one, order, c)
        decay = np.int64(values[one[VALUES] + at])
        for s in range(samples):
            v = begin + c * batch + first + s
            for t in range(steps):
                now = heard(one, current, s * steps + t, at)
                drive = (now << FRACTION_BITS) + bias[c]
                counts[v] = saturate_readout(leak(counts[v], decay, one[BITS]) + drive)


@read_out
def cuba_li(  # type: ignore[no-untyped-def]
    one, values, order, bias, current, counts, begin, batch, first, samples, steps
):
    """Membranes that leak behind synaptic currents that leak; rows: both decays.

    Args:
        one: same as for `call_read_out`.
        values: see there.
        order: see there.
        bias: see there.
        current: see there.
        counts: see there.
        begin: see there.
        batch: see there.
        first: see there.
        samples: see there.
        steps: see there.
    """
    for c in range(one[SIZE]):
        at = place_of(one, order, c)
        decay = np.int64(values[one[VALUES] + at])
        synaptic = np.int64(values[one[VALUES] + one[WIDTH] + at])
        for s in range(samples):
            v = begin + c * batch + first + s
            i = v + one[SIZE] * batch
            for t in range(steps):
                now = heard(one, current, s * steps + t, at)
                drive = (now << FRACTION_BITS) + bias[c]
                counts[i] = saturate_readout(leak(counts[i], synaptic, one[BITS]) + drive)
                counts[v] = saturate_readout(leak(counts[v], decay, one[BITS]) + counts[i])


LEAKY_SUM = ("alpha", "shift", "coefficient_bits", "state_bits")
"""Rows of `leaky_sum`."""


@read_out
def leaky_sum(  # type: ignore[no-untyped-def]
    one, values, order, bias, current, counts, begin, batch, first, samples, steps
):
    """Sums of states that leak.

    Args:
        one: same as for `call_read_out`.
        values: see there.
        order: see there.
        bias: see there.
        current: see there.
        counts: see there.
        begin: see there.
        batch: see there.
        first: see there.
        samples: see there.
        steps: see there.
    """
    width = one[WIDTH]
    for c in range(one[SIZE]):
        at = place_of(one, order, c)
        p = one[VALUES] + at
        alpha, shift = np.int64(values[p]), np.int64(values[p + width])
        fraction, bits = np.int64(values[p + 2 * width]), np.int64(values[p + 3 * width])
        for s in range(samples):
            v = begin + c * batch + first + s
            u = v + one[SIZE] * batch
            for t in range(steps):
                drive = (heard(one, current, s * steps + t, at) << shift) + bias[c]
                counts[u] = clip(rounded(alpha * counts[u], fraction) + drive, bits)
                counts[v] += counts[u]
