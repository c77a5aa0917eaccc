"""Faults of the memory that holds the weights, bit by bit.

A weight takes the stored bits of its format, read as two's complement. Formats of 2 to 8 bits use
all patterns, so that a fault gives another weight of the format, −128 of 8 bits among them. The
pattern 10 of ternary weights is never stored; hardware that meets it reads −2, and so does this.
Biases and neurons' parameters stay as they are.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ultralif_deploy.program.graph import WEIGHTED, Projection
from ultralif_deploy.program.program import Program
from ultralif_deploy.robustness.inputs import struck

Rule = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Patterns and faulty bits, both uint8 of a shape, to the patterns that are read."""


def stuck_at_0(patterns: np.ndarray, faulty: np.ndarray) -> np.ndarray:
    """Faulty bits read 0."""
    return patterns & ~faulty


def stuck_at_1(patterns: np.ndarray, faulty: np.ndarray) -> np.ndarray:
    """Faulty bits read 1."""
    return patterns | faulty


def flipped(patterns: np.ndarray, faulty: np.ndarray) -> np.ndarray:
    """Faulty bits read the other value."""
    return patterns ^ faulty


def faulted(program: Program, rule: Rule, probability: float, rng: np.random.Generator) -> Program:
    """The program with faulty weights, built again, so that all of its bounds are proved anew.

    Args:
        program: program as it was stored.
        rule: rule for the value that a faulty bit reads.
        probability: probability that a bit is faulty, independently of the others.
        rng: draws the faults.

    Raises:
        UltralifError: a sum of the faulty weights may pass 32 bits.
    """

    def read(projection: Projection) -> Projection:
        if not isinstance(projection.map, WEIGHTED):
            return projection
        bits = program.formats[projection.target].stored_bits
        weight = projection.map.weight
        hit = struck((bits, *weight.shape), probability, rng)
        faulty = np.packbits(hit, axis=0, bitorder="little")[0]
        found = from_patterns(rule(to_patterns(weight, bits), faulty), bits)
        return replace(projection, map=replace(projection.map, weight=found))

    return replace(program, projections=tuple(map(read, program.projections)))


def to_patterns(weight: np.ndarray, bits: int) -> np.ndarray:
    """Two's complement of so many bits, uint8."""
    return weight.astype(np.uint8) & np.uint8((1 << bits) - 1)


def from_patterns(patterns: np.ndarray, bits: int) -> np.ndarray:
    """The weights int8 that patterns of so many bits stand for."""
    sign = 1 << (bits - 1)
    weights: np.ndarray = ((patterns.astype(np.int16) ^ sign) - sign).astype(np.int8)
    return weights
