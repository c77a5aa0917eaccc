"""Exits by confidence: what a lead is, when samples stop, how the threshold is chosen."""

from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import holds
from support.planting import copy_of
from support.strategies.shapes import seeds
from ultralif_deploy.program import exits
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.verify import confidence

MODULE = "ultralif_deploy.verify.confidence"
SAMPLES = 80


def program(classes: int, sources: int, steps: int, seed: int) -> Program:
    """A read-out that the input drives."""
    rng = np.random.default_rng(seed)
    weight, bias = rng.integers(-9, 10, (classes, sources)), rng.integers(-9, 10, classes)
    out = Population("out", classes, Integrator(), bias, np.ones(classes))
    drives = (Projection(INPUT, "out", Dense(weight)),)
    return Program(Input(sources), (out,), drives, "8", steps, 1)


def potentials(made: Program, seed: int) -> np.ndarray:
    """Of drawn inputs, int64 [time, 20, class]."""
    shape = made.timesteps, 20, made.input.size
    inputs = np.random.default_rng(seed).integers(0, 2, shape, dtype=np.uint8)
    return exits.potentials(made, inputs, {})


sizes = st.integers(1, 5), st.integers(1, 6), st.integers(1, 6)


def leads_are_what_rivals_may_gain(module: ModuleType = confidence, planted: bool = False) -> None:
    """A prediction survives if all who still can gain the lead, and not if they gain one more."""

    def check(classes: int, sources: int, steps: int, seed: int) -> None:
        made = program(classes, sources, steps, seed)
        gain, found = exits.exact_rule(made, steps).gain, potentials(made, seed)
        lead = module.leads(gain, found)
        winner = found.argmax(axis=2)
        most = np.arange(steps)[::-1, None, None] * gain[winner]
        for more in (0, 1):
            after = found + np.minimum(lead[..., None] + more, most)
            stays = after.argmax(axis=2) == winner
            assert np.all(stays == (more == 0) | (lead == exits.NEVER))
        assert np.all(lead >= 0)
        assert np.all(lead[-1] == exits.NEVER)  # nothing can change

    holds(check, *sizes, seeds, examples=50, planted=planted)


