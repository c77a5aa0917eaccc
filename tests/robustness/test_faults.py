"""What each fault does, counted; and what it must never do."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from support.planting import copy_of
from ultralif_deploy.errors import UltralifError
from ultralif_deploy.program.fixed import INT32_MAX
from ultralif_deploy.program.graph import INPUT, Dense, Projection
from ultralif_deploy.program.neurons import Integrator
from ultralif_deploy.program.program import Input, Population, Program
from ultralif_deploy.program.weight_format import weight_format
from ultralif_deploy.robustness import inputs, weights
from ultralif_deploy.robustness.faults import FAULTS, InputFault, check_levels, chosen

FORMATS = ("2", "3", "4", "5", "6", "7", "8", "ternary")
INPUTS = "ultralif_deploy.robustness.inputs"
WEIGHTS = "ultralif_deploy.robustness.weights"


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def spikes(share: float = 0.3, largest: int = 1) -> np.ndarray:
    """Inputs uint8 [12, 40, 50]; so many are not 0."""
    drawn, values = rng(7).random((12, 40, 50)), rng(8).integers(1, largest + 1, (12, 40, 50))
    return np.where(drawn < share, values, 0).astype(np.uint8)


def program(weight: np.ndarray, form: str = "8", timesteps: int = 4, maximum: int = 1) -> Program:
    """A read-out that adds up what its weights give it."""
    size = len(weight)
    out = Population("out", size, Integrator(), np.zeros(size), np.ones(size))
    projection = Projection(INPUT, "out", Dense(weight))
    return Program(Input(weight.shape[1], maximum), (out,), (projection,), form, timesteps, 1)


def noise_flips_spikes(module: Any = inputs) -> None:
    given = spikes()
    for probability in (0.0, 0.1, 1.0):
        found = module.noise(given, probability, 1, rng())
        assert found.dtype == np.uint8
        assert set(np.unique(found)) <= {0, 1}
        for before in (0, 1):
            share = float((found != given)[given == before].mean())
            assert share == pytest.approx(probability, abs=0.02 if 0 < probability < 1 else 0)


def noise_is_gaussian_on_graded_inputs(module: Any = inputs) -> None:
    given = np.full((20, 40, 50), 100, dtype=np.uint8)
    found = module.noise(given, 10.0, 255, rng()).astype(np.int64)
    assert found.mean() == pytest.approx(100, abs=0.3)
    assert found.std() == pytest.approx(10, abs=0.3)
    for value, maximum in ((0, 255), (7, 7), (255, 255)):
        held = module.noise(np.full((20, 40, 50), value, np.uint8), 3.0, maximum, rng())
        assert held.dtype == np.uint8
        assert held.max() <= maximum
        assert (held == value).mean() > 0.5  # half of the noise would leave the range
    assert_array_equal(module.noise(given, 0.0, 255, rng()), given)


def dropped_values_are_lost_whole(module: Any = inputs) -> None:
    given = spikes(largest=9)
    for probability in (0.0, 0.2, 1.0):
        found = module.drop(given, probability, 9, rng())
        assert found.dtype == np.uint8
        assert set(np.unique(found[found != given])) <= {0}
        lost = float((found != given)[given > 0].mean())
        assert lost == pytest.approx(probability, abs=0.02 if 0 < probability < 1 else 0)


def jitter_moves_values(module: Any = inputs) -> None:
    given = np.zeros((9, 1, 4000), dtype=np.uint8)
    given[4] = 3
    found = module.jitter(given, 2.0, 255, rng())
    assert found.dtype == np.uint8
    assert_array_equal(found.sum(axis=0), given.sum(axis=0))  # nothing is lost, no other input
    shares = (found > 0).mean(axis=(1, 2))
    assert_array_equal(shares > 0, [False, False, True, True, True, True, True, False, False])
    assert shares[2:7] == pytest.approx([0.2] * 5, abs=0.03)
    assert_array_equal(module.jitter(given, 0.0, 255, rng()), given)


def jitter_stays_within_the_run(module: Any = inputs) -> None:
    given = np.zeros((3, 1, 3000), dtype=np.uint8)
    given[0], given[2] = 5, 5
    found = module.jitter(given, 2.0, 255, rng())
    assert_array_equal(found.sum(axis=0, dtype=int), np.full((1, 3000), 10))
    assert found.max() == 10  # values that meet add up
    assert module.jitter(given, 2.0, 6, rng()).max() == 6
    given[2] = 0
    assert module.jitter(given, 1.0, 255, rng())[2].max() == 0


PROPERTIES = {
    check.__name__: check
    for check in (
        *(noise_flips_spikes, noise_is_gaussian_on_graded_inputs, dropped_values_are_lost_whole),
        *(jitter_moves_values, jitter_stays_within_the_run),
    )
}


@pytest.mark.parametrize("name", PROPERTIES)
def test_faults_of_inputs(name: str) -> None:
    PROPERTIES[name]()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("values ^ struck(values.shape, amount, rng).view(np.uint8)",
          "values | struck(values.shape, amount, rng).view(np.uint8)"), "noise_flips_spikes"),
        (("np.rint(noisy)", "np.trunc(noisy)"), "noise_is_gaussian_on_graded_inputs"),
        (("np.clip(np.rint(noisy), 0, maximum)", "np.rint(noisy)"),
         "noise_is_gaussian_on_graded_inputs"),
        (("values * ~struck(values.shape, amount, rng)",
          "values - ((values > 0) & struck(values.shape, amount, rng))"),
         "dropped_values_are_lost_whole"),
        (("2 * most + 1", "2 * most"), "jitter_moves_values"),
        (("np.clip(time + moved, 0, len(values) - 1)", "(time + moved) % len(values)"),
         "jitter_stays_within_the_run"),
        (("np.minimum(arrived, maximum)", "arrived"), "jitter_stays_within_the_run"),
        (("np.add.at(arrived, at, values[time, batch, neuron])",
          "arrived[at] = values[time, batch, neuron]"), "jitter_stays_within_the_run"),
    ],
)  # fmt: skip
def test_planted_bugs_of_inputs_are_found(change: tuple[str, str], name: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        PROPERTIES[name](copy_of(INPUTS, change))


@pytest.mark.parametrize("fault", [inputs.noise, inputs.drop])
def test_a_higher_level_keeps_the_faults_of_a_lower_one(fault: Any) -> None:
    given = spikes()
    few, many = (fault(given, p, 1, rng(3)) != given for p in (0.05, 0.2))
    assert 0 < few.sum() < many.sum()
    assert not (few & ~many).any()


# Weights


def patterns_are_the_stored_bits(module: Any = weights) -> None:
    for name in FORMATS:
        form = weight_format(name)
        values = np.arange(form.low, form.high + 1)
        patterns = module.to_patterns(values.astype(np.int8), form.stored_bits)
        text = [format(int(p), f"0{form.stored_bits}b") for p in patterns]
        assert text == [format(int(v) % (1 << form.stored_bits), f"0{form.stored_bits}b")
                        for v in values]  # fmt: skip
        assert_array_equal(module.from_patterns(patterns, form.stored_bits), values)
    assert module.from_patterns(np.array([2], np.uint8), 2) == -2


def struck_bits_are_those_of_the_format(module: Any = weights) -> None:
    """All bits faulty: nothing but the format's own bits changes, and each as the rule says."""
    for name in FORMATS:
        form = weight_format(name)
        weight = rng(1).integers(form.low, form.high + 1, (20, 30))
        given = program(weight, name)
        for rule, wanted in (
            (module.stuck_at_0, np.zeros_like(weight)),
            (module.stuck_at_1, np.full_like(weight, -1)),
            (module.flipped, -1 - weight),
        ):
            found = module.faulted(given, rule, 1.0, rng())
            assert_array_equal(found.projections[0].map.weight, wanted)
            kept = module.faulted(given, rule, 0.0, rng())
            assert_array_equal(kept.projections[0].map.weight, weight)


