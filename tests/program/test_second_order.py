"""Models with two state words: float updates, integer updates, both simulators, planted bugs."""

import math
from collections.abc import Callable
from dataclasses import fields, replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from support.comparisons import MODELS as SPECIFIED
from support.comparisons import back_ends_agree, runs_follow_spec, spec_name, step_follows_spec
from support.planting import PLAIN, copy_of
from support.strategies.programs import KINDS, programs, seeds
from support.strategies.second_order import MODELS, SPIKING
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.network import neurons as float_neurons
from ultralif_deploy.network.network import Input, Network, Population, dense
from ultralif_deploy.network.running import run_hard
from ultralif_deploy.program import neurons
from ultralif_deploy.program import program as integer
from ultralif_deploy.program.fixed import INT32_MAX, clip, rounded
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import SECOND_ORDER
from ultralif_deploy.quantization.quantize import quantize
from ultralif_deploy.quantization.second_order import WordLengths
from ultralif_deploy.simulators.fast import simulator as fast
from ultralif_deploy.simulators.fast import updates as fast_updates
from ultralif_deploy.simulators.reference import simulator as reference
from ultralif_deploy.simulators.reference import updates
from ultralif_deploy.simulators.reference.updates import UPDATES

READOUTS = ("integrator", "leaky_sum")


def drawn(*kinds: str) -> st.SearchStrategy[integer.Program]:
    return programs(kinds=kinds or (*SPIKING, *SPIKING, *KINDS), readouts=READOUTS)


# Float


def floats(seed: int, size: int = 5) -> Callable[..., np.ndarray]:
    rng = np.random.default_rng(seed)
    return lambda low, high, *shape: rng.uniform(low, high, (*shape, size))


def test_silif_is_the_published_equation() -> None:
    draw = floats(1)
    alpha, beta, a, b = draw(0, 1), draw(0, 1), draw(-1, 1), draw(0, 2)
    x = draw(-4, 8, 40, 2)
    neuron = float_neurons.SiLIF(np.ones(5), 1 - alpha, alpha, beta, a, b)
    spikes, margins = neuron.run(x)
    assert 0.1 < spikes.mean() < 0.9
    for sample in range(2):
        for n in range(5):
            u = w = s = 0.0
            for t in range(40):
                w = beta[n] * w + a[n] * u + b[n] * s
                u = alpha[n] * (u - s) + (1 - alpha[n]) * (x[t, sample, n] - w)
                s = float(u > 1)
                assert spikes[t, sample, n] == s
                assert_allclose(margins[t, sample, n], u - 1, atol=1e-12)


def test_csilif_is_the_published_equation() -> None:
    draw = floats(2)
    size, angle, b = draw(0, 1), draw(0, 3), draw(-1, 2)
    x = draw(-2, 3, 40, 2)
    alpha = size * np.exp(1j * angle)
    neuron = float_neurons.CSiLIF(np.full(5, 0.5), b, alpha.real, alpha.imag)
    spikes, margins = neuron.run(x)
    assert 0.1 < spikes.mean() < 0.9
    for sample in range(2):
        for n in range(5):
            u, s = 0j, 0.0
            for t in range(40):
                u = complex(alpha[n]) * (u - 0.5 * s) + b[n] * x[t, sample, n]
                s = float(2 * u.real > 1)
                assert spikes[t, sample, n] == s
                assert_allclose(margins[t, sample, n], u.real - 0.5, atol=1e-12)


@pytest.mark.parametrize("inclusive", [True, False])
def test_adalif_is_the_released_equation(inclusive: bool) -> None:
    draw = floats(3)
    tau, x = draw(0, 1), draw(-0.5, 1, 40, 2)
    theta = np.full(5, 0.5)
    x[:, :, 0], tau[0] = 0.5, 1.0  # ties at the first timestep
    kept, jump = np.full(5, 0.9), np.full(5, 0.1 * (1 - 0.9))
    spikes, _ = float_neurons.AdaLIF(theta, tau, kept, jump, inclusive).run(x)
    assert spikes[0, 0, 0] == inclusive
    assert 0.1 < spikes.mean() < 0.9
    for sample in range(2):
        for n in range(5):
            v = b = 0.0
            for t in range(40):
                v = tau[n] * v + x[t, sample, n]
                limit = 0.5 + 0.1 * b
                s = float(v >= limit if inclusive else v > limit)
                b = 0.9 * b + (1 - 0.9) * s
                v = v * (1 - s)
                assert spikes[t, sample, n] == s


