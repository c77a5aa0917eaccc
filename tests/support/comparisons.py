"""The comparisons that the tests make, apart from the tests, so that planted bugs meet them too.

Each function raises AssertionError at the first difference. `planted=True` stops there instead of
looking for a smaller example; the draws are the same.
"""

import os
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from support.strategies.examples import Example, examples_of, stimulated
from support.strategies.networks import networks
from support.strategies.programs import programs
from support.strategies.shapes import KINDS, MODES, inputs_for
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import PASSES, apply_passes
from ultralif_deploy.program.program import Program
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators import Executable, Trace
from ultralif_deploy.simulators.reference import simulator as reference

EXAMPLES = 200

SHARE = float(os.environ.get("ULTRALIF_EXAMPLES", "0.1"))
"""Share of the examples on which back ends are compared; 1 or more is for long runs."""

CHECKED = max(0.25, SHARE)
"""Share of the examples of every other check that must hold, for the same reason."""

FEWEST = 15
"""Examples that no share goes below, where a check has as many."""

SHRINKS = Phase.shrink in settings().phases
"""Whether a smaller example is looked for where a comparison fails."""

Load = Callable[[Program], Executable]


def holds(
    check: Callable[..., None],
    *strategies: st.SearchStrategy[Any],
    examples: int = EXAMPLES,
    planted: bool = False,
    share: float | None = None,
) -> None:
    """Run `check` on drawn arguments.

    A planted bug is searched for on all examples. What is sound passes every one of them, so it is
    checked on a share alone: the first examples, which are the same for both.

    Args:
        check: raises AssertionError.
        strategies: of its arguments.
        examples: at most so many.
        planted: whether `check` must fail.
        share: of the examples, where nothing is planted; None takes `CHECKED` and `FEWEST`.
    """
    if not planted:
        fewest = min(examples, FEWEST if share is None else 1)
        examples = max(fewest, round((CHECKED if share is None else share) * examples))
    phases = (Phase.generate,) if planted or not SHRINKS else (Phase.generate, Phase.shrink)
    limits = settings(max_examples=examples, phases=phases, report_multiple_bugs=False)
    limits(given(*strategies)(check))()


def assert_same_trace(actual: Trace, expected: Trace) -> None:
    """Equal logits, predictions, spikes and event counts."""
    assert_array_equal(actual.logits, expected.logits, strict=True)
    assert_array_equal(actual.predictions(), expected.predictions())
    assert (actual.spikes is None) == (expected.spikes is None)
    if actual.spikes is not None and expected.spikes is not None:
        assert set(actual.spikes) == set(expected.spikes)
        for name, spikes in expected.spikes.items():
            assert_array_equal(actual.spikes[name], spikes, name, strict=True)
    counts, wanted = actual.counts, expected.counts
    assert (counts.samples, counts.timesteps) == (wanted.samples, wanted.timesteps)
    assert counts.multiplies == wanted.multiplies
    for given_, meant in (
        (counts.synaptic_operations, wanted.synaptic_operations),
        (counts.spikes, wanted.spikes),
    ):
        assert set(given_) == set(meant)
        for name, value in meant.items():
            assert_array_equal(given_[name], value, name, strict=True)
    assert actual.digests() == expected.digests()


def holds_on_programs(
    check: Callable[[Example], None],
    drawn: st.SearchStrategy[Program] | None,
    examples: int,
    planted: bool,
    share: float | None = None,
) -> None:
    """Run `check` on drawn programs with inputs; planted bugs share those that were drawn once.

    Args:
        check: raises AssertionError.
        drawn: strategy of the programs; None draws all kinds.
        examples: same as for `holds`, like the other arguments.
        planted: see there.
        share: see there.
    """
    strategy = programs() if drawn is None else drawn
    if planted:
        for example in examples_of(strategy, examples):
            check(example)
    else:
        holds(check, stimulated(strategy), examples=examples, share=share)


def back_ends_agree(
    load: Load,
    judge: Load = reference.load,
    drawn: st.SearchStrategy[Program] | None = None,
    examples: int = EXAMPLES,
    planted: bool = False,
) -> None:
    """A back end gives every spike, logit and count of the judge on `drawn` (all programs)."""

    def check(example: Example) -> None:
        program, inputs = example.program, example.inputs
        judged = judge is not reference.load
        expected = judge(program).run(inputs, record=True) if judged else example.expected
        assert_same_trace(load(program).run(inputs, record=True), expected)

    holds_on_programs(check, drawn, examples, planted, SHARE)


