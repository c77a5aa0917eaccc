"""Run a program with early exit: a rule may stop a sample before the last timestep."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ultralif_deploy.data import Dataset
from ultralif_deploy.data.encoders import Encoder
from ultralif_deploy.energy.devices import Device
from ultralif_deploy.energy.exits import ExitCounter, exits_report
from ultralif_deploy.energy.report import chips_of
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.io.progress import Progress
from ultralif_deploy.program.exits import ExitRule, check_sums, exact_rule
from ultralif_deploy.program.program import Program
from ultralif_deploy.program.trace import Trace
from ultralif_deploy.schema.exits import ByConfidence, Exits, Rule
from ultralif_deploy.steps.simulating import run_on, timesteps_of
from ultralif_deploy.steps.stopping import run_until_exits
from ultralif_deploy.verify.accuracy.paired import paired_gap
from ultralif_deploy.verify.confidence import Calibration, ConfidenceCounter

KEPT = 0.99
"""Default confidence: accuracy on training samples falls by at most one percentage point."""


@dataclass(frozen=True, slots=True)
class Case:
    """Program, data and options from which an exit rule is made.

    Attributes:
        program: its read-out must sum its currents.
        dataset: a rule may look at the training samples.
        encoder: encoder that turns samples into inputs.
        confidence: 1 − the allowed loss of accuracy on training samples; None is `KEPT`.
        progress: progress display for long work.
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

    @property
    def timesteps(self) -> int:
        """Timesteps of a whole run."""
        return timesteps_of(self.program, self.encoder)


def exact(case: Case) -> tuple[ExitRule, None]:
    """Samples stop as soon as no remaining timestep can change their prediction."""
    return exact_rule(case.program, case.timesteps), None


def confident(case: Case) -> tuple[ExitRule, Calibration]:
    """Samples stop when their confidence passes a threshold chosen on the training samples."""
    train, program = case.dataset.train, case.program
    if not 0 <= case.kept <= 1:
        raise UltralifError(f"confidence = {case.kept:g}; expected 0 to 1")
    if train is None or train.y is None:
        raise UltralifError(
            f"{case.dataset.name}: no x_train with y_train; --exit confidence chooses its "
            "threshold on training samples"
        )
    counter = ConfidenceCounter(program)
    run_on("fast", program, train, case.encoder, case.progress, counter)
    chosen = counter.calibrated(train.y, case.kept)
    return chosen.rule(program, case.timesteps), chosen


RULES: dict[Rule, Callable[[Case], tuple[ExitRule, Calibration | None]]] = {
    "exact": exact,
    "confidence": confident,
}
"""Exit rules, by the names that `--exit` accepts."""


def check_exits(rule: Rule | None, confidence: float | None, whole: dict[str, object]) -> None:
    """Refuse options that are for another rule, or for whole runs.

    Args:
        rule: key of `RULES`; None where samples run to the end.
        confidence: of the rule `confidence`, where it is given.
        whole: options for whole runs by name; None stands for those that are not given.

    Raises:
        UltralifError: the rule is unknown, or such an option is given.
    """
    if rule is not None and rule not in RULES:
        raise UltralifError(f"exit {rule!r}; expected one of {', '.join(RULES)}")
    if confidence is not None and rule != "confidence":
        raise UltralifError(f"--confidence {confidence:g}: it is for --exit confidence")
    for name, value in whole.items():
        if rule is not None and value is not None:
            raise UltralifError(f"{name}: it is for whole runs; expected no --exit beside it")


def run_with_exits(on: str, rule: Rule, case: Case, devices: list[Device]) -> tuple[Trace, Exits]:
    """Run all test samples to the end, and count what each needs until its exit.

    Back ends that can stop samples then do so, and must find what was counted.

    Args:
        on: name of a back end.
        rule: key of `RULES`.
        case: program and data.
        devices: the energy in joules is given for each.

    Raises:
        UltralifError: data that the rule needs are missing.
        Refused: the read-out does more than sum its currents.
        CheckFailed: samples really stop elsewhere than was counted.
    """
    check_sums(case.program)
    made, calibration = RULES[rule](case)
    counter = ExitCounter(case.program, made, chips_of(devices))
    test = case.dataset.test
    trace = run_on(on, case.program, test, case.encoder, case.progress, counter)
    exits = exits_report(counter, rule, devices, test.y)
    if calibration is not None:
        exits["by_confidence"] = _by_confidence(counter, calibration, case.kept, test.y)
    executed = run_until_exits(on, counter, test, case.encoder, case.progress)
    if executed is not None:
        exits["executed"] = executed
    return trace, exits


def _by_confidence(
    counter: ExitCounter, calibration: Calibration, kept: float, labels: np.ndarray | None
) -> ByConfidence:
    """The threshold, and its effect on the samples that were not used to choose it."""
    threshold, loss = calibration.threshold, None
    if labels is not None:
        loss = paired_gap(counter.whole_predictions() == labels, counter.predictions() == labels)
    return {
        "confidence": kept,
        "threshold": None if threshold is None else float(threshold),
        "margin": counter.rule.margin.tolist(),
        "training_samples": calibration.samples,
        "training_loss": 100 * (calibration.whole - calibration.stopped),
        "loss": None if loss is None else loss.gap,
        "loss_ci95": None if loss is None else list(loss.ci95),
    }
