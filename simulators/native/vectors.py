"""Vector operations in Numba kernels, written in LLVM, which compiles them for any processor.

Kernels call these functions with whole one-dimensional arrays and indices, never with slices. A
slice in a loop changes the reference count of its array, which takes longer than the work on a row.
"""

from typing import Any, NamedTuple

import llvmlite.binding
import numba
from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

LANES = 64
"""Number of bytes in a vector."""

WORD_LANES = LANES // 4
"""Number of 32-bit words in a vector."""

INT32, INT64 = ir.IntType(32), ir.IntType(64)
BITS = ir.VectorType(ir.IntType(1), LANES)
BYTES = ir.VectorType(ir.IntType(8), LANES)


def processor_has(feature: str) -> bool:
    """Whether the processor for which Numba compiles has a feature, as LLVM calls it."""
    chosen: Any = numba.config
    if chosen.CPU_NAME is not None or chosen.CPU_FEATURES is not None:
        return f"+{feature}" in (chosen.CPU_FEATURES or "").split(",")
    return bool(llvmlite.binding.get_host_cpu_features().get(feature))


def compresses() -> bool:
    """Whether the processor has an instruction that moves chosen bytes of a vector together."""
    return processor_has("avx512vbmi2")


class Rows(NamedTuple):
    """Rows of a signal, an array uint8 of one axis.

    Row (o, i), o < outer and i < inner, begins at start + o·outer_step + i·inner_step and has
    `size` values. Rows are numbered by (o, i), with i changing fastest.
    """

    start: int
    outer: int
    outer_step: int
    inner: int
    inner_step: int
    size: int


def pointers(context: Any, builder: Any, signature: Any, arguments: Any, *which: int) -> list[Any]:
    """Pointers to the first elements of the arrays among an intrinsic's arguments.

    Args:
        context: Numba's, as an intrinsic's `generate` gets it.
        builder: LLVM's, as well.
        signature: the intrinsic's types.
        arguments: LLVM values, one per argument of the intrinsic.
        which: positions of the arrays among them; an array may be such a pointer itself.
    """
    found = []
    for k in which:
        kind, given = signature.args[k], arguments[k]
        if not isinstance(kind, types.CPointer):
            given = context.make_array(kind)(context, builder, given).data
        found.append(given)
    return found


