"""Runs that stop early agree with PROGRAM.md, with each other and with what is counted."""

from collections.abc import Callable
from types import ModuleType
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.comparisons import assert_same_trace, holds
from support.planted.simulators import BY_POPULATION
from support.planting import PLAIN, copy_of
from support.specification import spec_functions
from support.strategies.programs import programs
from support.strategies.shapes import GRADED, KINDS, MODES, inputs_for, seeds
from ultralif_deploy.errors import Refused, UltralifError
from ultralif_deploy.program import exits
from ultralif_deploy.program.exits import NEVER, ExitRule, Stopped, Stopping
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator, LeakyIntegrator, NeuronModel
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.native import exits as compiled
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.verify.backends import load_on

Run = Callable[[Program, np.ndarray, ExitRule, bool], Stopped]

EVERY = (*KINDS, *GRADED)
DRAWN = st.one_of(
    programs(kinds=EVERY, readouts=("integrator",)),
    programs(kinds=("threshold",), readouts=("integrator",), chain=True, delayed=False),
)


@st.composite
def rules(draw: st.DrawFn, program: Program, timesteps: int) -> ExitRule:
    """The exact rule, rules whose margins grow, and rules without a reason."""
    exact = exits.exact_rule(program, timesteps)
    kind = draw(st.sampled_from(("grow", "exact", "any")))
    rng = np.random.default_rng(draw(seeds))
    if kind == "exact":
        return exact
    if kind == "grow":
        scale = draw(st.sampled_from((1, 10, 1000)))
        return ExitRule(rng.integers(0, scale) * np.arange(1, timesteps + 1), exact.gain)
    gain = rng.integers(-2, 9, exact.gain.shape)
    np.fill_diagonal(gain, 0)
    return ExitRule(rng.integers(0, 9, timesteps), gain)


def drawn_run(data: st.DataObject, most: int = len(MODES)) -> tuple[Program, np.ndarray, ExitRule]:
    """A program, inputs and a rule for as many timesteps."""
    program = data.draw(DRAWN)
    inputs = data.draw(inputs_for(program, program.timesteps, most))
    return program, inputs, data.draw(rules(program, program.timesteps))


def assert_same_exits(actual: Stopped, expected: Stopped) -> None:
    """Equal timesteps, and equal logits, spikes and events up to them."""
    assert_array_equal(actual.timesteps, expected.timesteps, strict=True)
    assert_same_trace(actual.trace, expected.trace)


def exits_follow_the_specification(
    module: ModuleType = exits, planted: bool = False, stops: Any = compiled.stops
) -> None:
    """The decisions of the rule, of the reference and of kernels are the block of PROGRAM.md."""
    specified = spec_functions()["exits"]

    def check(classes: int, steps: int, scale: int, seed: int) -> None:
        rng = np.random.default_rng(seed)
        gain = rng.integers(-2, scale + 1, (classes, classes))
        np.fill_diagonal(gain, 0)
        margin = rng.choice(np.array([0, 1, scale, 3 * scale, NEVER]), steps)
        rule = module.ExitRule(margin, gain)
        tables = steps, margin.tolist(), gain.tolist()
        for t in range(1, steps + 1):
            v = rng.integers(-2 * scale, 2 * scale + 1, (20, classes))
            wanted = [specified(row, t, *tables) for row in v.tolist()]
            assert rule.stops(v, t).tolist() == wanted
            assert stops(rule, v, t).tolist() == wanted
            assert [reference.exits(row, t, *tables) for row in v.tolist()] == wanted

    sizes = st.integers(1, 5), st.integers(1, 6), st.sampled_from((1, 3, 100))
    holds(check, *sizes, seeds, examples=50, planted=planted)


def the_reference_stops_where_it_is_counted(
    module: ModuleType = reference, planted: bool = False
) -> None:
    """Timesteps, logits, spikes and events are those counted from a run that goes on to the end."""

    def check(data: st.DataObject) -> None:
        program, inputs, rule = drawn_run(data, 3)
        whole = module.load(program).run(inputs, record=True)
        found = exits.potentials(program, inputs, whole.spikes)
        got = module.load(program).run_until_exit(inputs, rule, record=True)
        after = rule.after(found)
        assert_array_equal(got.timesteps, after)
        for sample, steps in enumerate(after.tolist()):
            here = slice(sample, sample + 1)
            values, spikes = inputs[:, here], {k: v[:, here] for k, v in whole.spikes.items()}
            some = exits.Trace(whole.logits[here], whole.counts, spikes)
            short = exits.stopped(program, values, some, found[:, here], steps)
            assert_array_equal(got.trace.logits[here], short.logits)
            for name, sent in got.trace.spikes.items():
                assert_array_equal(sent[:steps, here], short.spikes[name])
                assert not sent[steps:, here].any()
            counts = got.trace.counts
            for name, number in short.counts.synaptic_operations.items():
                assert counts.synaptic_operations[name][sample] == number
            for name, number in short.counts.spikes.items():
                assert counts.spikes[name][sample] == number

    holds(check, st.data(), examples=100, planted=planted)