def test_leaky_sum_is_the_published_read_out_without_softmax() -> None:
    draw = floats(4)
    alpha, x = draw(0.8, 0.96), draw(-3, 3, 30, 2)
    _, totals = float_neurons.LeakySum(1 - alpha, alpha).run(x)
    u = total = np.zeros((2, 5))
    for t in range(30):
        u = alpha * u + (1 - alpha) * x[t]
        total = total + u
        assert_allclose(totals[t], total, atol=1e-12)


# Integers


def test_fast_is_the_reference() -> None:
    back_ends_agree(fast.load, drawn=drawn(), examples=80)


@pytest.mark.parametrize("back_end", [reference, fast], ids=["reference", "fast"])
def test_whole_runs_are_the_specified_ones(back_end: ModuleType) -> None:
    runs_follow_spec(back_end.load, drawn=drawn(), examples=30)


@pytest.mark.parametrize(
    ("product", "bits", "quotient"),
    [(7, 3, 1), (4, 3, 1), (3, 3, 0), (-4, 3, 0), (-5, 3, -1), (-12, 3, -1), (1, 1, 1), (-1, 1, 0)],
)
def test_products_round_to_nearest_and_halves_up(product: int, bits: int, quotient: int) -> None:
    assert rounded(product, bits) == quotient == math.floor(product / 2**bits + 0.5)


@pytest.mark.parametrize(("v", "bits", "clipped"), [(9, 4, 7), (-9, 4, -7), (-8, 4, -7), (3, 4, 3)])
def test_states_saturate_symmetrically(v: int, bits: int, clipped: int) -> None:
    assert clip(v, bits) == clipped


@given(st.sampled_from(sorted(MODELS)), seeds)
@settings(max_examples=200)
def test_extreme_updates_do_not_wrap(kind: str, seed: int) -> None:
    """Kernels in 64 bits equal Python's integers at the ends of every range."""
    rng = np.random.default_rng(seed)
    size = 16
    low, high = -INT32_MAX - 1, INT32_MAX

    def ends(*values: int) -> np.ndarray:
        return rng.choice(np.array(values, dtype=np.int64), size)

    parameters = {f.name: ends(low, high) for f in fields(MODELS[kind])}
    parameters |= {k: ends(-(1 << 20), 1 << 20) for k in MODELS[kind].COEFFICIENTS}
    parameters |= {
        "shift": ends(0, 24),
        "coefficient_bits": np.full(size, 20),
        "state_bits": ends(2, 32),
    }
    model = MODELS[kind](**parameters)
    lists = {k: v.tolist() for k, v in parameters.items()}
    current, bias = ends(-high, high), ends(low, high)
    top = (1 << (parameters["state_bits"] - 1)) - 1
    state = np.concatenate((ends(-1, 1) * top, ends(-1, 1) * top))
    spikes, after = updates.step(model, lists, bias.tolist(), current.tolist(), state.tolist())
    found, fired = state[None].copy(), np.zeros((1, 1, size), dtype=np.uint8)
    now = current[None, None].astype(np.int32)
    block = fast_updates.Block(now, bias, found, fired)
    fast_updates.UPDATES[type(model)](model, parameters, block)
    assert found[0].tolist() == after
    assert fired[0, 0].tolist() == spikes


def one_layer(model: Any, readout: Any = None, timesteps: int = 1) -> integer.Program:
    return integer.Program(
        integer.Input(1),
        (
            integer.Population("a", 1, model, np.zeros(1), np.ones(1)),
            integer.Population("out", 1, readout or neurons.Integrator(), np.zeros(1), np.ones(1)),
        ),
        (
            Projection(INPUT, "a", Dense(np.ones((1, 1)))),
            Projection("a", "out", Dense(np.ones((1, 1)))),
        ),
        "8",
        timesteps,
        1,
    )


def silif(**changes: int) -> neurons.SiLIF:
    values = {
        "threshold": 8, "reset": 8, "alpha": 2, "beta": 1, "a": 1, "b": 1,
        "shift": 3, "coefficient_bits": 2, "state_bits": 16,
    } | changes  # fmt: skip
    return neurons.SiLIF(**{k: np.array([v]) for k, v in values.items()})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shift": 25}, "a: shift from 25 to 25; expected 0 to 24"),
        ({"shift": -1}, "a: shift from -1 to -1; expected 0 to 24"),
        ({"coefficient_bits": 0}, "coefficient bits from 0 to 0; expected 1 to 20"),
        ({"coefficient_bits": 21}, "coefficient bits from 21 to 21; expected 1 to 20"),
        ({"state_bits": 33}, "state bits from 33 to 33; expected 2 to 32"),
        ({"state_bits": 1}, "state bits from 1 to 1; expected 2 to 32"),
        ({"alpha": 5}, "a: alpha reaches 5; expected at most 2"),
        ({"a": -5}, "a: a reaches 5; expected at most 2"),
    ],
)
def test_parameters_outside_the_proved_ranges_are_refused(
    changes: dict[str, int], message: str
) -> None:
    with pytest.raises(UltralifError, match=message):
        one_layer(silif(**changes))
    one_layer(silif())


