"""Matrix products and convolutions of bytes with 8-bit weights, tile by tile (Numba).

A product is a list of places. At each place, all weights of a tile of neurons meet the same
quads, four adjacent bytes each, at fixed distances from the place. For a matrix, the places are
rows. For a convolution they are the positions of its kernel, in an image whose last axis is the
channel, so nothing is gathered.

Processors with 8-bit dot products (VNNI) multiply and add a quad in one instruction. Others take
several; the integers are the same.
"""

from typing import Any

import llvmlite.binding
import numba
import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from ultralif_deploy.simulators.native.compiled import jit
from ultralif_deploy.simulators.native.vectors import (
    INT32,
    INT64,
    LANES,
    WORD_LANES,
    load,
    pointers,
    splat,
    store,
)

QUAD = 4
"""Bytes that one lane multiplies at once."""

TOGETHER = {4: 4, 2: 8, 1: 8}
"""Places that run together, by vectors of a tile, so that all sums stay in registers."""

WORDS = ir.VectorType(INT32, WORD_LANES)
PAIRS = ir.VectorType(ir.IntType(16), 2 * WORD_LANES)
BYTES = ir.VectorType(ir.IntType(8), LANES)


def multiplies_bytes() -> bool:
    """Whether the processor has dot products of bytes in vectors of 64."""
    chosen: Any = numba.config
    if chosen.CPU_NAME is not None or chosen.CPU_FEATURES is not None:
        return "+avx512vnni" in (chosen.CPU_FEATURES or "").split(",")
    return bool(llvmlite.binding.get_host_cpu_features().get("avx512vnni"))


