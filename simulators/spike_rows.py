"""Binary spikes times int8 weights, event by event, in the processor's vector registers (Numba).

A row is one timestep of one sample. Comparing 64 values at once with 0 gives a bit mask, and its
bits give the indices of the spikes; each spike then adds one line of weights, 64 neurons wide, to
sums that stay in registers. The vectors are LLVM's, which compiles them for any processor.

Neurons are handled tile by tile for a block of rows, because the weights of one tile, and not of
all, fit the first cache.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ultralif_deploy.simulators.compiled import jit

LANES = 64
"""Neurons of a tile, and input values compared at once."""

HALF = LANES // 2
"""Neurons whose weights are the low bytes of a tile's words; the others' are the high bytes."""

OFFSET = 128
"""Added to int8 weights, so that a byte holds them without a sign."""

GROUP = 256
"""Events whose weights provably add up within 16 bits: 256·255 < 2^16."""

BLOCK = 32
"""Rows whose events are kept while the tiles go by."""

INT64 = ir.IntType(64)


def tiled(weight: np.ndarray) -> np.ndarray:
    """Weights int8 [neuron, source] as `add_lines` reads them, uint16 [tile, source, HALF].

    Weight + 128 of neuron n of a tile is the low byte of word n, of neuron HALF + n the high byte.
    """
    neurons, sources = weight.shape
    tiles = -(-neurons // LANES)
    padded = np.zeros((tiles * LANES, sources), dtype=np.uint16)
    padded[:neurons] = weight.astype(np.int16) + OFFSET
    low, high = padded.reshape(tiles, 2, HALF, sources).transpose(1, 0, 3, 2)
    return np.ascontiguousarray(low | high << np.uint16(8))


def untiled(tiles: np.ndarray, neurons: int) -> np.ndarray:
    """The inverse of `tiled`, int8."""
    halves = np.stack([tiles & 0xFF, tiles >> 8], axis=1).transpose(0, 1, 3, 2)
    weight = halves.reshape(-1, tiles.shape[1])[:neurons]
    return (weight.astype(np.int16) - OFFSET).astype(np.int8)


@intrinsic
def nonzero_mask(typing: Any, signal: Any, time: Any, sample: Any, first: Any) -> Any:
    """Uint64 whose bit i is whether signal[time, sample, first + i] is not 0.

    Signal uint8 [time, batch, source], of any strides but along the sources.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        strides = cgutils.unpack_tuple(builder, array.strides, 3)
        offset = builder.add(
            builder.mul(arguments[1], strides[0]), builder.mul(arguments[2], strides[1])
        )
        place = builder.gep(array.data, [builder.add(offset, arguments[3])])
        vector = ir.VectorType(ir.IntType(8), LANES)
        found = _load(builder, place, vector)
        return builder.bitcast(builder.icmp_unsigned("!=", found, ir.Constant(vector, None)), INT64)

    index = types.int64
    return types.uint64(signal, index, index, index), generate


@intrinsic
def trailing_zeros(typing: Any, mask: Any) -> Any:
    """Index of the lowest set bit of a uint64; 64 if there is none."""
    del typing, mask

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))

    return types.uint64(types.uint64), generate


@intrinsic
def set_bits(typing: Any, mask: Any) -> Any:
    """Number of set bits of a uint64."""
    del typing, mask

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


