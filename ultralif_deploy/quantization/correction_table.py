"""The correction of the max-log approximation as a table of integers, and its error bound.

log(eᵃ + eᵇ) = max(a, b) + log(1 + e^−|a−b|), and the last term needs few values: the log-MAP
decoder of turbo codes takes it from a small table.

Source: Robertson, Villebrun, Hoeher, "A Comparison of Optimal and Sub-Optimal MAP Decoding
Algorithms Operating in the Log Domain", ICC 1995, which finds eight values enough for decoding.
"""

from dataclasses import dataclass

import numpy as np

from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network.neurons.log_max_lif import exact_correction
from ultralif_deploy.program.fixed import MEMBRANE_BITS, MEMBRANE_MAX, TABLE_MAX

DEFAULT_ENTRIES = 16
"""Spoken digits, 270 samples: 4, 16 and 256 entries gave 82.2, 84.1 and 84.8 % accuracy."""


@dataclass(frozen=True, slots=True, eq=False)
class CorrectionTable:
    """c(g) ≈ ε·log(1 + e^(−g/ε)) for whole gaps g ≥ 0: `values[g >> shift]`, beyond the table 0.

    Attributes:
        values: int32 [entry], membrane units.
        shift: 2^shift successive gaps share an entry.
        bound: proved bound of the error at any gap, in membrane units.
    """

    values: np.ndarray
    shift: int
    bound: float


def correction_table(epsilon: float, entries: int = DEFAULT_ENTRIES) -> CorrectionTable:
    """The table of least error bound for a temperature ε in membrane units.

    The correction c falls from ε·log 2 and is convex, so the entry of the gaps from g to
    h = g + 2^shift − 1 is the middle (c(g) + c(h))/2, rounded, and errs by at most
    (c(g) − c(h))/2 + 1/2, most of all in the first entry. Beyond the last gap the table gives 0
    and errs by at most c(entries · 2^shift). The bound is the larger of the two:

        bound = max((c(0) − c(2^shift − 1))/2 + 1/2, c(entries · 2^shift)).

    The shift is the one with the least bound; then the bound is at most ε/12 + 1/2 for 16 entries
    and ε/21 + 1/2 for 32. Errors stay in the membrane, but the soft maximum never makes a
    difference larger: after t timesteps without a spike the membrane is at most t · bound
    from that of the exact correction.

    Args:
        epsilon: ε, at least 0; at 0 all entries are 0.
        entries: 1 to 4096.

    Raises:
        UltralifError: too few or too many entries; an ε that the membrane cannot hold.
    """
    if not 1 <= entries <= TABLE_MAX:
        raise UltralifError(f"table of {entries} entries; expected 1 to {TABLE_MAX}")
    if not 0 <= epsilon <= MEMBRANE_MAX:
        raise UltralifError(
            f"ε is {epsilon:g} membrane units; expected 0 to {MEMBRANE_MAX}: the weights are too "
            "small beside ε, train them further or keep the membrane hard"
        )
    starts = np.arange(entries, dtype=np.float64)
    candidates = []
    for shift in range(MEMBRANE_BITS):
        width = 1 << shift
        first = exact_correction(starts * width, epsilon)
        last = exact_correction(starts * width + (width - 1), epsilon)
        within = float(first[0] - last[0]) / 2 + 0.5
        beyond = float(exact_correction(np.array(entries * width), epsilon))
        values = np.rint((first + last) / 2).astype(np.int32)
        candidates.append(CorrectionTable(values, shift, max(within, beyond)))
    return min(candidates, key=lambda table: table.bound)