def tile_vectors(neurons: int) -> list[int]:
    """Vectors of each tile of so many neurons, a multiple of WORD_LANES: most have 4."""
    left, found = neurons // WORD_LANES, list[int]()
    for vectors in TOGETHER:
        found += [vectors] * (left // vectors)
        left %= vectors
    return found


def packed(weight: np.ndarray) -> np.ndarray:
    """Weights int8 [neuron, quad · QUAD] in the order in which `product_tile` reads them.

    They have one axis: tile by tile, and in a tile quad by quad. Neurons are a multiple of
    WORD_LANES.
    """
    tiles, first = [], 0
    for vectors in tile_vectors(len(weight)):
        last = first + vectors * WORD_LANES
        quads = weight[first:last].reshape(last - first, -1, QUAD)
        tiles.append(quads.transpose(1, 0, 2).reshape(-1))
        first = last
    return np.concatenate(tiles)


def unpacked(weights: np.ndarray, neurons: int) -> np.ndarray:
    """The inverse of `packed`, int8 [neuron, quad · QUAD]."""
    rows, first, size = [], 0, len(weights) // neurons
    for vectors in tile_vectors(neurons):
        last = first + vectors * WORD_LANES * size
        quads = weights[first:last].reshape(size // QUAD, -1, QUAD)
        rows.append(quads.transpose(1, 0, 2).reshape(-1, size))
        first = last
    return np.concatenate(rows)


def _dot_bytes(builder: Any, sums: Any, values: Any, weights: Any) -> Any:
    """Add the products of four unsigned and four signed bytes to each lane, by one instruction."""
    name = "llvm.x86.avx512.vpdpbusd.512"
    kind = ir.FunctionType(WORDS, [WORDS, BYTES, BYTES])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    parts = (builder.bitcast(part, BYTES) for part in (values, weights))
    return builder.call(function, [sums, *parts])


def _dot_pairs(builder: Any, sums: Any, values: Any, weights: Any) -> Any:
    """The same on any processor: products of 16 bits, at most 255·128, widened to 32."""
    eight, sixteen = PAIRS([8] * 2 * WORD_LANES), WORDS([16] * WORD_LANES)
    given, held = (builder.bitcast(part, PAIRS) for part in (values, weights))
    even = builder.mul(
        builder.and_(given, PAIRS([255] * 2 * WORD_LANES)),
        builder.ashr(builder.shl(held, eight), eight),
    )
    odd = builder.mul(builder.lshr(given, eight), builder.ashr(held, eight))
    for products in (even, odd):
        both = builder.bitcast(products, WORDS)
        low = builder.ashr(builder.shl(both, sixteen), sixteen)
        sums = builder.add(sums, builder.add(low, builder.ashr(both, sixteen)))
    return sums


def tiling(vectors: int, at_once: bool) -> Any:
    """Make `product_tile` for tiles of so many vectors, with or without byte instructions."""
    dot = _dot_bytes if at_once else _dot_pairs
    places = TOGETHER[vectors]

    @intrinsic
    def product_tile(
        typing: Any,
        signal: Any,
        starts: Any,
        place: Any,
        distances: Any,
        quads: Any,
        weight: Any,
        at: Any,
        current: Any,
        ends: Any,
        lane: Any,
    ) -> Any:
        """Write the sums of a tile for `TOGETHER` places.

        Args:
            typing: Numba's typing context.
            signal: uint8, one axis.
            starts: int64, one axis; index of each place in `signal`.
            place: the first place.
            distances: int64, one axis; of each quad from the place's index.
            quads: number of quads.
            weight: int8, one axis; as `packed` makes it.
            at: index of the tile's first weight.
            current: int32, one axis; overwritten.
            ends: int64, one axis; index of each place's first neuron in `current`.
            lane: first neuron of the tile.
        """
        del typing

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values, where, steps, weights, out, there = pointers(
                context, builder, signature, arguments, 0, 1, 3, 5, 7, 8
            )
            _, _, place, _, quads, _, at, _, _, lane = arguments
            chosen = [builder.add(place, INT64(p)) for p in range(places)]
            words = ir.IntType(32).as_pointer()
            bases = [builder.gep(values, [builder.load(builder.gep(where, [p]))]) for p in chosen]
            sums = [[cgutils.alloca_once(builder, WORDS) for _ in range(vectors)] for _ in bases]
            for row in sums:
                for one in row:
                    builder.store(WORDS(None), one)
            with cgutils.for_range(builder, quads, intp=INT64) as loop:
                distance = builder.load(builder.gep(steps, [loop.index]))
                line = builder.add(at, builder.mul(loop.index, INT64(vectors * LANES)))
                held = [
                    load(builder, weights, builder.add(line, INT64(k * LANES)), BYTES)
                    for k in range(vectors)
                ]
                for base, row in zip(bases, sums, strict=True):
                    quad = builder.bitcast(builder.gep(base, [distance]), words)
                    given = splat(builder, builder.load(quad, align=1), WORDS)
                    for one, part in zip(row, held, strict=True):
                        builder.store(dot(builder, builder.load(one), given, part), one)
            for p, row in zip(chosen, sums, strict=True):
                target = builder.add(builder.load(builder.gep(there, [p])), lane)
                for k, one in enumerate(row):
                    store(
                        builder,
                        builder.load(one),
                        out,
                        builder.add(target, INT64(k * WORD_LANES)),
                    )
            return context.get_dummy_value()

        index = types.int64
        kinds = (signal, starts, index, distances, index, weight, index, current)
        return types.void(*kinds, ends, index), generate

    return product_tile


_four, _two, _one = (tiling(vectors, multiplies_bytes()) for vectors in TOGETHER)
_MOST_TOGETHER = max(TOGETHER.values())


@jit
def multiply(  # type: ignore[no-untyped-def]
    signal, begin, size, rows, places, targets, distances, weight, neurons, current, width
):
    """Sums of all neurons at all places of some rows.

    Args:
        signal: uint8, one axis; the rows begin at `begin`, `size` apart. It must go on for QUAD
            bytes behind the last one that counts.
        begin: see there.
        size: see there.
        rows: number of rows.
        places: int64 [place], index of each place in a row.
        targets: int64 [place], index in `current`'s row of the first neuron at a place.
        distances: int64 [quad], of each quad from a place.
        weight: int8, one axis; as `packed` makes it.
        neurons: neurons at a place, a multiple of WORD_LANES.
        current: int32 [row · width]; those of the neurons are overwritten.
        width: values of a row of `current`.
    """
    count, quads = len(places), len(distances)
    total = rows * count
    starts = np.empty(total + _MOST_TOGETHER, dtype=np.int64)
    ends = np.empty(total + _MOST_TOGETHER, dtype=np.int64)
    for r in range(rows):
        for p in range(count):
            starts[r * count + p] = begin + r * size + places[p]
            ends[r * count + p] = r * width + targets[p]
    for k in range(total, len(starts)):  # the last place again, to fill its group
        starts[k], ends[k] = starts[total - 1], ends[total - 1]
    lane, at = 0, 0
    while lane < neurons:
        left = (neurons - lane) // WORD_LANES
        if left >= 4:
            for k in range(0, total, 4):
                _four(signal, starts, k, distances, quads, weight, at, current, ends, lane)
            vectors = 4
        elif left >= 2:
            for k in range(0, total, 8):
                _two(signal, starts, k, distances, quads, weight, at, current, ends, lane)
            vectors = 2
        else:
            for k in range(0, total, 8):
                _one(signal, starts, k, distances, quads, weight, at, current, ends, lane)
            vectors = 1
        lane += vectors * WORD_LANES
        at += vectors * LANES * quads
