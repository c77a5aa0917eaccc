"""Decided samples stay decided, whatever comes; undecided ones can still change; planted bugs."""

from types import ModuleType

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import assert_same_trace, holds
from support.planting import copy_of
from support.strategies.programs import programs
from support.strategies.shapes import GRADED, KINDS, MODES, inputs_for, seeds
from ultralif_deploy.errors import Refused
from ultralif_deploy.program import exits
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, LeakyIntegrator, LeakySum
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference

MODULE = "ultralif_deploy.program.exits"
EVERY = (*KINDS, *GRADED)
DRAWN = st.one_of(
    programs(kinds=EVERY, readouts=("integrator",)),
    programs(kinds=("threshold", "multi"), readouts=("integrator",), populations=1, timesteps=12),
)


def decided_predictions_are_final(module: ModuleType = exits, planted: bool = False) -> None:
    """Whatever follows the timestep at which a sample is decided, its prediction stays."""

    def check(data: st.DataObject) -> None:
        program = data.draw(DRAWN)
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        run = fast.load(program)
        trace = run.run(inputs, record=True)
        assert trace.spikes is not None
        found = module.potentials(program, inputs, trace.spikes)
        assert_array_equal(found[-1], trace.logits)
        after = module.exact_rule(program, len(found)).after(found)
        assert np.all((after >= 1) & (after <= program.timesteps))
        samples = np.arange(len(after))
        predicted = found[after - 1, samples].argmax(axis=1)
        assert_array_equal(predicted, trace.predictions())
        for _ in range(4):
            other = data.draw(inputs_for(program, program.timesteps, len(MODES)))
            later = np.arange(program.timesteps)[:, None, None] >= after[:, None]
            assert_array_equal(run.run(np.where(later, other, inputs)).predictions(), predicted)

    holds(check, st.data(), examples=150, planted=planted)


def undecided_predictions_can_change(module: ModuleType = exits, planted: bool = False) -> None:
    """Where inputs drive the read-out alone the bound is reached: no sample could stop earlier."""

    def check(classes: int, sources: int, steps: int, maximum: int, seed: int, scale: int) -> None:
        rng = np.random.default_rng(seed)
        weight = rng.integers(-scale, scale + 1, (classes, sources))
        bias = rng.integers(-2 * scale, 2 * scale + 1, classes)
        out = Population("out", classes, Integrator(), bias, np.ones(classes))
        drives = (Projection(INPUT, "out", Dense(weight)),)
        program = Program(Input(sources, maximum), (out,), drives, "8", steps, 1)
        inputs = rng.integers(0, maximum + 1, (steps, 20, sources), dtype=np.uint8)
        run = fast.load(program)
        found = module.potentials(program, inputs, {})
        after = module.exact_rule(program, len(found)).after(found)
        for sample, end in enumerate(after):
            for t in range(1, steps + 1):
                winner = found[t - 1, sample].argmax()
                ends = []
                for rival in range(classes):
                    worst = np.where(weight[winner] < weight[rival], maximum, 0).astype(np.uint8)
                    values = inputs[:, sample : sample + 1].copy()
                    values[t:] = worst
                    ends.append(int(run.run(values).predictions()[0]))
                if t < end:
                    assert set(ends) != {winner}  # one of the rivals can still win
                if t == end:
                    assert set(ends) == {winner}
                    break

    sizes = st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.sampled_from((1, 1, 3))
    holds(check, *sizes, seeds, st.sampled_from((1, 2, 100)), examples=25, planted=planted)


def stopped_runs_are_short_runs(module: ModuleType = exits, planted: bool = False) -> None:
    """Spikes, logits and counts up to a timestep are those of a run that is so long."""

    def check(data: st.DataObject) -> None:
        program = data.draw(programs(kinds=EVERY, readouts=("integrator",)))
        inputs = data.draw(inputs_for(program, program.timesteps, 3))
        trace = fast.load(program).run(inputs, record=True)
        assert trace.spikes is not None
        found = module.potentials(program, inputs, trace.spikes)
        steps = data.draw(st.integers(1, program.timesteps))
        short = reference.load(program).run(inputs[:steps], record=True)
        assert_same_trace(module.stopped(program, inputs, trace, found, steps), short)

    holds(check, st.data(), examples=150, planted=planted)


