"""Early exits by confidence, after the cutoff of Wu et al. (Frontiers in Neuroscience 19, 2025).

A sample's lead after t timesteps is the largest number that every other class may gain without a
change of the prediction; classes that cannot win any more, by the bound of the exact rule, do not
count. Its confidence is the lead per timestep. A sample stops at the first timestep at which its
confidence reaches a threshold, so never later than by the exact rule: once its lead is at least
threshold · t. Leads are whole numbers and the threshold is a fraction, so every back end stops at
the same timestep. Predictions may change; the threshold is chosen on training samples, and what it
costs is measured on others.
"""

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ultralif_deploy.program.exits import NEVER, ExitRule, exact_rule, potentials
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace

THRESHOLDS = 1001
"""Thresholds tried: confidences that occur, at even distances in their order."""


def leads(gain: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Lead after every timestep, int64 [time, batch]; `NEVER` where no other class can win.

    Args:
        gain: gain of the exact rule, int64 [class, class].
        found: the read-out's potentials over a whole run, int64 [time, batch, class].
    """
    winner, classes = found.argmax(axis=2), np.arange(found.shape[2])
    lead = found.max(axis=2, keepdims=True) - found - (classes < winner[..., None])
    left = np.arange(len(found))[::-1, None, None]
    least: np.ndarray = np.where(lead < left * gain[winner], lead, NEVER).min(axis=2)
    return least


def margins(threshold: Fraction | None, steps: int) -> np.ndarray:
    """Leads at which samples stop, int64 [time]."""
    least = NEVER if threshold is None else threshold
    return np.array([min(NEVER, math.ceil(least * t)) for t in range(1, steps + 1)], dtype=np.int64)


def confident_after(lead: np.ndarray, margin: np.ndarray) -> np.ndarray:
    """Timesteps after which samples stop, int64 [batch]."""
    after: np.ndarray = (lead >= margin[:, None]).argmax(axis=0) + 1
    return after


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and what it did to the samples that it was chosen on.

    Attributes:
        threshold: threshold of the confidence; None where only exact exits keep enough.
        samples: number of samples that the threshold was chosen on.
        whole: their accuracy after all timesteps.
        stopped: their accuracy at the exits.
    """

    threshold: Fraction | None
    samples: int
    whole: float
    stopped: float

    def rule(self, program: Program, timesteps: int) -> ExitRule:
        """The rule that stops samples of so many timesteps."""
        return ExitRule(margins(self.threshold, timesteps), exact_rule(program, timesteps).gain)


def calibrated(lead: np.ndarray, right: np.ndarray, kept: float) -> Calibration:
    """The smallest threshold that costs at most 1 − kept of accuracy, as every larger one does.

    Args:
        lead: int64 [time, sample].
        right: whether the prediction after each timestep is right, bool [time, sample].
        kept: 0 to 1; 0.99 lets the accuracy fall by a percentage point.
    """
    steps, samples = right.shape
    whole = float(right[-1].mean())
    best = Calibration(None, samples, whole, whole)
    for threshold in _tried(lead):
        after = confident_after(lead, margins(threshold, steps))
        stopped = right[after - 1, np.arange(samples)]
        lost = int(np.count_nonzero(right[-1])) - int(np.count_nonzero(stopped))
        if lost > (1 - kept) * samples + 1e-9:
            break
        best = Calibration(threshold, samples, whole, float(stopped.mean()))
    return best


def _tried(lead: np.ndarray) -> list[Fraction]:
    """Confidences that occur, the largest first."""
    before, samples = np.nonzero(lead < NEVER)
    if not len(samples):
        return []
    found, steps = lead[before, samples], before + 1
    ordered = np.argsort(found / steps)
    chosen = ordered[np.linspace(0, len(ordered) - 1, THRESHOLDS).round().astype(np.int64)]
    pairs = zip(found[chosen].tolist(), steps[chosen].tolist(), strict=True)
    return sorted({Fraction(*pair) for pair in pairs}, reverse=True)


class ConfidenceCounter:
    """Collects leads and predictions of all timesteps, block by block."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.gain = exact_rule(program, 1).gain
        self._leads: list[np.ndarray] = []
        self._predictions: list[np.ndarray] = []

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Add a run of inputs uint8 [time, batch, input], whose trace has its spikes."""
        assert trace.spikes is not None
        found = potentials(self.program, inputs, trace.spikes)
        self._leads.append(leads(self.gain, found))
        self._predictions.append(found.argmax(axis=2))

    def calibrated(self, labels: np.ndarray, kept: float) -> Calibration:
        """The threshold for all samples that were added, with their labels int [sample]."""
        right = np.concatenate(self._predictions, axis=1) == labels
        return calibrated(np.concatenate(self._leads, axis=1), right, kept)
