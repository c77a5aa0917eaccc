"""Binary spikes times int8 weights, event by event, in vector registers (Numba).

A row is one timestep of one sample. 64 values at once are compared with 0, which gives a bit mask.
Its bits give the indices of the spikes. Each spike then adds one line of weights, for 64 neurons,
to sums that stay in registers.

64 neurons form a tile. For a block of rows, tiles are handled one after another, because the
weights of one tile fit into the first-level cache, and those of all tiles do not.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ultralif_deploy.simulators.native.compiled import jit
from ultralif_deploy.simulators.native.vectors import (
    INT32,
    INT64,
    LANES,
    Rows,
    append_places,
    load,
    nonzero_mask,
    pointers,
    splat,
    store,
)

LINE_WORDS = LANES // 2
"""Words in a line. Each holds two weights: low bytes for the first half of a tile's neurons, high
bytes for the second half."""

WEIGHT_OFFSET = 128
"""Added to int8 weights, so that they become unsigned bytes."""

EVENTS_PER_GROUP = 256
"""Number of events whose weights always add up within 16 bits: 256·255 < 2^16."""

ROWS_PER_BLOCK = 64
"""Number of rows whose events are found once and then used for all tiles."""

WORDS = ir.VectorType(ir.IntType(16), LINE_WORDS)
SUMS = ir.VectorType(INT32, LINE_WORDS)


def tiled(weight: np.ndarray) -> np.ndarray:
    """Weights int8 [neuron, source] as the kernels read them, uint16 [tile, source, LINE_WORDS].

    In a tile, word n holds weight + 128 of neuron n in its low byte, and that of neuron
    LINE_WORDS + n in its high byte.
    """
    neurons, sources = weight.shape
    tiles = -(-neurons // LANES)
    padded = np.zeros((tiles * LANES, sources), dtype=np.uint16)
    padded[:neurons] = weight.astype(np.int16) + WEIGHT_OFFSET
    low, high = padded.reshape(tiles, 2, LINE_WORDS, sources).transpose(1, 0, 3, 2)
    return np.ascontiguousarray(low | high << np.uint16(8))


def untiled(tiles: np.ndarray, neurons: int) -> np.ndarray:
    """The inverse of `tiled`, int8."""
    halves = np.stack([tiles & 0xFF, tiles >> 8], axis=1).transpose(0, 1, 3, 2)
    weight = halves.reshape(-1, tiles.shape[1])[:neurons]
    return (weight.astype(np.int16) - WEIGHT_OFFSET).astype(np.int8)


def currents(signal: np.ndarray, tiles: np.ndarray, neurons: int) -> np.ndarray:
    """Event-driven projection of binary spikes, int32 [time, batch, neuron].

    Args:
        signal: uint8 [time, batch, source], 0 or 1.
        tiles: weights as `tiled` makes them.
        neurons: number of neurons, without padding.
    """
    time, batch, size = signal.shape
    current = np.empty((time * batch, len(tiles) * LANES), dtype=np.int32)
    add_spikes(signal.reshape(-1), size, tiles.reshape(-1), current)
    return np.ascontiguousarray(current[:, :neurons]).reshape(time, batch, neurons)


def tile_sums(builder: Any, lines: Any, events: Any, start: Any, stop: Any) -> list[Any]:
    """Sums of the weights of some events, int32: first for the low bytes, then for the high bytes.

    The words are summed modulo 2^16. Their high bytes are also summed alone. The sum of the words
    minus 256 times the sum of the high bytes is the sum of the low bytes, which is below 2^16.

    Args:
        builder: LLVM's.
        lines: pointer to the tile's lines of LINE_WORDS words.
        events: index of the line of each event, uint32.
        start: index of the first event.
        stop: index after the last event.
    """
    eight = WORDS([8] * LINE_WORDS)
    offsets = builder.mul(builder.sub(stop, start), INT64(-WEIGHT_OFFSET))
    base = splat(builder, builder.trunc(offsets, INT32), SUMS)
    totals = [cgutils.alloca_once_value(builder, base) for _ in range(2)]
    words, high = (cgutils.alloca_once(builder, WORDS) for _ in range(2))

    def add(event: Any) -> None:
        line = builder.zext(builder.load(builder.gep(events, [event])), INT64)
        found = load(builder, lines, builder.mul(line, INT64(LINE_WORDS)), WORDS)
        builder.store(builder.add(builder.load(words), found), words)
        builder.store(builder.add(builder.load(high), builder.lshr(found, eight)), high)

    with cgutils.for_range_slice(builder, start, stop, INT64(EVENTS_PER_GROUP), inc=True) as (
        first,
        _,
    ):
        most = builder.add(first, INT64(EVENTS_PER_GROUP))
        end = builder.select(builder.icmp_signed("<", most, stop), most, stop)
        builder.store(WORDS(None), words)
        builder.store(WORDS(None), high)
        odd = builder.and_(builder.sub(end, first), INT64(1))
        pairs = builder.sub(end, odd)
        with cgutils.for_range_slice(builder, first, pairs, INT64(2), inc=True) as (event, _):
            add(event)
            add(builder.add(event, INT64(1)))
        with builder.if_then(builder.trunc(odd, ir.IntType(1))):
            add(pairs)
        above = builder.load(high)
        below = builder.sub(builder.load(words), builder.shl(above, eight))
        for total, sums in zip(totals, (below, above), strict=True):
            builder.store(builder.add(builder.load(total), builder.zext(sums, SUMS)), total)
    return [builder.load(total) for total in totals]


@intrinsic
def sum_tile(
    typing: Any, weight: Any, line: Any, events: Any, start: Any, stop: Any, current: Any, at: Any
) -> Any:
    """Write the sums of a tile to current[at:], for the events from `start` to `stop` − 1.

    Args:
        typing: Numba's typing context.
        weight: uint16, one axis; lines as `tiled` makes them.
        line: index of the tile's first line.
        events: uint32, one axis; the source of each event.
        start: index of the first event.
        stop: index after the last event.
        current: int32, one axis.
        at: index of the tile's first neuron.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        weights, found, out = pointers(context, builder, signature, arguments, 0, 2, 5)
        _, line, _, start, stop, _, at = arguments
        lines = builder.gep(weights, [builder.mul(line, INT64(LINE_WORDS))])
        for half, sums in enumerate(tile_sums(builder, lines, found, start, stop)):
            store(builder, sums, out, builder.add(at, INT64(half * LINE_WORDS)))
        return context.get_dummy_value()

    index = types.int64
    return types.void(weight, index, events, index, index, current, index), generate


