"""Matrix products and convolutions of bytes with 8-bit weights, tile by tile (Numba).

A product is a list of places. At each place, all weights of a tile of neurons meet the same
quads, four adjacent bytes each, at fixed distances from the place. For a matrix, the places are
rows. For a convolution they are the positions of its kernel, in an image whose last axis is the
channel, so nothing is gathered.

Processors with 8-bit dot products (VNNI) multiply and add a quad in one instruction, those with
AVX2 in two or more, and others by plain multiplications. The integers are the same.
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
    WORD_LANES,
    called,
    load,
    part,
    pointers,
    processor_has,
    splat,
    store,
)

QUAD = 4
"""Bytes that one lane multiplies at once."""

INT16_MAX = 2**15 - 1
WORDS = ir.VectorType(INT32, WORD_LANES)
PAIRS = ir.VectorType(ir.IntType(16), 2 * WORD_LANES)
HALF_WORDS = ir.VectorType(INT32, WORD_LANES // 2)
HALF_PAIRS = ir.VectorType(ir.IntType(16), WORD_LANES)
BYTES = ir.VectorType(ir.IntType(8), LANES)


FEATURES = {"vnni": "avx512vnni", "avx2": "avx2"}
"""What LLVM calls the features of a processor that some instructions need."""

FEWEST_ADDED = 4
"""Fewest products of pairs in 16 bits for which they are added there before they are widened."""


def added_in_16_bits(largest: int) -> int:
    """How many products of pairs add up within 16 bits, 0 where they are too few.

    A product of two bytes up to `largest` with two weights is at most 2·128·largest.

    Args:
        largest: largest value, at least 1.
    """
    count = INT16_MAX // (2 * 128 * largest)
    return count if count >= FEWEST_ADDED else 0


def instructions() -> list[str]:
    """How this processor can multiply quads, the fastest first: `vnni`, `avx2`, `any`."""
    return [*(name for name, feature in FEATURES.items() if processor_has(feature)), "any"]


def together(instruction: str) -> dict[int, int]:
    """Places that run together, by vectors of a tile, so that all sums stay in registers."""
    return {4: 4, 2: 8, 1: 8} if instruction == "vnni" else {2: 2, 1: 4}


FASTEST = instructions()[0]
"""How the kernels multiply on this processor."""

TOGETHER = together(FASTEST)
"""Places that run together on this processor."""


def tile_vectors(neurons: int) -> list[int]:
    """Vectors of each tile of so many neurons, a multiple of WORD_LANES: most have the largest."""
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
    return called(builder, name, WORDS, sums, _as(builder, values), _as(builder, weights))


def _add_pairs(builder: Any, sums: Any, values: Any, weights: Any) -> Any:
    """Add the products of two adjacent bytes to each of the 16-bit sums `PAIRS`."""
    found = []
    for half in range(2):
        given, held = (
            part(builder, _as(builder, one), half * LANES // 2, LANES // 2)
            for one in (values, weights)
        )
        found.append(called(builder, "llvm.x86.avx2.pmadd.ub.sw", HALF_PAIRS, given, held))
    return builder.add(sums, _joined(builder, found))


def _widened(builder: Any, pairs: Any) -> Any:
    """The sums of adjacent 16-bit sums, in 32 bits."""
    ones, found = HALF_PAIRS([1] * HALF_PAIRS.count), []
    for half in range(2):
        given = part(builder, pairs, half * HALF_PAIRS.count, HALF_PAIRS.count)
        found.append(called(builder, "llvm.x86.avx2.pmadd.wd", HALF_WORDS, given, ones))
    return _joined(builder, found)


def _dot_wide(builder: Any, sums: Any, values: Any, weights: Any) -> Any:
    """The same for all values: bytes widened to 16 bits, then pairs of them to 32."""
    for products in _even_and_odd(builder, values, weights):
        found = []
        for half in range(2):
            given, held = (
                part(builder, one, half * HALF_PAIRS.count, HALF_PAIRS.count) for one in products
            )
            found.append(called(builder, "llvm.x86.avx2.pmadd.wd", HALF_WORDS, given, held))
        sums = builder.add(sums, _joined(builder, found))
    return sums


def _dot_pairs(builder: Any, sums: Any, values: Any, weights: Any) -> Any:
    """The same on any processor: products of 16 bits, at most 255·128, widened to 32."""
    sixteen = WORDS([16] * WORD_LANES)
    for given, held in _even_and_odd(builder, values, weights):
        both = builder.bitcast(builder.mul(given, held), WORDS)
        low = builder.ashr(builder.shl(both, sixteen), sixteen)
        sums = builder.add(sums, builder.add(low, builder.ashr(both, sixteen)))
    return sums


def _even_and_odd(builder: Any, values: Any, weights: Any) -> tuple[tuple[Any, Any], ...]:
    """Values and weights at even places and at odd places, widened to 16 bits."""
    eight = PAIRS([8] * 2 * WORD_LANES)
    given, held = (builder.bitcast(one, PAIRS) for one in (values, weights))
    low = builder.and_(given, PAIRS([255] * 2 * WORD_LANES))
    return (
        (low, builder.ashr(builder.shl(held, eight), eight)),
        (builder.lshr(given, eight), builder.ashr(held, eight)),
    )


def _as(builder: Any, vector: Any) -> Any:
    return builder.bitcast(vector, BYTES)


def _joined(builder: Any, halves: list[Any]) -> Any:
    lanes = 2 * halves[0].type.count
    return builder.shuffle_vector(
        *halves, ir.Constant(ir.VectorType(INT32, lanes), [*range(lanes)])
    )


DOTS = {"vnni": _dot_bytes, "avx2": _dot_wide, "any": _dot_pairs}
"""Dot products by `instructions`."""


def tiling(vectors: int, instruction: str, narrow: bool) -> Any:
    """Make `product_tile` for tiles of so many vectors.

    Args:
        vectors: vectors of a tile, a key of `together`.
        instruction: one of `instructions`.
        narrow: whether products of pairs are added in 16 bits, which AVX2 does fastest.
    """
    places = together(instruction)[vectors]

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
        group: Any,
    ) -> Any:
        """Write the sums of a tile for `together` places.

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
            group: quads that are added in 16 bits (`added_in_16_bits`), if `narrow`.
        """
        del typing

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            values, where, steps, weights, out, there = pointers(
                context, builder, signature, arguments, 0, 1, 3, 5, 7, 8
            )
            _, _, place, _, quads, _, at, _, _, lane, group = arguments
            chosen = [builder.add(place, INT64(p)) for p in range(places)]
            words = ir.IntType(32).as_pointer()
            bases = [builder.gep(values, [builder.load(builder.gep(where, [p]))]) for p in chosen]
            sums = [cgutils.alloca_once(builder, WORDS) for _ in range(places * vectors)]
            for one in sums:
                builder.store(WORDS(None), one)

            def add_quads(first: Any, last: Any, totals: list[Any], dot: Any) -> None:
                with cgutils.for_range_slice(builder, first, last, INT64(1), inc=True) as (i, _):
                    distance = builder.load(builder.gep(steps, [i]))
                    line = builder.add(at, builder.mul(i, INT64(vectors * LANES)))
                    held = [
                        load(builder, weights, builder.add(line, INT64(k * LANES)), BYTES)
                        for k in range(vectors)
                    ]
                    for p, base in enumerate(bases):
                        quad = builder.bitcast(builder.gep(base, [distance]), words)
                        given = splat(builder, builder.load(quad, align=1), WORDS)
                        for one, weight in zip(totals[p * vectors :], held, strict=False):
                            builder.store(dot(builder, builder.load(one), given, weight), one)

            if narrow:
                pairs = [cgutils.alloca_once(builder, PAIRS) for _ in sums]
                each = cgutils.for_range_slice(builder, INT64(0), quads, group, inc=True)
                with each as (first, _):
                    most = builder.add(first, group)
                    less = builder.icmp_signed("<", most, quads)
                    for one in pairs:
                        builder.store(PAIRS(None), one)
                    add_quads(first, builder.select(less, most, quads), pairs, _add_pairs)
                    for total, one in zip(sums, pairs, strict=True):
                        found = _widened(builder, builder.load(one))
                        builder.store(builder.add(builder.load(total), found), total)
            else:
                add_quads(INT64(0), quads, sums, DOTS[instruction])
            for k, p in enumerate(chosen):
                target = builder.add(builder.load(builder.gep(there, [p])), lane)
                for v, one in enumerate(sums[k * vectors : (k + 1) * vectors]):
                    store(
                        builder,
                        builder.load(one),
                        out,
                        builder.add(target, INT64(v * WORD_LANES)),
                    )
            return context.get_dummy_value()

        index = types.int64
        kinds = (signal, starts, index, distances, index, weight, index, current)
        return types.void(*kinds, ends, index, index), generate

    return product_tile


_LARGE, _MIDDLE, _SMALL = (*TOGETHER, 1)[:3]
"""Vectors of tiles; where there are two sizes, the last one stands twice."""

_LARGE_PLACES, _MIDDLE_PLACES, _SMALL_PLACES = (TOGETHER[v] for v in (_LARGE, _MIDDLE, _SMALL))
_MOST_TOGETHER = max(TOGETHER.values())
_ADDS_IN_16_BITS = FASTEST == "avx2"
_narrow_large, _narrow_middle, _narrow_small = (
    tiling(vectors, FASTEST, _ADDS_IN_16_BITS) for vectors in (_LARGE, _MIDDLE, _SMALL)
)
_wide_large, _wide_middle, _wide_small = (
    tiling(vectors, FASTEST, False) for vectors in (_LARGE, _MIDDLE, _SMALL)
)


@jit
def multiply(  # type: ignore[no-untyped-def]
    signal, begin, size, rows, places, targets, distances, weight, neurons, current, width, group
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
        group: `added_in_16_bits` of the values that count.
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
        if left >= _LARGE:
            vectors, places_at_once = _LARGE, _LARGE_PLACES
        elif left >= _MIDDLE:
            vectors, places_at_once = _MIDDLE, _MIDDLE_PLACES
        else:
            vectors, places_at_once = _SMALL, _SMALL_PLACES
        for k in range(0, total, places_at_once):
            tile = signal, starts, k, distances, quads, weight, at, current, ends, lane, group
            if _ADDS_IN_16_BITS and group == 0:
                if vectors == _LARGE:
                    _wide_large(*tile)
                elif vectors == _MIDDLE:
                    _wide_middle(*tile)
                else:
                    _wide_small(*tile)
            elif vectors == _LARGE:
                _narrow_large(*tile)
            elif vectors == _MIDDLE:
                _narrow_middle(*tile)
            else:
                _narrow_small(*tile)
        lane += vectors * WORD_LANES
        at += vectors * LANES * quads