@intrinsic
def add_lines(
    typing: Any, weight: Any, line: Any, active: Any, start: Any, stop: Any, total: Any, place: Any
) -> Any:
    """Add to total[place + n], n < LANES, the weights + OFFSET of up to GROUP events.

    Line (line + active[e]) of `weight`, HALF words, belongs to event e, start ≤ e < stop. The low
    and the high bytes add up in two vectors.

    Args:
        typing: Numba's.
        weight: uint16, one axis; lines as `tiled` makes them.
        line: the tile's first.
        active: uint32, one axis.
        start: first event.
        stop: behind the last event.
        total: int32, one axis, added to.
        place: of neuron 0.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, wide = (ir.VectorType(ir.IntType(bits), HALF) for bits in (16, 32))
        _, line, _, start, stop, _, place = arguments
        weights, events, totals = (
            context.make_array(signature.args[k])(context, builder, arguments[k]).data
            for k in (0, 2, 5)
        )
        tile = builder.gep(weights, [builder.mul(line, INT64(HALF))])
        byte, eight = (ir.Constant(words, [value] * HALF) for value in (0xFF, 8))
        halves = [cgutils.alloca_once_value(builder, ir.Constant(words, None)) for _ in range(2)]
        with cgutils.for_range_slice(builder, start, stop, INT64(1), inc=True) as (event, _):
            source = builder.zext(builder.load(builder.gep(events, [event])), INT64)
            both = _load(builder, builder.gep(tile, [builder.mul(source, INT64(HALF))]), words)
            parts = builder.and_(both, byte), builder.lshr(both, eight)
            for sums, part in zip(halves, parts, strict=True):
                builder.store(builder.add(builder.load(sums), part), sums)
        for k, sums in enumerate(halves):
            at = builder.gep(totals, [builder.add(place, INT64(k * HALF))])
            found = builder.zext(builder.load(sums), wide)
            after = builder.add(_load(builder, at, wide), found)
            builder.store(after, builder.bitcast(at, wide.as_pointer())).align = 4
        return context.get_dummy_value()

    index = types.int64
    return types.void(weight, index, active, index, index, total, index), generate


def _load(builder: Any, pointer: Any, vector: ir.VectorType) -> Any:
    """A vector from consecutive elements, aligned as one of them."""
    loaded = builder.load(builder.bitcast(pointer, vector.as_pointer()))
    loaded.align = vector.element.width // 8
    return loaded


@jit
def find_events(signal, time, sample, active):  # type: ignore[no-untyped-def]
    """Sources of the values of one row that are not 0, in order; returns how many.

    Args:
        signal: uint8 [time, batch, source].
        time: which row.
        sample: which row.
        active: uint32 [source + LANES], overwritten from its start.
    """
    sources = signal.shape[2]
    whole = sources // LANES * LANES
    found = np.uint64(0)
    for first in range(0, whole, LANES):
        mask = nonzero_mask(signal, time, sample, first)
        following = found + set_bits(mask)
        while True:  # eight at a time, needed or not: whether one is left is hard to predict
            for k in range(8):
                active[found + np.uint64(k)] = np.uint32(first) + np.uint32(trailing_zeros(mask))
                mask &= mask - np.uint64(1)
            found += np.uint64(8)
            if mask == 0:
                break
        found = following
    for i in range(whole, sources):
        active[found] = i
        found += np.uint64(signal[time, sample, i] != 0)
    return np.int64(found)


@jit
def scratch(sources, tiles):  # type: ignore[no-untyped-def]
    """Memory for `add_block`: events by row, how many they are, and sums with those of padding."""
    return (
        np.empty((BLOCK, sources + LANES), dtype=np.uint32),
        np.empty(BLOCK, dtype=np.int64),
        np.empty((BLOCK, tiles * LANES), dtype=np.int32),
    )


@jit
def add_block(signal, weight, top, block, active, ends, current):  # type: ignore[no-untyped-def]
    """The projection of some rows; row r is time r // batch, sample r % batch.

    Args:
        signal: uint8 [time, batch, source], 0 or 1.
        weight: uint16 [tile, source, HALF], see `tiled`.
        top: first row.
        block: rows, at most BLOCK.
        active: of `scratch`, overwritten.
        ends: of `scratch`, overwritten.
        current: of `scratch`, overwritten by the sums.
    """
    batch = signal.shape[1]
    tiles, sources, _ = weight.shape
    lines, events, sums = weight.reshape(-1), active.reshape(-1), current.reshape(-1)
    for r in range(block):
        time, sample = divmod(top + r, batch)
        ends[r] = find_events(signal, time, sample, active[r])
        current[r] = -OFFSET * ends[r]
    for tile in range(tiles):
        for r in range(block):
            place, first = (r * tiles + tile) * LANES, r * active.shape[1]
            end = first + ends[r]
            for start in range(first, end, GROUP):
                stop = min(start + GROUP, end)
                add_lines(lines, tile * sources, events, start, stop, sums, place)


@jit
def add_spikes(signal, weight, current):  # type: ignore[no-untyped-def]
    """Event-driven projection of binary spikes.

    Args:
        signal: uint8 [time, batch, source], 0 or 1.
        weight: uint16 [tile, source, HALF], see `tiled`.
        current: int32 [row, neuron], overwritten; rows as in `add_block`.
    """
    rows, neurons = current.shape
    active, ends, sums = scratch(signal.shape[2], len(weight))
    for top in range(0, rows, BLOCK):
        block = min(BLOCK, rows - top)
        add_block(signal, weight, top, block, active, ends, sums)
        for r in range(block):
            for n in range(neurons):
                current[top + r, n] = sums[r, n]


@jit
def fire_units(signal, weight, limit, spikes):  # type: ignore[no-untyped-def]
    """Spikes of threshold units that hear binary spikes alone.

    Args:
        signal: uint8 [time, batch, source], 0 or 1.
        weight: uint16 [tile, source, HALF], see `tiled`.
        limit: int32 [neuron]; a neuron fires where its sum exceeds it.
        spikes: uint8 [row, neuron], overwritten; rows as in `add_block`.
    """
    rows, neurons = spikes.shape
    active, ends, sums = scratch(signal.shape[2], len(weight))
    for top in range(0, rows, BLOCK):
        block = min(BLOCK, rows - top)
        add_block(signal, weight, top, block, active, ends, sums)
        for r in range(block):
            for n in range(neurons):
                spikes[top + r, n] = sums[r, n] > limit[n]