def test_the_sum_of_a_leaky_read_out_fits_32_bits() -> None:
    words = {"alpha": 0, "shift": 0, "coefficient_bits": 4, "state_bits": 30}
    readout = neurons.LeakySum(**{k: np.array([v]) for k, v in words.items()})
    program = one_layer(silif(), readout, 4)
    with pytest.raises(UltralifError, match="5 timesteps of values up to 536870911 pass 32 bits"):
        program.check_timesteps(5)


@pytest.mark.parametrize("bits", [{"state_bits": 12}, {"state_bits": 33}, {"coefficient_bits": 21}])
def test_word_lengths_out_of_range_are_refused(bits: dict[str, int]) -> None:
    with pytest.raises(UltralifError, match=r"bits = \d+; expected"):
        WordLengths(**bits)


# Quantization


def layered(kind: str, seed: int) -> Network:
    draw, names = floats(seed, 6), ("hidden", "out")
    if kind == "silif":
        alpha = draw(0.3, 0.99)
        neuron: Any = float_neurons.SiLIF(
            np.ones(6), np.ones(6), alpha, draw(0.3, 1), draw(0, 1), draw(0, 2)
        )
    elif kind == "csilif":
        alpha = draw(0.3, 0.999) * np.exp(1j * draw(0, 3))
        neuron = float_neurons.CSiLIF(np.full(6, 0.5), np.ones(6), alpha.real, alpha.imag)
    else:
        neuron = float_neurons.AdaLIF(
            np.full(6, 0.5), draw(0.3, 1), np.full(6, 0.9), np.full(6, 0.01), True
        )
    decay = draw(0.8, 0.96)
    # On a grid of 8 bits, so that only states and coefficients are rounded.
    grids = [np.rint(127 * draw(-1, 1, 6)) * draw(0.002, 0.02)[:, None] for _ in names]
    grids[1] = np.rint(127 * draw(-1, 1, 6)) / 256
    return Network(
        Input(6),
        (
            Population("hidden", 6, neuron, draw(0.0, 0.3)),
            Population("out", 6, float_neurons.LeakySum(np.ones(6), decay), draw(-0.1, 0.1)),
        ),
        (dense(INPUT, "hidden", grids[0]), dense("hidden", "out", grids[1])),
        60,
        1,
    )


@pytest.mark.parametrize("kind", SPIKING)
def test_programs_spike_as_the_float_network(kind: str) -> None:
    kept = []
    for seed in range(4):
        network = layered(kind, seed)
        inputs = (np.random.default_rng(seed).random((60, 8, 6)) < 0.4).astype(np.uint8)
        program = quantize(network, 8, lengths=WordLengths(32, 20))
        trace, expected = (
            reference.load(program).run(inputs, record=True),
            run_hard(network, inputs),
        )
        assert trace.spikes is not None
        assert 0.03 < expected.spikes["hidden"].mean() < 0.9
        kept.append((trace.spikes["hidden"] == expected.spikes["hidden"]).mean())
        if kept[-1] == 1:
            real = program.real_logits(trace.logits)
            assert_allclose(real, expected.logits, atol=0.02 * np.abs(expected.logits).max())
    assert np.mean(kept) > 0.999
    assert max(kept) == 1


def test_words_and_shifts_follow_the_lengths() -> None:
    program = quantize(layered("silif", 0), 8, lengths=WordLengths(20, 13))
    neuron = program.population("hidden").neuron
    assert isinstance(neuron, neurons.SiLIF)
    assert set(neuron.state_bits.tolist()) == {20}
    assert set(neuron.coefficient_bits.tolist()) == {13}
    # 20 bits: a sign, 7 bits of headroom, 12 bits for the threshold, rounded up to the next shift.
    assert np.all((neuron.threshold >= 1 << 12) & (neuron.threshold < 1 << 13))
    readout = program.readout.neuron
    assert isinstance(readout, neurons.LeakySum)
    assert len(set(readout.shift.tolist())) == 1


