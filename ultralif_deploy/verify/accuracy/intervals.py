"""Accuracy with its interval, on samples and over repeats."""

import math

import numpy as np

from ultralif_deploy.verify.accuracy.paired import Z95

PRIOR = 2
"""Samples added on either side, right and wrong, by Agresti and Coull."""


def accuracy_interval(correct: np.ndarray) -> tuple[float, float]:
    """95 % interval of an accuracy, from what was right, bool [repeat, sample].

    Repeats of one sample say more of that sample, not of others. So the interval has two parts,
    whose half-widths add up in squares: that of the samples, each with its mean over the repeats,
    is Agresti and Coull's (Am. Stat. 52, 1998; two samples right and two wrong are added), and that
    of the repeats is Student's, from their accuracies. Both see what is left of chance within a
    sample and a repeat, so that the interval is rather too wide. One repeat has the first part
    alone.
    """
    from scipy.special import stdtrit

    repeats, samples = correct.shape
    shares = np.concatenate([correct.mean(axis=0), np.repeat((0.0, 1.0), PRIOR)])
    half = Z95 * float(shares.std()) / math.sqrt(samples + 2 * PRIOR)
    if repeats > 1:
        quantile = float(stdtrit(repeats - 1, 0.975))
        between = quantile * float(correct.mean(axis=1).std(ddof=1)) / math.sqrt(repeats)
        half = math.hypot(half, between)
    centre = float(shares.mean())
    return max(0.0, centre - half), min(1.0, centre + half)
