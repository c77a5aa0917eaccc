"""What a program takes on an FPGA at least, known before any tool runs.

yosys puts a read-only memory into block RAMs or into look-up tables, whichever costs less by its
own table: a bit in look-up tables costs 1/16, a block RAM 64 on iCE40 and 128 on ECP5, and every
bit of a word that is chosen from several block RAMs costs half for each of them (passes/memory and
techlibs of yosys 0.23). The bound counts only memories for which block RAMs cost less than half, so
that other versions may count otherwise. Of these it counts only the bits that no optimization can
remove: columns that are neither constant nor equal to another one or to its inverse, and words from
the first to the last that holds anything. A memory that another one repeats is counted once.
"""

import numpy as np

from ultralif_deploy.errors import CheckFailed
from ultralif_deploy.exporters.verilog.design import Design, design
from ultralif_deploy.program.program import Program
from ultralif_deploy.steps.hardware.parts import PARTS, Family

LOGIC_COST, CHOICE_COST, MARGIN = 1 / 16, 0.5, 2


def refuse_what_cannot_fit(program: Program, part: str, lanes: int | None) -> None:
    """Refuse a program whose weights take more block RAMs than a part has.

    Args:
        program: program to be synthesized.
        part: key of `PARTS`.
        lanes: neurons of a population that are computed at once; None chooses them.

    Raises:
        UltralifError: a number of lanes that does not exist.
        Refused: the hardware cannot express the program.
        CheckFailed: it cannot fit.
    """
    made, device = design(program, lanes), PARTS[part]
    least = least_block_rams(made, device.family)
    if least <= device.block_rams:
        return
    families = {id(p.family): p.family for p in PARTS.values()}
    takes = {key: least_block_rams(made, family) for key, family in families.items()}
    larger = [name for name, p in PARTS.items() if takes[id(p.family)] <= p.block_rams]
    others = f"a part with more ({', '.join(larger)})" if larger else "a smaller network"
    raise CheckFailed(
        f"does not fit {part}: its weights and parameters take at least {least} block RAMs of "
        f"{device.family.memory_bits} bits, and the part has {device.block_rams}; use fewer bits "
        f"(--bits of deploy or quantize), or {others}"
    )


def least_block_rams(made: Design, family: Family) -> int:
    """Smallest number of block RAMs that weights and parameters take.

    Args:
        made: the hardware of a program.
        family: architecture of the device.
    """
    contents = {made.files[f"{m['id']}.mem"]: m for m in made.memories if m["depth"]}
    return sum(_least(text, m["width"], family) for text, m in contents.items())


def _least(text: str, width: int, family: Family) -> int:
    """Block RAMs of a memory at least; 0 where look-up tables might hold it.

    Args:
        text: words in hexadecimal, one on each line.
        width: bits of a word.
        family: architecture of the device.
    """
    held = _irreducible(text, width)
    depth = text.count("\n")
    if held * LOGIC_COST < MARGIN * min(
        _cost(depth, width, s, family) for s in family.memory_shapes
    ):
        return 0
    return -(-held // family.memory_bits)


def _cost(depth: int, width: int, shape: tuple[int, int], family: Family) -> float:
    """What a memory costs in block RAMs of one shape."""
    deep, wide = -(-depth // shape[0]), -(-width // shape[1])
    return family.memory_cost * deep * wide + CHOICE_COST * width * deep


def _irreducible(text: str, width: int) -> int:
    """Bits of a memory that no optimization removes."""
    digits = 2 * -(-width // 8)
    raw = bytes.fromhex("".join(line.zfill(digits) for line in text.split()))
    rows = np.frombuffer(raw, dtype=np.uint8).reshape(-1, digits // 2)
    used = np.flatnonzero(rows.any(axis=1))
    if not len(used):
        return 0
    columns = np.unpackbits(rows[used[0] : used[-1] + 1], axis=1).T
    columns = columns ^ columns[:, :1]  # begins with 0, so that an inverse looks the same
    distinct = np.unique(np.packbits(columns, axis=1), axis=0)
    return int(distinct.any(axis=1).sum()) * columns.shape[1]
