"""Exact counts of spikes and of the operations they cause, in vector registers (Numba)."""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.simulators.native.compiled import jit
from ultralif_deploy.simulators.native.vectors import (
    BYTES,
    INT32,
    INT64,
    LANES,
    WORD_LANES,
    Rows,
    add_lanes,
    load,
    pointers,
    splat,
    store,
)

LARGEST_BYTE = 255
"""Largest count in 8 bits, and so the most timesteps whose spikes are counted in bytes."""

SAMPLES_PER_BLOCK = 8
"""Number of samples whose spikes are counted at once."""


def costs(per_neuron: list[np.ndarray], size: int) -> np.ndarray:
    """What a spike adds to each counter, int32 [1 + counter, size rounded up to LANES].

    Args:
        per_neuron: one number per source neuron for each further counter, within `exact_within`;
            for example the number of non-zero weights of a projection.
        size: number of source neurons.

    Returns:
        1 per neuron for the spike itself, then the others; padding adds nothing.
    """
    table = np.zeros((1 + len(per_neuron), -(-size // LANES) * LANES), dtype=np.int32)
    table[0, :size] = 1
    for row, numbers in zip(table[1:], per_neuron, strict=True):
        row[:size] = numbers
    return table


def count(signal: np.ndarray, cost: np.ndarray, segment: int, counts: np.ndarray) -> int:
    """Add the costs of all values that are not 0 to the counters; returns the largest value.

    Args:
        signal: uint8 [time, batch, source].
        cost: int32 [counter, padded source], see `costs`.
        segment: `exact_within` of the costs.
        counts: int64 [counter, batch], added to.
    """
    time, batch, size = signal.shape
    rows = Rows(0, batch, size, time, batch * size, size)
    prices, every = cost.reshape(-1), np.arange(len(cost))
    return int(tally(signal.reshape(-1), rows, prices, 0, segment, counts, every, 0, len(cost), 0))


def exact_within(cost: np.ndarray) -> int:
    """Most values, a multiple of LANES, whose products with counts fit 32 bits in `weigh`.

    `weigh` keeps WORD_LANES sums. Of LANES values, each sum gets LANES / WORD_LANES products of
    at most LARGEST_BYTE times the largest magnitude.

    Raises:
        UltralifError: the largest magnitude is too large even for LANES values.
    """
    largest = int(np.abs(cost).max(initial=1))
    bound = (2**31 - 1) // (LARGEST_BYTE * (LANES // WORD_LANES))
    if largest > bound:
        raise UltralifError(
            f"fast: a neuron has {largest:,} non-zero weights; it counts operations of at most "
            f"{bound:,}; run this program on 'reference'"
        )
    return LANES * (bound // largest)


@intrinsic
def count_row(typing: Any, signal: Any, place: Any, size: Any, sent: Any, at: Any, top: Any) -> Any:
    """Add 1 to sent[at + i] where signal[place + i] is not 0, i < size.

    Args:
        typing: Numba's typing context.
        signal: uint8, one axis.
        place: index of the first value.
        size: number of values, at least LANES.
        sent: uint8, one axis.
        at: index of the first count.
        top: uint8 [LANES], raised to the largest values.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, place, size, _, at, _ = arguments
        values, counts, tops = pointers(context, builder, signature, arguments, 0, 3, 5)
        highest = cgutils.alloca_once(builder, BYTES)
        builder.store(load(builder, tops, INT64(0), BYTES), highest)

        def add(first: Any, counted: Any) -> None:
            found = load(builder, values, builder.add(place, first), BYTES)
            active = builder.icmp_unsigned("!=", found, BYTES(None))
            if counted is not None:
                active = builder.and_(active, counted)
            counter = builder.add(at, first)
            before = load(builder, counts, counter, BYTES)
            store(builder, builder.add(before, builder.zext(active, BYTES)), counts, counter)
            most = builder.load(highest)
            higher = builder.icmp_unsigned(">", found, most)
            builder.store(builder.select(higher, found, most), highest)

        rest = builder.and_(size, INT64(LANES - 1))
        whole = builder.sub(size, rest)
        with cgutils.for_range_slice(builder, INT64(0), whole, INT64(LANES), inc=True) as (i, _):
            add(i, None)
        with builder.if_then(builder.icmp_unsigned("!=", rest, INT64(0))):
            # The last vector, without those that it shares with the one before.
            shared = builder.trunc(builder.sub(INT64(LANES), rest), ir.IntType(8))
            lanes = BYTES(list(range(LANES)))
            fresh = builder.icmp_unsigned(">=", lanes, splat(builder, shared, BYTES))
            add(builder.sub(size, INT64(LANES)), fresh)
        store(builder, builder.load(highest), tops, INT64(0))
        return context.get_dummy_value()

    index = types.int64
    return types.void(signal, index, index, sent, index, top), generate


@intrinsic
def weigh(typing: Any, sent: Any, at: Any, cost: Any, start: Any, size: Any, segment: Any) -> Any:
    """Σ sent[at + i]·cost[start + i], i < size, int64.

    Args:
        typing: Numba's typing context.
        sent: uint8, one axis.
        at: index of the first count.
        cost: int32, one axis.
        start: index of the first cost.
        size: number of values, a multiple of LANES.
        segment: a multiple of LANES; values whose products add up within 32 bits (`exact_within`).
    """
    del typing
    few = ir.VectorType(ir.IntType(8), WORD_LANES)
    narrow = ir.VectorType(INT32, WORD_LANES)
    wide = ir.VectorType(INT64, WORD_LANES)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, at, _, start, size, segment = arguments
        counts, table = pointers(context, builder, signature, arguments, 0, 2)
        total = cgutils.alloca_once(builder, wide)
        sums = cgutils.alloca_once(builder, narrow)
        builder.store(wide(None), total)
        with cgutils.for_range_slice(builder, INT64(0), size, segment, inc=True) as (first, _):
            most = builder.add(first, segment)
            stop = builder.select(builder.icmp_signed("<", most, size), most, size)
            builder.store(narrow(None), sums)
            with cgutils.for_range_slice(builder, first, stop, INT64(LANES), inc=True) as (i, _):
                for k in range(0, LANES, WORD_LANES):
                    value = builder.add(i, INT64(k))
                    times = load(builder, counts, builder.add(at, value), few)
                    prices = load(builder, table, builder.add(start, value), narrow)
                    products = builder.mul(builder.zext(times, narrow), prices)
                    builder.store(builder.add(builder.load(sums), products), sums)
            found = builder.sext(builder.load(sums), wide)
            builder.store(builder.add(builder.load(total), found), total)
        return add_lanes(builder, builder.load(total))

    index = types.int64
    return index(sent, index, cost, index, index, index), generate


@jit
def tally(  # type: ignore[no-untyped-def]
    signal, rows, cost, price, segment, counts, counters, counter, number, sample
):
    """Add the costs of all values that are not 0 to the counters; returns the largest value.

    Args:
        signal: uint8, one axis.
        rows: `Rows`; outer are samples, inner are timesteps.
        cost: int32, one axis; rows of `costs` from `price` on.
        price: index in `cost` at which these rows begin.
        segment: same as for `weigh`.
        counts: int64 [counter, batch], added to.
        counters: int64, one axis; the row of `counts` that each row of costs is added to.
        counter: index in `counters` of the first row of costs.
        number: number of rows of costs.
        sample: index of the first sample.
    """
    size = rows.size
    padded = (size + LANES - 1) // LANES * LANES
    sent = np.empty(min(rows.outer, SAMPLES_PER_BLOCK) * padded, dtype=np.uint8)
    top = np.zeros(LANES, dtype=np.uint8)
    highest = np.uint8(0)
    for first in range(0, rows.outer, SAMPLES_PER_BLOCK):
        samples = min(SAMPLES_PER_BLOCK, rows.outer - first)
        for begin in range(0, rows.inner, LARGEST_BYTE):
            sent[:] = 0
            for inner in range(begin, min(begin + LARGEST_BYTE, rows.inner)):
                for s in range(samples):  # side by side in memory as well
                    place = rows.start + (first + s) * rows.outer_step + inner * rows.inner_step
                    if size >= LANES:
                        count_row(signal, place, size, sent, s * padded, top)
                    else:
                        for i in range(size):
                            value = signal[place + i]
                            sent[s * padded + i] += np.uint8(value != 0)
                            highest = max(highest, value)
            for s in range(samples):
                for c in range(number):
                    total = weigh(sent, s * padded, cost, price + c * padded, padded, segment)
                    counts[counters[counter + c], sample + first + s] += total
    for value in top:
        highest = max(highest, value)
    return highest
