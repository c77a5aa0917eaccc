"""Intervals of accuracies hold the accuracy as often as they say."""

import math

import numpy as np
import pytest

from ultralif_deploy.verify.accuracy.intervals import accuracy_interval
from ultralif_deploy.verify.accuracy.paired import Z95


def test_one_repeat_is_agresti_and_coull() -> None:
    correct = np.arange(50) < 41
    share = 43 / 54
    half = Z95 * math.sqrt(share * (1 - share) / 54)
    assert accuracy_interval(correct[None]) == pytest.approx((share - half, share + half))


def test_equal_repeats_say_no_more_than_one() -> None:
    correct = np.arange(50) < 41
    assert accuracy_interval(np.tile(correct, (4, 1))) == pytest.approx(
        accuracy_interval(correct[None])
    )


def test_repeats_that_differ_widen_it() -> None:
    low, high = (np.arange(4000) < n for n in (2000, 2200))
    found = accuracy_interval(np.stack([low, high]))
    student = 12.7062 * 0.05 / 2  # t of one degree of freedom
    assert found[1] - found[0] == pytest.approx(2 * student, rel=0.01)


def test_it_stays_within_shares_and_never_vanishes() -> None:
    for correct in (np.ones((3, 20), bool), np.zeros((3, 20), bool)):
        low, high = accuracy_interval(correct)
        assert 0 <= low < high <= 1
        assert high - low > 0.05


@pytest.mark.parametrize("repeats", [1, 2, 5])
@pytest.mark.parametrize("between", [0.0, 0.5])
def test_coverage(repeats: int, between: float) -> None:
    """Easy and hard samples, good and bad repeats: 95 % of intervals hold the mean of all."""
    if repeats == 1 and between:
        return  # one repeat says nothing of others, and the interval is of the samples alone
    rng = np.random.default_rng(5)
    everything = rng.normal(1, 1.5, 4000)[None] + between * rng.normal(0, 1, 4000)[:, None]
    truth = float((1 / (1 + np.exp(-everything))).mean())
    held = 0
    for _ in range(400):
        hard, bad = rng.normal(1, 1.5, 80), between * rng.normal(0, 1, repeats)
        right = rng.random((repeats, 80)) < 1 / (1 + np.exp(-(hard[None] + bad[:, None])))
        low, high = accuracy_interval(right)
        held += low <= truth <= high
    assert held / 400 >= 0.92
