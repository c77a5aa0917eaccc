"""Early exits by confidence, after Dynamic Confidence (Li et al., ICCV 2023).

After t of T timesteps a sample's averaged logits are those that it would end with if it went on as
so far: its logits times T/t, in the units of the trained network. Its confidence is the largest of
their softmax. A sample stops at the first timestep at which its confidence reaches a threshold, and
at the last one at the latest. Predictions may change, so the threshold is chosen on training
samples, and what it costs is measured on others.
"""

import math
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.program.exits import potentials
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace

THRESHOLDS = 1001
"""Thresholds tried: confidences that occur, at even distances in their order."""


def confidences(program: Program, found: np.ndarray) -> np.ndarray:
    """Confidence after every timestep, float64 [time, batch], from the read-out's potentials."""
    steps = len(found)
    logits = program.real_logits(found) * (steps / np.arange(1, steps + 1))[:, None, None]
    shares = np.exp(logits - logits.max(axis=2, keepdims=True))
    largest: np.ndarray = 1 / shares.sum(axis=2)
    return largest


def confident_after(confidence: np.ndarray, threshold: float) -> np.ndarray:
    """Timesteps after which samples stop, int64 [batch]."""
    reached = confidence >= threshold
    reached[-1] = True
    after: np.ndarray = reached.argmax(axis=0) + 1
    return after


@dataclass(frozen=True, slots=True)
class Calibration:
    """A threshold and what it did to the samples that it was chosen on.

    Attributes:
        threshold: of the confidence; infinite where no exit before the last timestep keeps enough.
        samples: that it was chosen on.
        whole: their accuracy after all timesteps.
        stopped: their accuracy at the exits.
    """

    threshold: float
    samples: int
    whole: float
    stopped: float


def calibrated(confidence: np.ndarray, right: np.ndarray, kept: float) -> Calibration:
    """The smallest threshold that costs at most 1 − kept of accuracy, as every larger one does.

    Args:
        confidence: float64 [time, sample].
        right: whether the prediction after each timestep is right, bool [time, sample].
        kept: 0 to 1; 0.99 lets the accuracy fall by a percentage point.
    """
    samples = right.shape[1]
    whole = float(right[-1].mean())
    best = Calibration(math.inf, samples, whole, whole)
    ordered = np.sort(confidence, axis=None)[::-1]
    places = np.linspace(0, ordered.size - 1, THRESHOLDS).round().astype(np.int64)
    for threshold in np.unique(ordered[places])[::-1].tolist():
        after = confident_after(confidence, threshold)
        stopped = right[after - 1, np.arange(samples)]
        lost = int(np.count_nonzero(right[-1])) - int(np.count_nonzero(stopped))
        if lost > (1 - kept) * samples + 1e-9:
            break
        best = Calibration(threshold, samples, whole, float(stopped.mean()))
    return best


class ConfidenceCounter:
    """Collects confidences and predictions of all timesteps, block by block."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self._confidences: list[np.ndarray] = []
        self._predictions: list[np.ndarray] = []

    def add(self, inputs: np.ndarray, trace: Trace) -> None:
        """Add a run of inputs uint8 [time, batch, input], whose trace has its spikes."""
        assert trace.spikes is not None
        found = potentials(self.program, inputs, trace.spikes)
        self._confidences.append(confidences(self.program, found))
        self._predictions.append(found.argmax(axis=2))

    def calibrated(self, labels: np.ndarray, kept: float) -> Calibration:
        """The threshold for all samples that were added, with their labels int [sample]."""
        right = np.concatenate(self._predictions, axis=1) == labels
        return calibrated(np.concatenate(self._confidences, axis=1), right, kept)