def bits_are_struck_by_themselves(module: Any = weights) -> None:
    weight = np.zeros((100, 200))
    found = module.faulted(program(weight), module.flipped, 0.05, rng()).projections[0].map.weight
    bits = np.unpackbits(found.view(np.uint8)[..., None], axis=2)
    assert bits.mean(axis=(0, 1)) == pytest.approx([0.05] * 8, abs=0.01)
    assert (bits.sum(axis=2) >= 2).mean() == pytest.approx(0.0572, abs=0.004)


BITS = {
    check.__name__: check
    for check in (
        *(patterns_are_the_stored_bits, struck_bits_are_those_of_the_format),
        bits_are_struck_by_themselves,
    )
}


@pytest.mark.parametrize("name", BITS)
def test_faults_of_weights(name: str) -> None:
    BITS[name]()


@pytest.mark.parametrize(
    ("change", "name"),
    [
        (("(1 << bits) - 1", "1 << bits"), "patterns_are_the_stored_bits"),
        (("patterns.astype(np.int16) ^ sign", "patterns.astype(np.int16) + sign"),
         "patterns_are_the_stored_bits"),
        (("struck((bits, *weight.shape), probability, rng)",
          "struck((8, *weight.shape), probability, rng)"), "struck_bits_are_those_of_the_format"),
        (("patterns & ~faulty", "patterns & faulty"), "struck_bits_are_those_of_the_format"),
        (("patterns | faulty", "patterns ^ faulty"), "struck_bits_are_those_of_the_format"),
        (("patterns ^ faulty", "patterns"), "struck_bits_are_those_of_the_format"),
        (("struck((bits, *weight.shape), probability, rng)",
          "np.repeat(struck((1, *weight.shape), probability, rng), bits, axis=0)"),
         "bits_are_struck_by_themselves"),
    ],
)  # fmt: skip
def test_planted_bugs_of_weights_are_found(change: tuple[str, str], name: str) -> None:
    with pytest.raises((AssertionError, ValueError, UltralifError)):
        BITS[name](copy_of(WEIGHTS, change))