def stops_as_the_reference(run: Run, planted: bool = False, examples: int = 150) -> None:
    """A back end stops every sample where the reference does, with the same result."""

    def check(data: st.DataObject) -> None:
        program, inputs, rule = drawn_run(data)
        expected = reference.load(program).run_until_exit(inputs, rule, record=True)
        assert_same_exits(run(program, inputs, rule, True), expected)

    holds(check, st.data(), examples=examples, planted=planted)


def chunks_keep_their_memory(module: ModuleType = fast, planted: bool = False) -> None:
    """The same with more samples than a thread takes."""

    def check(data: st.DataObject) -> None:
        program, inputs, rule = drawn_run(data)
        inputs = np.concatenate([np.roll(inputs, i, axis=2) for i in range(10)], axis=1)
        with patch.object(module, "whole", BY_POPULATION):
            made = module.load(program)
        made.threads = 3
        expected = reference.load(program).run_until_exit(inputs, rule, record=True)
        assert_same_exits(made.run_until_exit(inputs, rule, record=True), expected)

    holds(check, st.data(), examples=30, planted=planted)


def on(name: str) -> Run:
    """A back end of a name."""

    def run(program: Program, inputs: np.ndarray, rule: ExitRule, record: bool) -> Stopped:
        executable = load_on(name, program, rule)
        assert isinstance(executable, Stopping)
        return executable.run_until_exit(inputs, rule, record)

    return run


def test_exits_follow_the_specification() -> None:
    exits_follow_the_specification()


def test_the_reference_stops_where_it_is_counted() -> None:
    the_reference_stops_where_it_is_counted()


@pytest.mark.parametrize(("name", "examples"), [("fast", 150), ("onnx", 30), ("c", 10)])
def test_back_ends_stop_as_the_reference(name: str, examples: int) -> None:
    stops_as_the_reference(on(name), examples=examples)


def test_populations_one_by_one_stop_as_the_reference() -> None:
    stops_as_the_reference(by_population(), examples=60)


def bug_in_streams(*change: str) -> Run:
    """A planted copy of the loop that `fast` and `onnx` share, below `fast`."""
    module = copy_of("ultralif_deploy.simulators.streams", (change[0], change[1]))

    def run(program: Program, inputs: np.ndarray, rule: ExitRule, record: bool) -> Stopped:
        made = fast.load(program)
        return module.run_until_exit(program, made.step, inputs, rule, record)

    return run


def by_population(*change: str) -> Run:
    """A copy of `fast` that runs population by population, with a planted bug or without."""
    name = "ultralif_deploy.simulators.fast.simulator"
    module = copy_of(name, *([(change[0], change[1])] if change else []), whole=BY_POPULATION)

    def run(program: Program, inputs: np.ndarray, rule: ExitRule, record: bool) -> Stopped:
        return module.load(program).run_until_exit(inputs, rule, record)

    return run


@pytest.mark.parametrize(
    ("plant", "old", "new"),
    [
        (bug_in_streams, "stops(rule, trace.logits, t + 1)", "stops(rule, trace.logits, t)"),
        (bug_in_streams, "np.flatnonzero(~stop)", "np.flatnonzero(stop)"),
        (bug_in_streams, "memory = memory.of(stay)", "pass"),
        (bug_in_streams, "memory.of(stay)", "memory.of(slice(0, len(stay)))"),
        (bug_in_streams, "sent[:, samples]", "sent[:, : len(sent[0, samples])]"),
        (bug_in_streams, "timesteps[running[stop]] = t + 1", "timesteps[running[stop]] = t"),
        (bug_in_streams, "kept[name][t, running] = spikes[0]", "kept[name][t] = spikes[0][0]"),
        (bug_in_streams, "logits[running[stop]] = trace.logits[stop]", "logits = trace.logits"),
        (bug_in_streams, "total[name][running] += values", "total[name][: len(values)] += values"),
        (bug_in_streams, "inputs[t : t + 1, running]", "inputs[t : t + 1, : len(running)]"),
        (by_population, "last[:] = sent[-1:] if len(sent) else last", "pass"),
        (
            by_population,
            "memory or initial_memory(program, batch)",
            "initial_memory(program, batch)",
        ),
    ],
)
def test_planted_bugs_are_found(plant: Callable[..., Run], old: str, new: str) -> None:
    with pytest.raises((AssertionError, IndexError, ValueError, AttributeError)):
        stops_as_the_reference(plant(old, new), planted=True)