def samples_stop_when_confident(module: ModuleType = confidence, planted: bool = False) -> None:
    """A sample stops at the first timestep whose lead per timestep reaches the threshold."""
    del planted
    threshold, never = Fraction(7, 3), exits.NEVER
    assert module.margins(threshold, 6).tolist() == [3, 5, 7, 10, 12, 14]
    assert module.margins(Fraction(never, 2), 4).tolist() == [never // 2] + [never] * 3
    lead = np.array([[2, 3, 0, 9], [5, 0, 4, 0], [0, 0, 6, 0], [9, 9, 9, 9], [never] * 4])
    before = lead.copy()
    assert module.confident_after(lead, module.margins(threshold, 5)).tolist() == [2, 1, 5, 1]
    assert module.confident_after(lead, module.margins(Fraction(0), 5)).tolist() == [1] * 4
    assert module.confident_after(lead, module.margins(None, 5)).tolist() == [5] * 4
    assert_array_equal(lead, before)


def rules_stop_at_the_leads(module: ModuleType = confidence, planted: bool = False) -> None:
    """The rule of a threshold stops samples where their leads do; without one it is exact."""

    def check(classes: int, sources: int, steps: int, seed: int) -> None:
        made = program(classes, sources, steps, seed)
        exact, found = exits.exact_rule(made, steps), potentials(made, seed)
        lead = module.leads(exact.gain, found)
        for threshold in (None, Fraction(0), Fraction(5, 3), Fraction(4)):
            rule = module.Calibration(threshold, 1, 1.0, 1.0).rule(made, steps)
            after = module.confident_after(lead, module.margins(threshold, steps))
            assert_array_equal(rule.after(found), after)
            assert np.all(after <= exact.after(found))
        assert_array_equal(module.confident_after(lead, exact.margin), exact.after(found))

    holds(check, *sizes, seeds, examples=50, planted=planted)


def drawn(seed: int, samples: int = SAMPLES) -> tuple[np.ndarray, np.ndarray]:
    """Leads that grow with time, and predictions that are better where they are larger."""
    rng = np.random.default_rng(seed)
    step = 1 + np.arange(5)[:, None]
    lead = np.maximum(0, (step * rng.normal(20, 15, samples)).round() + rng.integers(0, 9, (5, 1)))
    lead[-1] = exits.NEVER
    right = rng.random(lead.shape) < 0.4 + 0.6 * (1 - 0.95 ** (lead / np.sqrt(step)))
    return lead.astype(np.int64), right


def thresholds_keep_what_they_must(module: ModuleType = confidence, planted: bool = False) -> None:
    """The smallest that occurs and, as all larger ones, costs no more; by trying them all."""
    del planted
    for seed in range(4):
        lead, right = drawn(seed)
        samples = np.arange(SAMPLES)
        occurring = {Fraction(int(lead[t, s]), t + 1) for t in range(4) for s in samples}
        for kept in (1.0, 0.99, 0.95, 0.5, 0.0):
            found = module.calibrated(lead, right, kept)
            wanted, stopped = None, right[-1]
            for threshold in sorted(occurring, reverse=True):
                after = [
                    next((t for t in range(4) if lead[t, s] >= threshold * (t + 1)), 4)
                    for s in samples
                ]
                here = right[after, samples]
                if right[-1].sum() - here.sum() > round((1 - kept) * SAMPLES, 6):
                    break
                wanted, stopped = threshold, here
            assert found.threshold == wanted
            assert (found.samples, found.whole) == (SAMPLES, right[-1].mean())
            assert found.stopped == stopped.mean() >= found.whole - (1 - kept) - 1e-9


CHECKS = {
    check.__name__: check
    for check in (
        *(leads_are_what_rivals_may_gain, samples_stop_when_confident),
        *(rules_stop_at_the_leads, thresholds_keep_what_they_must),
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_confidence(name: str) -> None:
    CHECKS[name]()


LEAD, STOP, RULE, CHOSEN = CHECKS


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("classes < winner[..., None]", "classes > winner[..., None]"), LEAD),
        (("classes < winner[..., None]", "False"), LEAD),
        (("lead < left * gain[winner]", "lead <= left * gain[winner]"), LEAD),
        (("gain[winner]", "gain[:, winner].transpose(1, 2, 0)"), LEAD),
        (("np.arange(len(found))[::-1, None, None]", "np.arange(len(found))[:, None, None]"), LEAD),
        (("np.where(lead < left * gain[winner], lead, NEVER)", "lead"), LEAD),
        (("math.ceil(least * t)", "math.floor(least * t)"), STOP),
        (("math.ceil(least * t)", "math.ceil(least)"), STOP),
        (("math.ceil(least * t)", "math.floor(least * t) + 1"), STOP),
        (("lead >= margin[:, None]", "lead > margin[:, None]"), STOP),
        (("min(NEVER, math.ceil(least * t))", "math.ceil(least * t)"), STOP),
        (("(lead >= margin[:, None]).argmax(axis=0) + 1",
          "(lead >= margin[:, None]).argmax(axis=0)"), STOP),
        (("exact_rule(program, timesteps).gain", "0 * exact_rule(program, timesteps).gain"), RULE),
        (("lost > (1 - kept) * samples + 1e-9", "lost > kept * samples"), CHOSEN),
        (("break", "continue"), CHOSEN),
        (("right[after - 1, np.arange(samples)]", "right[after - 2, np.arange(samples)]"), CHOSEN),
        (("lead[before, samples], before + 1", "lead[before, samples], before + 2"), CHOSEN),
        (("sorted({Fraction(*pair) for pair in pairs}, reverse=True)",
          "sorted({Fraction(*pair) for pair in pairs})"), CHOSEN),
    ],
)  # fmt: skip
def test_planted_bugs_are_found(change: tuple[str, str], name: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        CHECKS[name](copy_of(MODULE, change), planted=True)


def test_many_samples_have_as_many_thresholds_as_there_may_be() -> None:
    lead, right = drawn(1, samples=3000)
    lead[:-1] = lead[:-1] * 1000 + np.arange(3000)
    found = confidence.calibrated(lead, right, 0.95)
    assert found.threshold is not None
    occurring = np.unique(lead[:-1] / np.arange(1, 5)[:, None])
    assert float(found.threshold) in occurring
    assert 0 <= found.whole - found.stopped <= 0.05
    finer = [t for t in occurring if t < found.threshold]
    assert len(finer) > 1000  # the search ended where accuracy was lost, not at the end


def test_no_exit_keeps_enough() -> None:
    """The only early exit is wrong, and nothing may be lost."""
    lead = np.array([[9], [exits.NEVER]])
    right = np.array([[False], [True]])
    assert confidence.calibrated(lead, right, 1.0).threshold is None
    assert confidence.calibrated(lead, right, 0.0).threshold == 9