# Quantization


def threshold_is_exact(
    integer_threshold: Callable[[float, float, bool], int], planted: bool = False
) -> None:
    """The integer n above the threshold are those for which scale·n passes θ, and no others."""
    finite = st.floats(-1e6, 1e6)
    scales = st.floats(1e-9, 1e3)
    multiples = st.tuples(st.integers(-300, 300), scales).map(lambda t: (t[0] * t[1], t[1]))
    dyadic = st.tuples(st.integers(-300, 300), st.integers(-8, 8)).map(
        lambda t: (t[0] * 2.0 ** t[1], 2.0 ** t[1])
    )

    def check(pair: tuple[float, float], inclusive: bool) -> None:
        theta, scale = pair
        limit = integer_threshold(theta, scale, inclusive)
        for n in range(limit - 2, limit + 4):
            real = Fraction(scale) * n
            fires = real >= Fraction(theta) if inclusive else real > Fraction(theta)
            assert (n > limit) == fires

    pairs = st.one_of(st.tuples(finite, scales), multiples, dyadic)
    holds(check, pairs, st.booleans(), examples=500, planted=planted)


def quantization_is_lossless(
    quantized: Callable[..., Program] = quantize, examples: int = 80, planted: bool = False
) -> None:
    """Where the weights lie on an 8-bit grid, the program has the spikes of the hard network.

    The drawn weights are multiples of 1/32 of at most 127 steps per neuron; the thresholds may
    fall between two currents or on one.
    """

    def check(data: st.DataObject) -> None:
        network = apply_passes(data.draw(networks(kinds=("threshold",))))
        inputs = data.draw(inputs_for(network, network.timesteps, len(MODES)))
        trace = reference.load(quantized(network, 8)).run(inputs, record=True)
        expected = run_hard(network, inputs)
        assert trace.spikes is not None
        for name, spikes in trace.spikes.items():
            assert_array_equal(spikes, expected.spikes[name], name)

    holds(check, st.data(), examples=examples, planted=planted)


def assert_same_spikes(
    before: Network, after: Network, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All spikes of the neurons left are equal; those of neurons removed were always the same.

    A collapsed network stands for every timestep.

    Returns:
        The logits of `after` and `before`.
    """
    expected, trace = run_hard(before, values), run_hard(after, values)
    assert set(trace.spikes) == set(expected.spikes)
    for name, spikes in expected.spikes.items():
        left = spikes[..., neurons_left(after, name)]
        assert_array_equal(np.broadcast_to(trace.spikes[name], left.shape), left, name)
        gone = np.delete(spikes, neurons_left(after, name), axis=-1)
        assert np.all(gone == gone[:1, :1]), name
    return trace.logits, expected.logits


def neurons_left(network: Network, name: str) -> np.ndarray:
    """Indices of a population's neurons in the population as trained."""
    (population,) = [p for p in network.populations if p.name == name]
    return np.arange(population.size) if population.kept is None else population.kept


CONCERNED = {
    "elide_membrane": ("tropical",),
    "fold_bias": ("tropical", "lif", "threshold"),
    "collapse_constant": ("threshold", "lif"),
    "remove_constant": ("threshold", "tropical", "lif"),
    "fold_gain": ("silif", "csilif", "adalif"),
}
"""Neuron kinds that a pass is about."""

PREPARED = {"remove_constant": ("fold-linear", "fold-input")}
"""Passes that another one needs before it."""


def rewrite_keeps_spikes(
    rewrite: Callable[[Network], Network],
    kinds: tuple[str, ...] = KINDS,
    examples: int = 200,
    planted: bool = False,
    before: Iterable[str] = (),
) -> int:
    """A pass keeps spikes and logits, in exact arithmetic; the number of networks it changed.

    The passes `before` are applied to the drawn networks first.
    """
    changed = 0

    def check(data: st.DataObject) -> None:
        nonlocal changed
        network = data.draw(networks(kinds))
        for name in before:
            network = PASSES[name](network)
        rewritten = rewrite(network)
        values = data.draw(inputs_for(network, network.timesteps, len(MODES)))
        logits, expected = assert_same_spikes(network, rewritten, values)
        assert_array_equal(logits, expected)
        changed += described(rewritten) != described(network)

    holds(check, st.data(), examples=examples, planted=planted)
    return changed


def described(network: Network) -> str:
    """Everything that a pass may change."""
    return repr((network.input, network.populations, network.projections, network.timesteps))