def test_bounds_are_proved_anew() -> None:
    """A weight of 1 whose bits flip is −2: its sums reach twice as far."""
    longest = program(np.ones((1, 1)), timesteps=INT32_MAX // 255, maximum=255)
    assert longest.current_bounds == {"out": 255}
    with pytest.raises(UltralifError, match="pass 32 bits"):
        weights.faulted(longest, weights.flipped, 1.0, rng())
    shorter = replace(longest, timesteps=4)
    assert weights.faulted(shorter, weights.flipped, 1.0, rng()).current_bounds == {"out": 510}


# The table


def test_what_a_level_is() -> None:
    binary, graded = program(np.ones((1, 1))), program(np.ones((1, 1)), maximum=200)
    assert FAULTS["noise"].amount(0.1, binary, 9) == 0.1
    assert FAULTS["noise"].amount(0.1, graded, 9) == 20
    for name in ("drop", "stuck-at-0", "stuck-at-1", "flip"):
        assert FAULTS[name].amount(0.1, graded, 9) == 0.1
    levels = (0, 0.001, 0.1, 0.3, 0.7, 1)
    assert [FAULTS["jitter"].amount(p, binary, 11) for p in levels] == [0, 1, 1, 3, 7, 10]


def test_where_faults_strike() -> None:
    assert {name for name, f in FAULTS.items() if isinstance(f, InputFault)} == {
        *("noise", "drop", "jitter")
    }
    assert {FAULTS["drop"].place, FAULTS["flip"].place} == {"inputs", "weights"}
    assert all(f.meaning and 0 < min(f.levels) <= max(f.levels) <= 1 for f in FAULTS.values())


def test_choosing() -> None:
    assert list(chosen(None, 2)) == list(FAULTS)
    assert list(chosen(None, 1)) == [name for name in FAULTS if name != "jitter"]
    assert list(chosen(("flip", "drop", "flip"), 1)) == ["flip", "drop"]
    with pytest.raises(UltralifError, match="one timestep"):
        chosen(("drop", "jitter"), 1)
    with pytest.raises(UltralifError, match="'fire'; expected one of noise, drop"):
        chosen(("fire",), 5)


@pytest.mark.parametrize("levels", [(), (0.1, -0.1), (1.01,), (float("nan"),), (float("inf"),)])
def test_levels_are_shares(levels: tuple[float, ...]) -> None:
    with pytest.raises(UltralifError, match="0 to 1"):
        check_levels(levels)
    check_levels((0.0, 1.0))
    check_levels(None)
