"""Integer arithmetic of programs: widths, decay and saturation, as PROGRAM.md states them.

The functions take and return plain integers, so that the simulators can call or compile them.
"""

FRACTION_BITS = 6
"""Fraction bits of leaky membranes: one current unit is 2^6 membrane units."""

MEMBRANE_BITS = 24
MEMBRANE_MAX = (1 << (MEMBRANE_BITS - 1)) - 1
"""Leaky membranes saturate at ±(2^23 − 1)."""

DECAY_BITS = 12
DECAY_ONE = 1 << DECAY_BITS
"""A decay d in 0…4096 leaves (4096 − d)/4096 of the membrane."""

INT32_MAX = (1 << 31) - 1

TABLE_MAX = 4096
"""Most entries of a correction table."""


def leak(v: int, decay: int) -> int:
    """sgn(v)·((|v|·(4096 − decay)) >> 12): truncation toward zero."""
    kept = (abs(v) * (DECAY_ONE - decay)) >> DECAY_BITS
    return kept if v >= 0 else -kept


def saturate(v: int) -> int:
    """Clip to ±(2^23 − 1)."""
    if v > MEMBRANE_MAX:
        return MEMBRANE_MAX
    if v < -MEMBRANE_MAX:
        return -MEMBRANE_MAX
    return v
