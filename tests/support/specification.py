"""PROGRAM.md executed: updates and runs of the specification, compared with those of a back end."""

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

import ultralif_deploy
from support.comparisons import Load, holds, holds_on_programs
from support.strategies.examples import Example
from support.strategies.programs import decays
from support.strategies.second_order import MODELS as SECOND_ORDER
from support.strategies.second_order import second_order_parameters
from support.strategies.shapes import seeds
from ultralif_deploy.program import neurons
from ultralif_deploy.program.convolution import Conv2d
from ultralif_deploy.program.fixed import (
    DECAY_ONE,
    FRACTION_BITS,
    INT32_MAX,
    MEMBRANE_BITS,
    largest_held,
)
from ultralif_deploy.program.program import Population, Program
from ultralif_deploy.program.resets import RESETS
from ultralif_deploy.simulators import Trace

SPEC = Path(ultralif_deploy.__file__).parent / "PROGRAM.md"


@cache
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
    if isinstance(neuron, neurons.GradedUltraDLIF):
        return f"graded_ultradlif_{neuron.form}"
    names = {
        neurons.Threshold: "threshold",
        neurons.TropicalLIF: "tropical_lif",
        neurons.LIF: "lif",
        neurons.LogMaxLIF: "log_max_lif",
        neurons.MultiThreshold: "multi_threshold",
        neurons.GradedLogMaxLIF: "graded_log_max_lif",
        neurons.GradedLIF: "graded_lif",
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
    *(neurons.MultiThreshold(np.zeros(0), levels) for levels in (1, 3, 15)),
    *(neurons.GradedLogMaxLIF(*[np.zeros(0)] * 4, shift=n, levels=n) for n in (1, 3, 7)),
    *(neurons.GradedLIF(*[np.zeros(0)] * 3, n, bits) for n, bits in ((1, 12), (7, 12), (3, 17))),
    neurons.GradedUltraDLIF(*[np.zeros(0)] * 3, 7, "released"),
    neurons.GradedUltraDLIF(*[np.zeros(0)] * 3, 3, "released", 2, 17),
    neurons.GradedUltraDLIF(*[np.zeros(0)] * 3, 7, "paper"),
    neurons.GradedUltraDLIF(*[np.zeros(0)] * 3, 1, "paper", 3, 13),
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
    "multi_threshold": ("thresholds",),
    "graded_log_max_lif": ("thresholds", "decay", "table", "reset"),
    **dict.fromkeys(
        ("graded_lif", "graded_ultradlif_released", "graded_ultradlif_paper"),
        ("thresholds", "decay", "reset"),
    ),
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
        soft = isinstance(neuron, neurons.LogMaxLIF | neurons.GradedLogMaxLIF)
        wide = 2 * top if soft else top
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
        levels = getattr(neuron, "levels", 1)
        arguments["thresholds"] = numbers(reach, levels * size)
        if "reset" in neuron.LISTS:
            arguments["reset"] = rng.integers(0, DECAY_ONE, levels, endpoint=True).tolist()
        used = {k: arguments[k] for k in PARAMETERS[model] if getattr(neuron, k) is not None}
        bias = numbers(3 if near else far)
        v = numbers(top, getattr(neuron, "WORDS", 1) * size)
        if "threshold" in used:  # a third of the neurons just reach it, or just do not
            silent = used | {"threshold": [2**40] * size}
            reached = functions[model](current, bias, list(v), **silent, **modes(neuron))[1][:size]
            at = rng.random(size) < 1 / 3
            used["threshold"] = np.where(at, reached, used["threshold"]).tolist()
        if "thresholds" in used and neuron.REMEMBERS:  # the same of their first thresholds
            silent = used | {"thresholds": [2**40] * levels * size}
            reached = functions[model](current, bias, list(v), **silent, **modes(neuron))[1]
            used["thresholds"][:size] = reached
        expected = functions[model](current, bias, list(v), **used, **modes(neuron))
        assert step(neuron, used, bias, current, list(v)) == tuple(expected), model

    # Many neurons in few examples: drawing an example takes longer than updating its neurons.
    holds(check, chosen, st.integers(1, 21), st.booleans(), seeds, planted=planted, share=0.3)


def runs_follow_spec(
    load: Load,
    examples: int = 100,
    planted: bool = False,
    drawn: st.SearchStrategy[Program] | None = None,
) -> None:
    """Whole runs are those of PROGRAM.md: order, delay, spikes, logits, event counts."""

    def check(example: Example) -> None:
        trace = load(example.program).run(example.inputs, record=True)
        for sample in range(example.inputs.shape[1]):
            _sample_follows_spec(example.program, example.inputs[:, sample], trace, sample)

    holds_on_programs(check, drawn, examples, planted)


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
