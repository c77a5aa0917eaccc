"""PROGRAM.md is executed against the code: its blocks, its table, its bounds."""

import re

import numpy as np
import pytest

from support.specification import (
    MODELS,
    SPEC,
    runs_follow_spec,
    spec_functions,
    spec_name,
    step_follows_spec,
)
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program import fixed, neurons, program
from ultralif_deploy.program.graph import Dense, Identity, Projection
from ultralif_deploy.program.neurons import Integrator, Threshold
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates


def test_every_neuron_model_has_a_block():
    models = {spec_name(model) for model in MODELS}
    assert set(spec_functions()) == models | {"run", "convolution", "synaptic_operations", "exits"}
    assert {type(model) for model in MODELS} == set(neurons.MODELS)


def test_constants_are_those_of_the_code():
    rows = re.findall(r"^\| `(\w+)\.(\w+)` \| (-?\d+) \|", SPEC.read_text("utf-8"), re.M)
    modules = {"fixed": fixed, "program": program}
    assert {(m, k): int(v) for m, k, v in rows} == {
        (m, k): getattr(modules[m], k) for m, k, _ in rows
    }
    stated = {k for m, k, _ in rows if m == "fixed"}
    assert stated == {k for k, v in vars(fixed).items() if isinstance(v, int)}
    assert ("program", "FORMAT_VERSION", str(program.FORMAT_VERSION)) in rows


def test_blocks_state_the_constants():
    text = "\n".join(re.findall(r"```python\n(.*?)```", SPEC.read_text("utf-8"), re.S))
    numbers = {int(n) for n in re.findall(r"\b\d+\b", text)}
    meant = {1 << fixed.FRACTION_BITS, fixed.MEMBRANE_MAX, fixed.INT32_MAX, fixed.DECAY_ONE}
    assert numbers - {0, 1, 2} == meant  # padding stands on both sides


@pytest.mark.parametrize("model", MODELS, ids=spec_name)
def test_reference_step_is_the_specified_one(model):
    step_follows_spec(updates.step, [model])


@pytest.mark.parametrize("back_end", [reference, fast], ids=["reference", "fast"])
def test_whole_runs_are_the_specified_ones(back_end):
    runs_follow_spec(back_end.load)


def one_neuron(weight, *, maximum=1, bias=0, readout_bias=0, timesteps=1, inputs=1):
    matrix = np.full((1, inputs), weight)
    return Program(
        Input(inputs, maximum),
        (
            Population("a", 1, Threshold(np.zeros(1)), np.array([bias]), np.ones(1)),
            Population("out", 1, Integrator(), np.array([readout_bias]), np.ones(1)),
        ),
        (
            Projection("input", "a", Dense(matrix)),
            Projection("a", "out", Identity(1)),
        ),
        "8",
        timesteps,
        1,
    )


def test_current_bound_counts_bias_weights_and_input():
    made = one_neuron(-128, maximum=255, bias=-5, readout_bias=7, inputs=3)
    assert made.current_bounds == {"a": 5 + 3 * 128 * 255, "out": 7 + 1}


def test_current_bound_is_exact():
    one_neuron(1, bias=fixed.INT32_MAX - 1)
    with pytest.raises(UltralifError, match=r"a: its current can reach 2147483648, beyond 32"):
        one_neuron(1, bias=fixed.INT32_MAX)


def test_timesteps_are_limited_by_the_read_out():
    made = one_neuron(1, readout_bias=fixed.INT32_MAX // 3 - 1, timesteps=3)
    with pytest.raises(UltralifError, match=r"out: 4 timesteps .* at most 3 timesteps"):
        made.check_timesteps(4)
    for back_end in (reference, fast):
        executable = back_end.load(made)
        assert executable.run(np.ones((3, 1, 1), np.uint8)).logits[0, 0] == 2147483646 - 1 + 1
        with pytest.raises(UltralifError, match="4 timesteps"):
            executable.run(np.ones((4, 1, 1), np.uint8))


@pytest.mark.parametrize("maximum", [0, 256])
def test_input_range_is_one_byte(maximum):
    with pytest.raises(UltralifError, match="at most 255"):
        Input(1, maximum)


def test_inputs_above_the_maximum_are_refused():
    for back_end in (reference, fast):
        with pytest.raises(UltralifError, match="inputs reach 2; the program takes at most 1"):
            back_end.load(one_neuron(1)).run(np.full((1, 1, 1), 2, np.uint8))


@pytest.mark.parametrize(
    ("v", "decay", "kept"),
    [(1, 1, 0), (-1, 1, 0), (-4096, 1, -4095), (-4097, 1, -4095), (4097, 1, 4095), (-7, 2048, -3)],
)
def test_leak_truncates_toward_zero(v, decay, kept):
    assert fixed.leak(v, decay, 12) == kept
    assert fixed.leak(v, decay << 8, 20) == kept


@pytest.mark.parametrize(
    ("v", "clipped"),
    [(8388606, 8388606), (8388608, 8388607), (-8388608, -8388607), (1 << 40, 8388607)],
)
def test_membranes_saturate_symmetrically(v, clipped):
    assert fixed.saturate(v) == clipped


def test_first_of_equal_logits_is_the_prediction():
    made = Program(
        Input(1),
        (
            Population(
                "out", 4, Integrator(), np.array([0, 3, 1, 3]), np.array([1.0, 1.0, 1.0, 9.0])
            ),
        ),
        (Projection("input", "out", Dense(np.zeros((4, 1)))),),
        "8",
        2,
        2,
    )
    trace = reference.load(made).run(np.zeros((2, 1, 1), np.uint8))
    assert trace.logits.tolist() == [[0, 6, 2, 6]]
    assert trace.predictions().tolist() == [1]
    assert made.real_logits(trace.logits).tolist() == [[0.0, 3.0, 1.0, 27.0]]