def test_a_leaky_read_out_never_saturates() -> None:
    """Driven to its limit for ever it stays inside its word."""
    network = layered("silif", 1)
    program = quantize(network, 8)
    readout = program.readout
    assert isinstance(readout.neuron, neurons.LeakySum)
    weight = program.incoming("out")[0].map.matrix().astype(np.int64)
    for sign in (1, -1):
        extreme = (np.maximum(sign * weight, 0)).sum(axis=1) * sign
        parameters = {k: v.tolist() for k, v in readout.parameters().items()}
        state = [0] * 12
        for _ in range(400):
            _, state = updates.step(
                readout.neuron, parameters, readout.bias.tolist(), extreme.tolist(), state
            )
        top = (1 << (int(readout.neuron.state_bits[0]) - 1)) - 1
        assert top // 8 < np.abs(state[6:]).max() < top


def test_gain_left_over_is_refused() -> None:
    network = layered("silif", 0)
    hidden = network.populations[0]
    gained = replace(hidden, neuron=replace(hidden.neuron, gain=np.full(6, 0.5)))
    with pytest.raises(UltralifError, match="hidden: gain left; apply fold-gain first"):
        quantize(replace(network, populations=(gained, network.populations[1])))


# Planted bugs


def planted_reference(*changes: tuple[str, str], **replaced: object) -> ModuleType:
    package = "ultralif_deploy.simulators.reference"
    module = copy_of(f"{package}.second_order", *changes, **replaced)
    updates = UPDATES | dict.fromkeys(SECOND_ORDER, module.second_order_step)
    planted = copy_of(f"{package}.simulator", UPDATES=updates)
    planted.step = lambda neuron, *state: updates[type(neuron)](neuron, *state)
    return planted


def planted_fast(*changes: tuple[str, str]) -> ModuleType:
    module = copy_of("ultralif_deploy.simulators.fast.second_order", PLAIN, *changes)
    updates = copy_of("ultralif_deploy.simulators.fast.updates", second_order=module)
    return copy_of("ultralif_deploy.simulators.fast.simulator", UPDATES=updates.UPDATES)


def concerned(bug: str) -> tuple[str, ...]:
    return tuple(kind for kind in SPIKING if bug.startswith(kind)) or SPIKING


def test_unchanged_copies_pass_the_comparisons() -> None:
    back_ends_agree(planted_fast().load, drawn=drawn(), examples=20, planted=True)
    runs_follow_spec(planted_reference().load, examples=20, planted=True, drawn=drawn())


FIXED = {
    "rounds down": ("(product + (1 << (bits - 1))) >> bits", "product >> bits"),
    "halves downwards": ("(1 << (bits - 1))) >> bits", "(1 << (bits - 1)) - 1) >> bits"),
    "rounds toward zero": (
        "return (product + (1 << (bits - 1))) >> bits",
        "return abs(product) // (1 << bits) * (1 if product >= 0 else -1)",
    ),
    "two's complement saturation": ("max(v, -top), top)", "max(v, -top - 1), top)"),
    "one bit less": ("top = (1 << (bits - 1)) - 1", "top = (1 << (bits - 2)) - 1"),
    "not saturated": ("return min(max(v, -top), top)", "return v"),
}


@pytest.mark.parametrize("bug", FIXED)
def test_arithmetic_bugs_are_found(bug: str) -> None:
    fixed = copy_of("ultralif_deploy.program.fixed", FIXED[bug])
    module = planted_reference(rounded=fixed.rounded, clip=fixed.clip)
    models = [m for m in SPECIFIED if spec_name(m) in MODELS]
    with pytest.raises(AssertionError):
        step_follows_spec(module.step, models, planted=True)
    with pytest.raises(AssertionError):
        back_ends_agree(module.load, drawn=drawn(*SPIKING), planted=True)


REFERENCE = {
    "silif forgets the old spike": ('    s = int(u > p["threshold"])\n', "    s = 0\n"),
    "silif fires at equality": (
        'return u > p["threshold"], u, w',
        'return u >= p["threshold"], u, w',
    ),
    "silif w forgets the spike": (' + p["b"] * s', ""),
    "silif resets after the leak": (
        '(u - p["reset"] * s + w), p["coefficient_bits"])',
        '(u + w), p["coefficient_bits"]) - p["reset"] * s',
    ),
    "silif adds w": ("clip(kept - w + drive", "clip(kept + w + drive"),
    "silif w lags": ("clip(kept - w + drive", "clip(kept + drive"),
    "csilif conjugates": (' - p["imaginary"] * y', ' + p["imaginary"] * y'),
    "csilif y leaks into itself alone": ('rounded(p["imaginary"] * r + p', "rounded(p"),
    "csilif drives both parts": (
        'y, p["coefficient_bits"])\n',
        'y, p["coefficient_bits"]) + drive\n',
    ),
    "adalif ignores the adaptation": ('v > p["threshold"] + c', 'v > p["threshold"]'),
    "adalif keeps its membrane": ("0 if fired else v", "v"),
    "adalif adapts in silence": ('p["jump"] * int(fired)', 'p["jump"]'),
    "drive in state units": ('(current[n] << p["shift"]) + bias[n]', "current[n] + bias[n]"),
    "bias shifted": (
        '(current[n] << p["shift"]) + bias[n]',
        '(current[n] + bias[n]) << p["shift"]',
    ),
}


