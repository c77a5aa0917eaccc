"""Run a program with early exit: a rule may stop a sample before the last timestep."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.devices import Device
from ultralif_deploy.energy.exits import ExitCounter, ExitTimes, exits_report
from ultralif_deploy.energy.report import chips_of
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.exits import check_sums, decided_after, smallest_changes
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.exits import ByConfidence, Exits, Rule
from ultralif_deploy.steps.simulating import run_on
from ultralif_deploy.verify.confidence import (
    Calibration,
    ConfidenceCounter,
    confidences,
    confident_after,
)
from ultralif_deploy.verify.paired import paired_gap

KEPT = 0.99
"""Default confidence: accuracy on training samples falls by at most one percentage point."""


@dataclass(frozen=True, slots=True)
class Case:
    """Program, data and options from which an exit rule is made.

    Attributes:
        program: its read-out must sum its currents.
        dataset: a rule may look at the training samples.
        encoder: turns samples into inputs.
        confidence: 1 − the allowed loss of accuracy on training samples; None is `KEPT`.
        progress: shows long work.
    """

    program: Program
    dataset: Dataset
    encoder: Encoder
    confidence: float | None
    progress: Progress

    @property
    def kept(self) -> float:
        """The confidence, `KEPT` unless given."""
        return KEPT if self.confidence is None else self.confidence


def exact(case: Case) -> tuple[ExitTimes, None]:
    """Samples stop as soon as no remaining timestep can change their prediction."""
    return partial(decided_after, smallest_changes(case.program)), None


def confident(case: Case) -> tuple[ExitTimes, Calibration]:
    """Samples stop when their confidence passes a threshold chosen on the training samples."""
    train, program = case.dataset.train, case.program
    if train is None or train.y is None:
        raise UltralifError(
            f"{case.dataset.name}: no x_train with y_train; --exit confidence chooses its "
            "threshold on training samples"
        )
    counter = ConfidenceCounter(program)
    run_on("fast", program, train, case.encoder, case.progress, counter)
    chosen = counter.calibrated(train.y, case.kept)

    def times(found: np.ndarray) -> np.ndarray:
        return confident_after(confidences(program, found), chosen.threshold)

    return times, chosen


RULES: dict[Rule, Callable[[Case], tuple[ExitTimes, Calibration | None]]] = {
    "exact": exact,
    "confidence": confident,
}
"""Exit rules, by the names that `--exit` accepts."""


def run_with_exits(on: str, rule: Rule, case: Case, devices: list[Device]) -> tuple[Trace, Exits]:
    """Run all test samples to the end, and count what each needs until its exit.

    Args:
        on: name of a back end.
        rule: key of `RULES`.
        case: program and data.
        devices: the energy in joules is given for each.

    Raises:
        UltralifError: the rule is unknown, or data that it needs are missing.
        Refused: the read-out does more than sum its currents.
    """
    if rule not in RULES:
        raise UltralifError(f"exit {rule!r}; expected one of {', '.join(RULES)}")
    if not 0 <= case.kept <= 1:
        raise UltralifError(f"confidence = {case.kept:g}; expected 0 to 1")
    check_sums(case.program)
    exit_times, calibration = RULES[rule](case)
    counter = ExitCounter(case.program, exit_times, chips_of(devices))
    test = case.dataset.test
    trace = run_on(on, case.program, test, case.encoder, case.progress, counter)
    exits = exits_report(counter, rule, devices, test.y)
    if calibration is not None:
        exits["by_confidence"] = _by_confidence(counter, calibration, case.kept, test.y)
    return trace, exits


def _by_confidence(
    counter: ExitCounter, calibration: Calibration, kept: float, labels: np.ndarray | None
) -> ByConfidence:
    """The threshold, and its effect on the samples that were not used to choose it."""
    finite = math.isfinite(calibration.threshold)
    loss = None
    if labels is not None:
        loss = paired_gap(counter.whole_predictions() == labels, counter.predictions() == labels)
    return {
        "confidence": kept,
        "threshold": calibration.threshold if finite else None,
        "training_samples": calibration.samples,
        "training_loss": 100 * (calibration.whole - calibration.stopped),
        "loss": None if loss is None else loss.gap,
        "loss_ci95": None if loss is None else list(loss.ci95),
    }