def ties_go_to_the_first_class(module: ModuleType = exits, planted: bool = False) -> None:
    """A class that can still draw level with the leader wins if it stands before it."""
    del planted
    out = Population("out", 2, Integrator(), np.zeros(2), np.ones(2))
    drives = (Projection(INPUT, "out", Dense(np.eye(2))),)
    program = Program(Input(2), (out,), drives, "8", 2, 1)
    for leader, end in ((1, 2), (0, 1)):  # the first class keeps a lead that the second equals
        inputs = np.zeros((2, 1, 2), dtype=np.uint8)
        inputs[0, 0, leader] = inputs[1, 0, 1 - leader] = 1
        found = module.potentials(program, inputs, {})
        assert module.exact_rule(program, 2).after(found).tolist() == [end]
        assert found[-1].argmax() == 0


CHECKS = {
    check.__name__: check
    for check in (
        *(decided_predictions_are_final, undecided_predictions_can_change),
        *(stopped_runs_are_short_runs, ties_go_to_the_first_class),
    )
}


@pytest.mark.parametrize("name", CHECKS)
def test_exits(name: str) -> None:
    CHECKS[name]()


FINAL, EARLIEST, SHORT, TIES = CHECKS


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("np.minimum(0, row - weight)", "np.maximum(0, row - weight)"), FINAL),
        (("np.minimum(0, row - weight)", "np.minimum(0, row)"), FINAL),
        (("low[a] += sent * np.minimum(0, row - weight).sum(axis=1)",
          "low[a] = sent * np.minimum(0, row - weight).sum(axis=1)"), FINAL),
        (("bias[:, None] - bias", "bias - bias[:, None]"), EARLIEST),
        (("program.largest_sent(projection.source)", "1"), FINAL),
        (("self.timesteps - t", "self.timesteps - t - 1"), FINAL),
        (("self.gain[winner]", "self.gain[:, winner].T"), FINAL),
        (("risen.argmax(axis=1) == winner", "risen.max(axis=1) == v.max(axis=1)"), TIES),
        (("risen.argmax(axis=1) == winner", "(risen == risen[:, :1]).any(axis=1)"), FINAL),
        (("current.cumsum(axis=0)", "current"), FINAL),
        (("np.tile(program.readout.bias.astype(np.int64), (*inputs.shape[:2], 1))",
          "np.zeros((*inputs.shape[:2], program.readout.size), np.int64)"), FINAL),
        (("self.timesteps - t", "self.timesteps - t + 1"), EARLIEST),
        (("risen.argmax(axis=1) == winner", "(risen.argmax(axis=1) == winner) & (v[:, 0] < 9)"),
         EARLIEST),
        (("np.minimum(0, row - weight)", "-abs(row - weight)"), EARLIEST),
        (("range(self.timesteps - 1, 0, -1)", "range(self.timesteps - 1, 1, -1)"), EARLIEST),
        (("steps - 1 if p.name in program.delayed else steps", "steps"), SHORT),
        (("found[steps - 1]", "found[-1]"), SHORT),
        (("{name: sent[:steps] for name, sent in trace.spikes.items()}",
          "trace.spikes"), SHORT),
        (("np.count_nonzero(values, axis=(0, 2))", "values.sum(axis=(0, 2), dtype=np.int64)"),
         SHORT),
    ],
)  # fmt: skip
def test_planted_bugs_are_found(change: tuple[str, str], name: str) -> None:
    module = copy_of(MODULE, change)
    with pytest.raises((AssertionError, IndexError)):
        CHECKS[name](module, planted=True)


def readout(neuron: object) -> Program:
    """One input and one class."""
    out = Population("last", 1, neuron, np.zeros(1), np.ones(1))  # type: ignore[arg-type]
    return Program(
        Input(1), (out,), (Projection(INPUT, "last", Dense(np.ones((1, 1)))),), "8", 2, 1
    )


def test_readouts_that_forget_are_refused() -> None:
    exits.check_sums(readout(Integrator()))
    zero, one = np.zeros(1), np.ones(1)
    for neuron in (LeakySum(zero, one, one, np.full(1, 24)), LeakyIntegrator(zero)):
        name = type(neuron).__name__
        with pytest.raises(Refused, match=f"the read-out last is a {name}, whose membrane forgets"):
            exits.check_sums(readout(neuron))


def test_one_class_is_decided_at_once() -> None:
    found = np.zeros((5, 3, 1), dtype=np.int64)
    assert exits.exact_rule(readout(Integrator()), 5).after(found).tolist() == [1, 1, 1]
