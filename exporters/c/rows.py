"""Rows of weights in exported C: how they are stored, and what they are added to."""

import numpy as np

from ultralif_deploy.program.graph import Conv2d, Dense, Projection
from ultralif_deploy.program.program import Population, Program

NARROW_MAX = 32767
"""Largest value of a 16-bit accumulator."""


def transposed(linear: Dense | Conv2d) -> np.ndarray:
    """Weights as stored: transposed, so that the last axis holds the targets of one spike.

    Dense: [source, target]. Conv2d: [channel, kernel row, kernel column, output of the group].
    """
    if isinstance(linear, Dense):
        return linear.weight.T
    outer, inner = linear.weight.shape[0] // linear.groups, linear.weight.shape[1]
    grouped = linear.weight.reshape(linear.groups, outer, inner, *linear.kernel)
    return grouped.transpose(0, 2, 3, 4, 1).reshape(-1, *linear.kernel, outer)


def pack(rows: np.ndarray, bits: int) -> np.ndarray:
    """Pack integers int8 [..., n] into bytes uint8 [..., ⌈n·bits/8⌉], the first in the low bits.

    Packed integers are larger by 2^(bits − 1), so that none is negative.
    """
    if bits == 8:
        return rows
    raised = (rows + (1 << bits - 1)).astype(np.uint8)
    low = (raised[..., None] >> np.arange(bits, dtype=np.uint8)) & 1
    flat = low.reshape(*rows.shape[:-1], -1)
    return np.packbits(flat, axis=-1, bitorder="little")


def is_narrow(program: Program, population: Population) -> bool:
    """Whether 16 bits hold every sum of currents; the ring stores membrane potentials there too."""
    form = population.neuron.structure().get("form")
    return form is None and program.current_bounds[population.name] <= NARROW_MAX


def buffers(program: Program) -> dict[str, int]:
    """Entries of the state's buffers of currents, 32 bits wide and narrow; 16 bits fill words."""
    found = {"wide": 0, "narrow": 0}
    for p in program.populations:
        name = "narrow" if is_narrow(program, p) else "wide"
        found[name] = max(found[name], p.size)
    return found | {"narrow": -(-found["narrow"] // 2) * 2}


def stored_bits_of(program: Program) -> list[int]:
    """Bits of the stored weights, each once, the fewest first."""
    weighted = (p for p in program.projections if isinstance(p.map, (Dense, Conv2d)))
    return sorted({program.formats[p.target].stored_bits for p in weighted})


def row_formats(program: Program) -> list[dict[str, object]]:
    """What the template needs to add rows of weights, each kind of row once."""
    weighted = (p for p in program.projections if isinstance(p.map, (Dense, Conv2d)))
    found = {str(one["name"]): one for one in (row_format(program, p) for p in weighted)}
    return [found[name] for name in sorted(found)]


def row_format(program: Program, projection: Projection) -> dict[str, object]:
    """How the rows of a projection are added.

    Rows of spikes to neighbouring neurons are added without taking off by how much packed weights
    are larger: that is done once, for all rows together.
    """
    bits = program.formats[projection.target].stored_bits
    narrow = is_narrow(program, program.population(projection.target))
    contiguous = isinstance(projection.map, Dense) and not program.multiplies
    kind = f"{'row' if contiguous else 'every'}_of_{bits}_bits{'' if narrow else '_wide'}"
    return {
        "name": f"add_{kind}",
        "bits": bits,
        "mask": (1 << bits) - 1,
        "sign": 1 << (bits - 1),
        "packed": bits < 8,
        "narrow": narrow,
        "contiguous": contiguous,
        "excess": 1 << (bits - 1) if contiguous and bits < 8 else 0,
        "simd": contiguous and narrow and bits in (2, 4, 8),
    }
