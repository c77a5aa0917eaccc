"""Every bug planted in the models with two state words must be found."""

from types import ModuleType

import pytest

from support.comparisons import back_ends_agree
from support.planted.simulators import BY_POPULATION, FAST_AT, planted_fast
from support.planting import Change, copy_of
from support.specification import MODELS as SPECIFIED
from support.specification import runs_follow_spec, spec_name, step_follows_spec
from support.strategies.programs import programs, second_order_programs
from support.strategies.second_order import MODELS, SPIKING
from ultralif_deploy.program.neurons import SECOND_ORDER
from ultralif_deploy.simulators.reference.updates import UPDATES


def planted_reference(*changes: Change, **replaced: object) -> ModuleType:
    package = "ultralif_deploy.simulators.reference"
    module = copy_of(f"{package}.second_order", *changes, **replaced)
    updates = UPDATES | dict.fromkeys(SECOND_ORDER, module.second_order_step)
    planted = copy_of(f"{package}.simulator", UPDATES=updates)
    planted.step = lambda neuron, *state: updates[type(neuron)](neuron, *state)[:2]
    return planted


def concerned(bug: str) -> tuple[str, ...]:
    return tuple(kind for kind in SPIKING if bug.startswith(kind)) or SPIKING


def test_unchanged_copies_pass_the_comparisons() -> None:
    back_ends_agree(planted_fast().load, drawn=second_order_programs(), examples=20, planted=True)
    runs_follow_spec(
        planted_reference().load, examples=20, planted=True, drawn=second_order_programs()
    )


FIXED = {
    "rounds down": ("(product + (1 << (bits - 1))) >> bits", "product >> bits"),
    "halves downwards": (
        "(product + (1 << (bits - 1))) >> bits",
        "(product + (1 << (bits - 1)) - 1) >> bits",
    ),
    "rounds toward zero": (
        "(product + (1 << (bits - 1))) >> bits",
        "abs(product) // (1 << bits) * (1 if product >= 0 else -1)",
    ),
    "two's complement saturation": ("min(max(v, -top), top)", "min(max(v, -top - 1), top)"),
    "one bit less": ("top = (1 << (bits - 1)) - 1", "top = (1 << (bits - 2)) - 1"),
    "not saturated": ("min(max(v, -top), top)", "v"),
}


@pytest.mark.parametrize("bug", FIXED)
def test_arithmetic_bugs_are_found(bug: str) -> None:
    fixed = copy_of("ultralif_deploy.program.fixed", FIXED[bug])
    module = planted_reference(rounded=fixed.rounded, clip=fixed.clip)
    models = [m for m in SPECIFIED if spec_name(m) in MODELS]
    with pytest.raises(AssertionError):
        step_follows_spec(module.step, models, planted=True)
    with pytest.raises(AssertionError):
        back_ends_agree(module.load, drawn=second_order_programs(*SPIKING), planted=True)


REFERENCE = {
    "silif forgets the old spike": ('s = int(u > p["threshold"])', "s = 0"),
    "silif fires at equality": (
        'return u > p["threshold"], u, w, u',
        'return u >= p["threshold"], u, w, u',
    ),
    "silif w forgets the spike": (
        'rounded(p["beta"] * w + p["a"] * u, p["coefficient_bits"]) + p["b"] * s',
        'rounded(p["beta"] * w + p["a"] * u, p["coefficient_bits"])',
    ),
    "silif resets after the leak": (
        'rounded(p["alpha"] * (u - p["reset"] * s + w), p["coefficient_bits"])',
        'rounded(p["alpha"] * (u + w), p["coefficient_bits"]) - p["reset"] * s',
    ),
    "silif adds w": ("kept - w + drive", "kept + w + drive"),
    "silif w lags": ("kept - w + drive", "kept + drive"),
    "csilif conjugates": (
        'p["real"] * r - p["imaginary"] * y',
        'p["real"] * r + p["imaginary"] * y',
    ),
    "csilif y leaks into itself alone": (
        'p["imaginary"] * r + p["real"] * y',
        'p["real"] * y',
    ),
    "csilif drives both parts": (
        'rounded(p["imaginary"] * r + p["real"] * y, p["coefficient_bits"])',
        'rounded(p["imaginary"] * r + p["real"] * y, p["coefficient_bits"]) + drive',
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
        back_ends_agree(load, drawn=second_order_programs(*concerned(bug)), planted=True)
    with pytest.raises(AssertionError):
        runs_follow_spec(load, planted=True, drawn=second_order_programs(*concerned(bug)))


LEAKY_SUM = {
    "the sum forgets": ("return False, total + u, u, total + u", "return False, u, u, u"),
    "the sum lags": ("return False, total + u, u, total + u", "return False, total, u, total"),
    "the sum saturates": (
        "return False, total + u, u, total + u",
        'return False, clip(total + u, p["state_bits"]), u, u',
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


UPDATES_ = {
    "silif stores w unsaturated": (
        "clip(rounded(beta * w + a * u, fraction) + b * s, bits)",
        "clip(rounded(beta * w + a * u, fraction) + b * s, 64)",
    ),
    "silif forgets the old spike": ("u - reset * s + w", "u + w"),
    "csilif x feeds y": ("imaginary * r + real * y", "imaginary * x + real * y"),
    "csilif fires at equality": (
        "sent[begin + place + n] = x > threshold",
        "sent[begin + place + n] = x >= threshold",
    ),
    "adalif compares with the leaked threshold": (
        "v > threshold + c",
        "v > threshold + rounded(beta * c, fraction)",
    ),
    "adalif saturates late": (
        "states[state + width + n] = clip(c, bits)",
        "states[state + width + n] = c",
    ),
    "drive in state units": (
        "np.int64(current) << np.int64(values[p + 2 * width])",
        "np.int64(current)",
    ),
    "read-out sums currents": ("counts[v] += counts[u]", "counts[v] += drive"),
    "read-out adds the first word": (
        "rounded(alpha * counts[u], fraction)",
        "rounded(alpha * counts[v], fraction)",
    ),
    "read-out does not saturate": (
        "clip(rounded(alpha * counts[u], fraction) + drive, bits)",
        "rounded(alpha * counts[u], fraction) + drive",
    ),
    "read-out in current units": (
        "heard(one, current, s * steps + t, at) << shift",
        "heard(one, current, s * steps + t, at)",
        "leaky_sum",
    ),
}


@pytest.mark.parametrize("bug", UPDATES_)
def test_bugs_in_the_updates_are_found(bug: str) -> None:
    with pytest.raises((AssertionError, OverflowError)):
        back_ends_agree(
            planted_fast(UPDATES_[bug]).load,
            drawn=second_order_programs(*concerned(bug)),
            planted=True,
        )


FAST = {
    "logits are the second word": (
        "memory.states[program.readout.name][:, : program.readout.size]",
        "memory.states[program.readout.name][:, -program.readout.size :]",
    ),
}


@pytest.mark.parametrize("bug", FAST)
def test_bugs_in_the_fast_simulator_are_found(bug: str) -> None:
    module = copy_of(f"{FAST_AT}.simulator", FAST[bug], whole=BY_POPULATION)
    with pytest.raises((AssertionError, ValueError)):
        back_ends_agree(module.load, drawn=second_order_programs(), planted=True)
