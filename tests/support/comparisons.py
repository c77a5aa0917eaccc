"""The comparisons that the tests make, apart from the tests, so that planted bugs meet them too.

Each function raises AssertionError at the first difference. `planted=True` stops there instead of
looking for a smaller example; the draws are the same.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import ultralif_deploy
from support.strategies.networks import networks
from support.strategies.programs import decays, programs
from support.strategies.second_order import MODELS as SECOND_ORDER
from support.strategies.second_order import second_order_parameters
from support.strategies.shapes import KINDS, MODES, inputs_for, seeds
from ultralif_deploy.network.network import Network
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.passes import PASSES, apply_passes
from ultralif_deploy.program import neurons
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.fixed import FRACTION_BITS, INT32_MAX, MEMBRANE_BITS, largest_held
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.simulators import Executable, Trace
from ultralif_deploy.simulators.reference import simulator as reference

EXAMPLES = 200
SPEC = Path(ultralif_deploy.__file__).parent / "PROGRAM.md"

Load = Callable[[Program], Executable]


def holds(
    check: Callable[..., None],
    *strategies: st.SearchStrategy[Any],
    examples: int = EXAMPLES,
    planted: bool = False,
) -> None:
    """Run `check` on drawn arguments."""
    phases = (Phase.generate,) if planted else (Phase.generate, Phase.shrink)
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


def back_ends_agree(
    load: Load,
    judge: Load = reference.load,
    drawn: st.SearchStrategy[Program] | None = None,
    examples: int = EXAMPLES,
    planted: bool = False,
) -> None:
    """A back end gives every spike, logit and count of the judge on `drawn` (all programs)."""

    def check(data: st.DataObject) -> None:
        program = data.draw(programs() if drawn is None else drawn)
        time = program.timesteps // data.draw(st.sampled_from((1, 1, 1, 2))) or 1
        inputs = data.draw(inputs_for(program, time, len(MODES)))
        expected = judge(program).run(inputs, record=True)
        assert_same_trace(load(program).run(inputs, record=True), expected)

    holds(check, st.data(), examples=examples, planted=planted)


# The specification


def spec_functions() -> dict[str, Callable[..., Any]]:
    """The functions of PROGRAM.md, each block executed by itself."""
    functions: dict[str, Callable[..., Any]] = {}
    for block in re.findall(
        r"^```python\n(.*?)^```", SPEC.read_text(encoding="utf-8"), re.M | re.S
    ):
        namespace: dict[str, Any] = {}
        exec(compile(block, str(SPEC), "exec"), namespace)
        (defined,) = [k for k in namespace if not k.startswith("__")]
        assert defined not in functions
        functions[defined] = namespace[defined]
    return functions


def spec_name(neuron: neurons.NeuronModel) -> str:
    """Name of the block that specifies a neuron model."""
    if isinstance(neuron, neurons.UltraDLIF):
        return f"ultradlif_{neuron.form}"
    names = {
        neurons.Threshold: "threshold",
        neurons.TropicalLIF: "tropical_lif",
        neurons.LIF: "lif",
        neurons.LogMaxLIF: "log_max_lif",
        neurons.Integrator: "integrator",
        neurons.CubaLIF: "cuba_lif",
        neurons.LeakyIntegrator: "leaky_integrator",
        neurons.CubaLI: "cuba_li",
    } | {model: name for name, model in SECOND_ORDER.items()}
    return names[type(neuron)]


MODELS: tuple[neurons.NeuronModel, ...] = (
    neurons.Threshold(np.zeros(0)),
    neurons.TropicalLIF(*[np.zeros(0)] * 4),
    *(neurons.LIF(*[np.zeros(0)] * 3, mode) for mode in RESETS),
    neurons.UltraDLIF(np.zeros(0), np.zeros(0), "released"),
    neurons.UltraDLIF(np.zeros(0), np.zeros(0), "paper"),
    neurons.UltraDLIF(np.zeros(0), np.zeros(0), "released", 2),
    neurons.UltraDLIF(np.zeros(0), np.zeros(0), "paper", 3),
    neurons.LogMaxLIF(np.zeros(0), np.zeros(0), np.zeros(0), 0),
    neurons.LogMaxLIF(np.zeros(0), np.zeros(0), np.zeros(0), 3),
    neurons.LogMaxLIF(np.zeros(0), np.zeros(0), np.zeros(0), 23),
    neurons.Integrator(),
    *(model(*[np.zeros(0)] * len(fields(model))) for model in SECOND_ORDER.values()),
    *(neurons.CubaLIF(*[np.zeros(0)] * 4, mode) for mode in RESETS),
    neurons.LeakyIntegrator(np.zeros(0)),
    neurons.CubaLI(np.zeros(0), np.zeros(0)),
    neurons.LIF(*[np.zeros(0)] * 3, decay_bits=20),
    neurons.LIF(*[np.zeros(0)] * 3, "value", 12, 32, 14),
    neurons.LIF(*[np.zeros(0)] * 3, "subtract", most_spikes=3, floor=np.zeros(0)),
    neurons.LIF(*[np.zeros(0)] * 3, "subtract", 24, 27, 9, 255),
    neurons.CubaLIF(*[np.zeros(0)] * 4, "late-value", 17, 32, 14, floor=np.zeros(0)),
    neurons.CubaLIF(*[np.zeros(0)] * 4, "subtract", most_spikes=255),
    neurons.CubaLIF(*[np.zeros(0)] * 4, "subtract", 13, 28, 11, 2, np.zeros(0)),
    neurons.UltraDLIF(np.zeros(0), np.zeros(0), "paper", decay_bits=13),
    neurons.CubaLIF(*[np.zeros(0)] * 4, decay_bits=24),
    neurons.LeakyIntegrator(np.zeros(0), 24),
    neurons.CubaLI(np.zeros(0), np.zeros(0), 17),
)
PARAMETERS = {
    "threshold": ("threshold",),
    "tropical_lif": ("threshold", "decay", "reset"),
    "lif": ("threshold", "decay", "reset", "floor"),
    "ultradlif_released": ("threshold", "decay"),
    "ultradlif_paper": ("threshold", "decay"),
    "log_max_lif": ("threshold", "decay", "table"),
    "integrator": (),
    "cuba_lif": ("threshold", "decay", "synaptic_decay", "reset", "floor"),
    "leaky_integrator": ("decay",),
    "cuba_li": ("decay", "synaptic_decay"),
} | {name: tuple(f.name for f in fields(model)) for name, model in SECOND_ORDER.items()}


def modes(neuron: neurons.NeuronModel) -> dict[str, Any]:
    """Arguments of a block that are the same for a whole population; each form has its own."""
    return {k: v for k, v in neuron.structure().items() if k != "form"}


def step_follows_spec(
    step: Callable[..., tuple[list[int], list[int]]],
    models: Iterable[neurons.NeuronModel] = MODELS,
    planted: bool = False,
) -> None:
    """A single update is the one of PROGRAM.md, over the whole range of every number."""
    functions = spec_functions()
    chosen = st.sampled_from(tuple(models))

    def check(neuron: neurons.NeuronModel, size: int, near: bool, seed: int) -> None:
        model = spec_name(neuron)
        leaky, fine = isinstance(neuron, neurons.LEAKY), isinstance(neuron, neurons.FINE)
        fine = fine and not isinstance(neuron, neurons.READOUTS)
        rng = np.random.default_rng(seed)
        held = largest_held(getattr(neuron, "membrane_bits", MEMBRANE_BITS))
        top = 40 if near else held if fine else INT32_MAX

        def numbers(reach: int, size: int = size) -> list[int]:
            edges = rng.choice(np.array([-reach, reach, 0, -1, 1]), size)
            drawn = rng.integers(-reach, reach, size, endpoint=True)
            return np.where(rng.random(size) < 0.3, edges, drawn).tolist()

        # Far drives saturate a membrane whatever it was; those of its own range do not.
        unit = 1 << getattr(neuron, "fraction_bits", FRACTION_BITS)
        far = top // unit if fine and seed % 2 else INT32_MAX // 2
        current = numbers(3 if near else far)
        wide = 2 * top if isinstance(neuron, neurons.LogMaxLIF) else top
        reach = 64 if near and (fine or leaky) else wide
        arguments = {n: numbers(top) for n in ("threshold", "reset", "floor")}
        arguments["threshold"] = numbers(reach)
        if getattr(neuron, "most_spikes", 1) > 1:
            arguments["reset"] = [max(1, abs(value)) for value in arguments["reset"]]
        for name in ("decay", "synaptic_decay"):
            arguments[name] = numbers(top)
            if isinstance(neuron, neurons.LEAKY):
                some = np.array(decays(neuron.decay_bits))
                arguments[name] = rng.choice(some, size).tolist()
        arguments["table"] = [abs(entry) for entry in numbers(top)]
        if model in SECOND_ORDER:
            drawn = second_order_parameters(rng, model, size)
            arguments |= {k: values.tolist() for k, values in drawn.items()}
        used = {k: arguments[k] for k in PARAMETERS[model] if getattr(neuron, k) is not None}
        bias = numbers(3 if near else far)
        v = numbers(top, getattr(neuron, "WORDS", 1) * size)
        if "threshold" in used:  # a third of the neurons just reach it, or just do not
            silent = used | {"threshold": [2**40] * size}
            reached = functions[model](current, bias, list(v), **silent, **modes(neuron))[1][:size]
            at = rng.random(size) < 1 / 3
            used["threshold"] = np.where(at, reached, used["threshold"]).tolist()
        expected = functions[model](current, bias, list(v), **used, **modes(neuron))
        assert step(neuron, used, bias, current, list(v)) == tuple(expected), model

    holds(check, chosen, st.integers(1, 7), st.booleans(), seeds, planted=planted)


def runs_follow_spec(
    load: Load,
    examples: int = 100,
    planted: bool = False,
    drawn: st.SearchStrategy[Program] | None = None,
) -> None:
    """Whole runs are those of PROGRAM.md: order, delay, spikes, logits, event counts."""

    def check(data: st.DataObject) -> None:
        program = data.draw(programs() if drawn is None else drawn)
        inputs = data.draw(inputs_for(program, program.timesteps, len(MODES)))
        trace = load(program).run(inputs, record=True)
        for sample in range(inputs.shape[1]):
            _sample_follows_spec(program, inputs[:, sample], trace, sample)

    holds(check, st.data(), examples=examples, planted=planted)


def _sample_follows_spec(program: Program, values: np.ndarray, trace: Trace, sample: int) -> None:
    functions = spec_functions()
    names = [p.name for p in program.populations]
    maps = [(p.source, p.target, _spec_matrix(p.map)) for p in program.projections]

    def update(p: Population) -> Callable[[list[int], list[int]], Any]:
        name, bias = spec_name(p.neuron), p.bias.tolist()
        used = {k: v.tolist() for k, v in p.parameters().items() if k in PARAMETERS[name]}
        return lambda current, v: functions[name](current, bias, v, **used, **modes(p.neuron))

    initial = {
        p.name: p.parameters().get("initial", np.zeros(p.words * p.size, int)).tolist()
        for p in program.populations
    }
    updates = {p.name: update(p) for p in program.populations}
    history, logits = functions["run"](values.tolist(), names, maps, initial, updates)
    assert trace.spikes is not None
    assert_array_equal(trace.logits[sample], logits)
    sent = {"input": values.tolist()} | {k: [now[k] for now in history] for k in names}
    for name in names[:-1]:
        assert_array_equal(trace.spikes[name][:, sample], sent[name], name)
    for name, count in trace.counts.spikes.items():
        assert count[sample] == np.count_nonzero(sent[name]), name
    order = ["input", *names]
    for source, target, weight in maps:
        late = order.index(source) >= order.index(target)
        acting = sent[source][:-1] if late else sent[source]
        operations = sum(functions["synaptic_operations"](weight, x) for x in acting)
        assert trace.counts.synaptic_operations[f"{source}->{target}"][sample] == operations


def _spec_matrix(linear: Any) -> list[list[int]]:
    """Weights [target][source]; those of a convolution by the block of PROGRAM.md."""
    if not isinstance(linear, Conv2d):
        return linear.matrix().tolist()
    geometry = (linear.input_shape, linear.stride, linear.padding, linear.dilation, linear.groups)
    return spec_functions()["convolution"](linear.weight.tolist(), *geometry)


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