@pytest.mark.parametrize("bug", REFERENCE)
def test_bugs_in_the_reference_are_found(bug: str) -> None:
    load = planted_reference(REFERENCE[bug]).load
    with pytest.raises(AssertionError):
        back_ends_agree(load, drawn=drawn(*concerned(bug)), planted=True)
    with pytest.raises(AssertionError):
        runs_follow_spec(load, planted=True, drawn=drawn(*concerned(bug)))


LEAKY_SUM = {
    "the sum forgets": ("return False, total + u, u", "return False, u, u"),
    "the sum lags": ("return False, total + u, u", "return False, total, u"),
    "the sum saturates": (
        "return False, total + u, u",
        'return False, clip(total + u, p["state_bits"]), u',
    ),
    "no leak": (
        'rounded(p["alpha"] * u, p["coefficient_bits"]) + drive',
        "u + drive",
    ),
}


@pytest.mark.parametrize("bug", LEAKY_SUM)
def test_bugs_in_the_read_out_are_found(bug: str) -> None:
    module = planted_reference(LEAKY_SUM[bug])
    chosen = programs(kinds=("threshold",), readouts=("leaky_sum",))
    with pytest.raises(AssertionError):
        back_ends_agree(module.load, drawn=chosen, planted=True)


KERNELS = {
    "silif stores w unsaturated": ("+ b[n] * s, width[n])", "+ b[n] * s, 64)"),
    "silif forgets the old spike": ("reset[n] * s + w)", "w)"),
    "csilif x feeds y": ("rounded(imaginary[n] * r + real", "rounded(imaginary[n] * x + real"),
    "csilif fires at equality": ("= x > threshold[n]", "= x >= threshold[n]"),
    "adalif compares with the leaked threshold": (
        "v > threshold[n] + c",
        "v > threshold[n] + rounded(beta[n] * c, fraction[n])",
    ),
    "adalif saturates late": ("state[k, size + n] = clip(c, width[n])", "state[k, size + n] = c"),
}


@pytest.mark.parametrize("bug", KERNELS)
def test_bugs_in_the_kernels_are_found(bug: str) -> None:
    with pytest.raises(AssertionError):
        back_ends_agree(planted_fast(KERNELS[bug]).load, drawn=drawn(*concerned(bug)), planted=True)


FAST = {
    "logits are the second word": (
        *("simulator", "[:, : program.readout.size]"),
        "[:, -program.readout.size :]",
    ),
    "read-out sums currents": ("updates", "LeakySum: _leaky_sum", "LeakySum: _integrator"),
    "read-out adds the first word": (
        "updates",
        "_words(p), block.state)",
        "_words(p), block.state[:, ::-1])",
    ),
}


@pytest.mark.parametrize("bug", FAST)
def test_bugs_in_the_fast_simulator_are_found(bug: str) -> None:
    where, old, new = FAST[bug]
    package = "ultralif_deploy.simulators.fast"
    updates = copy_of(f"{package}.updates", *([(old, new)] if where == "updates" else []))
    changes = [(old, new)] if where == "simulator" else []
    module = copy_of(f"{package}.simulator", *changes, UPDATES=updates.UPDATES)
    with pytest.raises((AssertionError, ValueError)):
        back_ends_agree(module.load, drawn=drawn(), planted=True)


def test_reset_is_not_stored_with_the_state() -> None:
    """The stored u is the one that fired: what a spike takes from it is taken a timestep later."""
    program = one_layer(silif(alpha=4, beta=0, a=0, b=0), timesteps=3)
    trace = reference.load(program).run(np.array([[[1]], [[1]], [[0]]], np.uint8), record=True)
    assert trace.spikes is not None
    assert trace.spikes["a"][:, 0, 0].tolist() == [0, 1, 0]
    assert_array_equal(trace.logits, [[1]])