def load(builder: Any, start: Any, place: Any, vector: ir.VectorType) -> Any:
    """Load a vector from consecutive elements, with the alignment of one element.

    Args:
        builder: LLVM's.
        start: pointer to the array's first element.
        place: int64, index of the first element read.
        vector: type of the result, whose elements are the array's.
    """
    pointer = builder.bitcast(builder.gep(start, [place]), vector.as_pointer())
    return builder.load(pointer, align=vector.element.width // 8)


def store(builder: Any, value: Any, start: Any, place: Any) -> None:
    """Store a vector to consecutive elements.

    Args:
        builder: LLVM's.
        value: the vector, whose elements are of the array's type.
        start: pointer to the array's first element.
        place: int64, index of the first element written.
    """
    pointer = builder.bitcast(builder.gep(start, [place]), value.type.as_pointer())
    builder.store(value, pointer, align=value.type.element.width // 8)


def splat(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    """A vector whose elements are all one value.

    Args:
        builder: LLVM's.
        value: value of the vector's element type.
        vector: type of the result.
    """
    undefined = ir.Constant(vector, ir.Undefined)
    single = builder.insert_element(undefined, value, INT32(0))
    zeros = ir.Constant(ir.VectorType(INT32, vector.count), None)
    return builder.shuffle_vector(single, undefined, zeros)


def part(builder: Any, vector: Any, first: int, count: int) -> Any:
    """Consecutive elements of a vector.

    Args:
        builder: LLVM's.
        vector: any vector of at least first + count elements.
        first: index of the first element taken.
        count: elements taken.
    """
    chosen = ir.Constant(ir.VectorType(INT32, count), list(range(first, first + count)))
    return builder.shuffle_vector(vector, ir.Constant(vector.type, ir.Undefined), chosen)


def add_lanes(builder: Any, vector: Any) -> Any:
    """The sum of a vector's elements."""
    element, lanes = vector.type.element, vector.type.count
    return called(builder, f"llvm.vector.reduce.add.v{lanes}{element}", element, vector)


def called(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """The result of an instruction that LLVM has a function for.

    Args:
        builder: LLVM's.
        name: name of LLVM's function.
        result: type of the result.
        arguments: LLVM values.
    """
    kind = ir.FunctionType(result, [one.type for one in arguments])
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), arguments)


@intrinsic
def nonzero_mask(typing: Any, signal: Any, place: Any) -> Any:
    """Uint64 whose bit i says whether signal[place + i] is not 0.

    Args:
        typing: Numba's typing context.
        signal: uint8, one axis.
        place: int64, index of the first of LANES values.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        (start,) = pointers(context, builder, signature, arguments, 0)
        found = load(builder, start, arguments[1], BYTES)
        return builder.bitcast(builder.icmp_unsigned("!=", found, BYTES(None)), INT64)

    return types.uint64(signal, types.int64), generate


@intrinsic
def move(typing: Any, source: Any, start: Any, target: Any, at: Any, count: Any) -> Any:
    """Copy bytes source[start : start + count] to target[at:]; they must not overlap.

    Args:
        typing: Numba's typing context.
        source: uint8, one axis; read.
        start: int64, index of the first byte read.
        target: uint8, one axis; written.
        at: int64, index of the first byte written.
        count: int64, bytes.
    """
    del typing

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, start, _, at, count = arguments
        read, written = pointers(context, builder, signature, arguments, 0, 2)
        places = builder.gep(written, [at]), builder.gep(read, [start])
        cgutils.raw_memcpy(builder, *places, count, 1)
        return context.get_dummy_value()

    index = types.int64
    return types.void(source, index, target, index, index), generate


def appender(at_once: bool) -> Any:
    """Make the intrinsic `append_places`, with one instruction for all bits or bit by bit."""
    write = _by_compressing if at_once else _bit_by_bit

    @intrinsic
    def append(typing: Any, mask: Any, first: Any, places: Any, found: Any) -> Any:
        """Write first + i for every set bit i, in order; returns the next free place.

        Args:
            typing: Numba's typing context.
            mask: uint64.
            first: int64.
            places: uint32, one axis; written from `found` on. Up to LANES more may be overwritten.
            found: int64.
        """
        del typing

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            mask, first, _, found = arguments
            (start,) = pointers(context, builder, signature, arguments, 2)
            write(builder, mask, builder.trunc(first, INT32), start, found)
            return builder.add(found, builder.ctpop(mask))

        return types.int64(types.uint64, types.int64, places, types.int64), generate

    return append


def _by_compressing(builder: Any, mask: Any, first: Any, start: Any, found: Any) -> None:
    """Choose from the bytes 0 to LANES − 1 and widen them; usually one quarter is enough."""
    name = f"llvm.experimental.vector.compress.v{LANES}i8"
    places, chosen = BYTES(list(range(LANES))), builder.bitcast(mask, BITS)
    together = called(builder, name, BYTES, places, chosen, BYTES(None))
    words = ir.VectorType(INT32, WORD_LANES)
    base = splat(builder, first, words)

    def write(quarter: int) -> None:
        wide = builder.zext(part(builder, together, quarter * WORD_LANES, WORD_LANES), words)
        place = builder.add(found, INT64(quarter * WORD_LANES))
        store(builder, builder.add(wide, base), start, place)

    write(0)
    more = builder.icmp_unsigned(">", builder.ctpop(mask), INT64(WORD_LANES))
    with builder.if_then(more, likely=False):
        for quarter in (1, 2, 3):
            write(quarter)


def _bit_by_bit(builder: Any, mask: Any, first: Any, start: Any, found: Any) -> None:
    """Write eight at a time, even if fewer are left, because branches are hard to predict."""
    left, place = (cgutils.alloca_once_value(builder, value) for value in (mask, found))
    again = builder.append_basic_block("again")
    done = builder.append_basic_block("done")
    builder.branch(again)
    builder.position_at_end(again)
    bits, at = builder.load(left), builder.load(place)
    for k in range(8):
        lowest = builder.trunc(builder.cttz(bits, ir.Constant(ir.IntType(1), 0)), INT32)
        builder.store(builder.add(first, lowest), builder.gep(start, [builder.add(at, INT64(k))]))
        bits = builder.and_(bits, builder.sub(bits, INT64(1)))
    builder.store(bits, left)
    builder.store(builder.add(at, INT64(8)), place)
    builder.cbranch(builder.icmp_unsigned("!=", bits, INT64(0)), again, done)
    builder.position_at_end(done)


append_places = appender(compresses())
