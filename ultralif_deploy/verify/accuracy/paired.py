"""Paired comparison of two classifiers on the same samples and the same input spikes."""

import math
from dataclasses import dataclass

import numpy as np

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class PairedGap:
    """How much worse the second classifier is.

    Attributes:
        gap: accuracy of the first minus that of the second, in percentage points.
        ci95: 95 % confidence interval of the gap, percentage points.
        mcnemar_p: p of McNemar's exact test that both err equally often.
        only_first: samples that only the first classifies correctly.
        only_second: samples that only the second classifies correctly.
    """

    gap: float
    ci95: tuple[float, float]
    mcnemar_p: float
    only_first: int
    only_second: int


def paired_gap(first: np.ndarray, second: np.ndarray, draws: int = 1) -> PairedGap:
    """Compare correctness, bool [draw · sample], of two classifiers on the same samples.

    Several draws of the input spikes of one sample say more of that sample, not of others: so the
    discordant counts are means over draws, rounded for the test, and n is the number of samples.

    The interval is Bonett and Price's adjusted Wald interval for paired proportions (J. Educ.
    Behav. Stat. 37, 2012): with n01, n10 the discordant counts, p̃ = (count + 1)/(n + 2) and
    p̃10 − p̃01 ± z·√((p̃10 + p̃01 − (p̃10 − p̃01)²)/(n + 2)). The test is exact: the discordant
    samples are binomial with p = ½ under equality (McNemar 1947).

    Args:
        first: whether the first classifier is right, bool [draw · sample], draw by draw.
        second: the same of the second; the gap is the first's accuracy minus this one's.
        draws: number of draws of each sample's input spikes.
    """
    from scipy.special import bdtr

    n = len(first) // draws
    sums = int(np.sum(first & ~second)), int(np.sum(~first & second))
    gap = 100 * (sums[0] - sums[1]) / len(first) if n else 0.0
    only_first, only_second = (round(total / draws) for total in sums)
    p10, p01 = ((total / draws + 1) / (n + 2) for total in sums)
    centre = p10 - p01
    half = Z95 * math.sqrt(max(0.0, p10 + p01 - centre * centre) / (n + 2))
    discordant = only_first + only_second
    # Both tails of a binomial distribution with p = ½ are alike. At its middle they overlap.
    p = min(1.0, 2 * float(bdtr(min(only_first, only_second), discordant, 0.5)))
    return PairedGap(
        gap,
        (100 * max(-1.0, centre - half), 100 * min(1.0, centre + half)),
        p,
        only_first,
        only_second,
    )
