"""Integer arithmetic of programs: widths, decay and saturation, as PROGRAM.md states them.

The functions take and return plain integers, so that the simulators can call or compile them.
"""

FRACTION_BITS = 6
"""Fraction bits of leaky membranes: one current unit is 2^6 membrane units."""

MAX_FRACTION_BITS = 14
"""Most fraction bits of membranes: a current of 32 bits times 2^14 stays below 2^46."""

MEMBRANE_BITS = 24
MEMBRANE_MAX = (1 << (MEMBRANE_BITS - 1)) - 1
"""Leaky membranes saturate at ±(2^23 − 1), unless a population has a wider word."""

MAX_MEMBRANE_BITS = 32
"""Widest membrane of leaky models."""

MAX_LEVELS = 15
"""Most levels of a graded spike, which then takes 4 bits."""

MAX_SPIKES = 255
"""Most spikes of a neuron in one timestep; they travel as one number of 8 bits."""

DECAY_BITS = 12
"""Fraction bits of decays, unless a population has more; Loihi holds as many."""

DECAY_ONE = 1 << DECAY_BITS
"""The decay of 12 bits that keeps nothing; d leaves (4096 − d)/4096 of the membrane."""

MAX_DECAY_BITS = 24
"""Most fraction bits of decays: a read-out of 32 bits times 2^24 stays below 2^56."""

INT32_MAX = (1 << 31) - 1

MAX_COEFFICIENT_BITS = 20
"""Most fraction bits of the coefficients of second-order models."""

MAX_STATE_BITS = 32
"""Widest state word of second-order models."""

MAX_SHIFT = 24
"""Most fraction bits of second-order states: one current unit is at most 2^24 state units."""
TABLE_MAX = 4096
"""Most entries of a correction table."""


def leak(v: int, decay: int, bits: int) -> int:
    """sgn(v)·((|v|·(2^bits − decay)) >> bits): truncation toward zero.

    Args:
        v: state word, for example a membrane potential.
        decay: fraction of v that is lost per timestep, in units of 2^-bits.
        bits: fraction bits of the decay.
    """
    kept = (abs(v) * ((1 << bits) - decay)) >> bits
    return kept if v >= 0 else -kept


def largest_held(bits: int) -> int:
    """Largest number of a symmetric word: 2^(bits − 1) − 1."""
    return (1 << (bits - 1)) - 1


def saturate(v: int) -> int:
    """Clip to ±(2^23 − 1)."""
    if v > MEMBRANE_MAX:
        return MEMBRANE_MAX
    if v < -MEMBRANE_MAX:
        return -MEMBRANE_MAX
    return v


def rounded(product: int, bits: int) -> int:
    """⌊product/2^bits + 1/2⌋: round to nearest, halves upwards; bits ≥ 1."""
    return (product + (1 << (bits - 1))) >> bits


def clip(v: int, bits: int) -> int:
    """Saturate to a word of `bits`, symmetrically: ±(2^(bits − 1) − 1)."""
    top = (1 << (bits - 1)) - 1
    return min(max(v, -top), top)


def spike_count(above: int, reset: int, most: int) -> int:
    """Number of spikes of a neuron whose membrane exceeds its threshold by `above`.

    Each spike subtracts `reset` ≥ 1. The neuron fires until its membrane no longer exceeds the
    threshold, but at most `most` times.

    Args:
        above: membrane potential minus threshold, in membrane units.
        reset: amount that one spike subtracts from the membrane, in membrane units.
        most: largest number of spikes in one timestep.
    """
    return min(most, -(-above // reset)) if above > 0 else 0


def saturate_readout(v: int) -> int:
    """Clip to ±(2^31 − 1): read-outs that leak are wider, so that graded inputs fit."""
    if v > INT32_MAX:
        return INT32_MAX
    if v < -INT32_MAX:
        return -INT32_MAX
    return v