@jit
def scratch(sources):  # type: ignore[no-untyped-def]
    """Arrays for the events of a block of rows, and for the bounds of each row's events."""
    return np.empty(ROWS_PER_BLOCK * sources + LANES, np.uint32), np.empty(
        ROWS_PER_BLOCK + 1, np.int64
    )


@jit
def find_events(signal, rows, events, bounds):  # type: ignore[no-untyped-def]
    """Find the sources of the values that are not 0, row by row and in order.

    Args:
        signal: uint8, one axis.
        rows: `Rows`, at most ROWS_PER_BLOCK.
        events: uint32, of `scratch`, overwritten.
        bounds: int64, of `scratch`, overwritten; row r has events bounds[r] to bounds[r + 1] − 1.
    """
    size = rows.size
    rest = size % LANES
    found, row = 0, 0
    bounds[0] = 0
    for outer in range(rows.outer):
        for inner in range(rows.inner):
            place = rows.start + outer * rows.outer_step + inner * rows.inner_step
            for first in range(0, size - rest, LANES):
                found = append_places(nonzero_mask(signal, place + first), first, events, found)
            if rest > 0:
                mask = np.uint64(0)
                if size > LANES:  # the last vector, without those that it shares
                    first = size - LANES
                    mask = nonzero_mask(signal, place + first)
                    mask &= ~np.uint64(0) << np.uint64(LANES - rest)
                else:
                    first = 0
                    for i in range(size):
                        mask |= np.uint64(signal[place + i] != 0) << np.uint64(i)
                found = append_places(mask, first, events, found)
            row += 1
            bounds[row] = found


@jit
def add_spikes(signal, size, lines, current):  # type: ignore[no-untyped-def]
    """Sum the weights of the spikes of each row.

    Args:
        signal: uint8 [row · size], 0 or 1.
        size: sources.
        lines: uint16, one axis; tiles as `tiled` makes them.
        current: int32 [row, tile · LANES], overwritten.
    """
    rows, width = current.shape
    sums = current.reshape(-1)
    events, bounds = scratch(size)
    for top in range(0, rows, ROWS_PER_BLOCK):
        block = min(ROWS_PER_BLOCK, rows - top)
        find_events(signal, Rows(top * size, 1, 0, block, size, size), events, bounds)
        for at in range(0, width, LANES):
            line = at // LANES * size
            for r in range(block):
                place = (top + r) * width + at
                sum_tile(lines, line, events, bounds[r], bounds[r + 1], sums, place)
