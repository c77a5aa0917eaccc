"""Exits by confidence: what a confidence is, when samples stop, how the threshold is chosen."""

import math
from types import ModuleType

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy.special import softmax

from support.planting import copy_of
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.verify import confidence

MODULE = "ultralif_deploy.verify.confidence"


def program(scale: float, divisor: int) -> Program:
    """Three classes, one input each."""
    out = Population("out", 3, Integrator(), np.zeros(3), np.full(3, scale))
    drives = (Projection(INPUT, "out", Dense(np.eye(3))),)
    return Program(Input(3), (out,), drives, "8", 4, divisor)


def confidences_are_softmax_of_averages(module: ModuleType = confidence) -> None:
    made = program(0.5, 4)
    found = np.cumsum([[[3, 1, 0]], [[0, 0, 0]], [[0, 5, 9]], [[2, 2, -20]]], axis=0)
    wanted = [
        softmax(np.array(averages)).max()
        for averages in (  # 0.5 · v/t
            *((1.5, 0.5, 0.0), (0.75, 0.25, 0.0)),
            *((0.5, 1.0, 1.5), (0.625, 1.0, -1.375)),
        )
    ]
    assert module.confidences(made, found)[:, 0] == pytest.approx(wanted)
    far = np.full((4, 1, 3), -(10**9))
    far[:, :, 1] = 10**9
    assert_array_equal(module.confidences(made, far), np.ones((4, 1)))


def samples_stop_when_confident(module: ModuleType = confidence) -> None:
    given = np.array([[0.5, 0.9, 0.4, 0.2], [0.8, 0.1, 0.8, 0.3], [0.9, 0.9, 0.2, 0.1]])
    before = given.copy()
    assert module.confident_after(given, 0.8).tolist() == [2, 1, 2, 3]
    assert module.confident_after(given, 0.0).tolist() == [1] * 4
    assert module.confident_after(given, math.inf).tolist() == [3] * 4
    assert_array_equal(given, before)


def drawn(seed: int, samples: int = 200) -> tuple[np.ndarray, np.ndarray]:
    """Confidences that grow with time, and predictions that are better where they are larger."""
    rng = np.random.default_rng(seed)
    given = 1 - 0.9 ** (1 + np.arange(5)[:, None] * rng.random(samples) * 4)
    given = np.clip(given + 0.1 * rng.random(given.shape), 0, 1)
    return given, rng.random(given.shape) < 0.4 + 0.6 * given


def thresholds_keep_what_they_must(module: ModuleType = confidence) -> None:
    """The smallest that occurs and, as all larger ones, costs no more; by trying them all."""
    for seed in range(6):
        given, right = drawn(seed)
        samples = np.arange(right.shape[1])
        for kept in (1.0, 0.99, 0.95, 0.5, 0.0):
            found = module.calibrated(given, right, kept)
            wanted, stopped = math.inf, right[-1]
            for threshold in np.unique(given)[::-1]:
                after = [
                    next((t for t in range(4) if given[t, s] >= threshold), 4) for s in samples
                ]
                here = right[after, samples]
                if right[-1].sum() - here.sum() > round((1 - kept) * 200, 6):
                    break
                wanted, stopped = threshold, here
            assert found.threshold == wanted
            assert (found.samples, found.whole) == (200, right[-1].mean())
            assert found.stopped == stopped.mean() >= found.whole - (1 - kept) - 1e-9


CHECKS = {
    check.__name__: check
    for check in (
        *(confidences_are_softmax_of_averages, samples_stop_when_confident),
        thresholds_keep_what_they_must,
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_confidence(name: str) -> None:
    CHECKS[name]()


SOFTMAX, STOP, CHOSEN = CHECKS


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("steps / np.arange(1, steps + 1)", "np.ones(steps)"), SOFTMAX),
        (("steps / np.arange(1, steps + 1)", "1 / np.arange(1, steps + 1)"), SOFTMAX),
        (("np.exp(logits - logits.max(axis=2, keepdims=True))", "np.exp(logits)"), SOFTMAX),
        (("program.real_logits(found)", "found"), SOFTMAX),
        (("confidence >= threshold", "confidence > threshold"), STOP),
        (("reached[-1] = True", "pass"), STOP),
        (("reached.argmax(axis=0) + 1", "reached.argmax(axis=0)"), STOP),
        (("lost > (1 - kept) * samples + 1e-9", "lost > kept * samples"), CHOSEN),
        (("break", "continue"), CHOSEN),
        (("right[after - 1, np.arange(samples)]", "right[after - 2, np.arange(samples)]"), CHOSEN),
        (("np.sort(confidence, axis=None)[::-1]", "np.sort(confidence[0])[::-1]"), CHOSEN),
    ],
)
@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")  # of planted bugs
def test_planted_bugs_are_found(change: tuple[str, str], name: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        CHECKS[name](copy_of(MODULE, change))


def test_many_samples_have_as_many_thresholds_as_there_may_be() -> None:
    given, right = drawn(1, samples=3000)
    found = confidence.calibrated(given, right, 0.95)
    assert found.threshold in given
    assert 0 <= found.whole - found.stopped <= 0.05
    finer = [t for t in np.unique(given) if t < found.threshold]
    assert len(finer) > 1000  # the search ended where accuracy was lost, not at the end


def test_no_exit_keeps_enough() -> None:
    """The only early exit is wrong, and nothing may be lost."""
    given = np.array([[0.9], [0.5]])
    right = np.array([[False], [True]])
    assert confidence.calibrated(given, right, 1.0).threshold == math.inf
    assert confidence.calibrated(given, right, 0.0).threshold == 0.5
