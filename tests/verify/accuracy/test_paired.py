"""Paired statistics against hand-derived values and exact coverage."""

from math import comb

import numpy as np
import pytest

from ultralif_deploy.verify.accuracy.paired import paired_gap


def outcomes(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = [True] * both + [True] * first + [False] * second + [False] * neither
    b = [True] * both + [False] * first + [True] * second + [False] * neither
    return np.array(a), np.array(b)


def test_hand_derived() -> None:
    gap = paired_gap(*outcomes(80, 8, 2, 10))
    assert gap.gap == pytest.approx(6.0)
    assert (gap.only_first, gap.only_second) == (8, 2)
    # McNemar exact: 2·P(X ≤ 2), X ~ Bin(10, ½) = 2·56/1024.
    assert gap.mcnemar_p == pytest.approx(112 / 1024)
    # p̃10 = 9/102, p̃01 = 3/102: centre 6/102, half 1.959964·√((12/102 − (6/102)²)/102).
    half = 1.959963984540054 * np.sqrt((12 / 102 - (6 / 102) ** 2) / 102)
    assert gap.ci95 == pytest.approx((100 * (6 / 102 - half), 100 * (6 / 102 + half)))


def test_equal_classifiers() -> None:
    gap = paired_gap(*outcomes(50, 0, 0, 50))
    assert gap.gap == 0.0
    assert gap.mcnemar_p == 1.0
    assert gap.ci95[0] < 0 < gap.ci95[1]


def test_swapping_changes_the_sign() -> None:
    a, b = outcomes(40, 9, 3, 8)
    one, other = paired_gap(a, b), paired_gap(b, a)
    assert one.gap == -other.gap
    assert one.ci95 == pytest.approx((-other.ci95[1], -other.ci95[0]))
    assert one.mcnemar_p == other.mcnemar_p


def binomial(count: int, n: int, p: float) -> float:
    """Probability of so many successes in n draws."""
    return float(comb(n, count) * p**count * (1 - p) ** (n - count))


def test_interval_covers_the_true_gap() -> None:
    """Coverage over all discordant counts of 60 samples with p10 = 0.10, p01 = 0.05."""
    n, p10, p01 = 60, 0.10, 0.05
    covered = 0.0
    for first in range(25):
        for second in range(25):
            # Trinomial: first ~ Bin(n, p10), second ~ Bin(n − first, p01/(1 − p10)).
            weight = binomial(first, n, p10) * binomial(second, n - first, p01 / (1 - p10))
            low, high = paired_gap(*outcomes(n - first - second, first, second, 0)).ci95
            covered += weight * (low <= 100 * (p10 - p01) <= high)
    assert 0.94 < covered < 0.99