def test_chunks_keep_their_memory() -> None:
    chunks_keep_their_memory()
    change = ("memory.of(samples)", "memory.of(slice(0, chunk.shape[1]))")
    module = copy_of("ultralif_deploy.simulators.fast.simulator", change)
    with pytest.raises((AssertionError, IndexError, ValueError)):
        chunks_keep_their_memory(module, planted=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("exits(state[program.readout.name], t + 1, *tables)",
         "exits(state[program.readout.name], t, *tables)"),
        ("timesteps[sample] = t + 1", "timesteps[sample] = t"),
        ("break", "pass"),
    ],
)  # fmt: skip
def test_planted_bugs_of_the_reference_are_found(old: str, new: str) -> None:
    module = copy_of("ultralif_deploy.simulators.reference.simulator", (old, new))
    with pytest.raises(AssertionError):
        the_reference_stops_where_it_is_counted(module, planted=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("risen.argmax(axis=1) == winner", "risen.max(axis=1) == v.max(axis=1)"),
        ("risen.argmax(axis=1) == winner", "risen.max(axis=1) > v.max(axis=1)"),
        ("self.margin[t - 1]", "self.margin[self.timesteps - t]"),
        ("self.timesteps - t", "self.timesteps - t + 1"),
        ("self.gain[winner]", "self.gain[:, winner].T"),
        ("np.minimum(self.margin[t - 1], (self.timesteps - t) * self.gain[winner])",
         "np.maximum(self.margin[t - 1], (self.timesteps - t) * self.gain[winner])"),
    ],
)  # fmt: skip
def test_planted_bugs_of_the_rule_are_found(old: str, new: str) -> None:
    module = copy_of("ultralif_deploy.program.exits", (old, new))
    with pytest.raises(AssertionError):
        exits_follow_the_specification(module, planted=True)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("v[b] > v[winner]", "v[b] >= v[winner]"),
        ("risen > v[winner]", "risen >= v[winner]"),
        ("risen == v[winner] and b < winner", "False"),
        ("gain[winner, b]", "gain[b, winner]"),
        ("min(margin, left * gain[winner, b])", "left * gain[winner, b]"),
        ("rule.margin[t - 1]", "rule.margin[t - 2]"),
    ],
)
def test_planted_bugs_of_the_compiled_rule_are_found(old: str, new: str) -> None:
    module = copy_of("ultralif_deploy.simulators.native.exits", PLAIN, (old, new))
    with pytest.raises(AssertionError):
        exits_follow_the_specification(exits, planted=True, stops=module.stops)


@pytest.mark.parametrize("name", ["reference", "fast", "onnx"])
def test_runs_of_another_length_are_refused(name: str) -> None:
    program = readout(Integrator())
    rule = exits.exact_rule(program, 2)
    with pytest.raises(UltralifError, match="inputs of 3 timesteps; the rule is for 2"):
        on(name)(program, np.zeros((3, 1, 1), dtype=np.uint8), rule, False)


def test_unrecorded_runs_keep_no_spikes() -> None:
    program = readout(Integrator())
    rule = exits.exact_rule(program, 2)
    for name in ("reference", "fast", "onnx"):
        stopped = on(name)(program, np.zeros((2, 0, 1), dtype=np.uint8), rule, False)
        assert stopped.trace.spikes is None
        assert stopped.timesteps.shape == (0,)


def test_readouts_that_forget_are_refused() -> None:
    rule = exits.exact_rule(readout(Integrator()), 2)
    program = readout(LeakyIntegrator(np.zeros(1)))
    for name in ("reference", "fast", "onnx"):
        with pytest.raises(Refused, match="the read-out last is a LeakyIntegrator"):
            on(name)(program, np.zeros((2, 1, 1), dtype=np.uint8), rule, False)


def readout(neuron: NeuronModel) -> Program:
    """One input and one class."""
    out = Population("last", 1, neuron, np.zeros(1), np.ones(1))
    drives = (Projection(INPUT, "last", Dense(np.ones((1, 1)))),)
    return Program(Input(1), (out,), drives, "8", 2, 1)
